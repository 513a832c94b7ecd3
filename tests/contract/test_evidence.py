"""What is known about an endpoint before its traffic moves, read from a local Azure whose past is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.store import Store
from services.test_log import TestLog
from services.traffic.evidence import DeploymentEvidence, Evidence, collect
from tests.contract.history import row
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

NAME = "weighed"
NOWHERE = "weighed-stopped"


@pytest.fixture(scope="module")
def now(local_azure: LocalAzure) -> datetime:
    """The moment of asking. The hour before has 6 requests per minute to blue, copied to green, and one busy minute."""
    deployments = [{"name": name, "capacity": 2} for name in ("blue", "green", "red")]
    endpoints = [
        {"name": NAME, "deployments": deployments, "traffic": {"blue": 100}, "mirrorTraffic": {"green": 50}},
        {"name": NOWHERE, "deployments": ["blue"], "traffic": {}},
    ]
    asked = datetime.now(UTC).replace(second=30, microsecond=0)
    settled = asked.replace(second=0) - timedelta(minutes=2)
    rows = []
    for minute in range(1, 61):
        at = settled - timedelta(minutes=minute)
        for number in range(30 if minute == 40 else 6):
            rows.append(row(at + timedelta(seconds=number), NAME, "blue", 200, 100.0))
            rows.append(row(at + timedelta(seconds=number), NAME, "green", 424, 40.0, kind="mirror"))
        rows.append(row(at, NOWHERE, "", 404, 0.1))
    seeded = local_azure.control("POST", "seed", {"endpoints": endpoints, "rows": rows})
    assert seeded.ok, seeded.text
    return asked


@pytest.fixture
def tests_sent(tmp_path: Path) -> Iterator[TestLog]:
    """An empty log of test requests."""
    store = Store(tmp_path / "sluice.db")
    yield TestLog(store, "local")
    store.close()


def read(conn: Connection, name: str, now: datetime, tests: TestLog) -> Evidence:
    """The evidence of an endpoint."""
    return collect(conn, get_endpoint(conn, name), list_deployments(conn, name), now, tests=tests)


def test_what_comes_in_is_the_mean_and_the_busiest_minute_without_copies(
    conn: Connection, local_azure: LocalAzure, now: datetime, tests_sent: TestLog
) -> None:
    for visible in (False, True):
        local_azure.control("POST", "settings", {"shadow_in_endpoint_metrics": visible}).raise_for_status()
        try:
            rate = read(conn, NAME, now, tests_sent).requests
        finally:
            local_azure.control("POST", "settings", {"shadow_in_endpoint_metrics": False}).raise_for_status()
        assert rate is not None
        assert (rate.mean, rate.busiest) == (6, 30)


def test_while_no_deployment_is_live_the_refused_requests_count(
    conn: Connection, now: datetime, tests_sent: TestLog
) -> None:
    rate = read(conn, NOWHERE, now, tests_sent).requests

    assert rate is not None
    assert (rate.mean, rate.busiest) == (1, 1)


def test_each_deployment_is_known_by_what_it_did(conn: Connection, now: datetime, tests_sent: TestLog) -> None:
    found = read(conn, NAME, now, tests_sent).deployments

    assert {name: each.has_answered for name, each in found.items()} == {"blue": True, "green": False, "red": False}
    assert found["blue"].service is not None
    assert found["blue"].service.seconds == pytest.approx(0.1, rel=0.05)
    assert found["blue"].service.source == "its latency in 60 quiet minutes of the last hour"
    assert (found["red"].service, found["red"].ready_instances, found["red"].last_test) == (None, None, None)


def test_a_test_request_is_evidence_at_once(conn: Connection, now: datetime, tests_sent: TestLog) -> None:
    red = next(each for each in list_deployments(conn, NAME) if each.name == "red")
    tests_sent.record(red.id, now, 200, 60.0, 50.0)

    found = read(conn, NAME, now, tests_sent).deployments["red"]

    assert found.has_answered is True
    assert found.service is not None
    assert found.service.seconds == pytest.approx(0.05)
    assert found.last_test is not None


def test_no_data_is_not_zero(conn: Connection, now: datetime, tests_sent: TestLog) -> None:
    found = read(conn, NAME, now - timedelta(days=30), tests_sent)

    assert (found.requests, found.bytes) == (None, None)


def test_lifecycle_events_that_go_nowhere_are_a_gap_with_the_reason(
    conn: Connection, now: datetime, tests_sent: TestLog
) -> None:
    gaps = {gap.what: gap for gap in read(conn, NAME, now, tests_sent).gaps}

    assert "No diagnostic setting" in gaps["failing probes"].why


def test_a_source_that_fails_leaves_the_others(
    conn: Connection, now: datetime, tests_sent: TestLog, fault: Callable[..., None]
) -> None:
    endpoint, deployments = get_endpoint(conn, NAME), list_deployments(conn, NAME)
    fault(operation="*/deployments/getLogs/action", status=403, code="AuthorizationFailed")

    found = collect(conn, endpoint, deployments, now, tests=tests_sent)

    assert {gap.deployment for gap in found.gaps if gap.what == "its log"} == {"blue", "green", "red"}
    assert found.requests is not None
    assert found.deployments["blue"].service is not None


def is_known(found: DeploymentEvidence) -> bool:
    """Whether its log has told the time of a request."""
    return found.service is not None and "in its log" in found.service.source


def test_a_running_deployment_shows_its_log_its_bytes_and_its_instances(
    conn: Connection, local_azure: LocalAzure, served: str, tests_sent: TestLog
) -> None:
    key = local_azure.arm("POST", f"onlineEndpoints/{served}/listKeys").json()["primaryKey"]
    for _ in range(25):
        local_azure.score(served, {"data": [1]}, key).raise_for_status()

    # A little ahead: the minute that is running has settled by then.
    later, deadline = datetime.now(UTC) + timedelta(minutes=3), time.monotonic() + 60
    while not is_known(found := read(conn, served, later, tests_sent).deployments["blue"]):
        # The output of a container arrives a moment after its answers.
        assert time.monotonic() < deadline, found

    assert found.service is not None
    assert "in its log" in found.service.source
    assert found.ready_instances == 1
    assert found.has_answered is True
