"""Whether a split arrives, measured from the requests of settled minutes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.traffic.arrival import ARRIVES, DIFFERS, NOT_YET_KNOWN, Arrival, measure, span
from tests.contract.elsewhere import seed_endpoint
from tests.contract.history import row
from tests.contract.monitor_clients import past
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

MINUTES = 20
CHANGE = timedelta(seconds=20)
"""The change is made in the minute before the seeded ones."""


@pytest.fixture
def switches(local_azure: LocalAzure) -> Iterator[Callable[..., None]]:
    """Says where mirrored requests are visible; afterwards it is as it was."""

    def turn(**values: bool) -> None:
        local_azure.control("POST", "settings", values).raise_for_status()

    yield turn
    turn(shadow_in_endpoint_metrics=False, shadow_in_deployment_metrics=True)


@pytest.fixture
def arrival(conn: Connection, local_azure: LocalAzure) -> Callable[..., Arrival]:
    """What is measured of an endpoint whose deployments answered so many live requests and copies per minute."""

    def make(
        live: Mapping[str, int],
        requests: Mapping[str, int],
        *,
        mirror: Mapping[str, int] | None = None,
        copies: Mapping[str, int] | None = None,
        before: Mapping[str, int] | None = None,
    ) -> Arrival:
        name = f"arrival-{uuid.uuid4().hex[:8]}"
        seed_endpoint(local_azure, conn.workspace, name, live, mirror or {})
        start = past(MINUTES + 3)
        rows: list[dict[str, Any]] = []
        for minute in range(MINUTES):
            at = start + timedelta(minutes=minute, seconds=30)
            rows += [row(at, name, each, 200, 10.0) for each, count in requests.items() for _ in range(count)]
            rows += [
                row(at, name, each, 200, 10.0, kind="mirror")
                for each, count in (copies or {}).items()
                for _ in range(count)
            ]
        earlier = start - timedelta(seconds=30)
        rows += [row(earlier, name, each, 200, 10.0) for each, count in (before or {}).items() for _ in range(count)]
        local_azure.control("POST", "seed", {"rows": rows}).raise_for_status()
        endpoint, deployments = get_endpoint(conn, name), list_deployments(conn, name)
        return measure(conn, endpoint, deployments, start - CHANGE - timedelta(seconds=30), datetime.now(UTC))

    return make


def verdicts(found: Arrival) -> dict[str, tuple[int, str]]:
    return {share.deployment: (share.requests, share.verdict) for share in found.shares}


def test_a_split_that_arrives_is_said_to_with_its_interval(arrival: Callable[..., Arrival]) -> None:
    found = arrival({"blue": 70, "green": 30}, {"blue": 70, "green": 30}, before={"blue": 5000})
    assert verdicts(found) == {"blue": (70 * MINUTES, ARRIVES), "green": (30 * MINUTES, ARRIVES)}
    assert [share.share_percent for share in found.shares] == [70, 30]
    assert all((share.low_percent or 0) < share.configured_percent for share in found.shares)
    assert all((share.high_percent or 0) > share.configured_percent for share in found.shares)
    assert (found.until - found.since) >= timedelta(minutes=MINUTES)
    assert found.mirror is None
    assert "name a deployment bypass the split" in found.note


def test_a_deployment_that_goes_on_answering_after_a_swap_differs(arrival: Callable[..., Arrival]) -> None:
    found = arrival({"green": 100}, {"blue": 20, "green": 20})
    assert verdicts(found) == {"blue": (20 * MINUTES, DIFFERS), "green": (20 * MINUTES, DIFFERS)}


def test_few_requests_say_nothing_yet(arrival: Callable[..., Arrival]) -> None:
    found = arrival({"blue": 99, "green": 1}, {"blue": 2})
    assert verdicts(found) == {"blue": (2 * MINUTES, NOT_YET_KNOWN), "green": (0, NOT_YET_KNOWN)}


def test_no_requests_are_no_data(arrival: Callable[..., Arrival]) -> None:
    found = arrival({"blue": 100}, {})
    assert verdicts(found) == {"blue": (0, NOT_YET_KNOWN)}
    assert found.shares[0].share_percent is None
    assert "No request was answered" in found.note


def test_nothing_is_measured_before_a_minute_has_settled(conn: Connection, local_azure: LocalAzure) -> None:
    seed_endpoint(local_azure, conn.workspace, "arrival-new", {"blue": 100}, {"green": 10})
    endpoint, now = get_endpoint(conn, "arrival-new"), datetime.now(UTC)
    found = measure(conn, endpoint, list_deployments(conn, "arrival-new"), now - timedelta(seconds=90), now)
    assert verdicts(found) == {"blue": (0, NOT_YET_KNOWN)}
    assert found.mirror is not None
    assert found.mirror.verdict == NOT_YET_KNOWN
    assert found.since == found.until
    assert "No whole minute has settled" in found.note


def test_copies_are_found_where_this_cloud_shows_them(
    conn: Connection, arrival: Callable[..., Arrival], switches: Callable[..., None]
) -> None:
    for in_deployment, in_endpoint, source in (
        (True, False, "deployment metrics"),
        (True, True, "deployment metrics and endpoint metrics"),
        (False, True, "endpoint metrics"),
    ):
        switches(shadow_in_deployment_metrics=in_deployment, shadow_in_endpoint_metrics=in_endpoint)
        fresh = arrival({"blue": 100}, {"blue": 50}, mirror={"green": 20}, copies={"green": 10})
        assert fresh.mirror is not None
        assert (fresh.mirror.source, fresh.mirror.verdict) == (source, ARRIVES)
        assert (fresh.mirror.live_requests, fresh.mirror.copies) == (50 * MINUTES, 10 * MINUTES)
        assert source in fresh.note
        conn.memory.clear()


def test_copies_that_are_nowhere_to_be_seen_are_not_said_to_be_lost(
    arrival: Callable[..., Arrival], switches: Callable[..., None]
) -> None:
    switches(shadow_in_deployment_metrics=False)
    found = arrival({"blue": 100}, {"blue": 50}, mirror={"green": 20}, copies={"green": 10})
    assert found.mirror is not None
    assert (found.mirror.copies, found.mirror.source, found.mirror.verdict) == (0, "", NOT_YET_KNOWN)
    assert found.mirror.share_percent is None
    assert "does not mean that they do not arrive" in found.note


def test_once_a_source_has_shown_copies_their_absence_is_told(arrival: Callable[..., Arrival]) -> None:
    assert arrival({"blue": 100}, {"blue": 50}, mirror={"green": 20}, copies={"green": 10}).mirror is not None
    found = arrival({"blue": 100}, {"blue": 50}, mirror={"green": 20})
    assert found.mirror is not None
    assert (found.mirror.copies, found.mirror.source, found.mirror.verdict) == (0, "deployment metrics", DIFFERS)


def test_requests_that_name_the_target_are_no_copies(arrival: Callable[..., Arrival]) -> None:
    found = arrival({"blue": 100}, {"blue": 50, "green": 30}, mirror={"green": 20}, copies={"green": 10})
    assert verdicts(found) == {"blue": (50 * MINUTES, ARRIVES)}
    assert found.mirror is not None
    assert (found.mirror.copies, found.mirror.verdict) == (10 * MINUTES, ARRIVES)


def test_only_whole_settled_minutes_after_the_change_count() -> None:
    change = datetime(2026, 1, 1, 12, 0, 10, tzinfo=UTC)
    noon = change.replace(second=0)
    assert span(change, noon + timedelta(minutes=2)) == (noon + timedelta(minutes=1),) * 2
    assert span(change, noon + timedelta(minutes=5, seconds=59)) == (
        noon + timedelta(minutes=1),
        noon + timedelta(minutes=3),
    )
    # In the last half of a minute Azure's clock may be in the next one already.
    assert span(change + timedelta(seconds=40), noon + timedelta(hours=1))[0] == noon + timedelta(minutes=2)
    assert span(change, noon + timedelta(days=9)) == (
        noon + timedelta(days=9) - timedelta(minutes=362),
        noon + timedelta(days=9) - timedelta(minutes=2),
    )
