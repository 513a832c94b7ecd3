"""How counts and latencies come out of the clients, depending on how they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.monitor import MonitorManagementClient

from tests.contract.history import row
from tests.contract.monitor_clients import monitor_client, past, seed
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

EVERY = "deployment eq '*' and statusCode eq '*' and statusCodeClass eq '*' and modelStatusCode eq '*'"
START = past(90)
END = START + timedelta(hours=1)
SPAN = f"{START:%Y-%m-%dT%H:%M:%SZ}/{END:%Y-%m-%dT%H:%M:%SZ}"
REQUESTS = 710

MEAN = ("Average",)
SPREAD = ("Minimum", "Maximum", "Average")
ENDPOINT_METRICS = {
    "ConnectionsActive": ("Count", MEAN, ()),
    "DataCollectionErrorsPerMinute": ("Count", SPREAD, ("deployment", "reason", "type")),
    "DataCollectionEventsPerMinute": ("Count", SPREAD, ("deployment", "type")),
    "NetworkBytes": ("BytesPerSecond", MEAN, ()),
    "NewConnectionsPerSecond": ("CountPerSecond", MEAN, ()),
    **{
        f"RequestLatency{suffix}": ("MilliSeconds", MEAN, ("deployment",))
        for suffix in ("", "_P50", "_P90", "_P95", "_P99")
    },
    "RequestsPerMinute": ("Count", MEAN, ("deployment", "statusCode", "statusCodeClass", "modelStatusCode")),
}
DEPLOYMENT_METRICS = {
    **{
        f"{what}UtilizationPercentage": ("Percent", SPREAD, ("instanceId",))
        for what in ("Cpu", "CpuMemory", "Gpu", "GpuMemory")
    },
    "DiskUtilization": ("Percent", SPREAD, ("instanceId", "disk")),
    "DeploymentCapacity": ("Count", SPREAD, ("instanceId", "State")),
    "GpuEnergyJoules": ("Count", SPREAD, ("instanceId",)),
    "DataCollectionErrorsPerMinute": ("Count", SPREAD, ("instanceId", "reason", "type")),
    "DataCollectionEventsPerMinute": ("Count", SPREAD, ("instanceId", "type")),
    **{f"RequestLatency_P{percent}": ("MilliSeconds", MEAN, ()) for percent in (50, 90, 95, 99)},
    "RequestsPerMinute": ("Count", MEAN, ("envoy_response_code",)),
}


@pytest.fixture(scope="module")
def azure(local_azure: LocalAzure) -> LocalAzure:
    """Endpoint `counted` with an hour of 710 requests.

    Every minute blue answers ten times 200, every third minute once 424 besides. In the first half hour green answers
    three times 200 a minute.
    """
    made = {"name": "counted", "deployments": ["blue", "green"], "traffic": {"blue": 80, "green": 20}}
    seed(local_azure, endpoints=[made])
    rows = []
    for minute in range(60):
        at = START + timedelta(minutes=minute)
        rows += [row(at, "counted", "blue", 200, 10.0)] * 10
        rows += [row(at, "counted", "blue", 424, 10.0)] * (minute % 3 == 0)
        rows += [row(at, "counted", "green", 200, 10.0)] * (3 * (minute < 30))
    assert len(rows) == REQUESTS
    seed(local_azure, rows=rows)
    return local_azure


@pytest.fixture(scope="module")
def endpoint(azure: LocalAzure) -> str:
    return f"{azure.workspace}/onlineEndpoints/counted"


@pytest.fixture(scope="module")
def client(azure: LocalAzure) -> Iterator[MonitorManagementClient]:
    with monitor_client(azure) as made:
        yield made


def test_only_minutes_split_by_every_dimension_count_right(client: MonitorManagementClient, endpoint: str) -> None:
    """Average is sum by count, and an absent minute is not a zero: metrics-aggregation-explained of Azure Monitor."""

    def counted(minutes: int = 1, **query: Any) -> float:
        found = client.metrics.list(
            endpoint, timespan=SPAN, interval=f"PT{minutes}M", metricnames="RequestsPerMinute", top=100, **query
        )
        return sum((point.average or 0) * minutes for series in found.value[0].timeseries for point in series.data)

    # Minutes with blue and green, of which a third has a failure too; then those without green.
    assert counted() == pytest.approx(20 * 13 / 2 + 10 * 14 / 3 + 20 * 10 + 10 * 11 / 2)
    assert counted(filter="deployment eq '*'") == 40 * 10 + 20 * 11 / 2 + 90
    assert counted(filter=EVERY) == REQUESTS
    # By the hour the mean leaves out the minutes that a combination is absent from.
    found = client.metrics.list(
        endpoint, timespan=SPAN, interval="PT1H", metricnames="RequestsPerMinute", top=100, filter=EVERY
    )
    assert sum(series.data[0].average * 60 for series in found.value[0].timeseries) == 600 + 60 + 180


def test_total_and_count_agree_with_the_average(client: MonitorManagementClient, endpoint: str) -> None:
    found = client.metrics.list(
        endpoint,
        timespan=SPAN,
        metricnames="RequestsPerMinute",
        aggregation="Average,Count,Total",
        filter=EVERY,
        top=100,
    )
    points = [point for series in found.value[0].timeseries for point in series.data if point.count]
    assert sum(point.total for point in points) == sum(point.average * point.count for point in points) == REQUESTS


def test_the_whole_range_can_be_one_point(client: MonitorManagementClient, endpoint: str) -> None:
    found = client.metrics.list(
        endpoint, timespan=SPAN, interval="FULL", metricnames="RequestsPerMinute", aggregation="Total"
    )
    [point] = found.value[0].timeseries[0].data
    assert (point.time_stamp, point.total) == (START, REQUESTS)


def test_metrics_with_other_dimensions_fit_one_call_unless_dimensions_are_validated(
    client: MonitorManagementClient, endpoint: str
) -> None:
    query = {"timespan": SPAN, "metricnames": "RequestsPerMinute,RequestLatency,NetworkBytes", "filter": EVERY}
    with pytest.raises(HttpResponseError, match="does not support requested dimension combination") as caught:
        client.metrics.list(endpoint, **query)
    assert caught.value.status_code == 400
    counts, latencies, traffic = client.metrics.list(endpoint, validate_dimensions=False, **query).value
    split = [{entry.name.value for entry in series.metadatavalues} for series in counts.timeseries]
    assert split == [{"deployment", "statuscode", "statuscodeclass", "modelstatuscode"}] * 3
    assert [[entry.name.value for entry in series.metadatavalues] for series in latencies.timeseries] == [
        ["deployment"],
        ["deployment"],
    ]
    assert traffic.error_code == "Success"


def test_a_grain_that_is_not_offered_becomes_the_next_one_when_asked(
    client: MonitorManagementClient, endpoint: str
) -> None:
    query = {"timespan": SPAN, "interval": "PT2M", "metricnames": "RequestLatency"}
    with pytest.raises(HttpResponseError, match="Detect invalid time grain input"):
        client.metrics.list(endpoint, **query)
    found = client.metrics.list(endpoint, auto_adjust_timegrain=True, **query)
    assert (found.interval, len(found.value[0].timeseries[0].data)) == ("PT5M", 12)


@pytest.mark.parametrize(
    "timespan",
    [
        SPAN,
        f"{START:%Y-%m-%dT%H:%M:%S}+00:00/{END:%Y-%m-%dT%H:%M:%S}+00:00",
        f"{START:%Y-%m-%dT%H:%M:%S.000Z}/{END:%Y-%m-%dT%H:%M:%S.000Z}",
        f"{START:%Y-%m-%dT%H:%M:%S}/{END:%Y-%m-%dT%H:%M:%S}",
        f"{START:%Y-%m-%dT%H:%M:31Z}/{END:%Y-%m-%dT%H:%M:59Z}",
        f"{START:%Y-%m-%dT%H:%M:%SZ}/PT1H",
        f"PT60M/{END:%Y-%m-%dT%H:%M:%SZ}",
    ],
)
def test_every_form_of_a_timespan(client: MonitorManagementClient, endpoint: str, timespan: str) -> None:
    found = client.metrics.list(endpoint, timespan=timespan, metricnames="RequestLatency")
    assert found.timespan == SPAN
    data = found.value[0].timeseries[0].data
    assert (data[0].time_stamp, len(data)) == (START, 60)


def test_a_timespan_can_be_a_duration_or_nothing(client: MonitorManagementClient, endpoint: str) -> None:
    for timespan, points in (("PT2H", 120), (None, 60)):
        found = client.metrics.list(endpoint, timespan=timespan, metricnames="RequestLatency")
        assert len(found.value[0].timeseries[0].data) == points


def test_nothing_is_neither_zero_nor_a_series(client: MonitorManagementClient, endpoint: str) -> None:
    early = f"PT5M/{START:%Y-%m-%dT%H:%M:%SZ}"
    answers: list[dict[str, Any]] = []
    found = client.metrics.list(
        endpoint,
        timespan=early,
        metricnames="RequestLatency",
        raw_response_hook=lambda answer: answers.append(answer.http_response.json()),
    )
    assert [point.average for point in found.value[0].timeseries[0].data] == [None] * 5
    assert [set(point) for point in answers[0]["value"][0]["timeseries"][0]["data"]] == [{"timeStamp"}] * 5
    for text in ("deployment eq 'nobody'", "deployment eq '*'"):
        span = SPAN if "nobody" in text else early
        found = client.metrics.list(endpoint, timespan=span, metricnames="RequestLatency", filter=text)
        assert found.value[0].timeseries == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("DEPLOYMENT eq 'BLUE'", [["blue"]]),
        ("deployment eq 'blue' or deployment eq 'green'", [["blue"], ["green"]]),
        ("statusCodeClass ne '2xx'", [["4xx"]]),
        ("deployment eq 'green' and statusCode eq '424'", []),
    ],
)
def test_filters_compare_without_case(
    client: MonitorManagementClient, endpoint: str, text: str, found: list[list[str]]
) -> None:
    answer = client.metrics.list(endpoint, timespan=SPAN, metricnames="RequestsPerMinute", filter=text)
    assert [[entry.value for entry in series.metadatavalues] for series in answer.value[0].timeseries] == found


@pytest.mark.parametrize(
    ("order", "first"),
    [
        (None, "blue"),
        ("sum desc", "blue"),
        ("total asc", "green"),
        ("average desc", "blue"),
        # The least that blue ever has in a minute is one failure; green always has three requests.
        ("minimum desc", "green"),
        ("Minimum asc", "blue"),
    ],
)
def test_series_are_ordered_by_the_aggregation_that_is_named(
    client: MonitorManagementClient, endpoint: str, order: str | None, first: str
) -> None:
    found = client.metrics.list(
        endpoint,
        timespan=SPAN,
        metricnames="RequestsPerMinute",
        filter="deployment eq '*'",
        orderby=order,
        top=1,
    )
    assert [series.metadatavalues[0].value for series in found.value[0].timeseries] == [first]


def test_at_most_twenty_metrics_are_asked_for_in_one_call(client: MonitorManagementClient, endpoint: str) -> None:
    names = ["RequestLatency"] * 20
    assert client.metrics.list(endpoint, timespan=SPAN, metricnames=",".join(names)).value
    with pytest.raises(HttpResponseError, match="At most 20"):
        client.metrics.list(endpoint, timespan=SPAN, metricnames=",".join([*names, "RequestLatency"]))


@pytest.mark.parametrize(
    ("below", "documented"),
    [("", ENDPOINT_METRICS), ("/deployments/blue", DEPLOYMENT_METRICS)],
    ids=["endpoint", "deployment"],
)
def test_every_documented_metric_is_defined_as_documented(
    client: MonitorManagementClient, endpoint: str, below: str, documented: dict[str, tuple[Any, ...]]
) -> None:
    found = {}
    for one in client.metric_definitions.list(endpoint + below):
        dimensions = tuple(each.value for each in one.dimensions)
        aggregations = one.supported_aggregation_types
        found[one.name.value] = (one.unit, tuple(aggregations), dimensions)
        first = one.metric_availabilities[0]
        assert (first.time_grain, first.retention) == (timedelta(minutes=1), timedelta(days=93))
    assert found == documented
