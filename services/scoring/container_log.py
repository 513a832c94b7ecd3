"""Which lines of a container log belong to one request. Pure.

Microsoft's inference server writes one line per request when it is done, such as ``… [pid] azmlinfsrv - POST /score 500
1.07ms 92`` (status, time of the script, bytes of its answer), and no request id. A worker scores one request at a time,
so what it wrote since its line before belongs to the same request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.logs.lines import moment, split

MOST_LINES = 80
"""What is shown of a log: a traceback of the inference server has about forty lines."""
_TOLERANCE = timedelta(seconds=2)
"""How far the container's clock may be from the one that timed the request."""
_PROCESS = re.compile(r"\[(\d+)\]")
_DONE = re.compile(r"azmlinfsrv - [A-Z]+ /score\S* (?P<status>\d{3}) (?P<ms>[\d.]+)ms (?P<size>\d+)")


@dataclass(frozen=True)
class Wanted:
    """What is known of the request whose lines are looked for.

    ``ids`` are its request ids; ``status`` and ``size`` what the container answered, None when that is not known.
    """

    began_at: datetime
    ended_at: datetime
    ids: tuple[str, ...] = ()
    status: int | None = None
    size: int | None = None


@dataclass(frozen=True)
class Found:
    """The lines and how they were found; ``is_own`` when they are of this very request, not only of its time.

    ``model_ms`` is the script's time when a line of this very request says it.
    ``newest_ms`` are the script's times of the newest requests of anybody, the newest one first.
    """

    lines: str
    note: str
    is_own: bool = False
    model_ms: float | None = None
    newest_ms: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Record:
    """A line with a time, and those without one that follow it."""

    at: datetime
    process: str
    lines: tuple[str, ...]

    @property
    def done(self) -> re.Match[str] | None:
        return _DONE.search(self.lines[0])


def find(log: str, wanted: Wanted) -> Found:
    """The lines of one request: by its id, by the line that ends it, by its time, else the newest ones."""
    lines = split(log).lines
    records = list(_records(lines))
    newest = tuple(float(record.done["ms"]) for record in reversed(records) if record.done)[:3]
    named = [record for record in records if any(each in line for each in wanted.ids for line in record.lines)]
    if named:
        return Found(_text(named), "The lines that name the request's id.", is_own=True, newest_ms=newest)
    begin, end = wanted.began_at - _TOLERANCE, wanted.ended_at + _TOLERANCE
    within = [number for number, record in enumerate(records) if begin <= record.at <= end]
    ending = _ending(records, within, wanted)
    if ending is not None:
        own, done = _of_one_request(records, ending, begin), records[ending].done
        note = "The lines of this request: the inference server's own line says the same status and size."
        return Found(_text(own), note, True, float(done["ms"]) if done else None, newest)
    if within:
        note = f"The lines from {begin:%H:%M:%S} to {end:%H:%M:%S} UTC. Other requests of that time are among them."
        return Found(_text([records[number] for number in within]), note, newest_ms=newest)
    if any(line.strip() for line in lines):
        note = "No line is from the time of this request. These are the newest ones."
        return Found("\n".join(lines[-MOST_LINES:]), note, newest_ms=newest)
    return Found("", "The container log is empty.")


def _records(lines: Sequence[str]) -> Iterator[_Record]:
    at: datetime | None = None
    block: list[str] = []
    for line in lines:
        found = moment(line)
        if found is not None:
            if at is not None:
                yield _Record(at, _process(block[0]), tuple(block))
            at, block = found, []
        block.append(line)
    if at is not None:
        yield _Record(at, _process(block[0]), tuple(block))


def _process(line: str) -> str:
    found = _PROCESS.search(line)
    return found[1] if found else ""


def _ending(records: Sequence[_Record], within: Sequence[int], wanted: Wanted) -> int | None:
    """The number of the record that ends this request, None when there is none."""
    if wanted.status is None:
        return None
    fitting = [
        number
        for number in within
        if (done := records[number].done)
        and int(done["status"]) == wanted.status
        and (wanted.size is None or int(done["size"]) == wanted.size)
    ]
    # Of several alike the one written last before the answer came is it; those after it were other requests.
    before = [number for number in fitting if records[number].at <= wanted.ended_at + timedelta(milliseconds=50)]
    return max(before or fitting, key=lambda number: records[number].at, default=None)


def _of_one_request(records: Sequence[_Record], ending: int, begin: datetime) -> list[_Record]:
    own = [records[ending]]
    for record in reversed(records[:ending]):
        if record.process != records[ending].process:
            continue
        # Before its first request a process writes what it does to get ready.
        if record.done or record.at < begin:
            break
        own.append(record)
    return own[::-1]


def _text(records: Sequence[_Record]) -> str:
    lines = [line for record in records for line in record.lines]
    return "\n".join(lines[-MOST_LINES:]).strip("\n")
