"""Drafts on the disk: what somebody has typed, chosen, sent and read, found again after a restart by a random id.

``root`` has three folders: ``drafts`` with one JSON file for each draft, ``incoming`` with the files that the browser
has sent (see :mod:`services.deploying.inbox`), and ``files`` with the copies that were read from them.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from services.deploying import documents
from services.deploying.inbox import Inbox, newest
from services.deploying.model import Bundle, Finding, JobState, Level, Place
from services.errors import NotFound
from services.store import JOBS, Store

KEPT_SECONDS = 3 * 86_400.0
"""How long a draft stays that nobody looks at."""
ORPHAN_SECONDS = 6 * 3600.0
"""How long files stay that belong to no draft: a reading that goes on belongs to none yet."""
FILES, INCOMING = "files", "incoming"
_DRAFTS, _GONE = "drafts", "gone"
_ID_BYTES = 16
_ID = re.compile(r"[0-9a-f]{32}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """Files that were read: where they are, their names, and what was found wrong when they were read."""

    folder: Path
    files: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    @staticmethod
    def of(bundle: Bundle) -> Reading:
        """What has to be known of ``bundle`` to have it again."""
        return Reading(bundle.folder, bundle.files, bundle.findings)

    def again(self) -> Bundle:
        """The bundle as it was. Raises NotFound when its files are gone."""
        if not all((self.folder / each).is_file() for each in self.files) or not self.folder.is_dir():
            why = "The copies of the files that were read are not kept any more."
            raise NotFound("The files could not be opened again.", why, "Check again, or send the files once more.")
        return Bundle(self.folder, self.files, documents.find(self.folder, self.files)[0], self.findings)


@dataclass(frozen=True)
class KeptDraft:
    """One draft. ``box`` is its place in the inbox, ``way`` how files are brought, ``choices`` what a form holds.

    ``edits`` are the files that were changed here, by name, with their whole text. ``read_form`` says which typed text
    and sent files ``reading`` was made of, None when it comes from elsewhere.
    """

    id: str
    box: str
    text: str = ""
    way: str = ""
    choices: Mapping[str, str | bool] = field(default_factory=dict)
    reading: Reading | None = None
    edits: Mapping[str, str] = field(default_factory=dict)
    read_form: Mapping[str, str] | None = None


class Drafts:
    """The drafts below ``root``. Thread-safe."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folder = root / _DRAFTS
        self._lock = threading.Lock()

    @staticmethod
    def new_id() -> str:
        """An id that nobody can guess: who knows it may open the draft."""
        return secrets.token_hex(_ID_BYTES)

    def save(self, draft: KeptDraft) -> None:
        """Keep a draft as it is now. Raises OSError when the disk does not take it."""
        path = self._folder / f"{draft.id}.json"
        with self._lock:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            written = path.with_suffix(".new")
            with open(written, "w", encoding="utf-8", opener=_private) as file:
                json.dump(_as_json(draft), file)
            os.replace(written, path)

    def find(self, draft_id: str) -> KeptDraft | None:
        """A draft by its id, None when it is not kept, or not readable any more. To look at it keeps it."""
        if not _ID.fullmatch(draft_id):
            return None
        with self._lock:
            try:
                path = self._folder / f"{draft_id}.json"
                found = _from_json(draft_id, json.loads(path.read_text(encoding="utf-8")))
                os.utime(path)
            except (OSError, ValueError, KeyError, TypeError):
                return None
        return found

    def touch(self, draft_id: str) -> bool:
        """Keep a draft because somebody looks at it. False when it is not kept any more."""
        with self._lock:
            try:
                os.utime(self._folder / f"{draft_id}.json")
            except OSError:
                return False
        return True

    def drop(self, draft_id: str) -> None:
        """Forget a draft. Its files go with the next sweep."""
        with self._lock:
            (self._folder / f"{draft_id}.json").unlink(missing_ok=True)

    def sweep(self, inbox: Inbox, in_use: Callable[[], Collection[Path]], now: float) -> None:
        """Throw away drafts that nobody has looked at for :data:`KEPT_SECONDS`, and files that belong to none.

        ``in_use`` tells the folders that running jobs and trials read: those stay. ``now`` is in epoch seconds. No
        files go while a draft that is kept does not tell which are its own. Raises OSError when one cannot be read.
        """
        with self._lock:
            kept = self._keep_those_looked_at(now)
            if kept is None:
                return
            # Asked after the drafts: a job begins from a draft that somebody looks at.
            owned = {folder for _, folder in kept if folder} | set(in_use())
            gone = self.root / _GONE
            gone.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.root / FILES).glob("*"):
                if folder not in owned and newest(folder) < now - ORPHAN_SECONDS:
                    folder.rename(gone / folder.name)
        # A large model takes a while to delete, and nobody should wait for it.
        shutil.rmtree(gone, ignore_errors=True)
        inbox.sweep({box for box, _ in kept}, older_than=ORPHAN_SECONDS, now=now)

    def throw_away(self, folder: Path, in_use: Collection[Path]) -> None:
        """Delete the copy that an earlier reading has made. A folder that somebody owns, or that is in use, stays."""
        if folder.parent == self.root / FILES and folder not in in_use:
            shutil.rmtree(folder, ignore_errors=True)

    def _keep_those_looked_at(self, now: float) -> list[tuple[str, Path | None]] | None:
        """The boxes and the folders of the drafts that stay; None when one of them does not tell what it needs: it may
        be of a newer Sluice. Raises OSError when one cannot be read just now."""
        kept: list[tuple[str, Path | None]] = []
        is_known = True
        for path in self._folder.glob("*"):
            try:
                if path.stat().st_mtime < now - KEPT_SECONDS:
                    path.unlink(missing_ok=True)
                elif path.suffix == ".json":
                    kept.append(_needs(json.loads(path.read_text(encoding="utf-8"))))
            except FileNotFoundError:
                # Another process has thrown it away.
                continue
            except (ValueError, KeyError, TypeError):
                _log.warning("No files are thrown away: the draft %s… cannot be understood", path.stem[:6])
                is_known = False
        return kept if is_known else None


