"""Log Analytics with azure-monitor-query and with plain requests, against a live local Azure."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.monitor.query import LogsBatchQuery, LogsQueryStatus

from tests.contract.history import SERVED, row
from tests.contract.monitor_clients import LOGS_AUDIENCE, TABLES, logs_client, past, seed, set_switches, switch_logs_on
from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

TRAFFIC, CONSOLE, EVENTS = TABLES
MINUTES = 20
TOO_MUCH = "range x from 1 to 70000 step 1 | extend text = strrep('x', 1000)"
DAY = timedelta(days=1)
OTHER = {"subscription": "00000000-0000-0000-0000-0000000000f1", "resource_group": "logs-rg", "name": "logs-ws"}


@pytest.fixture(scope="module")
def logged(local_azure: LocalAzure) -> LocalAzure:
    """Endpoint `logged` with twenty minutes of requests in its log, `unlogged` with as many and no setting, and `far`
    in another subscription."""
    workspace = (
        f"/subscriptions/{OTHER['subscription']}/resourceGroups/{OTHER['resource_group']}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{OTHER['name']}"
    )
    made = {"deployments": ["blue", "green"], "traffic": {"blue": 100}, "mirrorTraffic": {"green": 20}}
    seed(
        local_azure,
        workspaces=[{**OTHER, "region": "northeurope"}],
        endpoints=[
            {"name": "logged", **made},
            {"name": "unlogged", **made},
            {"name": "far", "workspace": workspace, **made},
        ],
    )
    switch_logs_on(local_azure, f"{local_azure.workspace}/onlineEndpoints/logged", TRAFFIC, ago=2 * 3600)
    switch_logs_on(local_azure, f"{workspace}/onlineEndpoints/far", TRAFFIC, ago=2 * 3600)
    rows = []
    first = past(MINUTES)
    for minute in range(MINUTES):
        at = first + timedelta(minutes=minute)
        for number in range(10):
            made_row = row(at + timedelta(seconds=number), "logged", "blue", 424 if number == 9 else 200, 10.0 * number)
            rows.append({**made_row, "client_request_id": f"{minute}-{number}", "user_agent": "u" * 100})
        rows.append(row(at, "logged", "green", 200, 40.0, kind="mirror"))
        rows.append(row(at, "unlogged", "blue", 200, 1.0))
        rows.append(row(at, "far", "blue", 200, 2.0))
    rows.append(row(past(180), "logged", "blue", 200, 5.0))
    seed(local_azure, rows=rows)
    return local_azure


@pytest.fixture
def workspace_id(logged: LocalAzure) -> str:
    return logged.environment["SLUICE_LOG_WORKSPACE_ID"]


@pytest.fixture
def query(logged: LocalAzure, workspace_id: str) -> Iterator[Callable[..., Any]]:
    """Runs a query on the workspace and returns its only table."""
    with logs_client(logged) as client:

        def run(text: str, timespan: Any = DAY, **options: Any) -> Any:
            result = client.query_workspace(workspace_id, text, timespan=timespan, **options)
            assert result.status == LogsQueryStatus.SUCCESS
            [table] = result.tables
            return table

        yield run


def post(azure: LocalAzure, path: str, body: Any, audience: str = LOGS_AUDIENCE, **headers: str) -> requests.Response:
    """One plain request."""
    return requests.post(
        f"{azure.url}/v1/{path}",
        data=json.dumps(body) if not isinstance(body, bytes) else body,
        headers={
            "Authorization": f"Bearer {azure.token(resource=audience)}",
            "Content-Type": "application/json",
            **headers,
        },
        verify=azure.bundle,
        timeout=60,
    )


def test_rows_of_the_workspace_make_a_frame(query: Callable[..., Any]) -> None:
    table = query(f"{TRAFFIC} | where EndpointName == 'logged' | order by TimeGenerated asc")
    frame = pd.DataFrame(table.rows, columns=table.columns)
    assert table.name == "PrimaryResult"
    assert len(frame) == 10 * MINUTES
    assert Counter(frame["ResponseCode"]) == {200: 9 * MINUTES, 424: MINUTES}
    assert set(frame["UserAgent"]) == {"u" * 70}
    assert dict(zip(table.columns, table.columns_types, strict=True))["TimeGenerated"] == "datetime"
    assert table.rows[0]["TimeGenerated"].tzinfo is not None


def test_only_what_a_setting_wanted_at_the_time_is_there(query: Callable[..., Any]) -> None:
    found = {one["EndpointName"]: one["n"] for one in query(f"{TRAFFIC} | summarize n = count() by EndpointName").rows}
    assert found["logged"] == 10 * MINUTES
    assert "unlogged" not in found
    assert query(f"{CONSOLE} | where _ResourceId endswith '/logged' | count").rows[0][0] == 0


@pytest.mark.parametrize(
    ("first", "length", "minutes"),
    [
        (MINUTES, timedelta(minutes=5), 5),
        (MINUTES, timedelta(minutes=3), 3),
        (600, timedelta(minutes=100), 0),
    ],
)
def test_a_timespan_cuts_what_the_query_sees(
    query: Callable[..., Any], first: int, length: timedelta, minutes: int
) -> None:
    text = f"{TRAFFIC} | where EndpointName == 'logged' | summarize dcount(bin(TimeGenerated, 1m))"
    start, length = past(first), length - timedelta(seconds=1)
    for timespan in ((start, start + length), (start, length)):
        # The module may have been seeded in the minute before.
        assert abs(query(text, timespan).rows[0][0] - minutes) <= 1
    for everything in (None, DAY):
        assert query(text, everything).rows[0][0] == MINUTES


def test_a_resource_sees_its_own_rows(logged: LocalAzure) -> None:
    text = f"{TRAFFIC} | distinct EndpointName"
    far = (
        f"/subscriptions/{OTHER['subscription']}/resourceGroups/{OTHER['resource_group']}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{OTHER['name']}"
    )
    scopes = {
        f"{logged.workspace}/onlineEndpoints/logged": {"logged"},
        f"{logged.workspace}/onlineEndpoints/LOGGED".replace("resourceGroups", "resourcegroups"): {"logged"},
        f"{logged.workspace}/onlineEndpoints/unlogged": set(),
        f"{far}/onlineEndpoints/far": {"far"},
        far: {"far"},
        f"/subscriptions/{OTHER['subscription']}": {"far"},
    }
    with logs_client(logged) as client:
        for resource, names in scopes.items():
            result = client.query_resource(resource, text, timespan=DAY)
            assert {one[0] for one in result.tables[0].rows} == names, resource


def test_a_resource_that_is_not_there_is_not_resolved(logged: LocalAzure) -> None:
    swapped = logged.workspace.replace(logged.environment["AZURE_RESOURCE_GROUP"], OTHER["resource_group"])
    with logs_client(logged) as client:
        for resource in (f"{logged.workspace}/onlineEndpoints/nobody", f"{swapped}/onlineEndpoints/logged"):
            with pytest.raises(HttpResponseError) as caught:
                client.query_resource(resource, TRAFFIC, timespan=DAY)
            assert (caught.value.status_code, caught.value.model.code) == (400, "FailedToResolveResource")


def test_an_unknown_workspace_is_an_unknown_path(logged: LocalAzure) -> None:
    with (
        logs_client(logged) as client,
        pytest.raises(HttpResponseError, match="The requested path does not exist") as caught,
    ):
        client.query_workspace(str(uuid.uuid4()), TRAFFIC, timespan=DAY)
    assert caught.value.status_code == 404


def test_statistics_and_visualization_come_when_asked_for(logged: LocalAzure, workspace_id: str) -> None:
    text = f"{TRAFFIC} | summarize n = count() by DeploymentName | render piechart with (title='a title')"
    with logs_client(logged) as client:
        plain = client.query_workspace(workspace_id, text, timespan=DAY)
        full = client.query_workspace(
            workspace_id, text, timespan=DAY, include_statistics=True, include_visualization=True, server_timeout=60
        )
    assert plain.statistics is None
    assert full.statistics["query"]["executionTime"] >= 0
    assert (full.visualization["visualization"], full.visualization["title"]) == ("piechart", "a title")


@pytest.mark.parametrize(
    ("text", "inner", "message"),
    [
        (f"{TRAFFIC} | wherex", "SyntaxError", "Query could not be parsed at '|' on line [1,28]"),
        (f"{TRAFFIC} | where Nope == 1", "SemanticError", "Failed to resolve scalar expression named 'Nope'"),
        ("Heartbeat | count", "SemanticError", "Failed to resolve table or column expression named 'Heartbeat'"),
        ("['/etc/passwd']", "SemanticError", "Failed to resolve table"),
    ],
)
def test_a_bad_query_is_explained(logged: LocalAzure, workspace_id: str, text: str, inner: str, message: str) -> None:
    with logs_client(logged) as client, pytest.raises(HttpResponseError) as caught:
        client.query_workspace(workspace_id, text, timespan=DAY)
    assert caught.value.status_code == 400
    assert caught.value.model.code == "BadArgumentError"
    assert message in caught.value.model.message
    error = post(logged, f"workspaces/{workspace_id}/query", {"query": text}).json()["error"]
    assert error["message"] == "The request had some invalid properties"
    assert error["innererror"]["code"] == inner
    assert error["correlationId"]


def test_a_batch_answers_each_query_for_itself(logged: LocalAzure, workspace_id: str) -> None:
    asked = [
        LogsBatchQuery(workspace_id, f"{TRAFFIC} | where EndpointName == 'logged' | count", timespan=DAY),
        LogsBatchQuery(workspace_id, "Nope", timespan=DAY),
        LogsBatchQuery(str(uuid.uuid4()), TRAFFIC, timespan=DAY),
        LogsBatchQuery(workspace_id, TOO_MUCH, timespan=None, include_statistics=True),
    ]
    with logs_client(logged) as client:
        good, bad, elsewhere, big = client.query_batch(asked)
    assert (good.status, good.tables[0].rows[0][0]) == (LogsQueryStatus.SUCCESS, 10 * MINUTES)
    assert (bad.status, bad.code) == (LogsQueryStatus.FAILURE, "BadArgumentError")
    assert "'Nope'" in bad.message
    assert (elsewhere.status, elsewhere.code) == (LogsQueryStatus.FAILURE, "FailedToResolveResource")
    assert (big.status, big.partial_error.code) == (LogsQueryStatus.PARTIAL, "PartialError")
    assert 60_000 < len(big.partial_data[0].rows) < 70_000
    assert "set limit of 64000000 bytes" in str(big.partial_error)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"path": "/fakePath"}, 404, "PathNotFoundError"),
        ({"method": "PUT"}, 404, "PathNotFoundError"),
        ({"method": None}, 400, "BadArgumentError"),
        ({"body": {}}, 400, "BadArgumentError"),
    ],
)
def test_mistakes_inside_a_batch_stay_inside(
    logged: LocalAzure, workspace_id: str, change: dict[str, Any], status: int, code: str
) -> None:
    entry = {"id": "1", "method": "POST", "path": "/query", "workspace": workspace_id, "body": {"query": "print 1"}}
    answer = post(logged, "$batch", {"requests": [{**entry, **change}, {**entry, "id": "2"}]})
    found = {each["id"]: each for each in answer.json()["responses"]}
    assert (answer.status_code, found["2"]["status"]) == (200, 200)
    assert (found["1"]["status"], found["1"]["body"]["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    "body",
    [{}, {"requests": []}, {"requests": [{"id": "1"}]}, {"requests": [{"id": "1", "workspace": "x"}] * 2}, b"{", []],
)
def test_a_batch_that_cannot_be_read_fails_whole(logged: LocalAzure, body: Any) -> None:
    answer = post(logged, "$batch", body)
    assert (answer.status_code, answer.json()["error"]["innererror"]["code"]) == (400, "QueryValidationError")


def test_a_query_can_be_a_get(logged: LocalAzure, workspace_id: str) -> None:
    for path in (f"workspaces/{workspace_id}", f"{logged.workspace}/onlineEndpoints/logged"):
        answer = requests.get(
            f"{logged.url}/v1/{path}/query",
            params={"query": f"{TRAFFIC} | where EndpointName == 'logged' | count", "timespan": "PT12H"},
            headers={"Authorization": f"Bearer {logged.token(resource=LOGS_AUDIENCE)}"},
            verify=logged.bundle,
            timeout=60,
        )
        assert answer.json()["tables"][0]["rows"] == [[10 * MINUTES]]


def test_a_post_without_a_body_or_its_type_is_answered_with_nothing(logged: LocalAzure, workspace_id: str) -> None:
    path = f"workspaces/{workspace_id}/query"
    for answer in (post(logged, path, b""), post(logged, path, {"query": "print 1"}, **{"Content-Type": "text/plain"})):
        assert (answer.status_code, answer.content) == (200, b"")
    assert post(logged, path, b"{").status_code == 400


def test_other_paths_and_verbs_do_not_exist(logged: LocalAzure, workspace_id: str) -> None:
    found = post(logged, f"workspaces/{workspace_id}/nothing", {"query": "print 1"})
    assert (found.status_code, found.json()["error"]["code"]) == (404, "PathNotFoundError")


def test_every_caller_needs_a_token_for_this_surface(logged: LocalAzure, workspace_id: str) -> None:
    path = f"workspaces/{workspace_id}/query"
    without = requests.post(f"{logged.url}/v1/{path}", json={"query": "print 1"}, verify=logged.bundle, timeout=60)
    assert (without.status_code, without.json()["error"]["code"]) == (401, "AuthenticationFailed")
    wrong = post(logged, path, {"query": "print 1"}, audience="https://management.azure.com")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (403, "InvalidTokenError")
    # Without `audience` the client asks for a token for its endpoint.
    with logs_client(logged, audience=logged.url) as client:
        assert client.query_workspace(workspace_id, "print 1", timespan=None).tables[0].rows[0][0] == 1
    with logs_client(logged, "reader") as client:
        assert client.query_workspace(workspace_id, "print 1", timespan=None).tables[0].rows[0][0] == 1


def test_additional_workspaces_must_be_known(logged: LocalAzure, workspace_id: str) -> None:
    with logs_client(logged) as client:
        same = client.query_workspace(workspace_id, "print 1", timespan=None, additional_workspaces=[workspace_id])
        assert same.status == LogsQueryStatus.SUCCESS
        with pytest.raises(HttpResponseError, match="could not be resolved"):
            client.query_workspace(workspace_id, "print 1", timespan=None, additional_workspaces=["another"])


def test_a_query_that_takes_longer_than_the_caller_waits_is_given_up(logged: LocalAzure, workspace_id: str) -> None:
    text = """range x from 1 to 100000 step 1 | extend k = 1
        | join kind=inner (range y from 1 to 100000 step 1 | extend k = 1) on k | summarize sum(x * y)"""
    with logs_client(logged) as client, pytest.raises(HttpResponseError) as caught:
        client.query_workspace(workspace_id, text, timespan=None, server_timeout=1)
    assert (caught.value.status_code, caught.value.model.code) == (504, "GatewayTimeout")


def test_switches_hide_new_rows_and_show_mirrored_ones(logged: LocalAzure, query: Callable[..., Any]) -> None:
    text = f"{TRAFFIC} | where EndpointName == 'logged' | summarize n = count() by DeploymentName"

    def found() -> dict[str, int]:
        return {one["DeploymentName"]: one["n"] for one in query(text).rows}

    try:
        set_switches(logged, shadow_in_traffic_log=True)
        assert found() == {"blue": 10 * MINUTES, "green": MINUTES}
        set_switches(logged, shadow_in_traffic_log=False, log_delay_seconds=3600)
        assert found() == {}
    finally:
        set_switches(logged, shadow_in_traffic_log=False, log_delay_seconds=0)
    assert found() == {"blue": 10 * MINUTES}


def wait_for(found: Callable[[], list[Any]], seconds: float = 60.0) -> list[Any]:
    """What a query finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        rows = found()
        if rows:
            return rows
    raise AssertionError("Nothing was found in time.")


