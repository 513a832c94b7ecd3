"""Puts one document to Azure through azure-ai-ml, and tells how far the files are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from services import errors
from services.azure.endpoints import API_VERSION
from services.azure.translation import Call
from services.deploying import documents, references
from services.deploying.author import Author, Broken
from services.deploying.model import Bundle, Document, Finding, JobState, Kind, Phase
from services.deploying.order import Item
from services.deploying.planned import changes_endpoint
from services.errors import NotFound, RuleBroken, ServiceFailed, SluiceError, Timeout
from services.jobs import arriving
from services.jobs.arriving import CERTAIN
from services.jobs.following import Ending
from services.jobs.holding import Hold
from services.jobs.jobs import Kept, with_work
from services.jobs.leaving import STOOD_STILL, fresh
from services.jobs.work import Work
from services.journal.entry import to_split
from services.model import Split
from services.quantities import size

ROLE = "AzureML Data Scientist"
_TELL_EVERY = timedelta(seconds=0.5)
"""An upload of many blocks or files would else be as many writes to the store."""
_LOOKS_AGAIN = 3
_NO_TRAFFIC: list[dict[str, dict[str, int]]] = [{"traffic": {}}, {"mirror_traffic": {}}]


@dataclass(frozen=True)
class Refused:
    """Azure, or azure-ai-ml, has not taken a document; ``is_doubtful``: as far as we know, for no answer came."""

    ending: Ending
    code: str = ""
    message: str = ""
    is_doubtful: bool = False


def put(
    work: Work, author: Author, folder: Path, item: Item, path: str, call: Call, hold: Hold | None = None
) -> Refused | None:
    """Upload, register, and send the request. None once Azure has accepted it: its operation is kept. ``hold`` is for
    an endpoint: its split goes with it.

    Raises SluiceError, Cancelled, and Left when this process ends.
    """
    order = {**_order(folder, item, call), "path": path, "what": call.what, "kind": item.kind.value}
    telling = _Telling(work, item)
    try:
        for event in author.apply(order):
            name = event["event"]
            if name == "ready" and work.values.get("sending"):
                error = _let_go_again(work, author, event, call, hold)
                if error is not None:
                    author.end()
                    return Refused(Ending(JobState.UNKNOWN, error), is_doubtful=True)
            elif name == "ready":
                telling.sent()
                _let_go(work, author, event, path, call, hold)
            elif name == "accepted":
                _accepted(work, event["operation"], event["request_id"])
                telling.accepted()
            elif name == "failed":
                return _refused(work, event, call)
            else:
                telling.tell(event)
    except Broken as error:
        if work.values.get("sending") and "operation" not in work.values:
            why = f"The process that applies it ended ({error}) after it had sent its request."
            error_told = ServiceFailed(call.what, why, "Look at what Azure holds.")
            return Refused(Ending(JobState.UNKNOWN, error_told), is_doubtful=True)
        if "operation" not in work.values:
            why = f"The process that applies it ended by itself ({error})."
            raise ServiceFailed(call.what, why, "Deploy it again. If it stays, look at the log of Sluice.") from error
    return None


def _let_go(work: Work, author: Author, event: Mapping[str, Any], path: str, call: Call, hold: Hold | None) -> None:
    """Let the request leave, right after a look whether it may."""
    splits: Mapping[str, Any] = work.values.get("splits") or {}
    seen = splits.get(path.rpartition("/")[2])
    if hold is not None:
        hold.take()

    def read() -> arriving.Held:
        if hold is not None:
            hold.stays()
        before = arriving.held(work, path, API_VERSION, call)
        if hold is not None:
            # Last: nothing slow comes between this and the request.
            hold.replaces(to_split(seen) if seen else None, Split(event["live"], event["mirror"]))
        return before

    def keep(before: arriving.Held) -> None:
        # Kept before it is sent: whoever comes later knows that Azure may have it.
        arriving.commit(work, before, event["wanted"])
        if hold is not None:
            hold.leaves()

    fresh(work, call, read, keep)
    author.go()


def _let_go_again(
    work: Work, author: Author, event: Mapping[str, Any], call: Call, hold: Hold | None
) -> SluiceError | None:
    """Let azure-core send it again, because there was no good answer. The first one may have arrived: what was there
    before it stays what is compared, and it is too late to cancel. Why it must not leave a second time, else None."""
    after = Split(event["live"], event["mirror"])
    for _ in range(_LOOKS_AGAIN):
        is_old = work.stopwatch()
        try:
            if hold is not None:
                hold.replaces(after, after)
                hold.leaves()
        except SluiceError as error:
            return error
        work.note(sent_again_at=work.conn.now().isoformat())
        if is_old() <= STOOD_STILL:
            author.go()
            return None
    return Timeout(call.what, "Azure was too slow to be asked before it was sent again.", "Look at what Azure holds.")


def _accepted(work: Work, operation: str, request_id: str) -> None:
    def change(kept: Kept) -> Kept:
        return with_work(replace(kept, job=replace(kept.job, request_id=request_id)), operation=operation)

    work.tell(change)


def _order(folder: Path, item: Item, call: Call) -> dict[str, Any]:
    """The file, or the one document of it that is meant when it has several."""
    found, _ = documents.find(folder, (item.file,))
    wanted = [each for each in found if _is(each, item)]
    if not wanted:
        why = f"{item.file} is not there any more, or does not describe {item.resource} any more."
        raise NotFound(call.what, why, "Give the files again.")
    _refuse_outside(folder, wanted[0], call)
    is_alone = documents.stands_alone(folder / item.file)
    text = "" if is_alone else yaml.safe_dump(dict(wanted[0].content), sort_keys=False)
    overrides = _NO_TRAFFIC if item.bare and item.targets else []
    return {"file": str(folder / item.file), "text": text, "overrides": overrides}


def _refuse_outside(folder: Path, document: Document, call: Call) -> None:
    """azure-ai-ml uploads whatever a path leads to, also a folder with somebody's keys. The checks say it before, but
    are no more than advice. Raises RuleBroken."""
    bundle = Bundle(folder, (document.file,), (document,), ())
    for each in references.local_files(document):
        found = references.locate(bundle, document, each)
        is_outside = isinstance(found, Finding) and found.code == "path-outside"
        if is_outside or each.text.strip().lower().startswith("file:"):
            why = f"The {each.what} {each.text} in {document.file} lies outside of the files that were given."
            raise RuleBroken(call.what, why, "Put it beside the YAML, and name that path.")
        if isinstance(found, Path) and found.is_dir():
            _refuse_hidden_links(folder, found, each.text, call)


def _refuse_hidden_links(folder: Path, uploaded: Path, name: str, call: Call) -> None:
    """An upload follows links, and the checks do not look into hidden folders beside the YAML, such as ``.git``: they
    are large, and rarely meant. Raises RuleBroken."""
    root = folder.resolve()
    for parent, folders, files in os.walk(uploaded):
        for each in (Path(parent) / one for one in (*folders, *files)):
            inside = each.relative_to(root)
            is_hidden = inside.parts[0].startswith(".")
            if is_hidden and each.is_symlink() and not each.resolve().is_relative_to(root):
                why = f"{inside} in {name} is a link that leads outside of the files that were given."
                raise RuleBroken(call.what, why, "Take it out, or name a folder without it.")


def _is(document: Document, item: Item) -> bool:
    names = (document.name.lower(), document.endpoint.lower())
    return document.kind is item.kind and names == (item.name, item.endpoint)


def _refused(work: Work, event: dict[str, Any], call: Call) -> Refused:
    kind = getattr(errors, str(event["error"]), ServiceFailed)
    texts = [str(each) for each in event["texts"]]
    error: SluiceError = kind(*texts, request_id=event["request_id"] or None)
    values = work.values
    # What refuses a second sending, such as a 409, may be that the first one has arrived.
    is_last_word = isinstance(error, CERTAIN) and "sent_again_at" not in values
    is_doubtful = bool(values.get("sending")) and not is_last_word
    code, message = str(event["code"]), str(event["message"] or call.what)
    return Refused(Ending(JobState.FAILED, error), code, message, is_doubtful)


class _Telling:
    """Tells how far the files of one document are."""

    def __init__(self, work: Work, item: Item) -> None:
        self._work = work
        self._resource = item.resource
        self._total = 0
        self._sent = 0
        self._told_at: datetime | None = None
        self._names: list[str] = []
        self._has_files = item.kind is Kind.DEPLOYMENT
        if self._has_files:
            work.phase(self._resource, Phase.UPLOAD, "reading the files")
        else:
            work.phase(self._resource, changes_endpoint(item))

    def tell(self, event: dict[str, Any]) -> None:
        name = event["event"]
        if name == "files":
            self._total = int(event["bytes"])
        elif name in ("uploading", "sent"):
            self._upload(int(event.get("bytes", 0)))
        elif name == "registered":
            self._names.append(str(event["kind"]))
            self._work.begin(self._resource, Phase.REGISTER, ", ".join(dict.fromkeys(self._names)))

    def sent(self) -> None:
        """The files are there, and the request goes out."""
        if self._has_files:
            self._work.finish(self._resource, Phase.UPLOAD, uploaded(self._sent, self._total))
            self._work.phase(self._resource, Phase.WRITE)

    def accepted(self) -> None:
        """Azure has taken the request. One that it refuses has built nothing."""
        if self._has_files:
            self._work.phase(self._resource, Phase.BUILD)

    def _upload(self, sent: int) -> None:
        self._sent = max(self._sent, sent)
        now = self._work.now()
        if self._told_at is None or now - self._told_at >= _TELL_EVERY:
            self._told_at = now
            self._work.begin(self._resource, Phase.UPLOAD, self._so_far())

    def _so_far(self) -> str:
        whole = max(self._total, self._sent)
        return f"{size(self._sent)} of {size(whole)}" if self._sent < whole else size(self._sent)


def uploaded(sent: int, total: int) -> str:
    """What an upload has sent, once it is over: files that Azure had already are not sent again. Pure."""
    if not sent:
        return "nothing new to upload"
    return f"{size(sent)}; {size(total - sent)} were there already" if sent < total else size(sent)
