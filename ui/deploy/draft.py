"""The files that somebody is about to apply, read and checked in the background.

A draft is on the disk from the first thing that is in it (see services.deploying.drafts), under the id that is in the
URL: a reload, another tab and a restart of Sluice find it again.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import streamlit as st

from services.azure.connection import Connection
from services.deploying import drafts
from services.deploying.drafts import Drafts, KeptDraft, Reading
from services.deploying.inbox import Inbox
from services.deploying.model import Bundle
from ui import context
from ui.deploy import checked, making, sweeping
from ui.deploy.checked import Prepared as Prepared
from ui.deploy.checked import Work as Work
from ui.deploy.making import Make

PARAMETER = "draft"
_REMEMBERED = "deploy_draft"
_FOLDER = "deploys"
_MOST_IN_MEMORY = 50
_log = logging.getLogger("sluice.ui")


@dataclass
class Draft:
    """What somebody has typed, chosen and sent. ``box`` is the place of the inbox where the browser puts files.

    ``reading`` are the files that were read last, of this process or of an earlier one; ``read_form`` is what was typed
    and sent then, None when they come from elsewhere. ``edits`` are the files that were changed on the page, by name.
    ``is_instead``: it begins because the one that the URL names is gone. ``saved`` is what the disk has.
    ``is_forgotten``: it was thrown away, and whatever still works on it keeps nothing.
    """

    id: str
    box: str
    text: str = ""
    way: str = ""
    choices: dict[str, str | bool] = field(default_factory=dict)
    reading: Reading | None = None
    edits: dict[str, str] = field(default_factory=dict)
    read_form: Mapping[str, str] | None = None
    work: Work | None = None
    is_instead: bool = False
    saved: KeptDraft | None = None
    is_forgotten: bool = False

    @property
    def prepared(self) -> Prepared | None:
        """What the last reading found, None while there is none."""
        return self.work.prepared if self.work else None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it that somebody would miss."""
        return not (
            self.work or self.reading or self.text.strip() or self.way or self.choices or inbox().files(self.box)
        )

    @property
    def form(self) -> dict[str, str]:
        """What is typed and sent now."""
        return making.form_of(self.text, inbox().files(self.box))

    @property
    def is_form_changed(self) -> bool:
        """Whether something else is typed or sent than what was read."""
        return self.read_form is not None and self.form != self.read_form

    def unread(self) -> tuple[str, ...]:
        """The files that were changed on the page since they were read."""
        return making.differing(self.prepared.bundle, self.edits) if self.prepared else ()

    def kept(self) -> KeptDraft:
        """What the disk should have."""
        choices, edits = dict(self.choices), dict(self.edits)
        return KeptDraft(self.id, self.box, self.text, self.way, choices, self.reading, edits, self.read_form)


@dataclass
class _Known:
    """The drafts of this process by id, and what keeps them on the disk."""

    store: Drafts
    inbox: Inbox
    lock: threading.Lock = field(default_factory=threading.Lock)
    drafts: dict[str, Draft] = field(default_factory=dict)


@st.cache_resource(show_spinner=False)
def _known() -> _Known:
    folder = context.settings().data_dir
    root = (folder if folder.is_absolute() else context.ROOT / folder) / _FOLDER
    return _Known(Drafts(root), Inbox(root / drafts.INCOMING))


def inbox() -> Inbox:
    """Where the browser of everybody here puts files. Raises NotConfigured."""
    return _known().inbox


def sweep() -> None:
    """Throw away what nobody needs any more, if that was not done lately. Takes no time."""
    known = _known()
    sweeping.begin(known.store, known.inbox)


def current() -> Draft:
    """The draft that the URL names, else that of this session, else a new one."""
    sweep()
    asked = st.query_params.get(PARAMETER, "")
    found = _find(asked) or _find(st.session_state.get(_REMEMBERED, ""))
    if found is None:
        st.query_params.pop(PARAMETER, None)
        return new(is_instead=bool(asked))
    # It keeps its box always: another process may have put files into it, and the page of that one is open.
    inbox().reopen(found.box)
    _write(found)
    return found


def _find(draft_id: str) -> Draft | None:
    """A draft of this process, or one that the disk has. One that was swept meanwhile is gone here too."""
    known = _known()
    with known.lock:
        found = known.drafts.get(draft_id)
        if found is not None and (found.saved is None or known.store.touch(draft_id)):
            return found
        kept = known.store.find(draft_id)
        if found is not None or kept is None:
            known.drafts.pop(draft_id, None)
            return None
        again = Draft(kept.id, kept.box, kept.text, kept.way, dict(kept.choices), kept.reading, dict(kept.edits))
        again.read_form, again.saved = kept.read_form, kept
        known.drafts[draft_id] = again
        return again


def new(*, text: str = "", way: str = "", is_instead: bool = False) -> Draft:
    """Begin a draft, with a ``text`` and a ``way`` to bring files (see ui.deploy.sources) where they are given."""
    known = _known()
    made = Draft(Drafts.new_id(), known.inbox.open(), text, way, is_instead=is_instead)
    with known.lock:
        # Every visit begins one, so those in which nothing is go first. The others are found again on the disk.
        others = sorted(known.drafts.values(), key=lambda each: (not each.is_empty, each.work is not None))
        for old in others[: max(0, len(others) + 1 - _MOST_IN_MEMORY)]:
            del known.drafts[old.id]
        known.drafts[made.id] = made
    _write(made)
    return made


