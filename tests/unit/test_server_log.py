"""Service times out of the inference server's log."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from services.traffic.server_log import worked

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOG = """\
2026-11-23 00:39:04,856 I [17246] gunicorn.access - 127.0.0.1 - - [23/Nov/2026:00:39:04 +0000] "POST /score HTTP/1.1"
2026-11-23 00:39:04,866 I [17247] azmlinfsrv - POST /score 200 120.000ms 3
2026-11-23 00:39:05,014 I [17246] azmlinfsrv - POST /score?verbose=1 500 40.000ms 3
2026-11-23 00:39:05,100 I [17246] azmlinfsrv - GET /swagger.json 200 900.000ms 3
POST /score 200 5000.000ms printed by the script
2026-11-23 00:39:05,200 I [17246] azmlinfsrv.print - azmlinfsrv - POST /score 200 7000.000ms
"""


def line(end: datetime, seconds: float, process: int = 1) -> str:
    """One line of the server."""
    moment = f"{end:%Y-%m-%d %H:%M:%S},{end.microsecond // 1000:03}"
    return f"{moment} I [{process}] azmlinfsrv - POST /score 200 {1000 * seconds:.3f}ms 3\n"


def test_all_scoring_requests_count_failed_ones_too_and_nothing_else() -> None:
    found = worked(LOG)

    assert found is not None
    assert found.requests == 2
    assert found.mean_seconds == pytest.approx(0.08)
    assert found.turnaround_seconds is None


@pytest.mark.parametrize("log", ["", "Healthy\n", "2026-11-23 00:39:04,856 I [1] azmlinfsrv - POST /score 200 ms 3"])
def test_a_log_without_requests_tells_nothing(log: str) -> None:
    assert worked(log) is None


def served(waiting_share: float, number: int = 400) -> str:
    """The log of a process that needs 4 ms between requests, and finds the next one waiting so often."""
    source, at, lines = random.Random(3), NOON, []
    for _ in range(number):
        idle = 0.0 if source.random() < waiting_share else source.expovariate(5)
        seconds = source.expovariate(20)
        at += timedelta(seconds=0.004 + idle + seconds)
        lines.append(line(at, seconds))
    return "".join(lines)


def test_a_busy_process_shows_what_it_needs_between_two_requests() -> None:
    found = worked(served(0.8))

    assert found is not None
    assert found.turnaround_seconds == pytest.approx(0.004, abs=0.0015)


def test_a_process_that_mostly_waits_does_not_show_it() -> None:
    found = worked(served(0.1))

    assert found is not None
    assert found.turnaround_seconds is None


def test_processes_are_told_apart() -> None:
    lines = [line(NOON + timedelta(seconds=0.1 * n), 0.09, process=n % 2) for n in range(100)]

    found = worked("".join(lines))

    # Each process writes every 200 ms and works for 90 of them.
    assert found is not None
    assert found.turnaround_seconds == pytest.approx(0.11, abs=0.001)
