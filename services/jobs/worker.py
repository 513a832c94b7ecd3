"""Does the jobs: begins them, works on each in a thread of its own, and goes on with those of a process that is gone.

Every running job belongs to one process for half a minute at a time (:mod:`services.jobs.jobs`).
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from services.azure.connection import Connection, who
from services.deploying import applying
from services.deploying.model import Bundle, Document, Job, JobState
from services.errors import Conflict, NotFound, ServiceFailed, SluiceError, StoreFailed
from services.jobs import writing
from services.jobs.arriving import CERTAIN
from services.jobs.clocks import Clocks
from services.jobs.jobs import Jobs, Kept
from services.jobs.work import Left, Work, can_cancel, taken_back
from services.jobs.writing import Write as Write
from services.model import Split
from services.operating import recreating
from services.rounds import Rounds

EVERY_SECONDS = 5.0
"""How often leases are renewed and jobs of processes that are gone looked for."""
_log = logging.getLogger(__name__)


class Worker:
    """Works on the jobs of one cloud. Thread-safe; one per process. ``now`` is this machine's clock, ``ticks`` one in
    seconds that nobody sets.

    ``ended`` is called with every job that this process has worked on, once it has ended.
    """

    def __init__(
        self,
        conn: Connection,
        jobs: Jobs,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        every_seconds: float = EVERY_SECONDS,
        ticks: Callable[[], float] = time.monotonic,
        ended: Callable[[Job], None] = lambda _job: None,
    ) -> None:
        self.jobs = jobs
        self._conn = conn
        self._now = now
        self._ended = ended
        self._clocks = Clocks(now, ticks)
        self._odd: set[str] = set()
        self._holder = uuid.uuid4().hex
        self._lock = threading.Lock()
        # Between keeping a job and working on it nobody may take it for one that was left.
        self._beginning = threading.Lock()
        self._leaving = threading.Event()
        self._works: dict[str, tuple[Work, threading.Thread]] = {}
        self._rounds = Rounds("jobs", self._round, every_seconds=every_seconds)
        self._every = every_seconds

    def start(self) -> None:
        """Begin to look after jobs in the background. Again is nothing."""
        self._rounds.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """End it for good. Jobs stay as they are: the next start goes on with them."""
        self._leaving.set()
        self._rounds.stop(timeout_seconds)
        with self._lock:
            works = list(self._works.values())
        for work, _ in works:
            work.woken.set()
        deadline = time.monotonic() + timeout_seconds
        for _, thread in works:
            thread.join(max(0.0, deadline - time.monotonic()))
        try:
            self.jobs.let_go(self._holder)
        except SluiceError as error:
            _log.warning("The jobs could not be let go: %s", error)

    def deploy(
        self,
        conn: Connection,
        bundle: Bundle,
        documents: Sequence[Document],
        person: str,
        *,
        job_id: str = "",
        replacing: Collection[str] = (),
        shown: Mapping[str, Split] = MappingProxyType({}),
    ) -> Job:
        """Begin to apply ``documents`` of ``bundle``: endpoints, then deployments. ``replacing`` are those deployments
        (``shop/blue``) that are deleted first, because they failed when they were first made. ``shown`` are the splits
        of endpoints, by lower-case name, as the person has seen them: no other one is replaced.

        ``job_id`` is made once for a decision of a person: asking again returns what became of it. Raises RuleBroken
        when there is nothing to apply, Conflict while another job changes one of the resources, StoreFailed.
        """
        made = job_id or uuid.uuid4().hex
        cloud, now = self.jobs.cloud, self._now()
        return self._begin(conn, applying.new(conn, bundle, documents, person, made, cloud, now, replacing, shown))

    def deploy_again(self, conn: Connection, failed: Job, person: str, *, job_id: str = "") -> Job:
        """Delete the deployment that ``failed`` has left behind, and make it again: from the same files, or like the
        deployment that it was a clone of. Raises RuleBroken when the files are gone, and what :meth:`deploy` raises."""
        kept = self.jobs.kept(failed.id)
        if kept is None:
            raise NotFound("Nothing was deployed.", "The failed job is not kept any more.", "Apply the files again.")
        way = recreating if recreating.source_of(kept) else applying
        return self._begin(conn, way.again(kept, conn, person, job_id or uuid.uuid4().hex, self._now()))

    def write(
        self,
        conn: Connection,
        action: str,
        title: str,
        endpoint: str,
        deployment: str,
        request: Write,
        person: str,
        *,
        job_id: str = "",
    ) -> Job:
        """Begin to send one request to Azure and to follow its operation to the end.

        ``action`` is a verb for people, ``title`` a short sentence. Raises Conflict while another job changes the same
        resource, StoreFailed.
        """
        job = Job(
            job_id or uuid.uuid4().hex,
            self.jobs.cloud,
            conn.workspace,
            endpoint,
            deployment,
            action,
            title,
            JobState.RUNNING,
            self._now(),
            person=person,
        )
        return self._begin(conn, writing.new(job, request), request)

    def cancel(self, job: Job) -> Job:
        """Stop a job before Azure has accepted what it sends. Raises Conflict when it is too late for that."""
        with self._lock:
            found = self._works.get(job.id)
        kept = self.jobs.kept(job.id)
        if kept is None or kept.job.state.has_ended:
            return job if kept is None else kept.job
        if found is None:
            why = "Another process of Sluice works on it, or has just been stopped."
            raise Conflict("The job was not cancelled.", why, "Look again in half a minute.")
        told = self.jobs.tell(job.id, taken_back)
        found[0].cancelled.set()
        found[0].woken.set()
        return told.job

    def can_cancel(self, job: Job) -> bool:
        """Whether :meth:`cancel` would stop it now."""
        kept = self.jobs.kept(job.id)
        return kept is not None and job.id in self._works and can_cancel(kept)

    def wait(self, job_id: str, timeout_seconds: float) -> Job:
        """The job once it has ended, or as it is after ``timeout_seconds``. Raises NotFound."""
        with self._lock:
            found = self._works.get(job_id)
        if found is not None:
            found[1].join(timeout_seconds)
        job = self.jobs.get(job_id)
        if job is None:
            raise NotFound("The job was not found.", "It is not kept any more.", "Choose another one.")
        return job

    def _begin(self, conn: Connection, kept: Kept, request: Write | None = None) -> Job:
        with self._beginning:
            begun = self.jobs.begin(kept, self._holder, self._now())
            if begun is kept:
                self._work_on(conn, kept, request)
        return begun.job

    def _work_on(self, conn: Connection, kept: Kept, request: Write | None = None) -> None:
        job_id = kept.job.id
        work = Work(self.jobs, job_id, conn, self._now, self._leaving, self._holder)
        work.sees(kept)
        if kept.work.get("cancelled"):
            work.cancelled.set()
        thread = threading.Thread(target=self._run, args=(work, kept, request), name=f"job-{job_id[:8]}", daemon=True)
        with self._lock:
            self._works[job_id] = (work, thread)
            thread.start()

    def _run(self, work: Work, kept: Kept, request: Write | None) -> None:
        try:
            self._name(work, kept)
            if kept.work.get("kind") == applying.KIND:
                applying.run(work)
            elif kept.work.get("kind") == recreating.KIND:
                recreating.run(work)
            else:
                writing.run(work, request)
        except Left:
            _log.info("The job %s is left to whoever comes next", work.job_id)
        except StoreFailed as error:
            if work.has_left:
                # Azure may have done it, so it has not failed: the next round takes it up.
                _log.warning("The job %s is left as it is kept: %s", work.job_id, error)
            else:
                self._fail(work, error)
        except SluiceError as error:
            is_certain = not work.has_left or (isinstance(error, CERTAIN) and not work.is_accepted)
            self._fail(work, error, JobState.FAILED if is_certain else JobState.UNKNOWN)
        except Exception:
            # Runs in a thread of its own: a job that nobody ends would keep its resources for ever.
            _log.exception("The job %s broke", work.job_id)
            step = "Look at what Azure holds now. The log of Sluice has the details."
            self._fail(work, ServiceFailed("The job broke off.", "Sluice itself failed.", step), JobState.UNKNOWN)
        finally:
            with self._lock:
                self._works.pop(work.job_id, None)
            self._tell_ended(work)

    def _name(self, work: Work, kept: Kept) -> None:
        """Keep who begins a job by their name in Azure: that is how everybody else knows them."""
        if kept.job.principal:
            return
        try:
            name = who(work.conn).name
        except SluiceError:
            # What the job does next says it better.
            return
        work.tell(lambda known: replace(known, job=replace(known.job, principal=name)))

    def _fail(self, work: Work, error: SluiceError, state: JobState = JobState.FAILED) -> None:
        try:
            work.end(state, error)
        except (Left, SluiceError) as trouble:
            _log.warning("How the job %s has ended could not be kept: %s", work.job_id, trouble)

    def _tell_ended(self, work: Work) -> None:
        try:
            job = self.jobs.get(work.job_id)
            if job is not None and job.state.has_ended:
                self._ended(job)
        except Exception:
            # The job itself has ended and is kept; a page that could not be freshened is no failure of it.
            _log.exception("Nobody could be told that the job %s has ended", work.job_id)

    def _round(self) -> float:
        try:
            running = self.jobs.running()
        except SluiceError as error:
            _log.warning("The jobs could not be looked after: %s", error)
            return self._every
        for job in running:
            try:
                with self._beginning:
                    self._look_after(job)
            except SluiceError as error:
                _log.warning("The job %s could not be looked after: %s", job.id, error)
            except Exception:
                # Whatever is wrong with one job, the leases of the others are renewed.
                if job.id not in self._odd:
                    self._odd.add(job.id)
                    _log.exception("The job %s cannot be looked after", job.id)
        return self._every

    def _look_after(self, job: Job) -> None:
        with self._lock:
            found = self._works.get(job.id)
        is_mine = self.jobs.take(job.id, self._holder, self._now(), is_clock_good=self._clocks.are_good())
        if found is not None:
            found[0].lost = not is_mine
            found[0].renew()
        elif is_mine and not self._leaving.is_set():
            kept = self.jobs.kept(job.id)
            if kept is not None:
                self._work_on(self._conn.at(job.workspace), kept)
