"""Reading the logs of containers."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_READ_BYTES = 4 * 1024 * 1024
_LOOK_BACK = 1000
"""Lines before the last ones among which their time is looked for: more than a traceback has."""
_TIME = re.compile(r"\[?(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)")


def tail(paths: Iterable[Path], lines: int) -> str:
    """The last lines of several logs, put together in the order of their times."""
    if lines <= 0:
        return ""
    # No log gives more than its own last lines: the others need not be looked at.
    merged = heapq.merge(*(_timed(_read(path), lines) for path in paths), key=lambda entry: entry[0])
    return "".join(f"{line}\n" for _, line in [*merged][-lines:])


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


def _timed(found: Sequence[str], last: int) -> Iterator[tuple[str, str]]:
    """The last lines, each with its time; a line without one, such as in a traceback, belongs to the line before it."""
    begin = max(0, len(found) - last)
    current = next(filter(None, map(_time, reversed(found[max(0, begin - _LOOK_BACK) : begin]))), "")
    for line in found[begin:]:
        current = max(current, _time(line))
        yield current, line


def _time(line: str) -> str:
    found = _TIME.match(line)
    return found[1].replace("T", " ") if found else ""
