"""How requests ended by what the model answered, and deployments that were deleted meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.metrics import EndpointMetrics, endpoint_metrics, failing, window_between
from services.statuses import DEFAULT_SETS
from tests.contract.history import row
from tests.contract.monitor_clients import seed, set_switches
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

NAME = "outcomes"
MINUTES = 30
START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=1, hours=2)
END = START + timedelta(minutes=MINUTES)
RED = "red (deleted)"


def _history() -> list[dict[str, Any]]:
    """Every minute of blue, the first third of red, a few refusals without a deployment, and green's copies."""
    rows = []
    for minute in range(MINUTES):
        at = START + timedelta(minutes=minute)
        rows += [row(at, NAME, "blue", 200, 20.0)] * 8
        rows += [row(at, NAME, "blue", 424, 30.0)] * (minute % 5 == 0)
        rows += [row(at, NAME, "blue", 424, 30.0) | {"model_status": 503}] * (minute % 10 == 1)
        rows += [row(at, NAME, "blue", 408, 900.0) | {"model_status": 0}] * (minute == 7)
        rows += [row(at, NAME, "red", 200 if minute % 2 else 424, 50.0)] * (3 * (minute < 10))
        rows += [row(at, NAME, "green", 424, 40.0, kind="mirror")]
        rows += [row(at, NAME, "", 401, 1.0) | {"model_status": 0}] * (minute % 10 == 0)
    return rows


HISTORY = _history()


@pytest.fixture(scope="module")
def azure(local_azure: LocalAzure) -> LocalAzure:
    made = {"name": NAME, "deployments": ["blue", "green", "red"], "traffic": {"blue": 100}}
    seed(local_azure, endpoints=[made], rows=HISTORY)
    gone = local_azure.arm("DELETE", f"onlineEndpoints/{NAME}/deployments/red")
    assert local_azure.finish(gone)["status"] == "Succeeded"
    return local_azure


@pytest.fixture(params=[False, True], ids=["copies hidden", "copies in endpoint metrics"])
def with_copies(azure: LocalAzure, request: pytest.FixtureRequest) -> Any:
    set_switches(azure, shadow_in_endpoint_metrics=request.param)
    yield request.param
    set_switches(azure, shadow_in_endpoint_metrics=False)


def _read(conn: Connection, start: datetime = START, end: datetime = END) -> EndpointMetrics:
    endpoint = get_endpoint(conn, NAME)
    now = datetime.now(UTC)
    return endpoint_metrics(conn, endpoint, list_deployments(conn, NAME), window_between(start, end, now), now)


def _truth(with_copies: bool) -> Counter[tuple[str, str, str]]:
    return Counter(
        (
            RED if each["deployment"] == "red" else each["deployment"],
            str(each["status"]),
            str(each["model_status"]) if each["model_status"] else "",
        )
        for each in HISTORY
        if with_copies or each["kind"] == "live"
    )


def test_every_outcome_is_counted_once(conn: Connection, with_copies: bool) -> None:
    found = _read(conn).outcomes

    counted = found.rows.groupby(["deployment", "status", "model_status"])["count"].sum().to_dict()
    assert counted == _truth(with_copies)
    assert (found.problem, found.notes, found.is_counted) == (None, (), True)


@pytest.mark.usefixtures("azure")
def test_coarse_points_count_as_exactly(conn: Connection) -> None:
    found = _read(conn, END - timedelta(hours=24), END)

    assert found.window.grain_seconds > 60
    counted = found.outcomes.rows.groupby(["deployment", "status", "model_status"])["count"].sum().to_dict()
    assert counted == _truth(with_copies=False)
    assert found.requests[found.requests["deployment"] == RED]["count"].sum() == 30


