"""Each source of the Metrics and Logs pages in trouble: told in words, never a wrong number, and well again alone."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.azure import activity, diagnostics, endpoints, log_analytics
from services.azure.connection import Connection
from services.azure.metric_definitions import definitions
from services.azure.monitor import DEPLOYMENT_NAMESPACE, batch_address, refusal_key
from services.errors import AccessDenied, ServiceFailed, SluiceError, Throttled, Timeout, Unreachable
from services.logs import traffic_log
from services.metrics import deployment_metrics, group_metrics, window_for
from services.model import Deployment, Endpoint
from tests.contract.history import row
from tests.contract.monitor_clients import seed, switch_logs_on
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

NAME = "metrics-trouble"
REQUESTS = 3
HANG_SECONDS = 0.2
BATCH = "/*metrics:getBatch"
ONE_BY_ONE = "/*/providers/Microsoft.Insights/metrics"
NOW = datetime.now(UTC).replace(second=0, microsecond=0)


@dataclass(frozen=True)
class Scene:
    """What is read, and with what."""

    conn: Connection
    endpoint: Endpoint
    deployments: list[Deployment]


@dataclass(frozen=True)
class Source:
    """One API: its paths, the words of its failure, how it is read, and what is to be read there."""

    path: str
    what: str
    read: Callable[[Scene], Any]
    truth: Any


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, which failure it is, and what it says of what to do."""

    fault: dict[str, Any]
    kind: type[SluiceError]
    said: str
    has_request_id: bool = False


def counted(scene: Scene) -> dict[str, float]:
    """Requests by deployment as the Metrics page reads them."""
    found = deployment_metrics(scene.conn, scene.endpoint, scene.deployments, window_for(30, NOW), NOW)
    for problem in (found.requests_problem, found.latency_problem):
        if problem is not None:
            raise problem
    return dict(found.requests.groupby("deployment")["per_minute"].sum())


def one_by_one(scene: Scene) -> dict[str, float]:
    """The same where the batch service was refused before."""
    address = batch_address(scene.conn, scene.endpoint.location)
    scene.conn.memory[refusal_key(DEPLOYMENT_NAMESPACE, scene.endpoint.id, address)] = math.inf
    return counted(scene)


SOURCES = {
    "batch metrics": Source(BATCH, "The metrics could not be read.", counted, {"blue": REQUESTS}),
    "metrics one by one": Source(ONE_BY_ONE, "The metrics could not be read.", one_by_one, {"blue": REQUESTS}),
    "definitions": Source(
        "/*metricDefinitions",
        "The list of metrics could not be read.",
        lambda scene: "RequestsPerMinute" in [each.name for each in definitions(scene.conn, scene.endpoint.id)],
        True,
    ),
    "diagnostic settings": Source(
        "/*diagnosticSettings",
        f"The diagnostic settings of {NAME} could not be read.",
        lambda scene: [each.name for each in diagnostics.settings(scene.conn, scene.endpoint)],
        ["to-logs"],
    ),
    "log queries": Source(
        "/v1/*",
        f"The traffic log of {NAME} could not be read.",
        lambda scene: traffic_log.read(scene.conn, scene.endpoint, traffic_log.Wanted()).total,
        REQUESTS,
    ),
    "container log": Source(
        "/*getLogs",
        "The log of blue could not be read.",
        lambda scene: endpoints.logs(scene.conn, NAME, "blue"),
        "",
    ),
    "activity log": Source(
        "/*eventtypes/management/values",
        "The activity log could not be read.",
        lambda scene: [
            each.method for each in activity.writes(scene.conn, scene.endpoint.id, NOW - timedelta(hours=1), later())
        ],
        ["PUT"],
    ),
}
ELSE = "not what was asked for"
TROUBLES = {
    "429 with a time": Trouble({"status": 429, "retry_after": 7}, Throttled, "Wait 7 seconds", True),
    "429": Trouble({"status": 429}, Throttled, "Wait a minute", True),
    "403": Trouble({"status": 403}, AccessDenied, "Ask an owner", True),
    "500": Trouble({"status": 500}, ServiceFailed, "report the request id", True),
    "no answer": Trouble({"delay_seconds": 5 * HANG_SECONDS}, Timeout, "did not answer in time"),
    "broken connection": Trouble({"connection": "reset"}, Unreachable, "did not answer"),
    "half an answer": Trouble({"connection": "half"}, ServiceFailed, "broke off in its answer"),
    "a page of a proxy": Trouble({"status": 200, "body": "<html>Sign in</html>"}, ServiceFailed, "no proxy answers"),
    "half a document": Trouble({"status": 200, "body": '{"value": [{"na'}, ServiceFailed, "no proxy answers"),
    "another document": Trouble({"status": 200, "body": [1]}, ServiceFailed, ELSE),
    "an empty document": Trouble({"status": 200, "body": {}}, ServiceFailed, ELSE),
    "nothing": Trouble({"status": 204}, ServiceFailed, ELSE),
}
IS_NO_FAILURE = {
    # What the batch service refuses is read one by one.
    "batch metrics": {"403"},
    # A container that has written nothing: Azure may leave the content out.
    "container log": {"an empty document", "nothing"},
}


