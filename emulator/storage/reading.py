"""Blob calls that read: a blob or a part of it, its properties, its blocks, and what a container holds."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from emulator.storage.answers import blob_list, block_list, headers_of, read_headers, xml_answer
from emulator.storage.blobs import BlobStore
from emulator.storage.conditions import check_conditions
from emulator.storage.errors import BlobError, no_blob
from emulator.storage.rows import Row

_PAGE = 5000
"""The most entries in one answer (reference of List Blobs)."""
_MOST_CHECKED = 4 << 20
"""The longest range whose MD5 Azure computes (reference of Get Blob)."""
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")


async def blob(store: BlobStore, request: Request, container: str, name: str) -> Response:
    """A blob, a range of it, or its properties alone. Raises :class:`BlobError`."""
    row = await asyncio.to_thread(store.find, container, name)
    check_conditions(request.headers, row, is_read=True)
    if row is None:
        raise no_blob()
    headers = read_headers(row)
    if request.query_params.get("comp") == "metadata":
        return Response(headers={key: headers[key] for key in headers if key.lower() != "content-type"})
    if request.method == "HEAD":
        return Response(headers={**headers, **_checksum(row), "Content-Length": str(row.length)})
    path = store.locate(container, name)
    wanted = request.headers.get("x-ms-range") or request.headers.get("range")
    if wanted is None:
        return FileResponse(path, headers={**headers, **_checksum(row)}, media_type=headers["Content-Type"])
    begin, end = _range(wanted, row.length)
    if row.md5:
        headers["x-ms-blob-content-md5"] = row.md5
    if request.headers.get("x-ms-range-get-content-md5", "").lower() == "true":
        if end - begin > _MOST_CHECKED:
            raise BlobError(400, "OutOfRangeInput", "The MD5 of a range is computed up to 4 MiB.")
        headers["Content-MD5"] = await asyncio.to_thread(_md5, path, begin, end)
    # FileResponse reads the standard header alone.
    kept = [(key, value) for key, value in request.scope["headers"] if key not in (b"range", b"if-range")]
    request.scope["headers"] = [*kept, (b"range", f"bytes={begin}-{end - 1}".encode())]
    return FileResponse(path, headers=headers, media_type=headers["Content-Type"])


async def blocks(store: BlobStore, container: str, name: str, query: Mapping[str, str]) -> Response:
    """The blocks of a blob. Raises :class:`BlobError`."""
    kind = query.get("blocklisttype", "committed").lower()
    if kind not in ("committed", "uncommitted", "all"):
        raise BlobError(400, "InvalidQueryParameterValue", "blocklisttype is committed, uncommitted or all.")
    row = await asyncio.to_thread(store.find, container, name)
    waiting = await asyncio.to_thread(store.uncommitted, container, name)
    if row is None and not waiting:
        raise no_blob()
    headers = headers_of(row) | {"x-ms-blob-content-length": str(row.length if row else 0)}
    return xml_answer(block_list(row.blocks if row else (), waiting, kind), headers)


async def listed(store: BlobStore, container: str, query: Mapping[str, str]) -> Response:
    """What a container holds, page by page, folders drawn together at the delimiter. Raises :class:`BlobError`."""
    size = query.get("maxresults", str(_PAGE))
    if not size.isascii() or not size.isdigit() or int(size[:9]) < 1:
        raise BlobError(400, "OutOfRangeQueryParameterValue", "maxresults is a whole number from 1.")
    # A container that could not be is empty as well.
    after = _read_marker(query.get("marker", ""))
    entries, last = await asyncio.to_thread(_entries, store, container, query, after, min(int(size[:9]), _PAGE))
    marker = base64.urlsafe_b64encode(last.encode()).decode()
    return xml_answer(blob_list(container, query, entries, marker), headers_of())


def _entries(
    store: BlobStore, container: str, query: Mapping[str, str], after: str, size: int
) -> tuple[list[tuple[str, Row | None]], str]:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    found: list[tuple[str, Row | None]] = []
    while True:
        batch = store.listing(container, prefix, after, size + 1)
        for name, row in batch:
            if len(found) == size:
                return found, after
            cut = name.find(delimiter, len(prefix)) if delimiter else -1
            if cut < 0:
                found.append((name, row))
                after = name
                continue
            folder = name[: cut + len(delimiter)]
            if not found or found[-1][0] != folder:
                found.append((folder, None))
            # Behind everything that the folder stands for: no character comes after this one.
            after = folder + "\U0010ffff"
            break
        else:
            if len(batch) <= size:
                return found, ""


def _read_marker(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text).decode()
    except ValueError as error:
        raise BlobError(400, "OutOfRangeInput", "The marker is not one of this list's.") from error


def _range(text: str, length: int) -> tuple[int, int]:
    """Begin and end, exclusive, of a range that is at least partly there. Raises :class:`BlobError` 416."""
    match = _RANGE.fullmatch(text.strip())
    begin = int(match[1]) if match else length
    end = min(int(match[2]) + 1, length) if match and match[2] else length
    if match is None or begin >= length or begin >= end:
        raise BlobError(416, "InvalidRange", "The range specified is invalid for the current size of the resource.")
    return begin, end


def _md5(path: Path, begin: int, end: int) -> str:
    with path.open("rb") as file:
        file.seek(begin)
        return base64.b64encode(hashlib.md5(file.read(end - begin), usedforsecurity=False).digest()).decode()


def _checksum(row: Row) -> dict[str, str]:
    return {"Content-MD5": row.md5} if row.md5 else {}
