"""Applies documents as ``az ml … create -f`` does: endpoints, then deployments, one after the other.

What is kept says which document is at work and whether its request was sent, so that a process that comes later finds
what Azure has begun, goes on with the documents after it, and never sends anything twice. An upload that was cut off
has failed: it is begun again by a person, and azure-ai-ml leaves out what is registered by then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from services.azure.connection import Connection
from services.azure.deployments import API_VERSION as DEPLOYMENT_API
from services.azure.endpoints import API_VERSION
from services.azure.translation import Call
from services.deploying.author import Author
from services.deploying.gathering import gather
from services.deploying.left_behind import left_behind
from services.deploying.model import Bundle, Document, Job, JobState, Kind, Phase
from services.deploying.order import Item, ordered, splits_of
from services.deploying.planned import plan_of
from services.deploying.putting import ROLE, Refused, put
from services.deploying.watching import watch
from services.errors import RuleBroken, ServiceFailed, SluiceError
from services.jobs import arriving, clearing
from services.jobs.following import Ending, Target, follow
from services.jobs.holding import Hold
from services.jobs.jobs import Kept
from services.jobs.work import Cancelled, Work
from services.jobs.writing import stuck_at
from services.journal.entry import from_split
from services.model import Split

KIND = "deploy"
_AGAIN = "Deploy it again: what is uploaded already is not uploaded twice."


def new(
    conn: Connection,
    bundle: Bundle,
    documents: Sequence[Document],
    who: str,
    job_id: str,
    cloud: str,
    now: datetime,
    replacing: Collection[str] = (),
    shown: Mapping[str, Split] = MappingProxyType({}),
) -> Kept:
    """What is kept of a deploy before it begins. Raises RuleBroken when there is nothing to apply.

    ``replacing`` are the deployments (``shop/blue``, in lower case) that are deleted first, because they failed when
    they were first made. ``shown`` are the splits of the endpoints (by lower-case name) that the person has seen: those
    may be replaced. Of others, those of the moment in which the job begins.
    """
    if not documents:
        raise RuleBroken("Nothing was deployed.", "No document was chosen.", "Choose an endpoint or a deployment.")
    for document in documents:
        if not document.name or not document.endpoint:
            why = f"A document in {document.file} does not say its name, or its endpoint's."
            raise RuleBroken("Nothing was deployed.", why, "Add it, then try again.")
    made = [Item.of(document) for document in documents]
    items = [replace(item, replaces=item.resource in replacing) for item in made]
    seen = {name: from_split(split) for name, split in shown.items()}
    return _kept(conn, bundle.folder, items, who, job_id, cloud, now, seen)


def again(kept: Kept, conn: Connection, who: str, job_id: str, now: datetime) -> Kept:
    """What is kept of a deploy that goes on where ``kept`` has failed: what is stuck is deleted first, then it and what
    comes after it are applied from the same files. Raises RuleBroken when that cannot be."""
    folder = Path(str(kept.work.get("folder") or ""))
    if not kept.job.stuck or kept.work.get("kind") != KIND or not has_files(kept):
        why = "The files of that job are not kept any more."
        raise RuleBroken("Nothing was deployed.", why, "Give the files again, and apply them.")
    left = [Item.from_document(each) for each in kept.work["items"][int(kept.work["index"]) :]]
    plain = dict.fromkeys(replace(item, bare=False, exists=False) for item in left)
    items = [replace(item, replaces=item.resource == kept.job.stuck) for item in plain]
    return _kept(conn, folder, items, who, job_id, kept.job.cloud, now, kept.work.get("splits") or {})


def has_files(kept: Kept) -> bool:
    """Whether the files of a deploy are still there."""
    folder = str(kept.work.get("folder") or "")
    return bool(folder) and "items" in kept.work and Path(folder).is_dir()


def _kept(
    conn: Connection,
    folder: Path,
    items: Sequence[Item],
    who: str,
    job_id: str,
    cloud: str,
    now: datetime,
    shown: Mapping[str, Any],
) -> Kept:
    deployments = [item for item in items if item.kind is Kind.DEPLOYMENT]
    main = (deployments or items)[-1]
    title = f"Deploy {', '.join(dict.fromkeys(item.resource for item in items))}"
    endpoint, deployment = main.endpoint, main.name if deployments else ""
    job = Job(job_id, cloud, conn.workspace, endpoint, deployment, "deploy", title, JobState.RUNNING, now, person=who)
    job = replace(job, plan=plan_of(items))
    work = {"kind": KIND, "folder": str(folder), "asked": [item.document() for item in items], "shown": shown}
    return Kept(job, tuple(dict.fromkeys(item.resource for item in items)), work)


def run(work: Work) -> None:
    """Apply what a job has not applied yet. Raises SluiceError when it failed, Left when the next one goes on."""
    values = work.values
    if "items" not in values:
        asked = [Item.from_document(each) for each in values["asked"]]
        items = ordered(work.conn, asked)
        # What the person was shown may be replaced, and nothing that came later.
        splits = {**splits_of(work.conn, items), **(values.get("shown") or {})}
        work.note(items=[item.document() for item in items], splits=splits, index=0)
        work.tell(lambda kept: replace(kept, job=replace(kept.job, plan=plan_of(items))))
        values = work.values
    folder = Path(values["folder"])
    items = [Item.from_document(each) for each in values["items"]]
    with Author(work.conn, work.check_wanted) as author:
        try:
            # The last one ends the job with itself.
            for index in range(int(values["index"]), len(items)):
                if not _apply(work, author, folder, items, index):
                    return
        except Cancelled:
            work.end(JobState.CANCELLED, _cancelled(work, items))
            return
    work.end(JobState.SUCCEEDED)


def _apply(work: Work, author: Author, folder: Path, items: Sequence[Item], index: int) -> bool:
    """Whether the next document may follow. Else the job has ended, as it has with the last one."""
    item = items[index]
    work.check_wanted()
    call = work.conn.call(_what(item, items, index), ROLE)
    path, said = item.path(work.conn), ""
    if item.replaces:
        ending = clearing.clear(work, item, index, call)
        if ending.state is not JobState.SUCCEEDED:
            clearing.end(work, ending, call)
            return False
    if item.kind is Kind.ENDPOINT:
        with Hold(work, path, call, index) as hold:
            refused, ending = _carry_out(work, author, folder, item, index, call, hold)
            hold.ended(ending, is_accepted=refused is None)
        said = hold.said
    else:
        refused, ending = _carry_out(work, author, folder, item, index, call, None)
    if ending.state is not JobState.SUCCEEDED:
        poll = ending.poll
        code, message = (poll.code, poll.message) if poll else ("", "")
        if refused is not None:
            code, message = refused.code, refused.message
        _fail(work, item, call, ending, code=code, message=message)
        return False
    work.phase(item.resource, Phase.READY)
    work.finish(item.resource, Phase.READY, said)
    if index + 1 == len(items):
        work.end(JobState.SUCCEEDED, change=_next(index + 1))
        return False
    work.tell(_next(index + 1))
    return True


def _carry_out(
    work: Work, author: Author, folder: Path, item: Item, index: int, call: Call, hold: Hold | None
) -> tuple[Refused | None, Ending]:
    """Send one document, unless that is done, and follow it to its end."""
    path, values = item.path(work.conn), work.values
    refused: Refused | None = None
    if values.get("sending"):
        if hold is not None:
            hold.go_on()
    else:
        if values.get("begun") == index:
            raise _cut_off(call)
        work.note(begun=index)
        refused = put(work, author, folder, item, path, call, hold)
        if refused is not None and not refused.is_doubtful:
            return refused, refused.ending
    is_lost = "operation" not in work.values
    if is_lost:
        lost = arriving.find_out(work, path, API_VERSION, call, again=_AGAIN, is_delete=False)
        if lost is not None:
            # Azure's own words say more than that nothing has arrived.
            is_told = refused is not None and lost.state is refused.ending.state
            return refused or Refused(lost), refused.ending if refused is not None and is_told else lost
    target = Target(path, API_VERSION, work.values.get("operation", ""))
    ending = follow(work, target, call, lambda: watch(work, item))
    if not is_lost:
        return None, ending
    # An older version does not tell every field of a deployment that can be sent.
    newest = API_VERSION if item.kind is Kind.ENDPOINT else DEPLOYMENT_API
    return None, arriving.confirm(work, path, newest, call, ending)


def _next(index: int) -> Callable[[Kept], Kept]:
    def change(kept: Kept) -> Kept:
        left = {name: value for name, value in kept.work.items() if name not in clearing.OF_A_REQUEST}
        return replace(kept, work={**left, "index": index})

    return change


def _fail(work: Work, item: Item, call: Call, ending: Ending, *, code: str, message: str) -> None:
    error = ending.error or ServiceFailed(call.what, "Azure does not say why.", "Look at what Azure holds now.")
    evidence, causes = gather(work, item, error, code=code, message=message)
    if ending.state is JobState.UNKNOWN:
        causes = ()
    elif item.kind is Kind.DEPLOYMENT:
        # Azure had accepted it, over nothing.
        is_new = ending.poll is not None and work.values.get("before") == ""
        if is_new or any(cause.code == "unrecoverable" for cause in causes):
            work.tell(stuck_at(item.resource))
            error = left_behind(work.conn, item, error)
    work.end(ending.state, error, causes=causes, evidence=evidence)


def _what(item: Item, items: Sequence[Item], index: int) -> str:
    """What has failed when this document fails, and what of the others is there."""
    done = list(dict.fromkeys(each.resource for each in items[:index] if each.resource != item.resource))
    left = [each.resource for each in items[index + 1 :] if each.resource not in (*done, item.resource)]
    texts = [f"{item.resource} was not deployed."]
    if done:
        texts.append(f"Already there: {', '.join(done)}.")
    if left:
        texts.append(f"Not begun: {', '.join(dict.fromkeys(left))}.")
    return " ".join(texts)


def _cut_off(call: Call) -> SluiceError:
    why = "Sluice was stopped while files were on their way to Azure. Azure has begun nothing."
    return ServiceFailed(call.what, why, _AGAIN)


def _cancelled(work: Work, items: Sequence[Item]) -> SluiceError | None:
    index = int(work.values["index"])
    done = [each.resource for each in items[:index]]
    gone = f"{items[index].resource} was deleted before." if work.values.get("cleared") == index else ""
    if not done:
        why = f"{gone} It had failed when it was first made."
        return ServiceFailed("Nothing was deployed.", why, "Apply it again.") if gone else None
    why = f"These are there already: {', '.join(dict.fromkeys(done))}. {gone}".strip()
    return ServiceFailed("The rest was not deployed.", why, "Delete them if nobody needs them.")
