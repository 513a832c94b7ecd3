"""The lines of a container log: their time, their level, and what belongs to them. Pure.

Known forms: Microsoft's inference server (``2026-01-02 03:04:05,678 I [70] azmlinfsrv - …``), gunicorn
(``[2026-01-02 03:04:05 +0000] [7] [INFO] …``), Python's logging in its own form (``WARNING:root:…``) and in the usual
ones with a time, and Python's warnings (``file.py:12: UserWarning: …``). Containers of Azure run on UTC.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

DEBUG, INFO, WARNING, ERROR = "debug", "info", "warning", "error"
LEVELS = (DEBUG, INFO, WARNING, ERROR)
"""From the least to the most serious. Critical counts as an error."""
_LEVELS_BY_LETTER = {"D": DEBUG, "I": INFO, "W": WARNING, "E": ERROR, "C": ERROR, "F": ERROR}
_STAMP = re.compile(
    r"\[?(?P<day>\d{4}-\d\d-\d\d)[ T](?P<time>\d\d:\d\d:\d\d)(?:[,.](?P<part>\d{1,9}))?"
    r"(?: ?(?P<zone>Z|[+-]\d\d:?\d\d))?"
)
_SERVER = re.compile(r" (?P<letter>[DIWECF]) \[\d+\] ")
_WORD = r"(?P<word>DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL)"
_NAMED = re.compile(rf"(?:^|[\s\[|]){_WORD}(?=[\s\]:|]|$)", re.IGNORECASE)
_LOGGING = re.compile(rf"^{_WORD}:")
_PYTHON_WARNING = re.compile(r"^\S[^:]*:\d+: \w*Warning: ")
_TRACEBACK = "Traceback (most recent call last):"
_LEVEL_WITHIN = 90
"""A level's name is looked for in the beginning of a line only: a message may speak of errors."""


@dataclass(frozen=True)
class Entry:
    """One line that says something of its own, with those that continue it, such as a traceback.

    ``number`` counts the lines of its deployment's log. ``at`` is the time it was written, None where no line before it
    says one. ``level`` is one of LEVELS, "" when the line does not say.
    """

    deployment: str
    number: int
    at: datetime | None
    level: str
    lines: tuple[str, ...]

    @property
    def stamp(self) -> int:
        """How many characters of its first line say its time, 0 when that line has none of its own."""
        found = _STAMP.match(self.lines[0])
        if not found or moment(self.lines[0]) is None:
            return 0
        rest = self.lines[0][found.end() :]
        return found.end() + len(rest) - len(rest.lstrip("] "))

    @property
    def text(self) -> str:
        """All its lines."""
        return "\n".join(self.lines)


@dataclass(frozen=True)
class Log:
    """A container log: what Azure puts above it, such as the states and events of the instance, and its own lines."""

    head: str
    lines: tuple[str, ...]


def split(content: str) -> Log:
    """Part what getLogs answers into its head and the container's own lines."""
    lines = content.splitlines()
    own = next((number + 1 for number, line in enumerate(lines) if line.strip() == "Container logs:"), 0)
    return Log("\n".join(lines[: max(0, own - 1)]).strip(), tuple(lines[own:]))


def entries(deployment: str, lines: Sequence[str], first: int = 0) -> list[Entry]:
    """The entries of one deployment's log, in its order; ``first`` is the number of its first line.

    A line without a time keeps its place behind the line before it, and has its time. It continues that line's entry
    when it is indented or empty, or when the entry is an error: the lines of a traceback have no time.
    """
    made: list[Entry] = []
    at: datetime | None = None
    block: list[str] = []
    level, number = "", first
    for position, line in enumerate(lines):
        found, said = moment(line), level_of(line)
        if block and _begins(line, found, said, level):
            made.append(Entry(deployment, number, at, level, tuple(block)))
            block, level = [], ""
        if not block:
            number, level = first + position, said
        at = found or at
        block.append(line)
    if block:
        made.append(Entry(deployment, number, at, level, tuple(block)))
    return made


def _begins(line: str, at: datetime | None, said: str, level: str) -> bool:
    """Whether a line begins an entry behind one of ``level``."""
    if at is not None:
        return True
    if said:
        return not (level == ERROR and line.startswith(_TRACEBACK))
    return level != ERROR and bool(line.strip()) and not line[0].isspace()


def moment(line: str) -> datetime | None:
    """The time that a line begins with, None without one."""
    found = _STAMP.match(line)
    if not found:
        return None
    part = (found["part"] or "0")[:6].ljust(6, "0")
    zone = (found["zone"] or "Z").replace("Z", "+00:00")
    try:
        return datetime.fromisoformat(f"{found['day']}T{found['time']}.{part}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def level_of(line: str) -> str:
    """The level that a line says, one of LEVELS, or ""."""
    stamp = _STAMP.match(line)
    rest = line[stamp.end() :] if stamp else line
    server = _SERVER.match(rest) if stamp else None
    if server:
        return _LEVELS_BY_LETTER[server["letter"]]
    if line.startswith(_TRACEBACK):
        return ERROR
    named = _NAMED.search(rest[:_LEVEL_WITHIN]) if stamp else _LOGGING.match(line)
    if named:
        return _LEVELS_BY_LETTER[named["word"][0].upper()]
    return WARNING if _PYTHON_WARNING.match(line) else ""


def interleave(logs: Iterable[Sequence[Entry]]) -> list[Entry]:
    """The entries of several logs by time. Each log keeps its own order, whatever its clock does."""
    return [entry for _, _, _, entry in heapq.merge(*(_keyed(number, log) for number, log in enumerate(logs)))]


def _keyed(number: int, log: Sequence[Entry]) -> Iterator[tuple[datetime, int, int, Entry]]:
    latest = datetime.min.replace(tzinfo=UTC)
    for position, entry in enumerate(log):
        latest = max(latest, entry.at or latest)
        yield latest, number, position, entry


def joined(known: Sequence[str], newest: Sequence[str], *, is_cut: bool) -> tuple[int, tuple[str, ...]]:
    """What is known of a log after its last lines have been read again: how many known lines stay, and all lines.

    The newest lines overlap the known ones, or take the place of those that are not older than they: the logs of
    several instances are put together by time, so a line may arrive between two others. ``is_cut`` says that there are
    lines before the newest ones; when nothing of the known log is among those either, what lies between was never read,
    and the known lines go.
    """
    if not known or not newest:
        return 0, tuple(newest)
    for begin in range(max(0, len(known) - len(newest)), len(known)):
        if known[begin] == newest[0] and list(known[begin:]) == list(newest[: len(known) - begin]):
            return begin, (*known[:begin], *newest)
    first = next((found for found in map(moment, newest) if found), None)
    if first is None:
        return 0, tuple(newest)
    for kept, line in enumerate(known):
        at = moment(line)
        if at is not None and at >= first:
            return kept, (*known[:kept], *newest)
    return (0, tuple(newest)) if is_cut else (len(known), (*known, *newest))
