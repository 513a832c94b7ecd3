"""What the data collector has written to files becomes blobs: lines are put behind those of the newest blob."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from emulator.storage.blobs import BlobStore
from emulator.storage.errors import BlobError
from emulator.storage.rows import Row

LOOK_SECONDS = 0.5
LARGEST_BLOB = 4 << 20
"""Bytes of lines after which another blob is begun: putting lines behind others copies those."""
_MOST_FOLDERS = 1000

_log = logging.getLogger(__name__)


class Collected:
    """Takes files out of ``folder``, the oldest first. ``now`` is epoch seconds.

    A file is removed once its blob is written. After a stop in between its lines are there twice, with the same ids.
    """

    def __init__(self, folder: Path, blobs: BlobStore, now: Callable[[], float]) -> None:
        self._folder = folder
        self._blobs = blobs
        self._now = now
        self._newest: dict[tuple[str, str], str] = {}
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to look for files now and then."""
        self._task = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Look no more. What is not taken yet is at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def take(self) -> None:
        """Take every file that is there. Blocks."""
        if not self._folder.is_dir():
            return
        for path in sorted(each for each in self._folder.iterdir() if not each.name.startswith(".")):
            try:
                self._take(path)
            except (BlobError, ValueError, KeyError) as error:
                _log.error("What the data collector has written cannot be kept: %s", error)
            path.unlink(missing_ok=True)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                # Not cancelled in the middle: a thread cannot be.
                await asyncio.shield(asyncio.to_thread(self.take))
            except OSError as error:
                _log.error("What the data collector has written could not be taken: %s", error)

    def _take(self, path: Path) -> None:
        with path.open("rb") as file:
            head = json.loads(file.readline())
            container, folder = head["container"], head.get("folder")
            name = head["blob"] if folder is None else self._blob_of(container, folder)
            draft = self._blobs.draft()
            with draft.open("wb") as target:
                if folder is not None and self._blobs.find(container, name) is not None:
                    with self._blobs.locate(container, name).open("rb") as before:
                        shutil.copyfileobj(before, target)
                shutil.copyfileobj(file, target)
        present = self._now()
        kind = {"Content-Type": "application/octet-stream"}
        self._blobs.commit(container, name, draft, Row("", 0, present, present, {}, kind), lambda _: None)

    def _blob_of(self, container: str, folder: str) -> str:
        """The blob that lines of a folder go to: the one before, until it is large."""
        name = self._newest.get((container, folder))
        row = self._blobs.find(container, name) if name else None
        if name is None or row is None or row.length > LARGEST_BLOB:
            if len(self._newest) >= _MOST_FOLDERS:
                self._newest.clear()
            name = self._newest[container, folder] = f"{folder}/{uuid.uuid4()}.jsonl"
        return name
