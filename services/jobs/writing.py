"""One request that changes a resource: sent once, then followed until Azure has ended what it began.

What is kept never has the body in it. After a crash between sending and Azure's answer, what Azure holds tells whether
the request has arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from services.azure.connection import Reply
from services.azure.documents import split_of
from services.azure.translation import Call, request_id_of
from services.deploying.diagnosis import diagnose
from services.deploying.gathering import gather
from services.deploying.left_behind import left_behind
from services.deploying.model import Evidence, Job, JobState, Kind, Phase
from services.deploying.order import Item
from services.errors import Conflict, ServiceFailed, SluiceError
from services.jobs import arriving
from services.jobs.arriving import Held
from services.jobs.following import Ending, Target, follow
from services.jobs.holding import Hold, changed_since, endpoint_of
from services.jobs.jobs import Kept
from services.jobs.leaving import fresh, send
from services.jobs.work import Cancelled, Work
from services.model import Split

ROLE = "AzureML Data Scientist"
KIND = "write"
_MEND = (
    "Delete {name} and create it again as it was asked for. Where the cause is in that, delete it, and clone with "
    "another model, code, environment or size."
)
_LOOK = "Look at what Azure holds now, then decide again."


@dataclass(frozen=True)
class Write:
    """A request to Azure Resource Manager. ``path`` begins with a slash; ``role`` is the Azure role that allows it.

    ``look`` is called right before it is sent and answers the body; it raises SluiceError when it must not be sent.
    Azure has no condition on writes, so this is as near as anybody can come to one. ``is_new`` says that nothing may be
    at ``path`` yet. ``clone`` is kept, without a secret in it: from that it can be made again once it has failed.
    """

    method: str
    path: str
    body: Any = field(repr=False)
    api_version: str
    phase: Phase = Phase.WRITE
    role: str = ROLE
    look: Callable[[], Any] | None = field(default=None, repr=False)
    is_new: bool = False
    clone: Mapping[str, Any] = field(default_factory=dict)


def new(job: Job, request: Write) -> Kept:
    """What is kept of a write before it begins."""
    name = resource(job)
    work = {
        "kind": KIND,
        "method": request.method,
        "path": request.path,
        "api_version": request.api_version,
        "phase": request.phase.value,
        "role": request.role,
        **({"clone": dict(request.clone)} if request.clone else {}),
    }
    return Kept(job, (name.lower(),), work)


def resource(job: Job) -> str:
    """What a job is about: ``shop`` or ``shop/blue``."""
    return f"{job.endpoint}/{job.deployment}" if job.deployment else job.endpoint


def run(work: Work, request: Write | None) -> None:
    """Send ``request`` and follow it; without one, go on where a process that is gone has stopped. Raises SluiceError
    when it failed, Left when it is left to the next one."""
    kept = work.kept
    call = work.conn.call(_what(kept), kept.work["role"])
    endpoint = endpoint_of(kept.work["path"]) if kept.work["method"] == "PUT" else ""
    with Hold(work, endpoint, call) if endpoint else nullcontext() as hold:
        if request is not None:
            _send(work, kept, request, call, hold)
            return
        if hold is not None and kept.work.get("sending"):
            hold.go_on()
        if "operation" not in kept.work:
            _find_out(work, call)
        else:
            _follow(work, call)


def _send(work: Work, kept: Kept, request: Write, call: Call, hold: Hold | None) -> None:
    try:
        body = _let_go(work, kept, request, call, hold)
    except Cancelled:
        work.end(JobState.CANCELLED, _gone(kept))
        return
    reply = send(work, call, request.method, request.path, api_version=request.api_version, body=body)
    if isinstance(reply, SluiceError):
        work.note(doubt=str(reply))
        _find_out(work, call)
        return
    accepted(work, reply)
    _follow(work, call, hold, split_of(body) if hold is not None else None)


def _let_go(work: Work, kept: Kept, request: Write, call: Call, hold: Hold | None) -> Any:  # noqa: ANN401 - JSON
    """The body, once everything is kept that must be before it leaves. Raises Cancelled and SluiceError when it must
    not leave."""
    work.phase(resource(kept.job), request.phase)
    if hold is not None:
        # From here to the end of Azure's operation: the document that is put has the split of this moment in it.
        hold.take()

    def read() -> tuple[Any, Held]:
        if hold is not None:
            hold.stays()
        # What is compared is read last: nothing slow comes between that and the request.
        before = Held("")
        if request.method != "POST":
            before = arriving.held(work, request.path, request.api_version, call)
        body = request.body if request.look is None else request.look()
        if request.is_new and before.digest:
            why = f"Somebody else has made {resource(kept.job)} meanwhile. Nothing was sent, and theirs is as it was."
            raise Conflict(call.what, why, "Look at it, or choose another name.")
        return body, before

    def keep(found: tuple[Any, Held]) -> None:
        body, before = found
        arriving.commit(work, before, arriving.wanted_of(body) if request.method != "POST" else None)
        if hold is not None:
            hold.leaves()

    return fresh(work, call, read, keep)[0]


def accepted(work: Work, reply: Reply) -> None:
    """Keep where the operation is asked for that Azure has begun."""
    headers = reply.headers
    operation, location = headers.get("Azure-AsyncOperation") or "", headers.get("Location") or ""
    found = (reply.body.get("properties") if isinstance(reply.body, dict) else None) or {}
    state = str(found.get("provisioningState") or "").lower()
    done = not operation and reply.status != 202 and state in ("", "succeeded")
    by_status = not operation and reply.status == 202
    work.note(operation=operation or (location if by_status else ""), by_status=by_status, done=done)
    number = request_id_of(headers) or ""
    work.tell(lambda kept: replace(kept, job=replace(kept.job, request_id=number)))


def _follow(work: Work, call: Call, hold: Hold | None = None, sent: Split | None = None) -> None:
    kept = work.kept
    values = kept.work
    if kept.job.state.has_ended:
        return
    ending = Ending(JobState.SUCCEEDED)
    if not values.get("done"):
        operation, by_status = values.get("operation", ""), bool(values.get("by_status"))
        target = Target(values["path"], values["api_version"], operation, by_status, values["method"] == "DELETE")
        ending = follow(work, target, call)
    theirs = hold.later_split(sent) if hold is not None and sent is not None else None
    if theirs is not None and ending.state is JobState.SUCCEEDED:
        work.finish(resource(kept.job), Phase(values["phase"]), changed_since(theirs))
    _end(work, ending)


def _end(work: Work, ending: Ending) -> None:
    poll = ending.poll
    if poll is None or poll.failure is None:
        work.end(ending.state, ending.error)
        return
    kept = work.kept
    if not kept.job.deployment or kept.work["method"] in ("DELETE", "POST"):
        evidence = Evidence(poll.code, poll.message, phase=Phase(kept.work["phase"]))
        work.end(ending.state, ending.error, evidence=evidence, causes=diagnose(evidence))
        return
    # A container that does not start with its new settings says why in its log.
    item = Item(Kind.DEPLOYMENT, "", kept.job.deployment, kept.job.endpoint)
    evidence, causes = gather(work, item, poll.failure, code=poll.code, message=poll.message)
    error = ending.error or poll.failure
    if kept.work["method"] == "PUT" and kept.work.get("before") == "":
        work.tell(stuck_at(item.resource))
        error = left_behind(work.conn, item, error, _MEND.format(name=item.name))
    work.end(ending.state, error, evidence=evidence, causes=causes)


def _what(kept: Kept) -> str:
    """What has failed when the request has."""
    if "cleared" in kept.work:
        return f"{resource(kept.job)} was not created again."
    return f"This was not done: {kept.job.title}."


def _gone(kept: Kept) -> SluiceError | None:
    """What a job has done already that was cancelled."""
    if "cleared" not in kept.work:
        return None
    why = f"{resource(kept.job)} was deleted before. It had failed when it was first made."
    return ServiceFailed("Nothing was created.", why, "Clone it again.")


def stuck_at(name: str) -> Callable[[Kept], Kept]:
    """That Azure does not change ``name`` any more, because it failed when it was first made."""
    return lambda kept: replace(kept, job=replace(kept.job, stuck=name))


def _find_out(work: Work, call: Call) -> None:
    """End a job of which nobody knows whether Azure has it, by what Azure holds now."""
    values = work.values
    if values.get("cancelled"):
        work.end(JobState.CANCELLED)
        return
    if not values.get("sending"):
        why = "Sluice was stopped before it had sent anything to Azure."
        raise ServiceFailed(call.what, why, "Begin it again.")
    if values["method"] == "POST":
        why = "It was sent, and Sluice was stopped or cut off before Azure had answered."
        work.end(JobState.UNKNOWN, SluiceError(call.what, why, _LOOK))
        return
    path, api_version, is_delete = values["path"], values["api_version"], values["method"] == "DELETE"
    lost = arriving.find_out(work, path, api_version, call, again="Begin it again.", is_delete=is_delete)
    if lost is not None:
        work.end(lost.state, lost.error)
        return
    work.note(operation="")
    ending = follow(work, Target(path, api_version, is_delete=is_delete), call)
    _end(work, ending if is_delete else arriving.confirm(work, path, api_version, call, ending))
