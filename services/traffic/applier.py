"""Apply plans in the background, one at a time per endpoint, and take up what a killed process has left."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from services.azure import endpoints as azure_endpoints
from services.azure.connection import Connection
from services.errors import Conflict, RuleBroken, ServiceFailed, SluiceError, StoreFailed
from services.journal.entry import APPLIED, CANCELLED, REFUSED, UNKNOWN, Entry, Failure, Who
from services.journal.journal import Journal
from services.journal.leases import LEASE_SECONDS
from services.traffic.application import DONE, READING, WAITING, Application
from services.traffic.plan import Plan
from services.traffic.progress import Cancelled, Progress, Stopped
from services.traffic.recovery import look_again, take_up
from services.traffic.work import Azure, Ending, Limits, Work
from services.traffic.writing import carry_out

RECOVER_SECONDS = 5.0
"""How often it is looked for changes that nobody works on."""
LOOK_AGAIN_SECONDS = 60.0
"""How often Azure is asked again about a change that ended UNKNOWN."""
STOP_SECONDS = 3.0
_log = logging.getLogger(__name__)


class Applier:
    """Applies plans in the background. Thread-safe; one per process and journal.

    The clock, the sleeper and the way to Azure are given, so that tests need none of the three.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        endpoints: Azure = azure_endpoints,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        limits: Limits | None = None,
    ) -> None:
        self._journal = journal
        self._azure = endpoints
        self._now = now
        self._sleep = sleep
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._works: dict[str, Work] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._looked_at: dict[str, float] = {}
        self._recovery: threading.Thread | None = None
        self._stopping = threading.Event()

    def start(
        self, conn: Connection, plan: Plan, *, change_id: str, who: Who, reason: str = "", restores: str = ""
    ) -> Application:
        """Begin to apply ``plan``, in the workspace of its endpoint.

        ``change_id`` is made once for a decision of a person: it is never applied twice, and asking again returns what
        became of it. The same plan from a second tab joins the running change. Raises Conflict when another change of
        the endpoint is under way, RuleBroken when there is nothing to change, StoreFailed when it cannot be journaled.
        """
        endpoint = plan.endpoint
        if not plan.changes:
            what = f"The split of {endpoint.name} was not changed."
            raise RuleBroken(what, "The plan changes nothing.", "Move a share first.")
        with self._starting:
            known = self._journal.entry(change_id)
            if known is not None:
                return self._shown(known)
            newest = self.current(endpoint.id)
            if newest and newest.is_running and (newest.before, newest.after) == (plan.before, plan.after):
                # Another process may have begun it, and been killed.
                self.recover(conn)
                return newest
            if self._journal.known(endpoint.id) is None:
                # When the page read it is not known; it was at the endpoint's last write or later.
                now = self._now()
                self._journal.observe(endpoint, min(endpoint.modified_at or now, now))
            try:
                entry, _ = self._journal.begin(change_id, endpoint, plan.after, who, reason=reason, restores=restores)
            except Conflict:
                # What stands in the way may have been left by a killed process.
                self.recover(conn)
                raise
            return self._begin(self._work(conn.at(entry.workspace), entry, endpoint.modified_at), carry_out)

    def current(self, endpoint_id: str) -> Application | None:
        """The running or last change of an endpoint, of any process; None when there never was one.

        Raises StoreFailed when the journal cannot be read and this process knows of none.
        """
        work = self._work_on(endpoint_id)
        if work and work.progress.snapshot().is_running:
            return work.progress.snapshot()
        try:
            entry = self._journal.newest(endpoint_id)
        except StoreFailed:
            if work:
                return work.progress.snapshot()
            raise
        return self._shown(entry) if entry else None

    def cancel(self, endpoint_id: str) -> bool:
        """Stop the running change before its write. False when it is too late, or another process applies it."""
        work = self._work_on(endpoint_id)
        return work is not None and work.progress.cancel()

    def wait(self, endpoint_id: str, timeout_seconds: float | None = None) -> Application | None:
        """The change of an endpoint once this process has ended it, or after the time."""
        with self._lock:
            thread = self._threads.get(endpoint_id.lower())
        if thread:
            thread.join(timeout_seconds)
        return self.current(endpoint_id)

    def recover(self, conn: Connection) -> None:
        """Look from now on, in the background, for changes that nobody works on, and find out how they ended.

        A killed process keeps its endpoint for LEASE_SECONDS; its change is taken up then.
        """
        with self._lock:
            if self._recovery is None and not self._stopping.is_set():
                self._recovery = threading.Thread(target=self._recover, args=(conn,), name="recover", daemon=True)
                self._recovery.start()

    def recover_now(self, conn: Connection) -> list[Application]:
        """Take up once what can be taken up at this moment, and wait for its end."""
        taken = [entry for entry in self._journal.unfinished() if self._take_up(conn, entry)]
        found = (self.wait(entry.endpoint_id) for entry in taken)
        return [application for application in found if application]

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """Let everything come to rest: what is not written will not be, what is written is left for the next start.

        Returns after at most ``timeout_seconds``: a call that hangs is left to the end of the process.
        """
        self._stopping.set()
        with self._lock:
            works, threads = list(self._works.values()), [*self._threads.values()]
        for work in works:
            work.progress.stop()
        deadline = time.monotonic() + timeout_seconds
        for thread in [*threads, *([self._recovery] if self._recovery else [])]:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _begin(self, work: Work, steps: Callable[[Work], Ending]) -> Application:
        key, name = work.entry.endpoint_id.lower(), f"apply {work.entry.endpoint_name}"
        # A daemon: stopping Sluice must not wait for Azure, which finishes a write that it accepted in any case.
        thread = threading.Thread(target=self._run, args=(work, steps), name=name, daemon=True)
        with self._lock:
            self._works[key], self._threads[key] = work, thread
        thread.start()
        return work.progress.snapshot()

    def _run(self, work: Work, steps: Callable[[Work], Ending]) -> None:
        over = threading.Event()
        threading.Thread(target=self._renew, args=(work.entry, over), name="renew", daemon=True).start()
        try:
            self._conclude(work, self._ending(work, steps))
        except Stopped:
            self._let_go(work)
        finally:
            over.set()

    def _ending(self, work: Work, steps: Callable[[Work], Ending]) -> Ending:
        try:
            return steps(work)
        except Cancelled:
            return Ending(CANCELLED)
        except Stopped:
            if work.progress.is_committed:
                raise
            return Ending(CANCELLED)
        except Exception as error:
            _log.exception("Applying a split to %s broke", work.entry.endpoint_name)
            is_sent = work.progress.is_committed
            lost = "may have been changed, but what became of it is not known" if is_sent else "was not changed"
            what, step = f"The split of {work.entry.endpoint_name} {lost}.", "Read the split that Azure holds now."
            failure = error if isinstance(error, SluiceError) else None
            why = failure.why if failure else "Sluice itself failed; the log has the details."
            return Ending(UNKNOWN if is_sent else REFUSED, ServiceFailed(what, why, step))

    def _conclude(self, work: Work, ending: Ending) -> None:
        """Journal the end, then show it. An end that cannot be journaled is shown all the same, with the reason."""
        outcome, error = ending.outcome, ending.error
        held = ending.held.split if ending.held else None
        if isinstance(error, Conflict) and error.theirs is not None:
            held = error.theirs
        failure = Failure(error.what, error.why, error.next_step) if error else None
        try:
            ended = self._journal.end(
                work.entry, outcome, held=ending.held, failure=failure, request_ids=work.request_ids
            )
            outcome = ended.outcome
            if work.last is not None:
                self._journal.observe(work.last.endpoint, work.last.read_at)
        except StoreFailed as problem:
            _log.warning("The end of a change of %s could not be journaled: %s", work.entry.endpoint_name, problem)
            error = error or problem
        work.progress.finish(outcome, error, held)

    def _let_go(self, work: Work) -> None:
        try:
            self._journal.let_go(work.entry)
        except StoreFailed as problem:
            _log.warning("A change of %s could not be let go: %s", work.entry.endpoint_name, problem)

    def _renew(self, entry: Entry, over: threading.Event) -> None:
        while not over.wait(LEASE_SECONDS / 6):
            try:
                self._journal.renew(entry)
            except StoreFailed as problem:
                _log.warning("The lease on %s could not be renewed: %s", entry.endpoint_name, problem)

    def _recover(self, conn: Connection) -> None:
        while not self._stopping.is_set():
            try:
                for entry in self._journal.unfinished():
                    self._take_up(conn, entry)
            except SluiceError as problem:
                _log.warning("It could not be looked for interrupted changes: %s", problem)
            except Exception:
                _log.exception("Looking for interrupted changes broke")
            self._stopping.wait(RECOVER_SECONDS)

    def _take_up(self, conn: Connection, entry: Entry) -> bool:
        """Take up a change. True when its end is being found out by this process."""
        work = self._work(conn.at(entry.workspace), entry, None)
        if entry.outcome == UNKNOWN:
            self._look_again(work)
            return False
        if not self._journal.take(entry):
            return False
        self._begin(work, take_up)
        return True

    def _look_again(self, work: Work) -> None:
        entry, clock = work.entry, time.monotonic()
        if clock < self._looked_at.get(entry.id, 0.0):
            return
        self._looked_at[entry.id] = clock + LOOK_AGAIN_SECONDS
        ending = look_again(work)
        if ending is not None:
            self._conclude(work, ending)

    def _work(self, conn: Connection, entry: Entry, seen_at: datetime | None) -> Work:
        progress = Progress(entry, self._now, self._sleep)
        return Work(conn, entry, seen_at, self._azure, self._journal, progress, self._now, self._limits)

    def _work_on(self, endpoint_id: str) -> Work | None:
        with self._lock:
            return self._works.get(endpoint_id.lower())

    def _shown(self, entry: Entry) -> Application:
        """The change of an entry: as this process knows it when it does, else as it is journaled."""
        work = self._work_on(entry.endpoint_id)
        if work and work.entry.id == entry.id:
            mine = work.progress.snapshot()
            if mine.is_running or entry.outcome in ("", mine.outcome):
                return mine
        return self._journaled(entry)

    def _journaled(self, entry: Entry) -> Application:
        shown = Progress(entry, self._now, self._sleep).snapshot()
        if entry.outcome:
            until = entry.ended_at or entry.began_at
            return replace(
                shown,
                phase=DONE,
                outcome=entry.outcome,
                error=_error(entry),
                held=entry.held,
                finished_at=until,
                can_cancel=False,
                elapsed_seconds=max(0.0, (until - entry.began_at).total_seconds()),
            )
        note = "Another process of Sluice applies it, or has been stopped meanwhile; then it is looked at soon."
        return replace(shown, phase=WAITING if entry.sent_at else READING, note=note, can_cancel=False)


def _error(entry: Entry) -> SluiceError | None:
    """Why a change of an earlier run is not APPLIED. That an applied one was changed again is told by its drift."""
    if entry.failure is None or entry.outcome == APPLIED:
        return None
    texts = entry.failure.what, entry.failure.why, entry.failure.next_step
    if entry.held is not None and entry.held not in (entry.before, entry.after):
        return Conflict(*texts, theirs=entry.held)
    return SluiceError(*texts)
