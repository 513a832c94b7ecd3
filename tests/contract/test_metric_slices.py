"""Days at one point per minute are read piece by piece, and are the same as the pieces."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.azure.monitor import forget_kept
from services.errors import SluiceError
from services.metrics import DeploymentMetrics, deployment_metrics, endpoint_outcomes, window_between, window_for
from services.traffic import capacity, counting
from tests.contract.history import seed
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

MINUTES = 30
DAY = 24 * 60
BATCH = "/subscriptions/*/metrics:getBatch"
END = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=13)
MIDNIGHT = END.replace(hour=0, minute=0)
"""Where one piece ends and the next one begins."""


@pytest.fixture(scope="module")
def past(local_azure: LocalAzure, served: str) -> datetime:
    """The end of two days with half an hour of known requests around the midnight in their middle."""
    seed(local_azure, served, MIDNIGHT - timedelta(minutes=MINUTES // 2), MINUTES)
    return MIDNIGHT + timedelta(hours=20)


def read(conn: Connection, served: str, past: datetime, minutes: int = 40 * 60) -> DeploymentMetrics:
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)
    return deployment_metrics(conn, endpoint, deployments, window_for(minutes, past, 60))


def blue(found: DeploymentMetrics) -> dict[str, float]:
    mine = found.requests[found.requests["deployment"] == "blue"]
    return dict(mine.groupby("status")["count"].sum())


def test_days_of_minutes_have_every_minute_on_both_sides_of_a_piece_and_are_asked_for_once(
    conn: Connection, served: str, past: datetime, fault: Callable[..., None]
) -> None:
    found = read(conn, served, past)

    assert found.window.grain_seconds == 60
    assert (found.latency_problem, found.requests_problem) == (None, None)
    assert blue(found) == {"200": 9 * MINUTES, "424": MINUTES}
    assert found.requests["at"].nunique() == MINUTES
    assert not found.latency.duplicated(["at", "deployment", "percentile"]).any()
    assert found.latency["at"].nunique() == MINUTES

    fault(path=BATCH, status=500)
    again = read(conn, served, past + timedelta(minutes=1))
    assert again.requests.equals(found.requests), "what is past is kept"
    assert again.latency.equals(found.latency)
    later = read(conn, served, past + timedelta(days=1, minutes=7), 2 * DAY)
    assert later.requests["at"].min().to_pydatetime() == MIDNIGHT - timedelta(minutes=MINUTES // 2)
    assert len(later.requests_notes) == 1, "only the day that was not read before is missing"
    forget_kept(conn)
    with pytest.raises(SluiceError):
        read(conn, served, past)


def test_a_piece_that_fails_leaves_the_others_and_says_when_it_is(
    conn: Connection, served: str, past: datetime, fault: Callable[..., None]
) -> None:
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)
    span = window_between(MIDNIGHT - timedelta(hours=20), past, datetime.now(UTC), 60)
    forget_kept(conn)
    fault(path=BATCH, status=500, times=1)

    answers = [counted(conn, served, past) for _ in range(2)]

    assert sorted(total for total, _ in answers) == [10 * MINUTES / 2, 10 * MINUTES]
    [(_, [note])] = [each for each in answers if each[1]]
    assert f"{MIDNIGHT:%Y-%m-%d} 00:00" in note
    assert "UTC is missing: " in note
    forget_kept(conn)
    fault(path=BATCH, status=500, times=1)
    with pytest.raises(SluiceError, match="could not be read whole"):
        counting.of_deployments(conn, endpoint, deployments, span)


def counted(conn: Connection, served: str, past: datetime) -> tuple[float, tuple[str, ...]]:
    """Requests by how they ended, of which nothing is refused, and what is missing."""
    ended = endpoint_outcomes(conn, get_endpoint(conn, served), window_for(40 * 60, past, 60), None)
    return float(ended.rows["count"].sum()), ended.notes


def test_one_deployment_that_fails_leaves_the_others_and_no_verdict_is_made_of_them(
    conn: Connection, served: str, past: datetime, fault: Callable[..., None]
) -> None:
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)
    forget_kept(conn)
    fault(path=BATCH, status=403)
    fault(path="/subscriptions/*/deployments/green/providers/Microsoft.Insights/metrics", status=500)

    found = deployment_metrics(conn, endpoint, deployments, window_for(60, MIDNIGHT))

    assert blue(found) == {"200": 9 * MINUTES / 2, "424": MINUTES / 2}
    assert set(found.requests["deployment"]) == {"blue"}
    for notes in (found.requests_notes, found.latency_notes):
        assert [note.startswith("green is missing: ") for note in notes] == [True]
    with pytest.raises(SluiceError, match="green is missing"):
        capacity.have_answered(conn, deployments, MIDNIGHT)


@pytest.mark.parametrize("failing", [0, 1], ids=["answered in part", "not answered"])
def test_no_request_is_said_to_be_refused_when_one_of_the_two_answers_is_not_whole(
    conn: Connection, served: str, past: datetime, fault: Callable[..., None], failing: int
) -> None:
    endpoint = get_endpoint(conn, served)
    window = window_for(60, MIDNIGHT)
    whole = endpoint_outcomes(conn, endpoint, window, past)
    assert not whole.notes
    if failing:
        fault(path=BATCH, status=500, times=1)
    else:
        body = {"values": [{"value": [{"name": {"value": "X"}, "errorCode": "InternalServerError", "timeseries": []}]}]}
        fault(path=BATCH, status=200, body=body, times=1)

    found = endpoint_outcomes(conn, endpoint, window, past)

    assert "" not in set(found.rows["deployment"]), "what one answer lacks was not refused"
    if found.problem is None:
        assert "are left out" in found.notes[-1]
