"""The jobs that are kept: what they are, how far they are, and what a process needs to go on with one."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.deploying.model import Evidence, Job, JobState
from services.errors import Conflict, NotFound, StoreFailed
from services.jobs.documents import evidence_of, from_evidence, from_job, job_of
from services.model import WorkspaceRef
from services.store import JOBS, Store

MOST_KEPT = 300
"""Jobs of a cloud that are kept. The oldest that have ended go first."""
LEASE_SECONDS = 30.0
"""How long a process that has stopped working keeps a job to itself. It renews while it works."""


UNREAD_SECONDS = 86_400.0
"""How long after the end of its lease a running job that cannot be read keeps others from what it changes."""
_log = logging.getLogger(__name__)


class Taken(Exception):
    """Another process has the job."""


@dataclass(frozen=True)
class Kept:
    """A job as it is stored. ``resources`` are the lower-case names that nobody else may change while it runs: ``shop``
    or ``shop/blue``. ``work`` is JSON: what a process needs to go on with it, never a body or a secret. ``evidence`` is
    read with a single job alone."""

    job: Job
    resources: tuple[str, ...]
    work: Mapping[str, Any] = field(default_factory=dict)
    evidence: Evidence | None = None


class Jobs:
    """The jobs on one ``cloud``. Thread-safe; several processes may share the store. Everything raises StoreFailed."""

    def __init__(self, store: Store, cloud: str) -> None:
        self.cloud = cloud
        self.store = store
        self._odd: set[str] = set()

    def all(self, workspace: WorkspaceRef, endpoint: str = "", *, most: int = 100) -> tuple[Job, ...]:
        """The jobs of a workspace, or of one of its endpoints, the newest first."""
        wanted = [JOBS.c.workspace == workspace.id.lower()]
        if endpoint:
            wanted.append(JOBS.c.endpoint == endpoint.lower())
        return tuple(kept.job for kept in self._chosen(*wanted, most=most))

    def get(self, job_id: str) -> Job | None:
        """A job by its id, None when it is not kept."""
        return next((kept.job for kept in self._chosen(JOBS.c.id == job_id)), None)

    def running(self) -> tuple[Job, ...]:
        """Every job that has not ended, the newest first."""
        return tuple(kept.job for kept in self._chosen(JOBS.c.state == JobState.RUNNING.value))

    def in_the_way(self, workspace: WorkspaceRef, resources: Collection[str]) -> Job | None:
        """The running job that changes one of ``resources`` (lower case), so that another one is refused. None when
        there is none."""
        wanted = (JOBS.c.workspace == workspace.id.lower(), JOBS.c.state == JobState.RUNNING.value)
        return next((each.job for each in self._chosen(*wanted) if set(each.resources) & set(resources)), None)

    def evidence(self, job_id: str) -> Evidence | None:
        """What was gathered when a job failed, without secrets; None when nothing was."""
        kept = self.kept(job_id)
        return None if kept is None else kept.evidence

    def kept(self, job_id: str) -> Kept | None:
        """A job with everything that is kept of it."""
        with self.store.reading() as connection:
            return self._whole(connection, job_id)

    def begin(self, kept: Kept, holder: str, now: datetime) -> Kept:
        """Keep a new job for ``holder``. One that is kept under its id already is returned as it is.

        Raises Conflict while another job is changing one of its resources.
        """
        job = kept.job
        with self.store.writing() as connection:
            known = self._whole(connection, job.id)
            if known is not None:
                return known
            here = (JOBS.c.workspace == job.workspace.id.lower(), JOBS.c.state == JobState.RUNNING.value)
            _refuse_second(kept, self._read(connection, *here))
            self._refuse_unread(kept, connection, now, *here)
            row = {"id": job.id, "cloud": self.cloud, "workspace": job.workspace.id.lower()}
            row |= {"endpoint": job.endpoint.lower(), "began_at": job.began_at.isoformat()}
            lease = {"holder": holder, "expires_at": now.timestamp() + LEASE_SECONDS}
            connection.execute(sa.insert(JOBS).values(**row, **lease, **_content(kept)))
            self._forget_oldest(connection)
        return kept

    def tell(self, job_id: str, change: Callable[[Kept], Kept], holder: str = "") -> Kept:
        """Change what is kept of a job that runs; one that has ended stays as it is. Raises NotFound.

        With ``holder``, raises Taken when somebody else has the job by now, as after a machine has slept: what the old
        holder tells, or asks Azure for next, would be wrong.
        """
        with self.store.writing() as connection:
            found = self._whole(connection, job_id)
            if found is None:
                raise NotFound("The job was not found.", "It is not kept any more.", "Choose another one.")
            if holder and connection.scalar(sa.select(JOBS.c.holder).where(JOBS.c.id == job_id)) != holder:
                raise Taken
            if found.job.state.has_ended:
                return found
            changed = change(found)
            connection.execute(sa.update(JOBS).where(JOBS.c.id == job_id).values(**_content(changed)))
            return changed

    def take(self, job_id: str, holder: str, now: datetime, *, is_clock_good: bool = True) -> bool:
        """Give a running job to ``holder``, or go on giving it. False while another living process has it. With a clock
        that has just been set nobody else's lease is judged but one that was given back."""
        until = now.timestamp() + LEASE_SECONDS
        # One that ends later than any lease can was written before the clock was set back.
        has_lapsed = sa.or_(
            JOBS.c.expires_at <= now.timestamp(), JOBS.c.expires_at > now.timestamp() + 2 * LEASE_SECONDS
        )
        is_free = sa.or_(JOBS.c.holder == holder, JOBS.c.expires_at == 0.0, *([has_lapsed] if is_clock_good else []))
        wanted = (JOBS.c.id == job_id, JOBS.c.state == JobState.RUNNING.value, is_free)
        with self.store.writing() as connection:
            taken = connection.execute(sa.update(JOBS).where(*wanted).values(holder=holder, expires_at=until))
            return taken.rowcount == 1

    def let_go(self, holder: str) -> None:
        """Leave every job of ``holder`` to whoever comes next."""
        with self.store.writing() as connection:
            connection.execute(sa.update(JOBS).where(JOBS.c.holder == holder).values(expires_at=0.0))

    def _chosen(self, *wanted: sa.ColumnElement[bool], most: int = MOST_KEPT) -> tuple[Kept, ...]:
        with self.store.reading() as connection:
            return self._read(connection, *wanted, most=most)

    def _read(
        self, connection: sa.Connection, *wanted: sa.ColumnElement[bool], most: int = MOST_KEPT
    ) -> tuple[Kept, ...]:
        # Without the evidence: a hundred jobs that failed have a hundred logs.
        newest = sa.select(JOBS.c.id, JOBS.c.content).where(JOBS.c.cloud == self.cloud, *wanted)
        newest = newest.order_by(JOBS.c.began_at.desc(), JOBS.c.id).limit(most)
        rows = (self._readable(row.id, row.content) for row in connection.execute(newest))
        return tuple(row for row in rows if row is not None)

    def _readable(self, job_id: str, content: str) -> Kept | None:
        """None for what cannot be read, said once: a newer Sluice may work in the same folder."""
        try:
            return _kept(content)
        except (ValueError, KeyError, TypeError) as error:
            if job_id not in self._odd:
                self._odd.add(job_id)
                _log.warning("The job %s cannot be read and is left alone: %r", job_id, error)
            return None

    def _refuse_unread(self, kept: Kept, connection: sa.Connection, now: datetime, *wanted: Any) -> None:  # noqa: ANN401
        """What a running job that cannot be read changes is known all the same. Raises Conflict."""
        is_young = JOBS.c.expires_at > now.timestamp() - UNREAD_SECONDS
        rows = connection.execute(sa.select(JOBS.c.content).where(JOBS.c.cloud == self.cloud, is_young, *wanted))
        for row in rows:
            for resource in _unread_resources(row.content):
                if resource in kept.resources:
                    why = f"Another version of Sluice is changing {resource}."
                    raise Conflict(f"This was not begun: {kept.job.title}.", why, "Wait until it has ended, then try.")

    def _whole(self, connection: sa.Connection, job_id: str) -> Kept | None:
        wanted = sa.select(JOBS.c.content, JOBS.c.evidence).where(JOBS.c.cloud == self.cloud, JOBS.c.id == job_id)
        row = connection.execute(wanted).first()
        try:
            return None if row is None else _kept(row.content, row.evidence)
        except (ValueError, KeyError, TypeError) as error:
            why = "Another version of Sluice has kept it, or it is damaged."
            step = "Use the newest version of Sluice that works in this data folder."
            raise StoreFailed("The job cannot be read.", why, step) from error

    def _forget_oldest(self, connection: sa.Connection) -> None:
        of_cloud = JOBS.c.cloud == self.cloud
        newest = sa.select(JOBS.c.id).where(of_cloud).order_by(JOBS.c.began_at.desc()).limit(MOST_KEPT)
        is_old = (of_cloud, JOBS.c.state != JobState.RUNNING.value, JOBS.c.id.not_in(newest))
        connection.execute(sa.delete(JOBS).where(*is_old))