def _write(draft: Draft) -> None:
    st.session_state[_REMEMBERED] = draft.id
    if draft.is_empty and draft.saved is None:
        return
    save(draft)
    if st.query_params.get(PARAMETER) != draft.id:
        st.query_params[PARAMETER] = draft.id


def save(draft: Draft) -> None:
    """Put a draft on the disk, if anything of it has changed. A disk that does not take it is told in the log."""
    kept, known = draft.kept(), _known()
    if kept == draft.saved:
        return
    try:
        with known.lock:
            if not draft.is_forgotten:
                known.store.save(kept)
                draft.saved = kept
    except OSError:
        _log.exception("A draft could not be kept")


def look_at(draft: Draft) -> None:
    """Keep a draft that an open page shows. For fragments that run by themselves."""
    sweep()
    if draft.saved is not None:
        _known().store.touch(draft.id)


def forget() -> None:
    """Begin anew from the next drawing on. For callbacks."""
    known = _known()
    found = _find(st.session_state.pop(_REMEMBERED, ""))
    st.query_params.pop(PARAMETER, None)
    if found is not None:
        with known.lock:
            found.is_forgotten = True
            known.drafts.pop(found.id, None)
            known.store.drop(found.id)
        known.inbox.drop(found.box)
        _put_away(found.reading)


def _put_away(reading: Reading | None) -> None:
    """Throw away the copy of the files that an earlier reading has made, in the background: a model is large."""
    if reading is not None:
        store = _known().store
        threading.Thread(
            target=sweeping.throw_away, args=(store, reading.folder), name="deploy-tidy", daemon=True
        ).start()


def resume(draft: Draft, conn: Connection, changed_at: datetime | None) -> None:
    """Check files again, in the background: those that an earlier process has read, and those that were checked before
    ``changed_at``, when something of the workspace was changed from here last."""
    known = draft.prepared if draft.prepared and draft.prepared.workspace.is_same(conn.workspace) else None
    if draft.work is None and draft.reading is not None:
        _check(draft, conn, draft.reading.again)
    elif known is not None and changed_at is not None and known.made_at < changed_at:
        _check(draft, conn, known.bundle)


def _check(draft: Draft, conn: Connection, source: Bundle | Callable[[], Bundle]) -> None:
    folder = draft.reading.folder if draft.reading else None
    if folder is not None and folder.parent != _known().store.root / drafts.FILES:
        # A folder of this machine: it may have changed, and so may what may be read.
        _begin(draft, lambda work: checked.prepare(work, conn, lambda: making.from_folder(folder)))
    else:
        _begin(draft, lambda work: checked.prepare(work, conn, source))


def read(draft: Draft, conn: Connection, make: Make) -> None:
    """Read files with ``make`` into a folder of their own and check them, in the background. For callbacks.

    They take the place of what was typed, sent and changed before.
    """
    draft.edits, draft.read_form = {}, None
    _copy(draft, conn, make)


def read_form(draft: Draft, conn: Connection) -> None:
    """Read what is typed and sent, with the changes made to it on the page, and check it. For callbacks."""
    form, sent = draft.form, inbox().files(draft.box)
    draft.edits = making.still_meant(draft.edits, draft.read_form, form)
    draft.read_form = form
    _copy(draft, conn, making.from_form(draft.text, sent, dict(draft.edits)))


def check_again(draft: Draft, conn: Connection) -> None:
    """Check what is on the page now, in the background: what was changed since is read first. For callbacks."""
    known = draft.prepared
    if draft.is_form_changed:
        read_form(draft, conn)
    elif known is not None and draft.unread():
        _copy(draft, conn, making.with_texts(known.bundle, dict(draft.edits)))
    elif known is not None:
        _check(draft, conn, known.bundle)


def _copy(draft: Draft, conn: Connection, make: Make) -> None:
    folder = _known().store.root / drafts.FILES / uuid.uuid4().hex

    def made() -> Bundle:
        folder.mkdir(mode=0o700, parents=True)
        return make(folder)

    _begin(draft, lambda work: checked.prepare(work, conn, made), folder)


def _begin(draft: Draft, run: Callable[[Work], None], copied: Path | None = None) -> None:
    """``copied`` is the folder that the reading makes, if it makes one."""
    before, store = draft.reading, _known().store
    standing = draft.work.before if draft.work and not draft.work.done.is_set() else draft.prepared
    draft.work = work = Work(standing)

    def read_all() -> None:
        checked.run(work, run, lambda prepared: keep(prepared.bundle))
        # Another reading may have begun meanwhile, from the files of the one before.
        is_newest = work.prepared is not None and draft.work is work
        if before is not None and is_newest and draft.reading is not None and draft.reading.folder != before.folder:
            sweeping.throw_away(store, before.folder)
        if copied is not None and (draft.is_forgotten or work.prepared is None):
            # Nothing leads to this copy any more.
            sweeping.throw_away(store, copied)

    def keep(bundle: Bundle) -> None:
        if draft.work is work:
            draft.reading = Reading.of(bundle)
            # Another process may have thrown it away meanwhile.
            if draft.saved is not None and store.touch(draft.id):
                save(draft)

    threading.Thread(target=read_all, name="deploy-check", daemon=True).start()
