"""One job that this process works on: what it tells the store, and how it waits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from services.azure.connection import Connection
from services.deploying.model import Cause, Evidence, Job, JobState, Phase
from services.errors import Conflict, SluiceError, StoreFailed
from services.jobs import phases
from services.jobs.jobs import Jobs, Kept, Taken, with_work
from services.journal.journal import Journal

STORE_PATIENCE = 120
"""How often it is tried to keep what became of a request that has left, :data:`STORE_SECONDS` apart, while the store
fails. Then the job is left as it is: the next round takes it up."""
STORE_SECONDS = 5.0
_log = logging.getLogger(__name__)
_Kept = TypeVar("_Kept")


class Left(Exception):
    """This process ends, or somebody else has the job: it is left as it is kept."""


class Cancelled(Exception):
    """A person has cancelled before anything was sent that Azure could have begun."""


@dataclass
class Work:
    """A job in the hands of one thread. ``leaving`` is set when the process ends, ``cancelled`` once it is kept that a
    person has cancelled (:func:`taken_back`).

    ``holder`` is the name under which the process holds its jobs, ``lease`` the one of an endpoint that is kept for it,
    until ``lease_until`` by ``ticks`` (seconds of a clock that nobody sets) at most. ``has_left`` says that Azure may
    have its request, ``is_accepted`` that it has.
    """

    jobs: Jobs
    job_id: str
    conn: Connection
    now: Callable[[], datetime]
    leaving: threading.Event
    holder: str = ""
    cancelled: threading.Event = field(default_factory=threading.Event)
    woken: threading.Event = field(default_factory=threading.Event)
    lost: bool = False
    lease: str = ""
    lease_until: float = float("inf")
    has_left: bool = False
    is_accepted: bool = False
    ticks: Callable[[], float] = time.monotonic
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        """The journal of the same store."""
        self.journal = Journal(self.jobs.store, self.jobs.cloud, now=self.now, holder=self.holder)

    @property
    def kept(self) -> Kept:
        """The job as it is kept. Raises Left when it is not kept any more."""
        kept = self._patiently(lambda: self.jobs.kept(self.job_id))
        if kept is None:
            raise Left
        return kept

    @property
    def values(self) -> Mapping[str, Any]:
        """What is known for going on."""
        return self.kept.work

    def note(self, **values: object) -> None:
        """Keep what is needed to go on."""
        self.tell(lambda kept: with_work(kept, **values))

    def commit(self, **values: object) -> None:
        """Keep that a request is about to leave: from here on it is too late to cancel. Raises Cancelled when a person
        has done so, and nothing may leave."""

        def change(kept: Kept) -> Kept:
            if kept.work.get("cancelled"):
                raise Cancelled
            return with_work(kept, sending=True, **values)

        self.tell(change)
        # Nobody else may take the job while its request leaves.
        if self.holder and not self.jobs.take(self.job_id, self.holder, self.now()):
            raise Left

    def take_back(self) -> None:
        """Keep that the request has not left after all."""
        self.tell(
            lambda kept: replace(kept, work={name: kept.work[name] for name in kept.work if name not in _OF_SENDING})
        )

    def tell(self, change: Callable[[Kept], Kept]) -> None:
        """Change what is kept. Raises Left when this process has lost the job.

        What became of a request that has left is tried to be kept for a while: a job whose request Azure has is not
        one that has failed because the store does.
        """
        self.check()
        try:
            told = self._patiently(lambda: self.jobs.tell(self.job_id, change, self.holder))
        except Taken as error:
            raise Left from error
        self.sees(told)

    def sees(self, kept: Kept) -> None:
        """Learn from what is kept whether Azure may have the request."""
        self.has_left = bool(kept.work.get("sending"))
        self.is_accepted = "operation" in kept.work

    def stopwatch(self) -> Callable[[], float]:
        """How many seconds have passed since now, by whichever clock says more: one that nobody sets stands still while
        a machine sleeps."""
        began, ticks = self.now(), self.ticks()
        return lambda: max(self.ticks() - ticks, abs((self.now() - began).total_seconds()))

    def _patiently(self, ask: Callable[[], _Kept]) -> _Kept:
        for times in range(STORE_PATIENCE):
            try:
                return ask()
            except StoreFailed as error:
                if not self.has_left:
                    raise
                if not times:
                    _log.warning("What became of the job %s cannot be kept yet: %s", self.job_id, error)
            self.pause(STORE_SECONDS)
        raise Left

    def phase(self, resource: str, phase: Phase, detail: str = "") -> None:
        """Tell that a resource is in ``phase`` now, and in no other."""
        self._job(lambda job: phases.move(job, resource, phase, self.now(), detail))

    def begin(self, resource: str, phase: Phase, detail: str = "") -> None:
        """Tell that a phase runs beside those that run already."""
        self._job(lambda job: phases.begin(job, resource, phase, self.now(), detail))

    def finish(self, resource: str, phase: Phase, detail: str = "") -> None:
        """Tell that a phase has ended."""
        self._job(lambda job: phases.end(job, resource, phase, self.now(), detail))

    def remark(self, detail: str) -> None:
        """Say something beside what runs."""
        self._job(lambda job: phases.remark(job, detail))

    def end(
        self,
        state: JobState,
        error: SluiceError | None = None,
        *,
        causes: tuple[Cause, ...] = (),
        evidence: Evidence | None = None,
        request_id: str = "",
        change: Callable[[Kept], Kept] = lambda kept: kept,
    ) -> None:
        """Tell how the job has ended. ``change`` is kept with that, so that nobody cancels in between."""
        failure = (error.what, error.why, error.next_step) if error else None
        number = request_id or (error.request_id if error and error.request_id else "")

        def ended(kept: Kept) -> Kept:
            kept = change(kept)
            job = phases.end_all(kept.job, self.now())
            job = replace(job, state=state, ended_at=self.now(), failure=failure, causes=causes)
            return replace(kept, job=replace(job, request_id=number or job.request_id), evidence=evidence)

        self.tell(ended)

    def pause(self, seconds: float) -> None:
        """Wait, or less when somebody cancels. Raises Left when the process ends meanwhile."""
        self.woken.wait(seconds)
        self.woken.clear()
        self.check()

    def renew(self) -> None:
        """Keep the endpoint that is kept for it a little longer."""
        if self.lease and self.ticks() < self.lease_until:
            self.journal.keep(self.lease)

    def check(self) -> None:
        """Raises Left when this process must not go on with the job."""
        if self.leaving.is_set() or self.lost:
            raise Left

    def check_wanted(self) -> None:
        """Raises Cancelled when a person does not want it any more, and what :meth:`check` raises."""
        self.check()
        if self.cancelled.is_set():
            raise Cancelled

    def _job(self, change: Callable[[Job], Job]) -> None:
        self.tell(lambda kept: replace(kept, job=change(kept.job)))


_OF_SENDING = ("sending", "sent_at", "sent_again_at", "before", "wanted")


def taken_back(kept: Kept) -> Kept:
    """A kept job that a person has cancelled. Raises Conflict when Azure may have its request: in one transaction with
    that, so that nobody is told "cancelled" of what leaves all the same."""
    if not can_cancel(kept):
        why = "Azure has begun it, and has no way to stop what it has begun."
        raise Conflict("The job was not cancelled.", why, "Wait until it has ended, then change or delete it.")
    return with_work(kept, cancelled=True)


def can_cancel(kept: Kept) -> bool:
    """Whether Azure has nothing of the job yet that it could not be told to leave."""
    return not kept.job.state.has_ended and not kept.work.get("sending")
