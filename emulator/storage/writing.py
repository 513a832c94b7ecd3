"""Blob calls that write: a whole blob, a block, a list of blocks, metadata."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.answers import content_headers, headers_of
from emulator.storage.blobs import BlobStore
from emulator.storage.blocks import MAX_BLOCKS
from emulator.storage.conditions import check_conditions
from emulator.storage.errors import BlobError
from emulator.storage.rows import Row

MAX_BLOB_BYTES = 5000 << 20
"""What one Put Blob may carry (reference of Put Blob, from version 2019-12-12)."""
MAX_BLOCK_BYTES = 4000 << 20
"""What one Put Block may carry (reference of Put Block)."""
_MOST_LIST_BYTES = 8 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Upload:
    """One writing call. `now` is epoch seconds."""

    store: BlobStore
    request: Request
    container: str
    name: str
    metadata: dict[str, str]
    now: float

    async def whole(self) -> Response:
        """Put a blob in one go."""
        headers = self.request.headers
        if headers.get("x-ms-blob-type", "").lower() != "blockblob":
            raise BlobError(400, "InvalidHeaderValue", "The local Azure stores block blobs only.")
        await self._check_early()
        draft, checksum = await self._receive(MAX_BLOB_BYTES)
        stored = headers.get("x-ms-blob-content-md5") or checksum
        return await self._commit(draft, self._row(stored, ()))

    async def block(self) -> Response:
        """Keep a block until a list names it."""
        draft, _ = await self._receive(MAX_BLOCK_BYTES)
        block = self.request.query_params.get("blockid", "")
        try:
            await asyncio.to_thread(self.store.keep_block, self.container, self.name, block, draft)
        finally:
            draft.unlink(missing_ok=True)
        return Response(status_code=201, headers=headers_of())

    async def block_list(self) -> Response:
        """Make a blob of blocks."""
        await self._check_early()
        body = await self._small_body()
        _check_md5(self.request, base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode())
        wanted = _wanted(body.decode(errors="replace"))
        if len(wanted) > MAX_BLOCKS:
            raise BlobError(400, "BlockListTooLong", f"The block list has more than {MAX_BLOCKS} blocks.")
        draft, blocks = await asyncio.to_thread(self.store.join_blocks, self.container, self.name, wanted)
        return await self._commit(
            draft, self._row(self.request.headers.get("x-ms-blob-content-md5", ""), tuple(blocks))
        )

    async def describe(self) -> Response:
        """Replace the metadata."""
        row = await asyncio.to_thread(
            self.store.set_metadata, self.container, self.name, self.metadata, self.now, self._check
        )
        return Response(headers=headers_of(row))

    def _row(self, checksum: str, blocks: tuple[tuple[str, int], ...]) -> Row:
        kept = content_headers(self.request.headers)
        return Row("", 0, self.now, self.now, self.metadata, kept, checksum, blocks)

    async def _commit(self, draft: Path, row: Row) -> Response:
        kept = await asyncio.to_thread(self.store.commit, self.container, self.name, draft, row, self._check)
        return Response(status_code=201, headers=headers_of(kept))

    def _check(self, row: Row | None) -> None:
        check_conditions(self.request.headers, row, is_read=False)

    async def _check_early(self) -> None:
        """Refuse before gigabytes have come; it is asked again when they have."""
        self._check(await asyncio.to_thread(self.store.find, self.container, self.name))

    async def _receive(self, most: int) -> tuple[Path, str]:
        """Write the request's bytes to a draft. Returns it and the MD5 of what came, in base64."""
        if int(self.request.headers.get("content-length", "0")) > most:
            raise _too_large(most)
        draft = self.store.draft()
        digest = hashlib.md5(usedforsecurity=False)
        size = 0
        try:
            with draft.open("wb") as file:
                async for part in _chunks(self.request.stream()):
                    size += len(part)
                    if size > most:
                        raise _too_large(most)
                    await asyncio.to_thread(file.write, part)
                    await asyncio.to_thread(digest.update, part)
            checksum = base64.b64encode(digest.digest()).decode()
            _check_md5(self.request, checksum)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return draft, checksum

    async def _small_body(self) -> bytes:
        body = b""
        async for part in self.request.stream():
            body += part
            if len(body) > _MOST_LIST_BYTES:
                raise _too_large(_MOST_LIST_BYTES)
        return body


async def _chunks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in fewer pieces: every piece costs a thread's turn."""
    waiting, size = [], 0
    async for part in stream:
        waiting.append(part)
        size += len(part)
        if size >= _CHUNK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _check_md5(request: Request, checksum: str) -> None:
    if request.headers.get("content-md5", checksum) != checksum:
        raise BlobError(400, "Md5Mismatch", "The MD5 value specified in the request did not match what arrived.")


def _wanted(text: str) -> list[tuple[str, str]]:
    """What a block list names. The list is flat, so that no XML parser has to trust it."""
    found = re.findall(r"<(Latest|Uncommitted|Committed)>([^<]+)</", text)
    return [(kind, block.strip()) for kind, block in found]


def _too_large(most: int) -> BlobError:
    return BlobError(413, "RequestBodyTooLarge", f"The request body is too large; the limit is {most} bytes.")
