"""The lease of an endpoint while a job writes its document, and the journal's entry when that changes the split.

A PUT of an endpoint carries its split. So a job takes the same lease that the applier of splits takes
(:mod:`services.traffic.applier`), compares right before it writes, and has what becomes of a split that it changes
found out as for every other one (:mod:`services.traffic.settling`).
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime

from services.azure import endpoints
from services.azure.connection import who
from services.azure.endpoints import Sent
from services.azure.translation import Call
from services.deploying.model import JobState
from services.errors import Conflict, NotFound, SluiceError
from services.jobs.following import Ending
from services.jobs.work import Cancelled, Work
from services.journal.entry import CANCELLED, FAILED, REFUSED, UNKNOWN, Entry, Failure, Who
from services.model import Split
from services.traffic import settling
from services.traffic import work as traffic
from services.traffic.progress import Progress

WAIT_SECONDS = traffic.Limits().others
"""How long somebody else's change of the split is waited for."""
POLL_SECONDS = 2.0
HELD_SECONDS = traffic.Limits().operation
"""How long an endpoint is kept from when its document was sent, as for a change of its split. What takes longer is
stuck; Azure itself refuses others meanwhile."""
_LOOK = "Look at the split that Azure holds now, then decide again."


class Hold:
    """An endpoint that is kept for a job. Use it in a ``with`` statement: its end gives the endpoint free, and journals
    how the split came out. What is not taken is not given free. ``said`` is what the person should know of it then."""

    def __init__(self, work: Work, endpoint_id: str, call: Call, number: int = 0) -> None:
        self._work = work
        self._journal = work.journal
        self._id = endpoint_id
        self._name = endpoint_id.rpartition("/")[2]
        self._call = call
        # A job may write an endpoint twice: bare, and with its traffic.
        self._lease = f"{work.job_id}-{number}"
        self._entry: Entry | None = None
        self._seen: traffic.Seen | None = None
        self._has_left = False
        self._ending: Ending | None = None
        self._is_accepted = False
        self._after: Split | None = None
        self._principal: str | None = None
        self.said = ""

    def __enter__(self) -> Hold:
        """Nothing is taken yet."""
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _at: object) -> None:
        """Give the endpoint free; end the entry, unless what became of it is left to whoever comes next."""
        entry = self._entry
        try:
            if entry is None:
                self._tell_later_split()
                self._journal.release(self._lease)
            elif self._ending is not None:
                self._settle(entry, self._ending)
            elif isinstance(error, Cancelled):
                self._journal.end(entry, CANCELLED)
            elif isinstance(error, SluiceError) and not self._has_left:
                self._journal.end(entry, REFUSED, failure=Failure(error.what, error.why, error.next_step))
            else:
                self._journal.let_go(entry)
        finally:
            self._work.lease, self._work.lease_until = "", float("inf")

    def take(self) -> None:
        """Wait until nobody else changes the endpoint's split, then keep it. Raises Conflict when that does not end,
        Cancelled, Left."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            self._work.check_wanted()
            try:
                self._journal.hold(self._id, self._lease)
            except Conflict as error:
                if time.monotonic() >= until:
                    why = f"{error.why} It has not ended in {WAIT_SECONDS / 60:.0f} minutes."
                    raise Conflict(self._call.what, why, "Try again when it has ended.") from error
                self._work.remark("waits for a change of the split that is under way")
                self._work.pause(POLL_SECONDS)
            else:
                self._work.lease = self._lease
                self._work.remark("")
                return

    def go_on(self) -> None:
        """Keep the endpoint again for a request that another process has sent, for what is left of its time. When
        somebody else has it by now, or the change of a split that was interrupted with it, it is kept out anyway."""
        sent_at = self._work.values.get("sent_at")
        if not sent_at:
            return
        left = HELD_SECONDS - (self._work.conn.now() - datetime.fromisoformat(sent_at)).total_seconds()
        if left <= 0:
            return
        with suppress(Conflict):
            self._journal.release(self._lease)
            self._journal.hold(self._id, self._lease)
            self._work.lease, self._work.lease_until = self._lease, self._work.ticks() + left

    def replaces(self, expected: Split | None, after: Split) -> None:
        """What is about to be sent has the split ``after``; the person has seen ``expected`` (None: there was no
        endpoint). A split that somebody has changed since then is not put back. Asked again, it is read again. Raises
        Conflict, SluiceError."""
        self._after = after
        if self._principal is None:
            # Before the reading: signing in may take long.
            self._principal = self._name_in_azure()
        try:
            seen = self._read()
        except NotFound:
            return
        self._seen = seen
        endpoint = seen.endpoint
        allowed = (self._entry.before, after) if self._entry is not None else (expected or Split(), after)
        if endpoint.split not in allowed:
            why = "Somebody has changed its split meanwhile. The document was not sent, so theirs stays."
            raise Conflict(self._call.what, why, _LOOK, theirs=endpoint.split)
        self._journal.observe(endpoint, seen.read_at)
        if endpoint.split != after and self._entry is None:
            job = self._work.kept.job
            by = Who(self._principal, job.person)
            self._entry, _ = self._journal.begin(
                f"{self._lease}-split", endpoint, after, by, reason=job.title, holding=self._lease
            )
            self._work.lease = self._entry.id

    def leaves(self) -> None:
        """The request leaves now. Raises Conflict, and it must not, when another process has the endpoint by now."""
        if self._entry is not None and self._seen is not None:
            self._journal.sent(self._entry, self._seen.endpoint.modified_at)
        elif not self._journal.keep(self._lease):
            why = "This process stood still for so long that it does not have the endpoint any more."
            raise Conflict(self._call.what, why, "Try again.")
        self._work.lease_until = self._work.ticks() + HELD_SECONDS
        self._has_left = True

    def stays(self) -> None:
        """The request has not left after all."""
        self._has_left = False

    def ended(self, ending: Ending, *, is_accepted: bool) -> None:
        """How it has ended, and whether Azure had accepted the request."""
        self._ending, self._is_accepted = ending, is_accepted

    def later_split(self, sent: Split) -> Split | None:
        """Another split that Azure holds after ``sent`` was written with a document, None when it is the same or cannot
        be read. It is journaled as the change made elsewhere that it is."""
        try:
            seen = self._read()
            self._journal.observe(seen.endpoint, seen.read_at)
        except SluiceError:
            return None
        return seen.endpoint.split if seen.endpoint.split != sent else None

    def _read(self) -> traffic.Seen:
        read_at = self._work.now()
        return traffic.Seen(endpoints.get_endpoint(self._work.conn, self._name), read_at)

    def _name_in_azure(self) -> str:
        try:
            return who(self._work.conn).name
        except SluiceError:
            return ""

    def _tell_later_split(self) -> None:
        ending, after = self._ending, self._after
        if after is None or ending is None or ending.state is not JobState.SUCCEEDED:
            return
        theirs = self.later_split(after)
        self.said = changed_since(theirs) if theirs is not None else ""

    def _settle(self, entry: Entry, ending: Ending) -> None:
        """Journal what became of the split, once Azure answers it."""
        outcome, error = FAILED if self._is_accepted else REFUSED, ending.error
        if ending.state is JobState.UNKNOWN:
            outcome = UNKNOWN
        held, last = None, None
        if ending.state is JobState.SUCCEEDED and self._seen is not None:
            now = self._work.now
            progress = Progress(entry, now, time.sleep)
            change = traffic.Work(
                self._work.conn, entry, None, endpoints, self._journal, progress, now, traffic.Limits()
            )
            found = settling.settle(change, self._seen, Sent())
            outcome, error, held, last = found.outcome, found.error, found.held, change.last
            theirs = error.theirs if isinstance(error, Conflict) else None
            self.said = changed_since(theirs) if theirs is not None else ""
        failure = Failure(error.what, error.why, error.next_step) if error else None
        self._journal.end(entry, outcome, held=held, failure=failure)
        if last is not None:
            self._journal.observe(last.endpoint, last.read_at)


def endpoint_of(path: str) -> str:
    """The id of the endpoint whose document is at an ARM path, "" for any other path."""
    head, _, name = path.rpartition("/")
    return path if head.lower().endswith("/onlineendpoints") and name else ""


def changed_since(theirs: Split) -> str:
    """That Azure holds another split than the one that was written."""
    return f"somebody has changed the split since: {_words(theirs)}"


def _words(split: Split) -> str:
    live = ", ".join(f"{name} {share} %" for name, share in split.live.items()) or "no traffic"
    copies = "".join(f", copies of {share} % to {name}" for name, share in split.mirror.items())
    return f"{live}{copies}"
