"""The judge's tables in its documentation: each in its place, and nothing else touched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.judge import JUDGES, POWER, Outcome, judged, rows_for
from benchmarks.judge_emulated import MINUTE_SECONDS, MINUTES, WORLDS, minutes_of
from benchmarks.judge_tables import NAMES, PAGE, written
from emulator.scoring.telemetry.rows import parse_row
from services.comparison.judge import Verdict
from tests.contract.history import row


def test_a_table_takes_the_place_of_the_one_before() -> None:
    outcomes = [{name: Outcome({Verdict.FAIL: 1200}) for name in JUDGES}, {name: Outcome({}) for name in JUDGES}]
    report: dict[str, Any] = {"rows": rows_for(POWER[2], outcomes), "facts": {"runs": 1000, "minutes": 480}}
    page = "Before\n<!-- judge-power -->replaced<!-- /judge-power -->\nafter"
    once = written(page, {"judge-power": report, "judge-unknown": report})
    assert "| P95 +20 % | 1,200 / never | 1,200 / never | 1,200 / never |" in once
    assert "1,000 runs of each world" in once
    assert once.startswith("Before\n")
    assert once.endswith("\nafter")
    assert "replaced" not in once
    assert written(once, {"judge-power": report}) == once
    kept = [{name: cell for name, cell in row.items() if name not in ("median", "P90")} for row in report["rows"]]
    shares = {**report, "rows": kept}
    assert "| P95 +20 % | 0.0 % | 0.0 % | 0.0 % |" in written(page, {"judge-power": shares})


def test_every_table_has_a_place_in_the_page() -> None:
    page = PAGE.read_text()
    for name in NAMES:
        assert page.index(f"<!-- {name} -->") < page.index(f"<!-- /{name} -->")


def test_rows_of_the_gateway_become_the_minutes_that_are_judged() -> None:
    """Failures have no latency, and what lies outside of the run does not count."""
    rows = [
        parse_row(row(datetime.fromtimestamp(100 + at * MINUTE_SECONDS, UTC), "bench", name, status, ms))
        for at, name, status, ms in (
            (0.1, "live", 200, 90.0),
            (0.2, "candidate", 200, 95.0),
            (0.3, "candidate", 424, 1.0),
            (1.5, "live", 200, 80.0),
            (MINUTES + 1, "live", 200, 70.0),
        )
    ]
    minutes = minutes_of(rows, 100.0)
    assert len(minutes) == MINUTES
    assert [(arm.requests, arm.errors, list(arm.latencies_ms)) for arm in minutes[0]] == [
        (1, 0, [90.0]),
        (2, 1, [95.0]),
    ]
    assert minutes[1][0].requests == 1
    assert sum(live.requests for live, _ in minutes) == 2
    assert np.isfinite(minutes[2][1].latencies_ms).all()
    assert judged(WORLDS[0], minutes, MINUTES)["Sluice"].first == {}
