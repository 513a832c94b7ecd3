"""Blobs as files: a container is a folder, a blob is a file below it, and what Azure knows beside the bytes is a row.

A blob exists when both are there. Bytes arrive in a draft file and are moved into place at the end, so that a blob is
never half there. Everything here blocks: call it from a thread.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from emulator.documents import Documents
from emulator.storage.blocks import Blocks
from emulator.storage.errors import BlobError, no_blob
from emulator.storage.rows import Row, Rows

_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")
MAX_NAME = 1024
"""Characters in a blob's name ("Naming and referencing containers, blobs, and metadata")."""
# A backslash parts names on some systems; the others no list can name, as XML cannot.
_UNFIT = re.compile(r"[\\\x00-\x1f\ufffe\uffff]")
# Names of our own files begin with a dot, names of containers never do.
_DRAFTS, _DATABASE = ".drafts", ".rows.db"

Check = Callable[[Row | None], None]
"""Raises a BlobError when the blob that is there, or None, is not as a caller wants it."""


class BlobStore:
    """The blobs of the one storage account."""

    def __init__(self, root: Path, documents: Documents) -> None:
        self._root = root
        self._drafts = root / _DRAFTS
        # Uploads that a stop cut short: their clients begin again.
        shutil.rmtree(self._drafts, ignore_errors=True)
        self._drafts.mkdir(mode=0o700, parents=True)
        self._rows = Rows(root / _DATABASE)
        self._blocks = Blocks(self._drafts)
        # One commit at a time: what a condition saw must still be so when the file moves.
        self._commit = threading.Lock()
        self._take_over(documents)

    def locate(self, container: str, name: str) -> Path:
        """The file or folder of a blob name. Raises :class:`BlobError` for a name that leads out of its container."""
        if not _CONTAINER.fullmatch(container):
            raise BlobError(400, "InvalidResourceName", f"'{container[:80]}' is not a container name.")
        if len(name) > MAX_NAME:
            raise BlobError(400, "InvalidResourceName", f"The blob name is longer than {MAX_NAME} characters.")
        parts = name.split("/")
        for part in parts:
            if part in ("", ".", "..") or _UNFIT.search(part) or len(part.encode()) > 255:
                raise BlobError(400, "InvalidResourceName", "The blob name has a part that cannot be stored.")
        return self._root.joinpath(container, *parts)

    def find(self, container: str, name: str) -> Row | None:
        """A blob's row, or None; a name that cannot be stored is not there."""
        try:
            path = self.locate(container, name)
        except BlobError:
            return None
        row = self._rows.get(container, name)
        return row if row is not None and path.is_file() else None

    def listing(self, container: str, prefix: str, after: str, limit: int) -> list[tuple[str, Row]]:
        """At most `limit` blobs whose names begin with `prefix` and come after `after`, by name."""
        return self._rows.listed(container, prefix, after, limit)

    def containers(self) -> list[str]:
        """Containers that hold something, by name."""
        return self._rows.containers()

    def draft(self) -> Path:
        """A file for bytes that arrive. Whoever asks for it moves or removes it."""
        return self._drafts / secrets.token_hex(16)

    def keep_block(self, container: str, name: str, block: str, draft: Path) -> None:
        """Keep a draft as an uncommitted block. Raises :class:`BlobError`."""
        self.locate(container, name)
        self._blocks.keep(container, name, block, draft)

    def uncommitted(self, container: str, name: str) -> list[tuple[str, int]]:
        """Ids and lengths of the uncommitted blocks of a blob, by id."""
        return self._blocks.listed(container, name)

    def forget_blocks(self, older_than: float) -> int:
        """Remove uncommitted blocks to whose blob none came after the epoch second. Returns of how many blobs."""
        return self._blocks.forget(older_than)

    def join_blocks(
        self, container: str, name: str, wanted: Sequence[tuple[str, str]]
    ) -> tuple[Path, list[tuple[str, int]]]:
        """Put blocks together in a new draft.

        `wanted` are (Latest, Uncommitted or Committed, id). Returns the draft and ids with lengths. Raises
        :class:`BlobError` when one is missing.
        """
        row = self.find(container, name)
        offsets: dict[str, tuple[int, int]] = {}
        at = 0
        for block, length in row.blocks if row else ():
            offsets[block] = (at, length)
            at += length
        draft, found = self.draft(), []
        try:
            with draft.open("wb") as target:
                for kind, block in wanted:
                    length = self._copy_block(container, name, kind, block, offsets, target)
                    found.append((block, length))
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return draft, found

    def _copy_block(
        self, container: str, name: str, kind: str, block: str, offsets: dict[str, tuple[int, int]], target: BinaryIO
    ) -> int:
        part = self._blocks.path(container, name, block)
        if kind != "Committed" and part.is_file():
            with part.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)
            return part.stat().st_size
        if kind == "Uncommitted" or block not in offsets:
            raise BlobError(400, "InvalidBlockList", "The specified block list is invalid.")
        at, length = offsets[block]
        with self.locate(container, name).open("rb") as source:
            source.seek(at)
            left = length
            while left and (chunk := source.read(min(left, 1 << 20))):
                target.write(chunk)
                left -= len(chunk)
        return length

    def commit(self, container: str, name: str, draft: Path, row: Row, check: Check) -> Row:
        """Move a draft into its place and write its row. Raises :class:`BlobError`, and then the draft is gone."""
        path = self.locate(container, name)
        try:
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            with self._commit:
                before = self.find(container, name)
                check(before)
                _move(draft, path)
                created = before.created if before else row.created
                kept = replace(row, etag=_etag(), length=path.stat().st_size, created=created)
                self._rows.put(container, name, kept)
        finally:
            draft.unlink(missing_ok=True)
        self._blocks.clear(container, name)
        return kept

    def set_metadata(self, container: str, name: str, metadata: dict[str, str], now: float, check: Check) -> Row:
        """Replace a blob's metadata. Raises :class:`BlobError`."""
        with self._commit:
            row = self.find(container, name)
            if row is None:
                raise no_blob()
            check(row)
            kept = replace(row, etag=_etag(), modified=now, metadata=metadata)
            self._rows.put(container, name, kept)
            return kept

    def delete(self, container: str, name: str, check: Check) -> None:
        """Remove a blob and its uncommitted blocks. Raises :class:`BlobError`."""
        with self._commit:
            row = self.find(container, name)
            if row is None:
                raise no_blob()
            check(row)
            self._rows.delete(container, name)
            path = self.locate(container, name)
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if folder == self._root or any(folder.iterdir()):
                    break
                folder.rmdir()
        self._blocks.clear(container, name)

    def close(self) -> None:
        """Close the database."""
        self._rows.close()

    def _take_over(self, documents: Documents) -> None:
        """Earlier versions kept the rows among the documents, under a digest of container and name."""
        old = dict(documents.all("blob"))
        if not old:
            return
        for path in self._root.rglob("*"):
            container, _, name = path.relative_to(self._root).as_posix().partition("/")
            row = old.get(hashlib.sha256(f"{container}/{name}".encode()).hexdigest()) if path.is_file() else None
            if row is not None:
                moved = Row(row["etag"], path.stat().st_size, row["modified"], row["modified"], row["metadata"])
                self._rows.put(container, name, moved)
        with documents.transaction():
            for key in old:
                documents.delete("blob", key)


def _move(draft: Path, path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.replace(path)
    except OSError as error:
        raise BlobError(409, "BlobNameConflict", "Another blob has this name as a folder, or a folder it.") from error


def _etag() -> str:
    return f'"0x{secrets.token_hex(8).upper()}"'