@pytest.mark.usefixtures("unsent")
def test_real_requests_lines_and_events_arrive(
    local_azure: LocalAzure, served: str, workspace_id: str, split: Callable[..., None]
) -> None:
    endpoint = f"{local_azure.workspace}/onlineEndpoints/{SERVED}"
    switch_logs_on(local_azure, endpoint)
    begun, own = datetime.now(UTC), f"mine-{uuid.uuid4().hex}"
    key = local_azure.arm("POST", f"onlineEndpoints/{SERVED}/listKeys").json()["primaryKey"]
    address = local_azure.arm("GET", f"onlineEndpoints/{SERVED}").json()["properties"]["scoringUri"]
    headers = {"Authorization": f"Bearer {key}", "x-ms-client-request-id": own}
    assert requests.post(address, json={"data": [1, 2]}, headers=headers, verify=local_azure.bundle, timeout=60).ok
    with logs_client(local_azure) as client:

        def rows(text: str) -> list[Any]:
            return list(client.query_resource(endpoint, text, timespan=DAY).tables[0].rows)

        [request] = wait_for(lambda: rows(f"{TRAFFIC} | where XMSClientRequestId == '{own}'"))
        assert request["UserAgent"].startswith("python-requests")
        assert request["TimeGenerated"] >= begun - timedelta(seconds=1)
        assert (request["Method"], request["Path"], request["AuthType"]) == ("POST", "/score", "Key")
        assert (request["ResponseCode"], request["DeploymentName"], request["EndpointName"]) == (200, "blue", SERVED)
        assert request["TotalDurationMs"] >= request["ResponseDurationMs"] >= request["RequestDurationMs"] >= 0
        assert (request["_ResourceId"], request["Type"]) == (endpoint.lower(), TRAFFIC)
        # Lines of before may be there of another test, which had switched this log on.
        text = f"{CONSOLE} | where DeploymentName == 'blue' and ContainerName == 'inference-server'"
        text += f" and TimeGenerated >= datetime({begun - timedelta(seconds=2):%Y-%m-%dT%H:%M:%SZ})"
        lines = wait_for(lambda: rows(f"{text} and Message contains '/score'"))
        assert all(line["InstanceId"] for line in lines)
        assert rows(f"{EVENTS} | where TimeGenerated < datetime({begun:%Y-%m-%dT%H:%M:%SZ})") == []


def test_the_last_lines_of_a_deployment_outlive_it(logged: LocalAzure, query: Callable[..., Any]) -> None:
    create_endpoint(logged, "brief-life")
    switch_logs_on(logged, f"{logged.workspace}/onlineEndpoints/brief-life", CONSOLE)
    assert logged.finish(upload_and_put(logged, "brief-life", "blue", 2), 240)["status"] == "Succeeded"
    key = logged.arm("POST", "onlineEndpoints/brief-life/listKeys").json()["primaryKey"]
    address = logged.arm("GET", "onlineEndpoints/brief-life").json()["properties"]["scoringUri"]
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": "blue"}
    assert requests.post(address, json={"data": [1]}, headers=headers, verify=logged.bundle, timeout=60).ok
    assert logged.finish(logged.arm("DELETE", "onlineEndpoints/brief-life/deployments/blue"))["status"] == "Succeeded"
    text = f"{CONSOLE} | where _ResourceId endswith '/brief-life' and Message endswith 'Shutting down: Master'"
    assert wait_for(lambda: query(text, timespan=None).rows)
