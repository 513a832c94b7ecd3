"""Deletes a deployment that failed when it was first made, so that it can be made again: Azure takes no change of it.

What is kept tells a process that comes later whether Azure has the request, as for every other write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.azure.endpoints import API_VERSION, get_endpoint
from services.azure.translation import Call
from services.deploying.model import Evidence, JobState, Phase
from services.deploying.order import Item
from services.errors import Conflict, ServiceFailed, SluiceError
from services.jobs import arriving
from services.jobs.following import Ending, Target, follow
from services.jobs.jobs import Kept
from services.jobs.leaving import fresh, send
from services.jobs.work import Work
from services.jobs.writing import accepted

FAILED_STATES = ("Failed", "Canceled")
"""States of a deployment that may be deleted here."""
OF_A_REQUEST = ("operation", "before", "sending", "sent_at", "sent_again_at", "wanted", "by_status", "done")
"""What is kept of a request and means nothing for the next one."""
_AGAIN = "Begin it again."


def clear(work: Work, item: Item, index: int, call: Call) -> Ending:
    """Delete what ``item`` describes, the document with the number ``index``, unless that is done. It has succeeded
    when nothing is there any more.

    Raises Conflict when it must stay, Cancelled, SluiceError, and Left when this process ends.
    """
    path = item.path(work.conn)
    if work.values.get("cleared") == index:
        return Ending(JobState.SUCCEEDED)
    if work.values.get("sending") or _send(work, item, path, call):
        ending = _follow(work, path, call)
        if ending.state is not JobState.SUCCEEDED:
            return ending
        work.finish(item.resource, Phase.DELETE)
    work.tell(_cleared(index))
    return Ending(JobState.SUCCEEDED)


def end(work: Work, ending: Ending, call: Call) -> None:
    """End a job whose deployment has not gone. Its log says nothing of why."""
    error = ending.error or ServiceFailed(call.what, "Azure does not say why.", "Look at what Azure holds now.")
    poll = ending.poll
    evidence = Evidence(poll.code, poll.message, phase=Phase.DELETE) if poll else None
    work.end(ending.state, error, evidence=evidence)


def _send(work: Work, item: Item, path: str, call: Call) -> bool:
    """Whether Azure may have the request. False when there is nothing to delete."""
    if not arriving.held(work, path, API_VERSION, call).digest:
        return False
    work.phase(item.resource, Phase.DELETE)

    def read() -> arriving.Held:
        before = arriving.held(work, path, API_VERSION, call)
        _check(work, item, before.state, call)
        return before

    fresh(work, call, read, lambda before: arriving.commit(work, before))
    reply = send(work, call, "DELETE", path, api_version=API_VERSION)
    if not isinstance(reply, SluiceError):
        accepted(work, reply)
    return True


def _check(work: Work, item: Item, state: str, call: Call) -> None:
    split = get_endpoint(work.conn, item.endpoint).split
    live = sum(share for name, share in split.live.items() if name.lower() == item.name)
    copies = sum(share for name, share in split.mirror.items() if name.lower() == item.name)
    why = ""
    if live:
        why = f"{item.resource} answers {live} % of the requests, so it was not deleted."
    elif copies:
        why = f"{item.resource} receives copies of {copies} % of the requests, so it was not deleted."
    elif state not in FAILED_STATES:
        why = f"{item.resource} has not failed: Azure says {state or 'nothing of its state'}. It was not deleted."
    if why:
        raise Conflict(call.what, why, "Look at it in Operate, then decide again.")


def _follow(work: Work, path: str, call: Call) -> Ending:
    if "operation" not in work.values:
        lost = arriving.find_out(work, path, API_VERSION, call, again=_AGAIN, is_delete=True)
        if lost is not None:
            return lost
    values = work.values
    if values.get("done"):
        return Ending(JobState.SUCCEEDED)
    target = Target(path, API_VERSION, values.get("operation", ""), bool(values.get("by_status")), is_delete=True)
    return follow(work, target, call)


def _cleared(index: int) -> Callable[[Kept], Kept]:
    def change(kept: Kept) -> Kept:
        left = {name: value for name, value in kept.work.items() if name not in OF_A_REQUEST}
        return replace(kept, work={**left, "cleared": index})

    return change
