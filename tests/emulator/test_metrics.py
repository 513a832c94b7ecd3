"""The metrics APIs against the truth, computed from the raw rows."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator.monitor.catalogue import DEPLOYMENTS, ENDPOINTS
from emulator.monitor.percentiles import percentiles
from emulator.monitor.routes import Monitor, Whereabouts
from emulator.scoring.telemetry import histogram
from emulator.scoring.telemetry.gauges import Gauges, Measurement
from emulator.scoring.telemetry.rows import Row, Telemetry
from tests.emulator.test_telemetry import row

START = 1_800_000_000
NOW = START + 1800
WORKSPACE = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/shop"
SPAN = "2027-01-15T08:00:00Z/2027-01-15T08:30:00Z"
EVERY = "deployment eq '*' and statusCode eq '*' and statusCodeClass eq '*' and modelStatusCode eq '*'"


@dataclass
class Switches:
    shadow_in_endpoint_metrics: bool = False
    shadow_in_deployment_metrics: bool = True
    metric_delay_seconds: float = 0.0
    undocumented_aggregations: bool = True


@dataclass
class Setup:
    rows: list[Row]
    gauges: Gauges
    monitor: Monitor
    switches: Switches

    def ask(self, resource: str = ENDPOINT, **query: str) -> dict[str, Any]:
        status, body = asyncio.run(self.monitor.arm_metrics(resource, {"timespan": SPAN, **query}))
        assert status == 200, body
        return body

    def series(self, resource: str = ENDPOINT, **query: str) -> list[dict[str, Any]]:
        [value] = self.ask(resource, **query)["value"]
        found: list[dict[str, Any]] = value["timeseries"]
        return found


def monitor_of(telemetry: Telemetry, gauges: Gauges, switches: Switches) -> Monitor:
    return Monitor(telemetry, gauges, lambda: switches, lambda _: Whereabouts("westeurope", True), lambda: NOW)


def history() -> list[Row]:
    """Half an hour: blue and green live, green mirrored at times, failures, refusals; minutes 10 to 14 are empty."""
    source = random.Random(5)
    rows = []
    for _ in range(4000):
        minute = source.choice([n for n in range(30) if not 10 <= n < 15])
        kind, deployment = source.choice([("live", "blue"), ("live", "blue"), ("live", "green"), ("mirror", "grey")])
        status, model = source.choice([(200, 200)] * 18 + [(424, 500), (408, 0)])
        if kind == "live" and source.random() < 0.03:
            deployment, status, model = "", 401, 0
        rows.append(
            row(
                started_at=START + minute * 60 + source.random() * 59,
                deployment=deployment,
                kind=kind,
                status=status,
                model_status=model,
                total_ms=source.lognormvariate(3, 0.7),
            )
        )
    return rows


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    telemetry, gauges = Telemetry(tmp_path / "telemetry.db"), Gauges(tmp_path / "telemetry.db")
    rows = history()
    telemetry.append(rows)
    switches = Switches()
    yield Setup(rows, gauges, monitor_of(telemetry, gauges, switches), switches)
    gauges.close()
    telemetry.close()


def names(series: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]["value"]: entry["value"] for entry in series["metadatavalues"]}


def minute_of(entry: Row) -> int:
    return int(entry["started_at"] - START) // 60


def test_requests_split_by_every_dimension_add_up_to_the_truth(setup: Setup) -> None:
    truth: Counter[tuple[int, str, int, int]] = Counter(
        (minute_of(entry), entry["deployment"], entry["status"], entry["model_status"])
        for entry in setup.rows
        if entry["kind"] == "live" and entry["deployment"]
    )
    found: Counter[tuple[int, str, int, int]] = Counter()
    for one in setup.series(metricnames="RequestsPerMinute", **{"$filter": EVERY, "top": "100"}):
        values = names(one)
        assert values["statuscodeclass"] == f"{values['statuscode'][0]}xx"
        for number, point in enumerate(one["data"]):
            if "average" in point:
                key = (number, values["deployment"], int(values["statuscode"]), int(values["modelstatuscode"]))
                found[key] = int(point["average"])
    assert found == truth


@pytest.mark.parametrize("percent", [50, 90, 95, 99])
def test_percentiles_are_within_one_percent_of_the_raw_rows(setup: Setup, percent: int) -> None:
    truth: dict[tuple[str, int], list[float]] = defaultdict(list)
    for entry in setup.rows:
        if entry["kind"] == "live" and entry["deployment"]:
            truth[entry["deployment"], minute_of(entry)].append(entry["total_ms"])
    points = 0
    for one in setup.series(metricnames=f"RequestLatency_P{percent}", **{"$filter": "deployment eq '*'"}):
        for number, point in enumerate(one["data"]):
            values = truth.get((names(one)["deployment"], number))
            assert ("average" in point) == bool(values)
            if values:
                points += 1
                assert point["average"] == pytest.approx(float(np.percentile(values, percent)), rel=0.01)
    assert points == len(truth)


def test_the_mean_latency_is_exact(setup: Setup) -> None:
    blue = [entry["total_ms"] for entry in setup.rows if entry["deployment"] == "blue" and minute_of(entry) == 3]
    [one] = setup.series(metricnames="RequestLatency", **{"$filter": "deployment eq 'BLUE'"})
    assert one["data"][3]["average"] == pytest.approx(np.mean(blue))


def test_the_deployment_resource_counts_its_mirrored_requests(setup: Setup) -> None:
    grey = f"{ENDPOINT}/deployments/grey"
    truth = Counter(entry["status"] for entry in setup.rows if entry["deployment"] == "grey")
    found = {
        names(one)["envoy_response_code"]: sum(point.get("total", 0) for point in one["data"])
        for one in setup.series(
            grey, metricnames="RequestsPerMinute", aggregation="Total", **{"$filter": "envoy_response_code eq '*'"}
        )
    }
    assert found == {str(status): count for status, count in truth.items()}
    [latency] = setup.series(grey, metricnames="RequestLatency_P95")
    assert any("average" in point for point in latency["data"])


def test_a_switch_shows_mirrored_requests_on_the_endpoint(setup: Setup) -> None:
    def deployments() -> set[str]:
        found = setup.series(metricnames="RequestsPerMinute", resultType="Metadata", **{"$filter": "deployment eq '*'"})
        assert all("data" not in one for one in found)
        return {names(one)["deployment"] for one in found}

    assert deployments() == {"blue", "green"}
    setup.switches.shadow_in_endpoint_metrics = True
    assert deployments() == {"blue", "green", "grey"}


def test_refused_requests_count_only_where_no_deployment_is_asked_for(setup: Setup) -> None:
    refused = sum(entry["status"] == 401 for entry in setup.rows)
    [one] = setup.series(metricnames="RequestsPerMinute", aggregation="total", **{"$filter": "statusCode eq '401'"})
    assert sum(point.get("total", 0) for point in one["data"]) == refused > 0
    both = "statusCode eq '401' and deployment eq '*'"
    assert setup.series(metricnames="RequestsPerMinute", **{"$filter": both}) == []


def test_a_coarser_grain_is_the_mean_of_its_minutes(setup: Setup) -> None:
    asked = {"metricnames": "RequestLatency_P90", "$filter": "deployment eq 'blue'"}
    [fine] = setup.series(**asked)
    [coarse] = setup.series(**asked, interval="PT5M", aggregation="Average,Minimum,Maximum,Total,Count")
    assert [point["timeStamp"] for point in coarse["data"][:2]] == ["2027-01-15T08:00:00Z", "2027-01-15T08:05:00Z"]
    values = [point["average"] for point in fine["data"][:5]]
    assert coarse["data"][0] == {
        "timeStamp": "2027-01-15T08:00:00Z",
        "average": pytest.approx(np.mean(values)),
        "minimum": min(values),
        "maximum": max(values),
        "total": pytest.approx(sum(values)),
        "count": 5.0,
    }
    assert coarse["data"][2] == {"timeStamp": "2027-01-15T08:10:00Z"}
    [whole] = setup.series(**asked, interval="FULL", aggregation="count")
    assert whole["data"] == [{"timeStamp": "2027-01-15T08:00:00Z", "count": 25.0}]


def test_without_data_a_point_has_no_value_and_a_filter_no_series(setup: Setup) -> None:
    [one] = setup.series(metricnames="CpuUtilizationPercentage", resource=f"{ENDPOINT}/deployments/blue")
    assert len(one["data"]) == 30
    assert all(set(point) == {"timeStamp"} for point in one["data"])
    assert setup.series(metricnames="RequestLatency", **{"$filter": "deployment eq 'nobody'"}) == []


def test_top_is_ten_when_there_is_a_filter(tmp_path: Path) -> None:
    telemetry, gauges = Telemetry(tmp_path / "other.db"), Gauges(tmp_path / "other.db")
    telemetry.append([row(started_at=START + 1.0, deployment=f"d{n}") for n in range(15) for _ in range(n + 1)])
    setup = Setup([], gauges, monitor_of(telemetry, gauges, Switches()), Switches())
    asked = {"metricnames": "RequestsPerMinute", "$filter": "deployment eq '*'"}
    assert [names(one)["deployment"] for one in setup.series(**asked)] == [f"d{n}" for n in range(14, 4, -1)]
    assert len(setup.series(**asked, top="50")) == 15
    assert [names(one)["deployment"] for one in setup.series(**asked, orderby="total asc", top="2")] == ["d0", "d1"]
    telemetry.close()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("deployment eq 'blue' or deployment eq 'green'", {"blue", "green"}),
        ("deployment ne 'blue'", {"green"}),
        ("deployment sw 'gre'", {"green"}),
        ("deployment eq '*' and deployment ne 'green'", {"blue"}),
        ("Deployment eq 'BLUE' and statusCodeClass eq '4xx'", {"blue"}),
    ],
)
def test_filters(setup: Setup, text: str, found: set[str]) -> None:
    series = setup.series(metricnames="RequestsPerMinute", **{"$filter": text})
    assert {names(one)["deployment"] for one in series} == found


def test_a_rolled_up_dimension_filters_without_splitting(setup: Setup) -> None:
    [one] = setup.series(metricnames="RequestsPerMinute", rollupby="deployment", **{"$filter": "deployment eq '*'"})
    assert names(one) == {}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"metricnames": "Nope"}, "Failed to find metric configuration"),
        ({"metricnamespace": DEPLOYMENTS}, "the value must be: " + ENDPOINTS),
        ({"interval": "PT2M"}, "Detect invalid time grain input"),
        ({"interval": "0:05:00"}, "Detect invalid time grain input"),
        ({"aggregation": "median"}, "Detect invalid aggregation"),
        ({"$filter": "deployment like 'x'"}, "Invalid filter near"),
        ({"$filter": "deployment eq 'x' or statusCode eq '200'"}, "The logical 'or' operator"),
        ({"$filter": "region eq 'x'"}, "does not support requested dimension combination"),
        ({"timespan": "yesterday/today"}, "Detect invalid time"),
        ({"top": "many"}, "'top'"),
        ({"metricnames": ",".join(["RequestLatency"] * 21)}, "At most 20"),
    ],
)
def test_mistakes_are_answered_flat(setup: Setup, query: dict[str, str], message: str) -> None:
    asked = {"timespan": SPAN, "metricnames": "RequestsPerMinute", **query}
    status, body = asyncio.run(setup.monitor.arm_metrics(ENDPOINT, asked))
    assert (status, body["code"]) == (400, "BadRequest")
    assert message in body["message"]


def test_a_grain_can_be_adjusted_and_foreign_dimensions_ignored_when_asked(setup: Setup) -> None:
    asked = {"metricnames": "RequestsPerMinute,RequestLatency", "$filter": EVERY, "ValidateDimensions": "false"}
    body = setup.ask(**asked, interval="PT2M", AutoAdjustTimegrain="true")
    assert body["interval"] == "PT5M"
    assert {tuple(names(one)) for one in body["value"][1]["timeseries"]} == {("deployment",)}


def test_aggregations_that_the_reference_does_not_list_are_answered_or_refused(setup: Setup) -> None:
    asked = {"metricnames": "RequestsPerMinute", "aggregation": "Average,Count,Total"}
    [one] = setup.series(**asked)
    assert {"average", "count", "total"} <= set(one["data"][0])
    setup.switches.undocumented_aggregations = False
    status, body = asyncio.run(setup.monitor.arm_metrics(ENDPOINT, {"timespan": SPAN, **asked}))
    assert (status, "aggregation: count" in body["message"]) == (400, True)
    assert setup.series(metricnames="RequestsPerMinute", aggregation="Average")


def test_new_minutes_stay_hidden_for_the_delay(setup: Setup) -> None:
    setup.switches.metric_delay_seconds = 180
    [one] = setup.series(metricnames="RequestsPerMinute")
    shown = [number for number, point in enumerate(one["data"]) if "average" in point]
    assert max(shown) == 25


def test_the_batch_answers_one_entry_per_resource_in_order(setup: Setup) -> None:
    ids = [f"{ENDPOINT}/deployments/{name}" for name in ("grey", "blue", "nobody")]
    query = {
        "starttime": "2027-01-15T08:00:00.000Z",
        "endtime": "2027-01-15T08:30:00.000Z",
        "interval": "PT1M",
        "metricnamespace": DEPLOYMENTS.lower(),
        "metricnames": "RequestLatency_P50,RequestsPerMinute",
        "aggregation": "Average,Count",
    }
    status, body = asyncio.run(setup.monitor.batch_metrics(query, {"resourceids": ids}, "S1"))
    assert status == 200
    assert [value["resourceid"] for value in body["values"]] == ids
    first = body["values"][0]
    assert (first["starttime"], first["interval"], first["namespace"]) == ("2027-01-15T08:00:00Z", "PT1M", DEPLOYMENTS)
    assert [metric["name"]["value"] for metric in first["value"]] == ["RequestLatency_P50", "RequestsPerMinute"]
    assert first["value"][0]["id"].startswith(ids[0])
    nobody = body["values"][2]["value"][1]["timeseries"]
    assert all(set(point) == {"timeStamp"} for point in nobody[0]["data"])


@pytest.mark.parametrize(
    ("query", "body", "message"),
    [
        ({"metricnamespace": DEPLOYMENTS}, {"resourceids": [ENDPOINT]}, "the value must be"),
        ({}, {"resourceids": [ENDPOINT] * 51}, "exceeds the maximum of 50"),
        ({}, {}, "resourceids"),
        ({}, ["x"], "resourceids"),
        ({}, {"resourceids": [ENDPOINT.replace("s1", "s2")]}, "not in the subscription"),
        ({}, {"resourceids": ["/subscriptions/s1/resourceGroups/rg"]}, "Failed to find"),
        ({"metricnames": ""}, {"resourceids": [ENDPOINT]}, "required"),
    ],
)
def test_mistakes_in_a_batch_are_answered_nested(
    setup: Setup, query: dict[str, str], body: object, message: str
) -> None:
    asked = {"metricnamespace": ENDPOINTS, "metricnames": "RequestLatency", **query}
    status, answer = asyncio.run(setup.monitor.batch_metrics(asked, body, "s1"))
    assert status == 400
    assert message in answer["error"]["message"]


@pytest.mark.parametrize(
    "query",
    [
        {"timespan": "P99999999D"},
        {"timespan": "0001-01-01T00:00:00+14:00/2027-01-15T08:30:00Z", "interval": "P1D"},
        {"timespan": "2027-01-15T08:00:00Z/9999-12-31T23:59:59Z", "interval": "FULL"},
        {"timespan": "2000-01-01T00:00:00Z/2027-01-01T00:00:00Z"},
        {"top": "²"},
        {"top": "9" * 5000},
    ],
)
def test_a_query_beyond_all_measure_is_refused(setup: Setup, query: dict[str, str]) -> None:
    asked = {"metricnames": "RequestLatency", "timespan": SPAN, **query}
    status, answer = asyncio.run(setup.monitor.arm_metrics(ENDPOINT, asked))
    assert (status, answer["code"]) == (400, "BadRequest")


def test_many_resources_over_a_long_time_are_refused_and_a_day_of_them_is_not(setup: Setup) -> None:
    ids = [f"{ENDPOINT}/deployments/d{number}" for number in range(50)]
    asked = {"metricnamespace": DEPLOYMENTS, "metricnames": "RequestLatency_P50,RequestsPerMinute"}
    for start, expected in (("2027-01-14T08:30:00Z", 200), ("2027-01-01T00:00:00Z", 400)):
        times = {"starttime": start, "endtime": "2027-01-15T08:30:00Z"}
        status, _ = asyncio.run(setup.monitor.batch_metrics({**asked, **times}, {"resourceids": ids}, "s1"))
        assert status == expected


def test_definitions_and_namespaces_name_what_can_be_asked(setup: Setup) -> None:
    status, body = setup.monitor.metric_definitions(ENDPOINT)
    assert status == 200
    requests = next(one for one in body["value"] if one["name"]["value"] == "RequestsPerMinute")
    assert requests["dimensions"][0]["value"] == "deployment"
    assert requests["metricAvailabilities"][0] == {"timeGrain": "PT1M", "retention": "P93D"}
    status, body = setup.monitor.metric_namespaces(f"{ENDPOINT}/deployments/blue".lower())
    assert (status, body["value"][0]["name"]) == (200, DEPLOYMENTS)
    assert setup.monitor.metric_definitions(WORKSPACE)[0] == 400


def measure(setup: Setup, metric: str, values: dict[str, list[float]], deployment: str = "blue", **more: str) -> None:
    """Measurements of the first minutes, three in each, by instance."""
    setup.gauges.append(
        [
            Measurement(START + 20 * number, "shop", deployment, metric, {"instanceId": instance, **more}, value)
            for instance, measured in values.items()
            for number, value in enumerate(measured)
        ]
    )


def test_an_average_over_instances_is_that_of_all_their_measurements(setup: Setup) -> None:
    measure(setup, "CpuUtilizationPercentage", {"one": [10.0, 20.0, 30.0], "two": [90.0]})
    asked = {"metricnames": "cpuutilizationpercentage", "aggregation": "average,minimum,maximum,total,count"}
    [merged] = setup.series(f"{ENDPOINT}/deployments/blue", **asked)
    assert merged["data"][0] == {
        "timeStamp": "2027-01-15T08:00:00Z",
        "average": 37.5,
        "minimum": 10.0,
        "maximum": 90.0,
        "total": 150.0,
        "count": 4.0,
    }
    assert merged["data"][1] == {"timeStamp": "2027-01-15T08:01:00Z"}
    split = setup.series(f"{ENDPOINT}/deployments/blue", **asked, **{"$filter": "instanceId eq '*'"})
    assert [(names(one), one["data"][0]["average"]) for one in split] == [
        ({"instanceid": "two"}, 90.0),
        ({"instanceid": "one"}, 20.0),
    ]


def test_instances_are_counted_by_state(setup: Setup) -> None:
    measure(setup, "DeploymentCapacity", {"one": [1.0, 1.0], "two": [1.0]}, State="Ready")
    asked = {"metricnames": "DeploymentCapacity", "resultType": "Metadata", "$filter": "State eq '*'"}
    [one] = setup.series(f"{ENDPOINT}/deployments/blue", **asked)
    assert one == {"metadatavalues": [{"name": {"value": "state", "localizedValue": "state"}, "value": "Ready"}]}
    assert setup.series(f"{ENDPOINT}/deployments/green", **asked) == []


def test_measurements_of_the_endpoint_are_not_those_of_its_deployments(setup: Setup) -> None:
    setup.gauges.append([Measurement(START, "shop", "", "ConnectionsActive", {}, 4.0)])
    measure(setup, "CpuUtilizationPercentage", {"one": [50.0]})
    body = setup.ask(metricnames="ConnectionsActive,NetworkBytes,RequestLatency")
    first = {one["name"]["value"]: one["timeseries"][0]["data"][0].get("average") for one in body["value"]}
    assert first["ConnectionsActive"] == 4.0
    assert first["NetworkBytes"] is None
    assert first["RequestLatency"] is not None


@pytest.mark.parametrize("metric", ["GpuUtilizationPercentage", "GpuEnergyJoules", "DataCollectionEventsPerMinute"])
def test_what_is_not_measured_answers_without_data(setup: Setup, metric: str) -> None:
    [one] = setup.series(f"{ENDPOINT}/deployments/blue", metricnames=metric, aggregation="Maximum")
    assert all(set(point) == {"timeStamp"} for point in one["data"])


def test_a_switch_hides_mirrored_requests_from_the_deployment(setup: Setup) -> None:
    grey, asked = f"{ENDPOINT}/deployments/grey", {"metricnames": "RequestsPerMinute"}
    assert any("average" in point for point in setup.series(grey, **asked)[0]["data"])
    setup.switches.shadow_in_deployment_metrics = False
    assert not any("average" in point for point in setup.series(grey, **asked)[0]["data"])


def test_definitions_list_the_documented_aggregations(setup: Setup) -> None:
    def supported(resource: str) -> dict[str, list[str]]:
        value = setup.monitor.metric_definitions(resource)[1]["value"]
        return {one["name"]["value"]: one["supportedAggregationTypes"] for one in value}

    assert supported(ENDPOINT)["RequestsPerMinute"] == ["Average"]
    assert supported(f"{ENDPOINT}/deployments/blue")["DiskUtilization"] == ["Minimum", "Maximum", "Average"]


def test_metrics_of_a_whole_subscription_are_not_enabled(setup: Setup) -> None:
    status, body = asyncio.run(setup.monitor.arm_metrics("/subscriptions/s1", {"metricnamespace": ENDPOINTS}))
    assert (status, body["code"]) == (400, "BadRequest")
    assert "not enabled for Cross Resource metrics" in body["message"]


def test_percentiles_of_many_histograms_are_those_of_each(setup: Setup) -> None:
    source = random.Random(3)
    groups = [
        [
            histogram.encode(histogram.count(source.lognormvariate(3, 2) for _ in range(source.randrange(1, 40))))
            for _ in range(source.randrange(1, 4))
        ]
        for _ in range(2500)
    ]
    found = percentiles(groups, (50.0, 99.0))
    for blobs, answer in zip(groups, found, strict=True):
        merged: dict[int, int] = {}
        for blob in blobs:
            histogram.merge(merged, histogram.decode(blob))
        assert answer == pytest.approx(histogram.percentiles(merged, (50.0, 99.0)))