def test_failing_combinations_have_count_share_and_whose_fault_they_are(conn: Connection, with_copies: bool) -> None:
    found = failing(_read(conn).outcomes.rows, DEFAULT_SETS)

    truth = _truth(with_copies)
    totals: Counter[str] = Counter()
    for (deployment, *_), count in truth.items():
        totals[deployment] += count
    assert {(each.deployment, each.status, each.model_status): each.count for each in found} == {
        key: count for key, count in truth.items() if key[1] != "200"
    }
    assert [each.count for each in found] == sorted((each.count for each in found), reverse=True)
    for each in found:
        assert each.is_server_error == (each.status != "401")
        assert each.percent == (pytest.approx(100 * each.count / totals[each.deployment]) if each.deployment else None)
    [timeout] = [each for each in found if each.status == "408"]
    assert timeout.newest_at == START + timedelta(minutes=7)


@pytest.mark.usefixtures("azure")
def test_a_deleted_deployment_keeps_its_numbers(conn: Connection) -> None:
    found = _read(conn)

    assert found.gone == (RED,)
    mine = found.requests[found.requests["deployment"] == RED]
    assert mine.groupby("status")["count"].sum().to_dict() == {"200": 15, "424": 15}
    assert mine["at"].max() == START + timedelta(minutes=9)
    assert (mine["per_minute"] == mine["count"]).all()
    latency = found.latency[found.latency["deployment"] == RED]
    assert set(latency["percentile"]) == {"P50", "P90", "P95", "P99"}
    assert latency["ms"].tolist() == pytest.approx([50.0] * 40, rel=0.01)
    live = found.requests[found.requests["deployment"].isin(["blue", RED])]
    assert live["count"].sum() == sum(each["kind"] == "live" and each["deployment"] != "" for each in HISTORY)


@pytest.mark.usefixtures("azure")
def test_nothing_is_deleted_in_a_time_that_it_did_not_answer_in(conn: Connection) -> None:
    found = _read(conn, START + timedelta(minutes=10), END)

    assert found.gone == ()
    assert set(found.requests["deployment"]) == {"blue", "green"}


@pytest.mark.usefixtures("azure")
def test_a_deployment_that_the_list_does_not_have_yet_is_not_called_deleted(conn: Connection) -> None:
    now = datetime.now(UTC)
    only_green = [each for each in list_deployments(conn, NAME) if each.name == "green"]

    found = endpoint_metrics(conn, get_endpoint(conn, NAME), only_green, window_between(START, END, now), now)

    assert found.gone == (RED,)


@pytest.mark.usefixtures("azure")
def test_azure_is_not_asked_at_every_look_whether_a_deployment_is_still_deleted(
    conn: Connection, fault: Callable[..., None]
) -> None:
    endpoint, deployments, now = get_endpoint(conn, NAME), list_deployments(conn, NAME), datetime.now(UTC)
    span = window_between(START, END, now)
    first = endpoint_metrics(conn, endpoint, deployments, span, now)
    # Without an answer, a name that the list lacks counts as deleted: green would.
    fault(path=f"/subscriptions/*onlineEndpoints/{NAME}/deployments", status=500)

    again = endpoint_metrics(conn, endpoint, deployments, span, now)
    fewer = endpoint_metrics(conn, endpoint, [each for each in deployments if each.name == "green"], span, now)

    assert first.gone == again.gone == (RED,)
    assert fewer.gone == ("blue (deleted)", RED)


def test_endpoint_metrics_that_fail_leave_those_of_the_deployments(
    conn: Connection, azure: LocalAzure, fault: Callable[..., None]
) -> None:
    azure.control("DELETE", "faults").raise_for_status()
    fault(path="/subscriptions/*getBatch*", status=403)
    fault(path=f"/subscriptions/*onlineEndpoints/{NAME}/providers/Microsoft.Insights/metrics", status=422)

    found = _read(conn)

    assert found.outcomes.problem is not None
    assert found.outcomes.rows.empty
    assert found.gone == ()
    assert found.requests[found.requests["deployment"] == "blue"]["count"].sum() > 0
