"""Queries of Log Analytics as a program sends them: addresses, answers in part, types of cells, usual questions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from azure.monitor.query import LogsBatchQuery, LogsQueryClient, LogsQueryStatus

from tests.contract.history import row
from tests.contract.monitor_clients import TABLES, logs_client, past, seed, switch_logs_on
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

TRAFFIC, CONSOLE, EVENTS = TABLES
MINUTES = 10
LIVE = f"{TRAFFIC} | where TimeGenerated > ago(2h) and EndpointName =~ 'QUERIED'"
QUESTIONS = {
    "latency and errors": f"""let step = 5m;
        {LIVE}
        | summarize Requests = count(), Err5xx = countif(ResponseCode >= 500),
            Err4xx = countif(ResponseCode between (400 .. 499)), ModelErr = countif(ResponseCode == 424),
            p50 = percentile(TotalDurationMs, 50), p99 = percentile(TotalDurationMs, 99)
          by DeploymentName, bin(TimeGenerated, step)
        | extend ErrorRate = todouble(Err5xx + ModelErr) / Requests
        | summarize n = sum(Requests), errors = sum(ModelErr), p50 = max(p50), p99 = max(p99), rate = max(ErrorRate)""",
    "a minute": f"{LIVE} | summarize n = count() by bin(TimeGenerated, 1m) | summarize n = sum(n), most = max(n)",
    "a histogram": f"{LIVE} | summarize n = count() by DeploymentName, ms = bin(TotalDurationMs, 1) | top 1 by ms desc",
    "raw rows": f"""{LIVE} | project TimeGenerated, DeploymentName, ResponseCode, ModelStatusCode, TotalDurationMs,
        XRequestId, XMSClientRequestId | take 50000 | count""",
    "failures": f"""{LIVE} and ResponseCode != 200 | summarize n = count(), newest = max(TimeGenerated)
        by DeploymentName, ResponseCode, ResponseCodeReason, ModelStatusCode | order by n desc | project-away newest""",
    "freshness": f"""{LIVE} | summarize newest = max(TimeGenerated)
        | extend age_s = datetime_diff('second', now(), newest) | project fresh = age_s < 3600""",
    "lines": f"""{CONSOLE} | where _ResourceId endswith "/onlineendpoints/queried" and DeploymentName == "green"
        | parse Message with * "rid=" rid:string " deployment=" dep:string " ms=" ms:long " " *
        | project TimeGenerated, InstanceId, rid, ms | top 2000 by TimeGenerated desc | count""",
    "deployments seen": f"{LIVE} | summarize n = count() by DeploymentName",
}
ANSWERS: dict[str, list[list[Any]]] = {
    "latency and errors": [[10 * MINUTES, MINUTES, 50, 100, 0.1]],
    "a minute": [[10 * MINUTES, 10]],
    "a histogram": [["blue", 100, MINUTES]],
    "raw rows": [[10 * MINUTES]],
    "failures": [["blue", 424, "model_error", 500, MINUTES]],
    "freshness": [[True]],
    "lines": [[0]],
    "deployments seen": [["blue", 10 * MINUTES]],
}


@pytest.fixture(scope="module")
def azure(local_azure: LocalAzure) -> LocalAzure:
    """Endpoint `queried`: each minute blue answers ten times, 10 to 100 ms, the last one 424; green is mirrored to."""
    made = {"deployments": ["blue", "green"], "traffic": {"blue": 100}, "mirrorTraffic": {"green": 20}}
    seed(local_azure, endpoints=[{"name": "queried", **made}])
    switch_logs_on(local_azure, f"{local_azure.workspace}/onlineEndpoints/queried", ago=2 * 3600)
    rows = []
    first = past(20)
    for minute in range(MINUTES):
        at = first + timedelta(minutes=minute)
        for number in range(10):
            rows.append(row(at, "queried", "blue", 424 if number == 9 else 200, 10.0 * (number + 1)))
        rows.append(row(at, "queried", "green", 200, 40.0, kind="mirror"))
    seed(local_azure, rows=rows)
    return local_azure


@pytest.fixture(scope="module")
def workspace_id(azure: LocalAzure) -> str:
    return azure.environment["SLUICE_LOG_WORKSPACE_ID"]


@pytest.fixture(scope="module")
def client(azure: LocalAzure) -> Iterator[LogsQueryClient]:
    with logs_client(azure) as made:
        yield made


def test_usual_questions_are_answered(client: LogsQueryClient, workspace_id: str) -> None:
    asked = [LogsBatchQuery(workspace_id, text, timespan=timedelta(days=1)) for text in QUESTIONS.values()]
    found = {}
    for name, result in zip(QUESTIONS, client.query_batch(asked), strict=True):
        assert result.status == LogsQueryStatus.SUCCESS, (name, result)
        found[name] = [list(each) for each in result.tables[0].rows]
    assert found == ANSWERS


def test_the_version_in_an_endpoint_is_taken_off_by_the_client(azure: LocalAzure, workspace_id: str) -> None:
    for endpoint in (azure.url, f"{azure.url}/", f"{azure.url}/v1"):
        with logs_client(azure, endpoint=endpoint) as client:
            assert client.query_workspace(workspace_id, "print 1", timespan=None).tables[0].rows[0][0] == 1


def test_the_client_sends_no_token_in_the_clear(azure: LocalAzure, workspace_id: str) -> None:
    with (
        logs_client(azure, endpoint=azure.url.replace("https:", "http:")) as client,
        pytest.raises(ServiceRequestError, match="not permitted for non-TLS"),
    ):
        client.query_workspace(workspace_id, "print 1", timespan=None)


def test_an_answer_in_part_has_its_rows_and_its_reason(client: LogsQueryClient, workspace_id: str) -> None:
    statuses: list[int] = []
    result = client.query_workspace(
        workspace_id,
        "range x from 1 to 70000 step 1 | extend text = strrep('x', 1000)",
        timespan=None,
        raw_response_hook=lambda answer: statuses.append(answer.http_response.status_code),
    )
    assert (statuses, result.status) == ([200], LogsQueryStatus.PARTIAL)
    assert not hasattr(result, "tables")
    assert 60_000 < len(result.partial_data[0].rows) < 70_000
    assert result.partial_error.code == "PartialError"
    assert result.partial_error.details


def test_cells_come_in_the_types_that_the_client_knows(client: LogsQueryClient, workspace_id: str) -> None:
    text = """print at = datetime(2026-01-02 03:04:05.6), bag = dynamic({"a": [1]}), long_ = 12345678901, int_ = int(7),
        real_ = 1.5, yes = true, text = "ä", none = int(null), span = 90s"""
    [table] = client.query_workspace(workspace_id, text, timespan=None).tables
    assert dict(zip(table.columns, table.columns_types, strict=True)) == {
        "at": "datetime",
        "bag": "dynamic",
        "long_": "long",
        "int_": "int",
        "real_": "real",
        "yes": "bool",
        "text": "string",
        "none": "int",
        "span": "timespan",
    }
    [one] = table.rows
    assert one["at"] == datetime(2026, 1, 2, 3, 4, 5, 600_000, UTC)
    assert json.loads(one["bag"]) == {"a": [1]}
    assert [one[name] for name in ("long_", "int_", "real_", "yes", "text", "none")] == [
        12345678901,
        7,
        1.5,
        True,
        "ä",
        None,
    ]


def test_the_innermost_message_is_the_one_the_client_shows(client: LogsQueryClient, workspace_id: str) -> None:
    with pytest.raises(HttpResponseError) as caught:
        client.query_workspace(workspace_id, f"{TRAFFIC} | where Nope == 1", timespan=None)
    inner = caught.value.response.json()["error"]["innererror"]
    while "innererror" in inner:
        inner = inner["innererror"]
    assert caught.value.error.code == "BadArgumentError"
    assert caught.value.model.message == inner["message"]
    assert "'Nope'" in inner["message"]


@pytest.mark.parametrize("table", TABLES)
def test_only_the_traffic_log_names_the_endpoint(client: LogsQueryClient, workspace_id: str, table: str) -> None:
    [found] = client.query_workspace(workspace_id, f"{table} | take 0", timespan=None).tables
    assert ("EndpointName" in found.columns) == (table == TRAFFIC)
    assert {"TimeGenerated", "OperationName", "DeploymentName", "_ResourceId", "Type"} <= set(found.columns)
