"""The last hour of one endpoint, minute by minute, from series whose truth is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.fleet.fleet_hour import MINUTES, hour, slowest
from services.model import Series, Window
from services.statuses import DEFAULT_SETS

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(minutes=MINUTES), 60)


def series(deployment: str, status: str, values: dict[int, float | None]) -> Series:
    """A value in each of the named minutes."""
    dimensions = {"deployment": deployment, **({"statuscode": status} if status else {})}
    times = tuple(START + timedelta(minutes=minute) for minute in values)
    return Series("e", "m", "Count", dimensions, times, tuple(values.values()))


def test_failures_are_told_apart_and_a_model_that_fails_is_no_mistake_of_the_caller() -> None:
    rates = [
        series("blue", "200", {0: 5.0, 1: 5.0}),
        series("green", "424", {0: 2.0}),
        series("blue", "503", {0: 1.0}),
        series("blue", "404", {1: 3.0}),
        series("blue", "429", {1: 4.0}),
    ]

    found = hour(rates, [], WINDOW, DEFAULT_SETS)

    assert found.requests[:2] == (8.0, 12.0)
    assert found.server_errors[:2] == (3.0, 4.0)
    assert found.client_errors[:2] == (0.0, 3.0)


def test_a_minute_without_requests_has_no_errors_to_speak_of() -> None:
    found = hour([series("blue", "200", {3: 1.0, 4: None, 5: 0.0})], [], WINDOW, DEFAULT_SETS)

    assert found.server_errors == found.client_errors == (None, None, None, 0.0, None, 0.0, *[None] * 54)
    assert found.requests[3:6] == (1.0, None, 0.0)


def test_percentiles_stay_apart_by_deployment() -> None:
    latency = [series("green", "", {0: 90.0, 59: 70.0}), series("blue", "", {1: 10.0}), series("old", "", {2: None})]

    found = hour([], latency, WINDOW, DEFAULT_SETS)

    assert list(found.p95_ms) == ["blue", "green"], "a deployment without data has no line"
    assert found.p95_ms["green"] == (90.0, *[None] * 58, 70.0)
    assert found.requests == (None,) * MINUTES


def test_the_latency_that_callers_feel_is_not_that_of_a_shadow() -> None:
    shadow = series("shadow", "", {50: 900.0})
    blue, green = series("blue", "", {50: 10.0, 51: 30.0}), series("green", "", {50: 25.0, 10: 999.0})
    newest = Window(START + timedelta(minutes=45), WINDOW.end_at, 60)

    assert slowest([shadow, blue, green], {"blue", "green"}, newest) == [green]
    assert slowest([shadow, blue], {"blue"}, newest) == [blue]
    assert slowest([shadow, blue], set(), newest) == [shadow], "nobody is live: what there is"
    assert slowest([shadow], {"blue"}, newest) == []
