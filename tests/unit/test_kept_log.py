"""Rows of the console log as entries: lines that belong together, each instance in its order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.logs.kept import logs_of

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def row(second: int, instance: str, message: str, deployment: str = "blue") -> dict[str, Any]:
    at = NOON + timedelta(seconds=second)
    return {"TimeGenerated": at, "DeploymentName": deployment, "InstanceId": instance, "Message": message}


def test_a_traceback_is_one_entry_though_another_instance_writes_in_between() -> None:
    rows = [
        row(5, "two", "printed, without a time"),
        row(4, "one", "ValueError: no"),
        row(3, "two", "2026-01-02 11:59:58,500 I [7] azmlinfsrv - ready"),
        row(2, "one", '  File "score.py", line 1, in run'),
        row(1, "one", "Traceback (most recent call last):"),
        {"TimeGenerated": None, "DeploymentName": "blue", "InstanceId": "one", "Message": "of no time"},
    ]
    one, two = logs_of(rows)
    assert [each.lines for each in one] == [
        ("Traceback (most recent call last):", '  File "score.py", line 1, in run', "ValueError: no")
    ]
    assert (one[0].level, one[0].at) == ("error", NOON + timedelta(seconds=1))
    assert [each.at for each in two] == [NOON - timedelta(seconds=1.5), NOON + timedelta(seconds=5)]
    numbers = [each.number for log in (one, two) for each in log]
    assert len(set(numbers)) == len(numbers)


def test_no_rows_are_no_logs() -> None:
    assert logs_of(()) == ()
