"""Where the browser puts files on their way into a deploy: streamed to disk, so that a model of any size fits.

Streamlit's own uploader holds every file in memory until the page is left. Here one request carries one file, in the
order of its bytes, into a private folder whose name nobody can guess; a file counts only when all of it has arrived.
What has arrived is found again after a restart, and by other processes that work on the same folder: each box keeps a
list of its files beside them (:mod:`services.deploying.boxes`).
"""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.deploying.boxes import LIST, Box
from services.deploying.boxes import Received as Received
from services.deploying.unpacking import LEAVE_FREE, free_bytes

PATH = "/deploy-files"
GIGABYTE = 1024**3
LARGEST_FILE = 20 * GIGABYTE
MOST_BYTES = 60 * GIGABYTE
"""Bytes of all files of all drafts together."""
MOST_FILES = 2000
MOST_FILES_IN_ALL = 20_000
"""Files of all drafts together: each takes memory and a place on the disk, however small it is."""
LONGEST_LIST = 32 * 1024 * 1024
"""Bytes of the list of one draft's files, to which each file that is sent again adds a line: a folder of 2,000 files
some hundred times. It is read whole by each process that begins."""
CUT_SECONDS = 600.0
"""A file that nobody has written to for so long, and that did not arrive whole, was cut off by the end of a process."""
_TOKEN_BYTES = 24
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_MOST_EMPTY = 500
_WRITTEN_AT_ONCE = 1024 * 1024
_NOT_WAITED = "these files are not waited for any more"


class Full(ValueError):
    """There is no room for more. The words say what to delete."""


