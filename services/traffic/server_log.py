"""How long a deployment works on one request, read from the lines that Microsoft's inference server logs. Pure.

``2026-11-22 16:25:24,463 I [17246] azmlinfsrv - POST /score 200 34.171ms 92`` is written when a process of the server
has answered: its number, the status, how long it worked and the size of the answer (azureml-inference-server-http). A
request that waits for a process is not timed yet, so that these times have no queueing in them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import fmean, median, quantiles

_LINE = re.compile(
    r"^(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(?P<ms>\d{3}) \w \[(?P<process>\d+)\] azmlinfsrv - "
    r"POST /score\S* (?P<status>\d{3}) (?P<took>\d+(?:\.\d+)?)ms\b",
    re.MULTILINE,
)
_FEWEST_PAUSES = 40
_BUSY_SHARE = 0.5
"""Pauses between requests at random are spread: 27 % of them are shorter than three times their tenth percentile. When
half of them are, they are mostly what a busy process does between two requests."""


@dataclass(frozen=True)
class Worked:
    """What a log tells. ``mean_seconds`` is the time of one request, over ``requests`` of them.

    ``turnaround_seconds`` is what a process needs between two requests when the next one is waiting (closing,
    accepting, reading), None when it never was busy enough to tell.
    """

    mean_seconds: float
    turnaround_seconds: float | None
    requests: int


def worked(log: str) -> Worked | None:
    """The times of all scoring requests in ``log``, failed ones too: they keep a process busy. None without any."""
    ends: dict[str, list[tuple[float, float]]] = {}
    for found in _LINE.finditer(log):
        # Only differences count: a server that logs in another zone does no harm.
        at = datetime.fromisoformat(found["at"]).timestamp() + int(found["ms"]) / 1000
        ends.setdefault(found["process"], []).append((at, float(found["took"]) / 1000))
    times = [seconds for requests in ends.values() for _, seconds in requests]
    if not times:
        return None
    pauses = [
        max(0.0, end - seconds - before)
        for requests in ends.values()
        for (before, _), (end, seconds) in pairwise(requests)
    ]
    return Worked(fmean(times), _turnaround(pauses), len(times))


def times(log: str) -> tuple[datetime, ...]:
    """When each scoring request in ``log`` was done. Containers of Azure run on UTC."""
    return tuple(datetime.fromisoformat(found["at"]).replace(tzinfo=UTC) for found in _LINE.finditer(log))


def _turnaround(pauses: Sequence[float]) -> float | None:
    if len(pauses) < _FEWEST_PAUSES:
        return None
    # The log is written in whole milliseconds: below one there is nothing to tell apart.
    limit = 3 * max(quantiles(pauses, n=10)[0], 0.001)
    short = [pause for pause in pauses if pause <= limit]
    return median(short) if len(short) >= _BUSY_SHARE * len(pauses) else None
