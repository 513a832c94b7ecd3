"""Puts files and zips below a folder, in chunks, and refuses what would land elsewhere or fill the disk.

Nothing in a name is trusted: no ``..``, no absolute path, no drive, no control character. Of a zip, symbolic links and
other special files are refused too. Sizes are counted while they are written; what a zip says of itself is only a hint.
"""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

_CHUNK = 1024 * 1024
_LOOKED_AFTER = 64 * 1024**2
"""After so many bytes the free disk is looked at again."""
_LONGEST_NAME = 240
"""Bytes of one step of a path: ext4 and NTFS take 255."""
_LONGEST_PATH = 1000
_JUNK = {".DS_Store", "Thumbs.db", "desktop.ini"}
_LARGEST_DIRECTORY = 12 * 1024**2
"""Bytes of a zip's table of contents: a hundred for each file. Python reads all of it into memory, and more is made."""
LEAVE_FREE = 1024**3
"""Bytes of the disk that are left free, whatever comes."""


@dataclass(frozen=True)
class Limits:
    """How much may be unpacked. ``ratio`` is how much larger a zip may become, checked above ``ratio_from`` bytes.
    ``leave_free`` bytes of the disk stay free."""

    files: int = 10_000
    bytes: int = 20 * 1024**3
    ratio: int = 200
    ratio_from: int = 100 * 1024**2
    leave_free: int = LEAVE_FREE


class Refused(ValueError):
    """A file is not taken. ``code`` is stable; ``name`` is the file or the entry of a zip that it is about."""

    def __init__(self, code: str, name: str, why: str, fix: str) -> None:
        super().__init__(f"{name}: {why}")
        self.code, self.name, self.why, self.fix = code, name, why, fix


@dataclass
class Writer:
    """Writes files below ``folder``. ``written`` are the paths so far, relative to it, with slashes."""

    folder: Path
    limits: Limits = field(default_factory=Limits)
    written: list[str] = field(default_factory=list)
    _bytes: int = 0
    _unlooked: int = _LOOKED_AFTER

    def put(self, name: str, content: IO[bytes]) -> str:
        """Write one file and return its path. Raises Refused; nothing of the file is left then."""
        path = safe_path(name)
        self._write(path, name, _chunks(content))
        return path

    def unpack(self, name: str, content: IO[bytes]) -> None:
        """Write the files of a zip, all of them or none. Raises Refused, naming the entry."""
        before, size_before = len(self.written), self._bytes
        try:
            self._unpack(name, content)
        except BaseException:
            for path in self.written[before:]:
                (self.folder / path).unlink(missing_ok=True)
            del self.written[before:]
            self._bytes = size_before
            raise

    def _unpack(self, name: str, content: IO[bytes]) -> None:
        size = _size(content)
        try:
            with zipfile.ZipFile(cast(IO[bytes], _Bounded(name, content))) as archive:
                entries = [(each, _entry_path(each)) for each in archive.infolist() if not _is_junk(each.filename)]
                files = [(each, path) for each, path in entries if not each.is_dir()]
                self._refuse_bomb(name, size, files)
                for each, path in files:
                    with archive.open(each) as file:
                        self._write(path, each.filename, _unpacked(file), most=each.file_size)
        except Refused:
            raise
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, ValueError, OSError) as error:
            # Offsets and sizes of a damaged zip lead zipfile anywhere, also before the beginning of the file.
            why = f"It is broken or cut off: {_words(error)}."
            raise Refused("zip-broken", name, why, "Make it again and send it whole.") from None
        except (NotImplementedError, RuntimeError) as error:
            why = f"It cannot be unpacked: {_words(error)}."
            raise Refused("zip-unknown", name, why, "Make a plain zip, without password, with “deflate”.") from None

    def _refuse_bomb(self, name: str, size: int, files: list[tuple[zipfile.ZipInfo, str]]) -> None:
        if len(files) + len(self.written) > self.limits.files:
            raise _too_many(name, self.limits.files)
        total = sum(each.file_size for each, _ in files)
        if total + self._bytes > self.limits.bytes:
            raise _too_much(name, self.limits.bytes)
        if total > self.limits.ratio_from and total > size * self.limits.ratio:
            why = f"{_megabytes(size)} would become {_megabytes(total)}, more than {self.limits.ratio} times as much."
            raise Refused("zip-bomb", name, why, "If the files are what you want, send them without packing.")

    def _write(self, path: str, name: str, chunks: Iterator[bytes], most: int | None = None) -> None:
        if len(self.written) >= self.limits.files:
            raise _too_many(name, self.limits.files)
        target = self.folder / path
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            size = 0
            with target.open("xb") as file:
                self.written.append(path)
                for chunk in chunks:
                    size += len(chunk)
                    if most is not None and size > most:
                        why = "A file in it is longer than the zip says."
                        raise Refused("zip-bomb", name, why, "Make the zip again with another program.")
                    if self._bytes + size > self.limits.bytes:
                        raise _too_much(name, self.limits.bytes)
                    self._leave_free(name, len(chunk))
                    file.write(chunk)
            self._bytes += size
        except FileExistsError:
            why = "The same name comes twice, or is a file and a folder at the same time."
            raise Refused("name-twice", name, why, "Remove or rename one of them.") from None
        except NotADirectoryError:
            why = "Its folder has the name of a file."
            raise Refused("name-twice", name, why, "Remove or rename one of them.") from None
        except OSError as error:
            self._drop(path)
            raise _disk(name, error) from None
        except BaseException:
            self._drop(path)
            raise

    def _leave_free(self, name: str, size: int) -> None:
        """Look at the disk once in a while: many small files should not wait for it."""
        self._unlooked += size
        if self._unlooked >= _LOOKED_AFTER:
            self._unlooked = 0
            if free_bytes(self.folder) - size < self.limits.leave_free:
                raise Refused("disk-full", name, "The disk of this machine is full.", "Make room and send it again.")

    def _drop(self, path: str) -> None:
        if self.written and self.written[-1] == path:
            self.written.pop()
            (self.folder / path).unlink(missing_ok=True)


