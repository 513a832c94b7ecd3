"""What a batch of metrics answers to every form of a time range, to many resources, and to those who mean it harm."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from azure.monitor.querymetrics import MetricsClient

from tests.contract.history import row
from tests.contract.monitor_clients import metrics_client, past, seed
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
DEPLOYMENTS = f"{ENDPOINTS}/deployments"
START = past(15)
END = START + timedelta(minutes=10)
Ask = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def azure(local_azure: LocalAzure) -> LocalAzure:
    """Endpoint `batched`: deployment dep-0 takes 10 ms, dep-1 11 ms and so on, one request a minute each."""
    names = [f"dep-{number}" for number in range(20)]
    seed(local_azure, endpoints=[{"name": "batched", "deployments": names, "traffic": {"dep-0": 100}}])
    rows = [
        row(START + timedelta(minutes=minute), "batched", name, 200, 10.0 + number)
        for minute in range(10)
        for number, name in enumerate(names)
    ]
    seed(local_azure, rows=rows)
    return local_azure


@pytest.fixture(scope="module")
def endpoint(azure: LocalAzure) -> str:
    return f"{azure.workspace}/onlineEndpoints/batched"


@pytest.fixture(scope="module")
def client(azure: LocalAzure) -> Iterator[MetricsClient]:
    with metrics_client(azure) as made:
        yield made


@pytest.fixture(scope="module")
def ask(azure: LocalAzure) -> Iterator[Ask]:
    """Sends a batch with a right token, and with no client in between that would mend it."""
    token = azure.token(resource="https://metrics.monitor.azure.com")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    address = f"{azure.url}/subscriptions/{azure.environment['AZURE_SUBSCRIPTION_ID']}/metrics:getBatch"
    usual = {
        "api-version": "2024-02-01",
        "starttime": f"{START:%Y-%m-%dT%H:%M:%S.000Z}",
        "endtime": f"{END:%Y-%m-%dT%H:%M:%S.000Z}",
        "interval": "PT1M",
        "metricnamespace": ENDPOINTS,
        "metricnames": "RequestLatency,RequestsPerMinute",
    }
    with requests.Session() as session:

        def send(body: bytes | list[str], **query: str) -> requests.Response:
            data = body if isinstance(body, bytes) else json.dumps({"resourceids": body})
            asked = {**usual, **query}
            return session.post(address, params=asked, data=data, headers=headers, verify=azure.bundle, timeout=60)

        yield send


def check(answer: requests.Response) -> None:
    """It was answered, or refused with a reason."""
    assert answer.status_code in (200, 400), answer.text
    assert ("values" if answer.ok else "error") in answer.json()


def test_every_form_of_a_timespan_reaches_the_same_minutes(client: MetricsClient, endpoint: str) -> None:
    def seen(timespan: Any) -> tuple[datetime, int, int]:
        [found] = client.query_resources(
            resource_ids=[endpoint], metric_namespace=ENDPOINTS, metric_names=["RequestLatency"], timespan=timespan
        )
        [series] = found.metrics["RequestLatency"].timeseries
        return series.data[0].timestamp, len(series.data), sum(point.average is not None for point in series.data)

    assert seen((START, END)) == (START, 10, 10)
    assert seen((START, timedelta(minutes=10))) == (START, 10, 10)
    # Seconds of the range do not count: points are whole minutes.
    assert seen((START + timedelta(seconds=59), END + timedelta(seconds=59))) == (START, 10, 10)
    first, points, filled = seen(timedelta(hours=2))
    assert first.second == 0
    assert abs(first - (datetime.now(UTC) - timedelta(hours=2))) < timedelta(minutes=3)
    assert (points, filled) == (120, 10)
    # Without a range it is the last hour, and without a grain minutes.
    assert seen(None)[1:] == (60, 10)


def test_fifty_deployments_are_answered_in_the_order_in_which_they_were_named(
    client: MetricsClient, endpoint: str
) -> None:
    names = [f"dep-{number % 20}" for number in range(49, -1, -1)]
    found = client.query_resources(
        resource_ids=[f"{endpoint}/deployments/{name}" for name in names],
        metric_namespace=DEPLOYMENTS,
        metric_names=["RequestLatency_P50"],
        timespan=(START, END),
        granularity=timedelta(minutes=5),
    )
    values = [one.metrics[0].timeseries[0].data[0].average for one in found]
    assert values == [pytest.approx(10 + int(name[4:]), rel=0.02) for name in names]
    assert {(one.granularity, one.namespace) for one in found} == {(timedelta(minutes=5), DEPLOYMENTS)}


def test_a_refusal_is_nested_and_carries_a_trace(ask: Ask, endpoint: str) -> None:
    mixed = [endpoint, f"{endpoint}/deployments/dep-0"]
    for ids in (mixed, mixed[::-1], [endpoint] * 51, []):
        answer = ask(ids)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "BadRequest"), ids
        assert error["additionalInfo"][0]["info"].startswith("TraceId=")


@pytest.mark.parametrize(
    "text",
    [
        "deployment eq '*' and deployment eq '*'",
        "deployment eq '*' and statusCode eq '*' and statusCodeClass ne '2xx' and modelStatusCode sw '5'",
        "DEPLOYMENT EQ 'DEP-0' OR deployment eq 'dep-1'",
        "deployment eq 'dep-0' or deployment ne 'dep-0'",
        "deployment eq ''",
        "deployment eq ''''",
        "deployment eq 'it''s'",
        "deployment eq '\u0000'",
        "deployment eq '\U0001f40d' or deployment eq '%'",
        "deployment eq '*",
        "deployment eq",
        "deployment",
        "and",
        "deployment eq '*' and",
        "or deployment eq '*'",
        "(deployment eq '*')",
        "deployment in ('dep-0', 'dep-1')",
        "deployment eq '*' and nothing eq '*'",
        "deployment%20eq%20'*'",
        "1 eq 1; drop table minutes",
        "' or '1' eq '1",
        "\n",
        "x" * 3000,
        "deployment eq 'dep-0' or " * 150 + "deployment eq 'dep-0'",
    ],
)
def test_no_filter_breaks_the_batch(ask: Ask, endpoint: str, text: str) -> None:
    for more in ({}, {"rollupby": "deployment,nothing", "top": "3"}):
        check(ask([endpoint] * 50, metricnames="RequestsPerMinute", filter=text, **more))


@pytest.mark.parametrize(
    "query",
    [
        {"top": "0"},
        {"top": "-1"},
        {"top": "1e3"},
        {"interval": "PT0S"},
        {"interval": "P1Y"},
        {"interval": "PT1M1"},
        {"interval": "full"},
        {"starttime": "", "endtime": ""},
        {"starttime": f"{END:%Y-%m-%dT%H:%M:%SZ}", "endtime": f"{START:%Y-%m-%dT%H:%M:%SZ}"},
        {"starttime": "2026-02-30T00:00:00Z"},
        {"starttime": "0001-01-01T00:00:00Z", "endtime": "9999-12-31T23:59:59Z", "interval": "P1D"},
        {"starttime": "2026-11-22T15:41:00+99:00"},
        {"timespan": "PT1H/PT1H"},
        {"timespan": "/"},
        {"timespan": "P999999999999999999999D"},
        {"metricnames": ","},
        {"metricnames": "RequestLatency,,RequestLatency"},
        {"metricnames": "RequestLatency%2CRequestsPerMinute"},
        {"metricnames": ",".join(["RequestLatency"] * 21)},
        {"metricnamespace": ""},
        {"metricnamespace": DEPLOYMENTS},
        {"aggregation": "none"},
        {"aggregation": "Average,,average,Percentile"},
        {"orderby": "nothing sideways", "filter": "deployment eq '*'"},
        {"resultType": "Metadata", "filter": "deployment eq '*'"},
        {"resultType": "nothing"},
        {"rollupby": ",,"},
        {"\u0000": "\u0000"},
    ],
)
def test_no_query_string_breaks_the_batch(ask: Ask, endpoint: str, query: dict[str, str]) -> None:
    check(ask([endpoint], **query))


@pytest.mark.parametrize(
    "given",
    [
        "",
        "/",
        "//",
        "batched",
        "{subscription}",
        "{subscription}/",
        "{subscription}/providers",
        "{endpoint}/",
        "{endpoint}/deployments",
        "{endpoint}/deployments/",
        "{endpoint}/deployments/dep-0/deployments/dep-0",
        "{endpoint}\u0000",
        "{endpoint}?x=1",
        "{endpoint}/../batched",
        "{subscription}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/a",
        "{endpoint}" + "/x" * 20_000,
    ],
)
def test_no_resource_id_breaks_the_batch(azure: LocalAzure, ask: Ask, endpoint: str, given: str) -> None:
    subscription = f"/subscriptions/{azure.environment['AZURE_SUBSCRIPTION_ID']}"
    name = given.format(subscription=subscription, endpoint=endpoint)
    check(ask([name]))
    check(ask([endpoint, name]))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"3",
        b'"resourceids"',
        b"{",
        b"\xff\xfe",
        b'{"resourceids": null}',
        b'{"resourceids": "x"}',
        b'{"resourceids": {"0": "x"}}',
        b'{"resourceids": [null, 1, []]}',
        b'{"resourceids": ["\\ud800"]}',
        b'{"resourceids": [' + b"[" * 5000 + b"]" * 5000 + b"]}",
        b'{"resourceids": [' + b'"x",' * 100_000 + b'"x"]}',
    ],
)
def test_no_body_breaks_the_batch(ask: Ask, body: bytes) -> None:
    answer = ask(body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"]
