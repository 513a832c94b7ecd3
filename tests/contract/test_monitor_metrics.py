"""Metrics with azure-mgmt-monitor, azure-monitor-querymetrics and plain requests, against a live local Azure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.mgmt.monitor import MonitorManagementClient
from azure.monitor.querymetrics import MetricsClient

from tests.contract.history import row
from tests.contract.monitor_clients import metrics_client, monitor_client, past, seed, set_switches
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
DEPLOYMENTS = f"{ENDPOINTS}/deployments"
MINUTES = 60
OTHER = {"subscription": "00000000-0000-0000-0000-0000000000f2", "resource_group": "metrics-rg", "name": "metrics-ws"}
FAR = (
    f"/subscriptions/{OTHER['subscription']}/resourceGroups/{OTHER['resource_group']}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{OTHER['name']}"
)
EVERY = "deployment eq '*' and statusCode eq '*' and statusCodeClass eq '*' and modelStatusCode eq '*'"
START = past(2 * MINUTES)
END = START + timedelta(minutes=MINUTES)
SPAN = f"{START:%Y-%m-%dT%H:%M:%SZ}/{END:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture(scope="module")
def measured(local_azure: LocalAzure) -> LocalAzure:
    """Endpoint `measured` with an hour of requests, and `far` with some in another subscription and region.

    Each minute: blue nine times 200 and once 424 (10 to 100 ms), green twice 200 for every mirrored request (40 ms).
    """
    made = {"deployments": ["blue", "green"], "traffic": {"blue": 100}, "mirrorTraffic": {"green": 20}}
    seed(
        local_azure,
        workspaces=[{**OTHER, "region": "northeurope"}],
        endpoints=[{"name": "measured", **made}, {"name": "distant", "workspace": FAR, **made}],
    )
    rows = []
    for minute in range(MINUTES):
        at = START + timedelta(minutes=minute)
        for number in range(10):
            status = 424 if number == 9 else 200
            rows.append(row(at + timedelta(seconds=number), "measured", "blue", status, 10.0 * (number + 1)))
        rows += [row(at, "measured", "green", 200, 40.0, kind="mirror") for _ in range(2)]
        rows.append(row(at, "distant", "blue", 200, 7.0))
    seed(local_azure, rows=rows)
    return local_azure


@pytest.fixture(scope="module")
def endpoint(measured: LocalAzure) -> str:
    return f"{measured.workspace}/onlineEndpoints/measured"


@pytest.fixture(scope="module")
def arm(measured: LocalAzure) -> Iterator[MonitorManagementClient]:
    with monitor_client(measured) as client:
        yield client


@pytest.fixture(scope="module")
def batch(measured: LocalAzure) -> Iterator[MetricsClient]:
    with metrics_client(measured) as client:
        yield client


def get(azure: LocalAzure, resource: str, what: str = "metrics", **query: str) -> requests.Response:
    """One plain ARM request."""
    return requests.get(
        f"{azure.url}{resource}/providers/Microsoft.Insights/{what}",
        params={"api-version": "2024-02-01", **query},
        headers={"Authorization": f"Bearer {azure.token()}"},
        verify=azure.bundle,
        timeout=60,
    )


def dimensions(series: Any) -> dict[str, str]:
    """Of a series of azure-mgmt-monitor."""
    return {entry.name.value: entry.value for entry in series.metadatavalues}


def test_one_call_answers_several_metrics_split_by_deployment(arm: MonitorManagementClient, endpoint: str) -> None:
    found = arm.metrics.list(
        endpoint,
        timespan=SPAN,
        interval="PT5M",
        metricnames="RequestsPerMinute,RequestLatency_P95",
        aggregation="Average,Count",
        filter="deployment eq '*'",
        top=50,
        metricnamespace=ENDPOINTS,
        auto_adjust_timegrain=True,
        validate_dimensions=False,
    )
    assert (found.timespan, found.interval, found.namespace) == (SPAN, "PT5M", ENDPOINTS)
    assert found.resourceregion == "westeurope"
    assert [metric.name.value for metric in found.value] == ["RequestsPerMinute", "RequestLatency_P95"]
    latency = found.value[1]
    assert (latency.unit, latency.error_code, latency.type) == ("MilliSeconds", "Success", "Microsoft.Insights/metrics")
    assert latency.id == f"{endpoint}/providers/Microsoft.Insights/metrics/RequestLatency_P95"
    [series] = latency.timeseries
    assert dimensions(series) == {"deployment": "blue"}
    assert len(series.data) == MINUTES // 5
    assert series.data[0].time_stamp == START
    assert series.data[0].count == 5
    assert series.data[0].average == pytest.approx(95.5, rel=0.02)
    assert series.data[0].total is None


def test_counts_split_by_every_dimension_add_up(arm: MonitorManagementClient, endpoint: str) -> None:
    """An average over combinations that are not split counts too little, as documented for Azure Monitor."""

    def total(**query: Any) -> float:
        found = arm.metrics.list(endpoint, timespan=SPAN, metricnames="RequestsPerMinute", top=100, **query)
        return sum(point.average or 0 for series in found.value[0].timeseries for point in series.data)

    assert total(filter=EVERY) == 10 * MINUTES
    assert total() == 5 * MINUTES
    assert total(filter="deployment eq '*'") == 5 * MINUTES


def test_metadata_lists_what_can_be_split_by(arm: MonitorManagementClient, endpoint: str, measured: LocalAzure) -> None:
    def seen() -> set[str]:
        found = arm.metrics.list(
            endpoint,
            timespan=SPAN,
            metricnames="RequestsPerMinute",
            filter="deployment eq '*'",
            result_type="Metadata",
        )
        assert all(not series.data for series in found.value[0].timeseries)
        return {dimensions(series)["deployment"] for series in found.value[0].timeseries}

    assert seen() == {"blue"}
    try:
        set_switches(measured, shadow_in_endpoint_metrics=True)
        assert seen() == {"blue", "green"}
    finally:
        set_switches(measured, shadow_in_endpoint_metrics=False)


def test_the_deployment_shows_mirrored_requests_unless_switched_off(
    arm: MonitorManagementClient, endpoint: str, measured: LocalAzure
) -> None:
    def count() -> float:
        green = f"{endpoint}/deployments/green"
        found = arm.metrics.list(
            green, timespan=SPAN, interval="FULL", metricnames="RequestsPerMinute", aggregation="total"
        )
        return sum(point.total or 0 for series in found.value[0].timeseries for point in series.data)

    assert count() == 2 * MINUTES
    try:
        set_switches(measured, shadow_in_deployment_metrics=False)
        assert count() == 0
    finally:
        set_switches(measured, shadow_in_deployment_metrics=True)


def test_young_minutes_are_absent_while_metrics_are_late(
    arm: MonitorManagementClient, endpoint: str, measured: LocalAzure
) -> None:
    def points() -> int:
        found = arm.metrics.list(endpoint, timespan=SPAN, metricnames="RequestLatency")
        return sum(point.average is not None for point in found.value[0].timeseries[0].data)

    try:
        half = START + timedelta(minutes=MINUTES // 2)
        set_switches(measured, metric_delay_seconds=(datetime.now(UTC) - half).total_seconds())
        assert 0 < points() < MINUTES
    finally:
        set_switches(measured, metric_delay_seconds=0)
    assert points() == MINUTES


def test_definitions_and_namespaces(arm: MonitorManagementClient, endpoint: str) -> None:
    for resource, namespace, count in ((endpoint, ENDPOINTS, 11), (f"{endpoint}/deployments/blue", DEPLOYMENTS, 14)):
        found = list(arm.metric_definitions.list(resource))
        assert len(found) == count
        assert {one.namespace for one in found} == {namespace}
        assert all(one.resource_id == resource for one in found)
        [only] = arm.metric_namespaces.list(resource)
        assert (only.name, only.properties.metric_namespace_name) == (namespace, namespace)
    by_name = {one.name.value: one for one in found}
    assert [each.value for each in by_name["DeploymentCapacity"].dimensions] == ["instanceId", "State"]
    assert by_name["DiskUtilization"].unit == "Percent"
    assert by_name["DiskUtilization"].supported_aggregation_types == ["Minimum", "Maximum", "Average"]
    assert by_name["RequestsPerMinute"].primary_aggregation_type == "Average"
    grains = [each.time_grain for each in by_name["RequestsPerMinute"].metric_availabilities]
    assert grains[0] == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            {"metricnames": "Nope"},
            "resource Type: workspaces/onlineEndpoints, metric: Nope, Valid metrics: ConnectionsActive,",
        ),
        ({"metricnamespace": DEPLOYMENTS}, "for query parameter: 'metricnamespace', the value must be: " + ENDPOINTS),
        ({"interval": timedelta(minutes=5)}, "Detect invalid time grain input: 0:05:00"),
        ({"interval": "PT2M"}, "supported ones are: PT1M,PT5M,PT15M,PT30M,PT1H,PT6H,PT12H,P1D"),
        ({"filter": "deployment eq 'a' or statusCode eq '200'"}, "The logical 'or' operator"),
        ({"filter": "envoy_response_code eq '*'"}, "does not support requested dimension combination"),
    ],
)
def test_mistakes_are_flat_errors(
    arm: MonitorManagementClient, measured: LocalAzure, endpoint: str, query: dict[str, Any], message: str
) -> None:
    asked = {"metricnames": "RequestsPerMinute", **query}
    with pytest.raises(HttpResponseError) as caught:
        arm.metrics.list(endpoint, **asked)
    assert caught.value.status_code == 400
    assert message in str(caught.value)
    names = {"filter": "$filter"}
    body = get(measured, endpoint, **{names.get(name, name): str(value) for name, value in asked.items()}).json()
    assert body["code"] == "BadRequest"
    assert "error" not in body


def test_ten_series_come_when_nobody_says_how_many(measured: LocalAzure, batch: MetricsClient) -> None:
    made = {"name": "crowded", "deployments": [f"some-{number}" for number in range(12)]}
    seed(measured, endpoints=[made])
    seed(measured, rows=[row(START, "crowded", f"some-{number}", 200, 1.0) for number in range(12)])
    crowded = f"{measured.workspace}/onlineEndpoints/crowded"
    for top, expected in ((None, 10), (50, 12), (3, 3)):
        [found] = batch.query_resources(
            resource_ids=[crowded],
            metric_namespace=ENDPOINTS,
            metric_names=["RequestsPerMinute"],
            timespan=(START, END),
            filter="deployment eq '*'",
            max_results=top,
        )
        assert len(found.metrics[0].timeseries) == expected


def test_a_batch_answers_many_deployments(batch: MetricsClient, endpoint: str) -> None:
    ids = [f"{endpoint}/deployments/{name}" for name in ("green", "blue", "nobody")]
    found = batch.query_resources(
        resource_ids=ids,
        metric_namespace=DEPLOYMENTS,
        metric_names=["RequestLatency_P99", "RequestsPerMinute"],
        timespan=(START, END),
        granularity=timedelta(minutes=5),
        aggregations=["Average", "Count"],
    )
    assert [one.metrics[0].id.split("/providers/Microsoft.Insights/metrics/")[0] for one in found] == ids
    assert [one.resource_region for one in found] == ["westeurope"] * 3
    assert [one.namespace for one in found] == [DEPLOYMENTS] * 3
    green, blue, nobody = (one.metrics["RequestLatency_P99"].timeseries[0].data for one in found)
    assert green[0].average == pytest.approx(40, rel=0.02)
    assert blue[0].average == pytest.approx(99.1, rel=0.02)
    assert blue[0].timestamp == START
    assert all(point.average is None for point in nobody)


def test_roll_up_sums_over_a_dimension_that_filters(batch: MetricsClient, endpoint: str) -> None:
    [found] = batch.query_resources(
        resource_ids=[endpoint],
        metric_namespace=ENDPOINTS,
        metric_names=["RequestsPerMinute"],
        timespan=(START, END),
        aggregations=["Total"],
        filter="statusCode eq '*' and deployment eq 'blue'",
        roll_up_by="statusCode",
        order_by="total asc",
    )
    [series] = found.metrics[0].timeseries
    assert series.metadata_values == {"deployment": "blue"}
    assert sum(point.total for point in series.data) == 10 * MINUTES


def test_each_workspace_shows_its_own_endpoints(
    measured: LocalAzure, arm: MonitorManagementClient, batch: MetricsClient, endpoint: str
) -> None:
    asked = {"timespan": SPAN, "metricnames": "RequestLatency", "interval": "FULL"}
    far = get(measured, f"{FAR}/onlineEndpoints/distant", **asked).json()
    assert far["resourceregion"] == "northeurope"
    assert far["value"][0]["timeseries"][0]["data"][0]["average"] == pytest.approx(7, rel=0.01)
    # The right endpoint below a workspace that it is not in: there is no such resource, and a batch has no data of it.
    swapped = f"{FAR}/onlineEndpoints/measured"
    answer = get(measured, swapped, **asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")
    body = {"resourceids": [swapped, f"{FAR}/onlineEndpoints/distant"]}
    answer = requests.post(
        f"{measured.url}/subscriptions/{OTHER['subscription']}/metrics:getBatch",
        params={
            "api-version": "2024-02-01",
            "starttime": f"{START:%Y-%m-%dT%H:%M:%S.000Z}",
            "endtime": f"{END:%Y-%m-%dT%H:%M:%S.000Z}",
            "interval": "PT1H",
            "metricnamespace": ENDPOINTS,
            "metricnames": "RequestLatency",
        },
        json=body,
        headers={"Authorization": f"Bearer {measured.token(resource='https://metrics.monitor.azure.com')}"},
        verify=measured.bundle,
        timeout=60,
    )
    first, second = answer.json()["values"]
    assert first["value"][0]["timeseries"][0]["data"] == [{"timeStamp": f"{START:%Y-%m-%dT%H:%M:%SZ}"}]
    assert second["value"][0]["timeseries"][0]["data"][0]["average"] == pytest.approx(7, rel=0.01)
    assert second["resourceregion"] == "northeurope"


def test_a_batch_refuses_what_does_not_belong_together(batch: MetricsClient, endpoint: str) -> None:
    def refusal(ids: list[str], namespace: str = ENDPOINTS, metric: str = "RequestLatency") -> str:
        with pytest.raises(HttpResponseError) as caught:
            batch.query_resources(resource_ids=ids, metric_namespace=namespace, metric_names=[metric])
        assert caught.value.status_code == 400
        assert caught.value.error.code == "BadRequest"
        return str(caught.value.error.message)

    assert "exceeds the maximum of 50" in refusal([endpoint] * 51)
    assert "the value must be" in refusal([endpoint, f"{endpoint}/deployments/blue"])
    assert "is not in the subscription" in refusal([endpoint, f"{FAR}/onlineEndpoints/distant"])
    assert "metric: Nope" in refusal([endpoint], metric="Nope")
    assert "the value must be" in refusal([endpoint], namespace="Microsoft.Storage/storageAccounts")


def test_each_surface_wants_a_token_of_its_own(measured: LocalAzure, endpoint: str) -> None:
    class Wrong:
        def get_token(self, *_: str, **__: Any) -> Any:
            from azure.core.credentials import AccessToken

            return AccessToken(
                measured.token(resource="https://ml.azure.com"), int(datetime.now(UTC).timestamp()) + 600
            )

    with (
        MetricsClient(measured.url, Wrong(), connection_verify=measured.bundle, retry_total=0) as client,
        pytest.raises(ClientAuthenticationError),
    ):
        client.query_resources(resource_ids=[endpoint], metric_namespace=ENDPOINTS, metric_names=["RequestLatency"])


def test_a_reader_may_read_metrics(measured: LocalAzure, endpoint: str) -> None:
    with metrics_client(measured, "reader") as client:
        [found] = client.query_resources(
            resource_ids=[endpoint], metric_namespace=ENDPOINTS, metric_names=["RequestLatency"], timespan=(START, END)
        )
    assert found.metrics[0].name == "RequestLatency"


def test_metrics_of_a_whole_subscription_are_not_enabled(measured: LocalAzure) -> None:
    scope = f"/subscriptions/{measured.environment['AZURE_SUBSCRIPTION_ID']}"
    answer = get(measured, scope, metricnamespace=ENDPOINTS, region="westeurope", metricnames="RequestLatency")
    assert answer.status_code == 400
    assert f"Resource type: {ENDPOINTS} not enabled for Cross Resource metrics" in answer.json()["message"]


def test_paths_are_matched_as_arm_matches_them(measured: LocalAzure, endpoint: str) -> None:
    answer = get(measured, f"//{endpoint.lower().lstrip('/')}", "METRICDEFINITIONS")
    assert answer.status_code == 200
    assert answer.headers["x-ms-request-id"]