def safe_path(name: str) -> str:
    """``name`` as a path below the folder, with slashes. Raises Refused when it would lead elsewhere."""
    text = name.replace("\\", "/")
    fix = "Give it a plain path below one folder."
    if not text or text.startswith(("/", "~")) or PureWindowsPath(text).drive:
        raise Refused("path-absolute", _shown(name), "Its path begins at the root of a disk.", fix)
    if any(ord(each) < 32 or ord(each) == 127 or 0xD800 <= ord(each) <= 0xDFFF for each in text):
        raise Refused("path-character", _shown(name), "Its name has characters that do not print.", "Rename it.")
    steps = [each for each in text.split("/") if each not in ("", ".")]
    if ".." in steps:
        raise Refused("path-outside", _shown(name), "Its path leads out of the folder (“..”).", fix)
    if not steps:
        raise Refused("path-empty", _shown(name), "It has no name.", fix)
    if len(text) > _LONGEST_PATH or any(len(each.encode()) > _LONGEST_NAME for each in steps):
        raise Refused("path-long", _shown(name), "Its name is too long.", "Rename it.")
    return str(PurePosixPath(*steps))


def is_zip_name(name: str) -> bool:
    """Whether a file is to be unpacked by its name."""
    return name.lower().endswith(".zip")


def _entry_path(entry: zipfile.ZipInfo) -> str:
    path = safe_path(entry.filename)
    mode = entry.external_attr >> 16
    if stat.S_ISLNK(mode):
        why = "It is a symbolic link, and what it points to is not in the zip."
        raise Refused("symlink", _shown(entry.filename), why, "Put the file itself into the zip.")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused("special-file", _shown(entry.filename), "It is no file and no folder.", "Leave it out.")
    if entry.flag_bits & 0x1:
        why = "It is encrypted with a password."
        raise Refused("zip-password", _shown(entry.filename), why, "Make the zip without a password.")
    return path


def _is_junk(name: str) -> bool:
    """What systems leave in zips and folders by themselves."""
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1] in _JUNK


class _Bounded:
    """A zip as zipfile reads it: its table of contents in one piece, the rest in small ones.

    Where that table is and how long can be said in several records, so the one reading that matters is looked at.
    """

    def __init__(self, name: str, content: IO[bytes]) -> None:
        self._name, self._content = name, content
        self.seek, self.tell, self.seekable = content.seek, content.tell, content.seekable

    def read(self, size: int = -1) -> bytes:
        """As of a file. Raises Refused instead of filling the memory."""
        if size > _LARGEST_DIRECTORY:
            raise Refused("zip-bomb", self._name, "Its table of contents is too long.", "Send fewer files.")
        return self._content.read(size)


def free_bytes(folder: Path) -> int:
    """Free bytes of the disk that ``folder`` is on, or will be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _size(content: IO[bytes]) -> int:
    size = content.seek(0, os.SEEK_END)
    content.seek(0)
    return size


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(_CHUNK):
        yield chunk


def _unpacked(content: IO[bytes]) -> Iterator[bytes]:
    """The parts of a file in a zip. bz2 tells of bad data as of a bad disk, so the two are told apart here."""
    try:
        yield from _chunks(content)
    except OSError as error:
        raise zipfile.BadZipFile(str(error)) from None


def _too_many(name: str, most: int) -> Refused:
    fix = "Leave out what is not needed, such as a virtual environment or a .git folder."
    return Refused("too-many-files", name, f"There would be more than {most:,} files.", fix)


def _too_much(name: str, most: int) -> Refused:
    why = f"The files would take more than {_megabytes(most)}."
    return Refused("too-large", name, why, "Register the model in Azure and refer to it: model: azureml:name:version.")


def _disk(name: str, error: OSError) -> Refused:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refused("disk-full", name, "The disk of this machine is full.", "Make room and send it again.")
    return Refused("unwritable", name, f"It cannot be written here: {error.strerror}.", "Rename it and send it again.")


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:,.0f} MB" if size >= 1024**2 else f"{size:,} bytes"


def _shown(name: str) -> str:
    """A name that is safe to print: what does not print becomes a question mark."""
    return "".join(each if each.isprintable() else "?" for each in name)[:200]


def _words(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
