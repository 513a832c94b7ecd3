"""One box of sent files on the disk, and the list beside them that says which have arrived.

The list is only ever added to, by every process that works on the same folder. So it is read on from where it was read
last: what another process has put in or taken out is known here too.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LIST = "files.jsonl"


@dataclass(frozen=True)
class Received:
    """One file that has arrived whole. ``name`` is what the browser calls it, with folders; nobody has checked it."""

    name: str
    size: int
    path: Path

    def open(self) -> IO[bytes]:
        """The file, to read."""
        return self.path.open("rb")


@dataclass
class Box:
    """The files in ``folder`` by name, as of the last :meth:`read`; ``size`` is that of all together, in bytes."""

    folder: Path
    files: dict[str, Received] = field(default_factory=dict)
    size: int = 0
    _read_to: int = 0

    @property
    def list_size(self) -> int:
        """The bytes of the list as far as it was read. It grows with each file, also with one that is sent again."""
        return self._read_to

    def read(self) -> None:
        """Take over what the list says by now. Raises OSError."""
        try:
            with (self.folder / LIST).open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._read_to:
                    self._clear()
                file.seek(self._read_to)
                added = file.read()
        except FileNotFoundError:
            self._clear()
            return
        # What does not end yet is being written, or was cut off.
        for line in added[: added.rfind(b"\n") + 1].splitlines(keepends=True):
            self._apply(line)
            self._read_to += len(line)

    def note(self, line: dict[str, str | int]) -> None:
        """Add a line to the list. Raises OSError."""
        with (self.folder / LIST).open("ab+") as file:
            # A line that was cut off must not take this one with it.
            is_cut_off = file.seek(0, os.SEEK_END) > 0 and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n"
            file.write(b"\n" * is_cut_off + json.dumps(line).encode() + b"\n")

    def _apply(self, line: bytes) -> None:
        """A line that makes no sense, and a file that is not there, do not count."""
        try:
            said = json.loads(line)
            if "removed" in said:
                self._put(said["removed"], None)
                return
            path = self.folder / Path(said["file"]).name
            if path.stat().st_size == said["size"]:
                self._put(said["name"], Received(said["name"], said["size"], path))
        except (ValueError, KeyError, TypeError, FileNotFoundError):
            return

    def _put(self, name: str, received: Received | None) -> None:
        before = self.files.pop(name, None)
        self.size -= before.size if before else 0
        if received is not None:
            self.files[name] = received
            self.size += received.size

    def _clear(self) -> None:
        self.files.clear()
        self.size = self._read_to = 0