def _refuse_second(kept: Kept, running: Sequence[Kept]) -> None:
    for other in running:
        shared = sorted(set(other.resources) & set(kept.resources)) or _deleted_with(kept, other)
        if shared:
            raise Conflict(
                f"This was not begun: {kept.job.title}.",
                f"Something else is being done to {shared[0]}: {other.job.title}.",
                "Wait until it has ended, then try again.",
            )


def _deleted_with(one: Kept, other: Kept) -> list[str]:
    """The deployments in one of two jobs whose endpoint the other one deletes."""
    return [
        resource
        for deleting, touching in ((one, other), (other, one))
        if deleting.work.get("method") == "DELETE"
        for resource in touching.resources
        if any(resource.startswith(f"{each}/") for each in deleting.resources)
    ]


def _content(kept: Kept) -> dict[str, Any]:
    content = {
        "job": from_job(kept.job),
        "resources": list(kept.resources),
        "work": dict(kept.work),
    }
    evidence = None if kept.evidence is None else json.dumps(from_evidence(kept.evidence))
    return {"state": kept.job.state.value, "content": json.dumps(content), "evidence": evidence}


def _kept(text: str, evidence: str | None = None) -> Kept:
    content = json.loads(text)
    found = evidence_of(json.loads(evidence)) if evidence else None
    return Kept(job_of(content["job"]), tuple(content["resources"]), content["work"], found)


def _unread_resources(text: str) -> tuple[str, ...]:
    """What a job changes that cannot be read, () for one that can."""
    try:
        _kept(text)
    except (ValueError, KeyError, TypeError):
        try:
            return tuple(str(each) for each in json.loads(text)["resources"])
        except (ValueError, KeyError, TypeError):
            return ()
    return ()


def with_work(kept: Kept, **values: object) -> Kept:
    """A kept job that knows more of what it needs to go on."""
    return replace(kept, work={**kept.work, **values})
