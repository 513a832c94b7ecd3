"""Charts follow from what Azure lists; estimates and windows from plain rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from services.azure.metric_definitions import MetricDefinition
from services.azure.monitor import DEPLOYMENT_NAMESPACE, ENDPOINT_NAMESPACE
from services.errors import RuleBroken
from services.metrics import DeploymentMetrics, in_flight, length, period_before, points, window_between, window_for
from services.metrics.groups import rows_of
from services.metrics.panels import INSTANCES, RESOURCES, TRAFFIC, Panel, panels
from services.model import Series, Window

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
WINDOW = Window(START, NOW, 60)


def listed(name: str, unit: str, category: str, *dimensions: str) -> MetricDefinition:
    return MetricDefinition(name, f"Shown as {name}", unit, category, dimensions)


def series(values: tuple[float | None, ...], **dimensions: str) -> Series:
    times = tuple(START + timedelta(minutes=minute) for minute in range(len(values)))
    return Series("/x/BLUE", "Any", "Count", dimensions, times, values)


def test_only_what_azure_lists_has_a_chart() -> None:
    assert panels([], []) == ()
    found = panels([], [listed("CpuUtilizationPercentage", "Percent", "Resource", "instanceId")])
    assert [(each.metric, each.group, each.split, each.is_sum) for each in found] == [
        ("CpuUtilizationPercentage", RESOURCES, (), False)
    ]


def test_a_metric_that_nobody_knew_is_drawn_under_azures_name() -> None:
    (found,) = panels([listed("TokensPerMinute", "Count", "Traffic")], [])
    assert (found.title, found.group, found.namespace) == ("Shown as TokensPerMinute", TRAFFIC, ENDPOINT_NAMESPACE)


def test_counts_are_split_by_everything_and_added_up_again() -> None:
    (found,) = panels([], [listed("DeploymentCapacity", "Count", "Resource", "instanceId", "State")])
    assert (found.split, found.is_sum, found.part, found.group) == (("instanceId", "State"), True, "state", INSTANCES)
    rows = rows_of(
        found,
        [
            series((1.0, 1.0), instanceid="a", state="Ready"),
            series((1.0, None), instanceid="b", state="Ready"),
            series((None, 1.0), instanceid="b", state="NotReady"),
        ],
        {"/x/blue": "blue"},
        WINDOW,
    )
    assert rows[["deployment", "part", "value"]].values.tolist() == [
        ["blue", "Ready", 2.0],
        ["blue", "NotReady", 1.0],
        ["blue", "Ready", 1.0],
    ]


def test_an_instance_counts_for_the_part_of_a_point_that_it_was_there() -> None:
    (found,) = panels([], [listed("DeploymentCapacity", "Count", "Resource", "instanceId", "State")])
    there = [
        replace(series((1.0,), instanceid="a", state="Ready"), totals=(240.0,)),
        replace(series((1.0,), instanceid="b", state="Ready"), totals=(60.0,)),
        replace(series((1.0,), instanceid="c", state="NotReady"), totals=(60.0,)),
        replace(series((1.0,), instanceid="c", state="Ready"), totals=(180.0,)),
    ]

    rows = rows_of(found, there, {"/x/blue": "blue"}, replace(WINDOW, grain_seconds=3600))

    assert dict(zip(rows["part"], rows["value"], strict=True)) == {"NotReady": 0.25, "Ready": 2.0}


def test_what_both_list_is_read_where_mirrored_requests_count() -> None:
    both = listed("DataCollectionErrorsPerMinute", "Count", "Traffic", "deployment", "reason", "type")
    (found,) = panels([both], [replace(both, dimensions=("instanceId", "reason", "type"))])
    assert found.namespace == DEPLOYMENT_NAMESPACE


def test_latency_and_requests_are_not_drawn_twice() -> None:
    names = ("RequestLatency_P50", "RequestsPerMinute", "RequestLatency")
    assert [each.metric for each in panels([listed(name, "Count", "Traffic") for name in names], [])] == [
        "RequestLatency"
    ]


def test_what_is_no_number_is_no_point() -> None:
    found = points(series((1.0, float("nan"), float("inf"), None, 0.0)))
    assert [value for _, value in found] == [1.0, 0.0]


def test_in_flight_is_rate_times_latency_and_says_when_the_mean_is_missing() -> None:
    at = pd.Timestamp(START)
    data = DeploymentMetrics(
        latency=pd.DataFrame([(at, "green", "P50", 500.0)], columns=["at", "deployment", "percentile", "ms"]),
        requests=pd.DataFrame(
            [
                (at, name, status, rate, rate)
                for name, status, rate in [
                    ("blue", "200", 60.0),
                    ("blue", "424", 60.0),
                    ("green", "200", 60.0),
                    ("red", "200", 1.0),
                ]
            ],
            columns=["at", "deployment", "status", "count", "per_minute"],
        ),
        window=Window(START, NOW, 60),
        settled_until=NOW,
    )
    means = rows_of(
        Panel("RequestLatency", "", "MilliSeconds", TRAFFIC, ENDPOINT_NAMESPACE),
        [series((1000.0,), deployment="blue")],
        {},
        WINDOW,
    )
    found = in_flight(data, means)
    assert found[["deployment", "part", "value"]].values.tolist() == [["blue", "mean", 2.0], ["green", "P50", 0.5]]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOW + timedelta(hours=1), NOW + timedelta(hours=2)),
        (NOW - timedelta(hours=1), NOW - timedelta(hours=2)),
        (NOW - timedelta(days=94), NOW - timedelta(days=93)),
        (NOW - timedelta(days=40), NOW),
    ],
)
def test_a_range_that_cannot_be_shown_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(RuleBroken):
        window_between(start, end, NOW)


def test_a_range_ends_now_at_the_latest() -> None:
    window = window_between(NOW - timedelta(minutes=30), NOW + timedelta(hours=3), NOW)
    assert window == Window(datetime(2026, 3, 1, 11, 30, tzinfo=UTC), datetime(2026, 3, 1, 12, 0, tzinfo=UTC), 60)


@pytest.mark.parametrize("minutes", [30, 1440, 10_080, 43_200])
def test_the_period_before_ends_where_the_window_begins_and_its_points_fall_onto_it(minutes: int) -> None:
    window = window_for(minutes, NOW)
    before = period_before(window)
    assert before.end_at == window.start_at
    assert (length(window).total_seconds() % window.grain_seconds) == 0
    assert before.start_at + length(window) == window.start_at
    assert length(window) >= window.end_at - window.start_at