class Inbox:
    """Boxes of files below ``folder``, one for each draft. Thread-safe.

    A box with files stays until it is dropped or swept. ``free`` tells the free bytes of the disk that a folder is on.
    """

    def __init__(
        self,
        folder: Path,
        *,
        most_bytes: int = MOST_BYTES,
        most_files: int = MOST_FILES_IN_ALL,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._most_files = most_files
        self._free = free
        self._lock = threading.Lock()
        self._boxes: dict[str, Box] = {}
        self._arriving: dict[Path, int] = {}
        # Of all boxes together. They are asked for with every piece of every file.
        self._bytes = self._files = 0
        for each in folder.glob(f"*/{LIST}"):
            self._now(each.parent.name)
        self.sweep(self._boxes, older_than=CUT_SECONDS, now=time.time())

    def open(self) -> str:
        """A new box. Its token is the right to put files into it."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.reopen(token)
        return token

    def reopen(self, token: str) -> None:
        """Open the box of a draft that is kept, with what is in it: it may have had to make room here, or be that of
        another process. One that is open stays as it is."""
        with self._lock:
            if token in self._boxes:
                return
            # Every visit opens one. Those in which nothing is may go; a page that is still open opens it again.
            busy = {each.parent.name for each in self._arriving}
            empty = [each for each, box in self._boxes.items() if not box.files and each not in busy]
            for old in empty[: max(0, len(empty) + 1 - _MOST_EMPTY)]:
                del self._boxes[old]
            self._boxes[token] = Box(self._folder / token)

    def files(self, token: str) -> tuple[Received, ...]:
        """What has arrived in a box, by name; nothing for a box that is not there."""
        with self._lock:
            try:
                box = self._now(token)
            except OSError:
                # A page is drawn with what is known; whoever throws anything away or writes hears of it.
                box = self._boxes.get(token)
            return tuple(sorted(box.files.values(), key=lambda each: each.name)) if box else ()

    def remove(self, token: str, name: str) -> None:
        """Take one file out."""
        with self._lock:
            box = self._now(token)
            found = box.files.get(name) if box else None
            if box is not None and found is not None:
                box.note({"removed": name})
                self._read(box)
        if found is not None:
            found.path.unlink(missing_ok=True)

    def drop(self, token: str) -> None:
        """Throw a box away with all that is in it."""
        with self._lock:
            known = self._now(token)
            self._forget(token)
        if known is not None:
            shutil.rmtree(self._folder / token, ignore_errors=True)

    def sweep(self, kept: Collection[str], *, older_than: float, now: float) -> None:
        """Throw away what nobody has: boxes that are not ``kept`` and in which nothing has changed for ``older_than``
        seconds, and what was cut off in the middle by the end of a process. ``now`` is in epoch seconds."""
        for folder in [each for each in self._folder.glob("*") if each.is_dir()]:
            with self._lock:
                box = self._now(folder.name)
                listed = {each.path for each in box.files.values()} if box else set()
                whole = listed | {folder / LIST} | set(self._arriving)
                is_busy = any(each.parent == folder for each in self._arriving)
                is_old = not is_busy and newest(folder) < now - older_than
                if folder.name not in kept and is_old:
                    self._forget(folder.name)
                    doomed = [folder]
                else:
                    doomed = [each for each in folder.iterdir() if each not in whole and _is_cut_off(each, now)]
            for each in doomed:
                shutil.rmtree(each, ignore_errors=True) if each.is_dir() else each.unlink(missing_ok=True)

    async def receive(self, token: str, name: str, chunks: AsyncIterator[bytes], length: int | None) -> Received:
        """Write one file into a box; an older one of the same name is replaced. The disk is written to by a thread.

        Raises ValueError when there is no such box, when it is full, or when other than ``length`` bytes arrive, Full
        when there is no room, and whatever ``chunks`` raises; nothing of the file is kept then.
        """
        path = self._folder / token / str(secrets.randbits(63))
        with self._lock:
            self._arriving[path] = 0
        try:
            await asyncio.to_thread(self._may_begin, token, name)
            if length is not None:
                _refuse_too_large(length)
                await asyncio.to_thread(self._has_room, length)
            size = await self._write(path, chunks)
            if length is not None and size != length:
                raise ValueError(f"cut off after {size:,} of {length:,} bytes")
            received = Received(name, size, path)
            before = await asyncio.to_thread(self._keep, token, received)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            with self._lock:
                del self._arriving[path]
        if before is not None:
            before.path.unlink(missing_ok=True)
        return received

    def _may_begin(self, token: str, name: str) -> None:
        with self._lock:
            box, coming = self._now(token), len(self._arriving)
            if box is None:
                raise ValueError(_NOT_WAITED)
            if box.list_size >= LONGEST_LIST:
                raise Full(
                    "files of this draft were sent again and again, and the list of them is full. What has arrived "
                    "stays. To send more, press Start over, and send the files into the new draft"
                )
            if name in box.files:
                return
            if len(box.files) >= MOST_FILES:
                raise ValueError(f"more than {MOST_FILES:,} files; put them into a zip")
            if self._files + coming > self._most_files:
                raise Full(
                    f"all drafts together have {self._files:,} files here already, and {self._most_files:,} is the "
                    "most. Put many files into one zip, take out files that are not needed, or press Start over in "
                    "another draft"
                )

    def _now(self, token: str) -> Box | None:
        """A box as its list on the disk has it now, None when there is none. Needs the lock. Raises OSError."""
        box = self._boxes.get(token)
        if box is None:
            if not _TOKEN.fullmatch(token) or not (self._folder / token).is_dir():
                return None
            box = self._boxes[token] = Box(self._folder / token)
        self._read(box)
        return box

    def _read(self, box: Box) -> None:
        size, count = box.size, len(box.files)
        try:
            box.read()
        finally:
            self._bytes += box.size - size
            self._files += len(box.files) - count

    def _forget(self, token: str) -> None:
        box = self._boxes.pop(token, None)
        if box is not None:
            self._bytes -= box.size
            self._files -= len(box.files)

    async def _write(self, path: Path, chunks: AsyncIterator[bytes]) -> int:
        """Write a file in large pieces, and return its size. Nothing here waits for the disk."""
        size, buffer = 0, bytearray()
        file = await asyncio.to_thread(_created, path)
        try:
            async for chunk in chunks:
                size += len(chunk)
                _refuse_too_large(size)
                buffer += chunk
                if len(buffer) >= _WRITTEN_AT_ONCE:
                    piece, buffer = buffer, bytearray()
                    await asyncio.to_thread(self._append, path, file, piece)
            await asyncio.to_thread(self._append, path, file, buffer)
        finally:
            file.close()
        return size

    def _append(self, path: Path, file: IO[bytes], piece: bytearray) -> None:
        self._has_room(len(piece))
        file.write(piece)
        with self._lock:
            self._arriving[path] += len(piece)

    def _has_room(self, size: int) -> None:
        """Raises Full when ``size`` bytes more do not fit."""
        with self._lock:
            taken = self._bytes + sum(self._arriving.values())
        free = self._free(self._folder)
        if taken + size > self._most_bytes:
            raise Full(
                f"the files of all drafts take {taken / GIGABYTE:,.1f} GB here already, and "
                f"{self._most_bytes / GIGABYTE:,.0f} GB is the most. Take out files that are not needed, or press "
                "Start over in another draft; or register the model in Azure and name it in the YAML"
            )
        if free - size < LEAVE_FREE:
            raise Full(
                f"the disk of the machine that Sluice runs on has {max(0, free) / GIGABYTE:,.1f} GB free, and "
                f"{LEAVE_FREE / GIGABYTE:,.0f} GB stay free. Take out files that are not needed, or press Start over "
                "in another draft; whoever runs Sluice can also delete folders in deploys/files of its data folder"
            )

    def _keep(self, token: str, received: Received) -> Received | None:
        """Count a file that is whole, and return the one that it replaces. Raises ValueError without its box."""
        with self._lock:
            box = self._boxes.get(token)
            if box is None:
                raise ValueError(_NOT_WAITED)
            self._read(box)
            before = box.files.get(received.name)
            box.note({"name": received.name, "size": received.size, "file": received.path.name})
            self._read(box)
            if box.files.get(received.name) != received:
                # Another process has thrown it away meanwhile.
                raise ValueError(_NOT_WAITED)
            return before


def _refuse_too_large(size: int) -> None:
    if size > LARGEST_FILE:
        raise ValueError(
            f"larger than {LARGEST_FILE // GIGABYTE} GB; register the model in Azure and name it in the YAML"
        )


def _created(path: Path) -> IO[bytes]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.open("xb")


def newest(folder: Path) -> float:
    """When something directly in ``folder`` was changed last, in epoch seconds."""
    times = [folder.stat().st_mtime]
    for each in folder.iterdir():
        try:
            times.append(each.stat().st_mtime)
        except FileNotFoundError:
            continue
    return max(times)


def _is_cut_off(path: Path, now: float) -> bool:
    try:
        return path.stat().st_mtime < now - CUT_SECONDS
    except FileNotFoundError:
        return False


def routes(inbox: Callable[[], Inbox]) -> list[Route]:
    """``PUT /deploy-files/{token}``, the name of the file in the header ``X-File-Name``, percent-encoded."""

    async def put(request: Request) -> Response:
        name = unquote(request.headers.get("x-file-name", ""))
        given = request.headers.get("content-length", "")
        try:
            if not name or len(name) > 1000:
                raise ValueError("the file has no usable name")
            received = await inbox().receive(
                request.path_params["token"], name, request.stream(), int(given) if given.isdecimal() else None
            )
        except ClientDisconnect:
            return Response(status_code=400)
        except Full as error:
            return _refused(507, str(error))
        except ValueError as error:
            return _refused(409, str(error))
        except OSError as error:
            return _refused(507, f"it cannot be written here: {error.strerror}")
        return JSONResponse({"size": received.size})

    return [Route(f"{PATH}/{{token}}", put, methods=["PUT"])]


def _refused(status: int, why: str) -> Response:
    """Refuse a file in the middle of it. On a connection that stays open the browser would send the rest first."""
    return JSONResponse({"why": why}, status, headers={"Connection": "close"})
