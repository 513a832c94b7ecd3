"""When a change took effect, by Azure's clock: lines lie where the metrics that follow them lie."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.azure.clock import AzureClock
from services.journal.entry import APPLIED, CHANGE, DRIFT, Entry, Who
from services.model import Split
from ui.journal.entry_words import effective_at

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
ENTRY = Entry(
    "1", CHANGE, "local", "/e", "e", None, Split({"blue": 100}, {}), Who(), "", "", NOW, ended_at=NOW, outcome=APPLIED
)


@pytest.fixture
def clock() -> AzureClock:
    """Azure's clock is five minutes ahead."""
    made = AzureClock(NOW.timestamp)
    for _ in range(2):
        made.hear(NOW + AHEAD, NOW.timestamp(), NOW.timestamp() + 2)
    return made


def test_changes_made_here_are_moved_to_azures_time(clock: AzureClock) -> None:
    assert effective_at(ENTRY) == NOW
    assert effective_at(ENTRY, clock) == pytest.approx(NOW + AHEAD, abs=timedelta(seconds=2))


def test_times_that_are_azures_stay(clock: AzureClock) -> None:
    drift = replace(ENTRY, kind=DRIFT, changed_at=NOW - AHEAD)
    assert effective_at(drift, clock) == NOW - AHEAD
    noticed = replace(drift, changed_at=None)
    assert effective_at(noticed, clock) == pytest.approx(NOW + AHEAD, abs=timedelta(seconds=2))
