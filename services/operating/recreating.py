"""Makes a clone again whose first creation has failed: Azure takes no change of it, so it is deleted first. One job.

What is kept is what the person chose and a digest of the deployment that it is like, never a body: a process that comes
later reads that deployment once more, and goes on only when it is as the person has seen it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from services.azure.connection import Connection
from services.azure.deployments import read_deployment, writable_deployment
from services.azure.translation import Call
from services.deploying.model import Job, JobState, Kind, Phase
from services.deploying.order import Item
from services.errors import Conflict, NotFound, RuleBroken, SluiceError
from services.jobs import clearing, writing
from services.jobs.jobs import Kept
from services.jobs.work import Cancelled, Work
from services.jobs.writing import Write
from services.operating.bodies import cloned
from services.operating.change import Clone
from services.operating.planning import digest

KIND = "clone again"
_ONLY = 0
"""The number of the one document that is deleted and made."""


def kept_of(change: Clone, source: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a clone of the document ``source``, so that it can be made again: references and names alone."""
    return {**asdict(change), "seen": _digest(source)}


def source_of(kept: Kept) -> str:
    """The deployment that the failed one of ``kept`` was made like; "" when it cannot be made again from that."""
    return str(kept.work["clone"]["deployment"]) if kept.job.stuck and "clone" in kept.work else ""


def again(kept: Kept, conn: Connection, who: str, job_id: str, now: datetime) -> Kept:
    """What is kept of a job that deletes what ``kept`` has left behind, and makes it as it was asked for. Raises
    RuleBroken when that is not known."""
    source, name = source_of(kept), kept.job.deployment
    if not source:
        raise RuleBroken("Nothing was created.", "What was asked for is not kept any more.", "Delete it in Operate.")
    title = f"Delete {name} and create it again like {source}"
    item = _item(kept.job)
    plan = ((item.resource, Phase.DELETE), (item.resource, Phase.PROVISION))
    job = Job(
        job_id,
        kept.job.cloud,
        conn.workspace,
        kept.job.endpoint,
        name,
        "create",
        title,
        JobState.RUNNING,
        now,
        person=who,
        plan=plan,
    )
    request = ("method", "path", "api_version", "phase", "role", "clone")
    return Kept(job, kept.resources, {"kind": KIND, **{each: kept.work[each] for each in request}})


def run(work: Work) -> None:
    """Delete what has failed, unless that is done, then create it and follow it. Raises SluiceError when it failed,
    Left when it is left to the next process."""
    item = _item(work.kept.job)
    call = work.conn.call(f"{item.resource} was not created again.", writing.ROLE)
    try:
        if not _is_cleared(work, item, call):
            return
    except Cancelled:
        work.end(JobState.CANCELLED)
        return
    values = work.values
    request = None
    if not values.get("sending"):
        path, version, phase = values["path"], values["api_version"], Phase(values["phase"])
        request = Write(values["method"], path, None, version, phase, look=lambda: _body(work, item), is_new=True)
    try:
        writing.run(work, request)
    except SluiceError as error:
        if not work.has_left:
            what = f"{call.what} What had failed was deleted before."
            raise type(error)(what, error.why, error.next_step, request_id=error.request_id) from error
        raise


def _is_cleared(work: Work, item: Item, call: Call) -> bool:
    """Whether nothing is there any more. Else the job has ended."""
    if "cleared" in work.values:
        return True
    if not work.values.get("sending"):
        # Looked at before anything goes: what could not be made again is not deleted.
        _body(work, item)
    ending = clearing.clear(work, item, _ONLY, call)
    if ending.state is not JobState.SUCCEEDED:
        clearing.end(work, ending, call)
        return False
    return True


def _body(work: Work, item: Item) -> Any:  # noqa: ANN401 - JSON
    """What is sent, by what Azure holds now. Raises Conflict when that is not what the person has seen."""
    known = dict(work.values["clone"])
    seen, what = known.pop("seen"), f"{item.resource} was not created again."
    change = Clone(**known)
    step = f"Delete {item.name} in Operate, then clone what is there now."
    try:
        source = read_deployment(work.conn, item.endpoint, change.deployment)
    except NotFound:
        raise Conflict(what, f"{change.deployment}, which it was made like, is not there any more.", step) from None
    if _digest(source.raw) != seen:
        why = f"{change.deployment}, which it was made like, was changed since."
        raise Conflict(what, why, step)
    return cloned(source.raw, change)


def _digest(document: Mapping[str, Any]) -> str:
    return digest(writable_deployment(document))


def _item(job: Job) -> Item:
    return replace(Item(Kind.DEPLOYMENT, "", job.deployment, job.endpoint), replaces=True)
