"""Reading the logs of containers."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_READ_BYTES = 4 * 1024 * 1024
_TIME = re.compile(r"\[?(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)")


def tail(paths: Iterable[Path], lines: int) -> str:
    """The last lines of several logs, put together in the order of their times."""
    merged = heapq.merge(*(_timed(_read(path)) for path in paths), key=lambda entry: entry[0])
    kept = [line for _, line in merged][-lines:] if lines > 0 else []
    return "".join(f"{line}\n" for line in kept)


def _read(path: Path) -> list[str]:
    """The newest lines of a log and of the file it was rotated into."""
    text = b""
    for part in (path.with_name(path.name + ".1"), path):
        try:
            with part.open("rb") as file:
                file.seek(max(0, part.stat().st_size - _READ_BYTES))
                text += file.read()
        except FileNotFoundError:
            continue
    return text.decode(errors="replace").splitlines()


def _timed(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each line with its time; a line without one, such as in a traceback, belongs to the line before it."""
    current = ""
    for line in lines:
        found = _TIME.match(line)
        if found:
            current = max(current, found[1].replace("T", " "))
        yield current, line