def later() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


@pytest.fixture(scope="module")
def troubled(local_azure: LocalAzure) -> Iterator[LocalAzure]:
    """An endpoint with a few requests, one of its writes in the activity log, and its logs sent."""
    local_azure.control("DELETE", "faults").raise_for_status()
    seed(local_azure, endpoints=[{"name": NAME, "deployments": ["blue", "green"], "traffic": {"blue": 100}}])
    switch_logs_on(local_azure, f"{local_azure.workspace}/onlineEndpoints/{NAME}", ago=3600)
    seed(local_azure, rows=[row(NOW - timedelta(minutes=5), NAME, "blue", 200, 10.0)] * REQUESTS)
    document = local_azure.arm("GET", f"onlineEndpoints/{NAME}").json()
    local_azure.finish(local_azure.arm("PUT", f"onlineEndpoints/{NAME}", {**document, "tags": {"a": "b"}}))
    yield local_azure
    local_azure.control("DELETE", "faults").raise_for_status()


@pytest.fixture
def scene(conn: Connection, troubled: LocalAzure) -> Scene:
    """The endpoint as it is known before the trouble."""
    return Scene(conn, endpoints.get_endpoint(conn, NAME), endpoints.list_deployments(conn, NAME))


@contextmanager
def impatient(conn: Connection, trouble: Trouble) -> Iterator[None]:
    """Do not wait for long for an answer that is held back."""
    config, patience = conn.transport.connection_config, log_analytics._READ_SECONDS
    usual = config.read_timeout
    if "delay_seconds" in trouble.fault:
        config.read_timeout = log_analytics._READ_SECONDS = HANG_SECONDS
    try:
        yield
    finally:
        config.read_timeout, log_analytics._READ_SECONDS = usual, patience


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_in_trouble_says_so_and_is_well_again_by_itself(
    scene: Scene, troubled: LocalAzure, fault: Callable[..., None], name: str
) -> None:
    source = SOURCES[name]
    for title, trouble in TROUBLES.items():
        if title in IS_NO_FAILURE.get(name, ()):
            continue
        fault(path=source.path, **trouble.fault)
        with pytest.raises(SluiceError) as caught, impatient(scene.conn, trouble):
            source.read(scene)
        troubled.control("DELETE", "faults").raise_for_status()

        told = caught.value
        why = f"{told.why} {told.next_step}"
        assert type(told) is trouble.kind, title
        assert told.what == source.what, title
        assert trouble.said in why, title
        assert told.request_id or not trouble.has_request_id, title
        assert not re.search(r"Traceback|Error\(|IncompleteRead|Bearer", why), title
    assert source.read(scene) == source.truth