def _needs(said: Mapping[str, Any]) -> tuple[str, Path | None]:
    """The box and the folder of a kept draft."""
    return str(said["box"]), Path(said["folder"]) if "folder" in said else None


def read_by_jobs(store: Store) -> set[Path]:
    """The folders that running jobs of any cloud read. Raises StoreFailed."""
    running = sa.select(JOBS.c.content).where(JOBS.c.state == JobState.RUNNING.value)
    with store.reading() as connection:
        kept = [json.loads(each.content) for each in connection.execute(running)]
    return {Path(folder) for each in kept if (folder := each["work"].get("folder"))}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _as_json(draft: KeptDraft) -> dict[str, Any]:
    found: dict[str, Any] = {"box": draft.box, "text": draft.text, "way": draft.way, "choices": dict(draft.choices)}
    found |= {"edits": dict(draft.edits), "read_form": None if draft.read_form is None else dict(draft.read_form)}
    if draft.reading is not None:
        found["folder"] = str(draft.reading.folder)
        found["files"] = draft.reading.files
        found["findings"] = [
            [each.level, each.code, each.place.file, each.place.line, each.what, each.why, each.fix]
            for each in draft.reading.findings
        ]
    return found


def _from_json(draft_id: str, said: Mapping[str, Any]) -> KeptDraft:
    reading = None
    if "folder" in said:
        findings = tuple(
            Finding(Level(level), code, Place(file, line), what, why, fix)
            for level, code, file, line, what, why, fix in said["findings"]
        )
        reading = Reading(Path(said["folder"]), tuple(said["files"]), findings)
    made = KeptDraft(draft_id, said["box"], said["text"], said["way"], said["choices"], reading)
    return replace(made, edits=said.get("edits", {}), read_form=said.get("read_form"))
