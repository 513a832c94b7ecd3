"""Blobs as files: a container is a folder, a blob is a file below it, and what Azure knows beside the bytes is a row.

A blob exists when both are there. Bytes arrive in a draft file and are moved into place at the end, so that a blob is
never half there.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.documents import Documents

_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")
_BLOCK_ID = re.compile(r"[A-Za-z0-9+/=_-]{1,128}")


class BlobError(Exception):
    """A blob call that fails. `status` and `code` are Azure Storage's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Blob:
    """One blob: its file, length in bytes, etag, epoch second of its last change and its metadata."""

    path: Path
    length: int
    etag: str
    modified: float
    metadata: dict[str, str]


class BlobStore:
    """The blobs of the one storage account."""

    def __init__(self, root: Path, documents: Documents) -> None:
        self._root = root
        self._documents = documents
        self._drafts = root / ".drafts"
        # Uploads that a stop cut short: their clients begin again.
        shutil.rmtree(self._drafts, ignore_errors=True)
        self._drafts.mkdir(mode=0o700, parents=True)

    def locate(self, container: str, name: str) -> Path:
        """The file or folder of a blob name. Raises :class:`BlobError` for a name that leads out of its container."""
        if not _CONTAINER.fullmatch(container):
            raise BlobError(400, "InvalidResourceName", f"'{container[:80]}' is not a container name.")
        parts = name.split("/")
        for part in parts:
            if part in ("", ".", "..") or "\\" in part or "\0" in part or len(part.encode()) > 255:
                raise BlobError(400, "InvalidResourceName", "The blob name has a part that cannot be stored.")
        return self._root.joinpath(container, *parts)

    def find(self, container: str, name: str) -> Blob | None:
        """A blob, or None; a name that cannot be stored is not there."""
        try:
            path = self.locate(container, name)
        except BlobError:
            return None
        row = self._documents.get("blob", _key(container, name))
        if row is None or not path.is_file():
            return None
        return Blob(path, path.stat().st_size, row["etag"], row["modified"], row["metadata"])

    def listing(self, container: str, prefix: str) -> list[tuple[str, Blob]]:
        """The blobs of a container whose names begin with `prefix`, by name."""
        folder = self.locate(container, "x").parent
        paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        found = ((name, self.find(container, name)) for name in sorted(paths) if name.startswith(prefix))
        return [(name, blob) for name, blob in found if blob is not None]

    async def receive(self, stream: AsyncIterator[bytes]) -> tuple[Path, bytes]:
        """Write a request's bytes to a draft. Returns the draft and the MD5 of what came."""
        draft = self._drafts / secrets.token_hex(16)
        digest = hashlib.md5(usedforsecurity=False)
        try:
            with draft.open("wb") as file:
                async for chunk in stream:
                    file.write(chunk)
                    digest.update(chunk)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return draft, digest.digest()

    def keep_block(self, container: str, name: str, block: str, draft: Path) -> None:
        """Keep a draft as an uncommitted block."""
        folder = self._blocks(container, name)
        part = self._block(folder, block)
        folder.mkdir(mode=0o700, exist_ok=True)
        draft.replace(part)

    def join_blocks(self, container: str, name: str, blocks: Sequence[str]) -> Path:
        """Put blocks together in a new draft. Raises :class:`BlobError` when one is missing."""
        folder = self._blocks(container, name)
        parts = [self._block(folder, block) for block in blocks]
        if not all(part.is_file() for part in parts):
            raise BlobError(400, "InvalidBlockList", "The specified block list is invalid.")
        draft = self._drafts / secrets.token_hex(16)
        with draft.open("wb") as file:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, file, 1 << 20)
        return draft

    def commit(self, container: str, name: str, draft: Path, metadata: dict[str, str], now: float) -> Blob:
        """Move a draft into its place and write its row."""
        path = self.locate(container, name)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise BlobError(
                409, "BlobNameConflict", "Another blob has this name as a folder, or a folder it."
            ) from error
        shutil.rmtree(self._blocks(container, name), ignore_errors=True)
        return self._write_row(container, name, metadata, now)

    def set_metadata(self, container: str, name: str, metadata: dict[str, str], now: float) -> Blob:
        """Replace a blob's metadata."""
        if self.find(container, name) is None:
            raise BlobError(404, "BlobNotFound", "The specified blob does not exist.")
        return self._write_row(container, name, metadata, now)

    def _write_row(self, container: str, name: str, metadata: dict[str, str], now: float) -> Blob:
        etag = f'"0x{secrets.token_hex(8).upper()}"'
        self._documents.put("blob", _key(container, name), {"etag": etag, "modified": now, "metadata": metadata})
        found = self.find(container, name)
        assert found is not None
        return found

    def _blocks(self, container: str, name: str) -> Path:
        self.locate(container, name)
        return self._drafts / hashlib.sha256(f"{container}/{name}".encode()).hexdigest()

    @staticmethod
    def _block(folder: Path, block: str) -> Path:
        if not _BLOCK_ID.fullmatch(block):
            raise BlobError(400, "InvalidQueryParameterValue", "The block id is not base64.")
        return folder / hashlib.sha256(block.encode()).hexdigest()


def _key(container: str, name: str) -> str:
    # Documents compare keys without case and blob names count it: a digest keeps them apart.
    return hashlib.sha256(f"{container}/{name}".encode()).hexdigest()