def test_the_time_that_azure_asks_to_wait_is_known(scene: Scene, fault: Callable[..., None]) -> None:
    fault(path=BATCH, status=429, retry_after=7)
    with pytest.raises(Throttled) as caught:
        counted(scene)
    assert caught.value.retry_after_seconds == 7


@pytest.mark.parametrize("status", [400, 403, 404, 501])
def test_what_the_batch_service_refuses_is_read_one_by_one_and_not_asked_of_it_again(
    scene: Scene, fault: Callable[..., None], status: int
) -> None:
    fault(path=BATCH, status=status)
    assert counted(scene) == {"blue": REQUESTS}
    assert [until for key, until in scene.conn.memory.items() if key[:2] == ("monitor", "batch refused")]


def test_one_of_two_questions_fails_alone(scene: Scene, fault: Callable[..., None]) -> None:
    fault(path=BATCH, status=500, times=1)
    found = deployment_metrics(scene.conn, scene.endpoint, scene.deployments, window_for(30, NOW), NOW)
    problems = [found.latency_problem, found.requests_problem]
    frames = [found.latency, found.requests]
    assert sorted(each is None for each in problems) == [False, True]
    assert [frame.empty for frame in frames] == [problem is not None for problem in problems]


@pytest.mark.parametrize("trouble", ["429", "500", "no answer", "a page of a proxy", "an empty document"])
def test_a_group_of_charts_whose_questions_fail_has_no_number_at_all(
    scene: Scene, fault: Callable[..., None], trouble: str
) -> None:
    # What it asks before those questions has time.
    group_metrics(scene.conn, scene.endpoint, scene.deployments, "Traffic", window_for(30, NOW), NOW)
    fault(path=BATCH, **TROUBLES[trouble].fault)
    with impatient(scene.conn, TROUBLES[trouble]):
        found = group_metrics(scene.conn, scene.endpoint, scene.deployments, "Traffic", window_for(30, NOW), NOW)
    assert found.panels
    assert all(each.rows.empty for each in found.panels)
    assert {type(each.problem) for each in found.panels} == {TROUBLES[trouble].kind}


@pytest.mark.parametrize("is_batch", [True, False])
def test_a_metric_that_fails_within_an_answer_is_noted_and_is_no_zero(
    scene: Scene, fault: Callable[..., None], *, is_batch: bool
) -> None:
    part = {"name": {"value": "RequestsPerMinute"}, "errorCode": "Throttled", "unit": "Count", "timeseries": []}
    answer = {"cost": 0, "timespan": "PT1M", "interval": "PT1M", "namespace": DEPLOYMENT_NAMESPACE, "value": [part]}
    fault(
        path=BATCH if is_batch else ONE_BY_ONE,
        status=200,
        body={"values": [{**answer, "starttime": "", "endtime": "", "resourceid": "r"}]} if is_batch else answer,
    )
    if not is_batch:
        address = batch_address(scene.conn, scene.endpoint.location)
        scene.conn.memory[refusal_key(DEPLOYMENT_NAMESPACE, scene.endpoint.id, address)] = math.inf
    found = deployment_metrics(scene.conn, scene.endpoint, scene.deployments, window_for(30, NOW), NOW)
    assert found.requests.empty
    assert found.requests_notes == ("Azure answered only a part (Throttled): what is missing here may exist.",)


def test_log_analytics_that_answers_a_part_says_why(scene: Scene, fault: Callable[..., None]) -> None:
    error = {"code": "PartialError", "message": "Some rows are missing.", "details": []}
    table = {"name": "PrimaryResult", "columns": [{"name": "Requests", "type": "long"}], "rows": [[2]]}
    fault(path="/v1/*", status=200, body={"tables": [table], "error": error})
    found = log_analytics.ask(scene.conn, "It failed.", scene.endpoint.id, "AmlOnlineEndpointTrafficLog | count")
    assert found.rows == ((2,),)
    assert found.partial
