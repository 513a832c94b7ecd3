"""Numbers of many endpoints in two subscriptions, from requests whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import list_endpoints
from services.errors import AccessDenied, ServiceFailed
from services.fleet.fleet import Member
from services.fleet.fleet_hour import MINUTES
from services.fleet.fleet_numbers import NumbersReading, read_numbers
from services.model import WorkspaceRef
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

NEAR = WorkspaceRef("f1ee7000-0000-4000-8000-000000000011", "numbers-near", "numbers-near")
FAR = WorkspaceRef("f1ee7000-0000-4000-8000-000000000012", "numbers-far", "numbers-far")
NOW = datetime.now(UTC).replace(second=30, microsecond=0)
IDLE = 52
"""More endpoints than one batch takes."""
Fault = Callable[..., None]


@pytest.fixture(scope="module", autouse=True)
def past(local_azure: LocalAzure) -> None:
    """A busy endpoint with errors, two that mirror, and many that nobody has asked for two days."""
    near = [
        {"name": "numbers-busy", "deployments": ["blue"], "traffic": {"blue": 100}},
        *({"name": f"numbers-idle-{n}", "deployments": ["blue"], "traffic": {"blue": 100}} for n in range(IDLE)),
    ]
    far = [
        {
            "name": f"numbers-{name}",
            "deployments": ["blue", "green"],
            "traffic": {"blue": 100},
            "mirrorTraffic": {"green": 20},
        }
        for name in ("arrives", "lost")
    ]
    old = (NOW - timedelta(days=2)).isoformat()

    def history(endpoint: str, **deployments: dict[str, Any]) -> dict[str, Any]:
        start = (NOW - timedelta(minutes=30)).replace(second=0).isoformat()
        return {"endpoint": endpoint, "start": start, "minutes": 30, "seed": 1, "deployments": deployments}

    seed = {
        "workspaces": [
            {"subscription": ref.subscription_id, "resource_group": ref.resource_group, "name": ref.name, "region": at}
            for ref, at in ((NEAR, "eastus"), (FAR, "southeastasia"))
        ],
        "endpoints": [{**each, "workspace": ref.id} for ref, all_of in ((NEAR, near), (FAR, far)) for each in all_of],
        "created": [
            {"id": f"{ref.id}/onlineEndpoints/{each['name']}", "createdAt": old}
            for ref, all_of in ((NEAR, near), (FAR, far))
            for each in all_of
        ],
        "history": [
            history("numbers-busy", blue={"per_minute": 20, "failing": 0.25, "median_ms": 40}),
            history("numbers-arrives", blue={"per_minute": 10}, green={"per_minute": 2, "kind": "mirror"}),
            history("numbers-lost", blue={"per_minute": 10}),
        ],
    }
    local_azure.control("POST", "seed", seed).raise_for_status()


def members(conn: Connection, *refs: WorkspaceRef) -> list[Member]:
    # They were made a moment ago; their requests are older than that.
    found = [endpoint for ref in refs for endpoint in list_endpoints(conn.at(ref))]
    return [Member(replace(endpoint, modified_at=endpoint.created_at), None, None) for endpoint in found]


def named(reading: NumbersReading) -> dict[str, Any]:
    return {key.rsplit("/", 1)[-1]: each for key, each in reading.numbers.items()}


def test_every_endpoint_of_every_region_has_its_numbers(conn: Connection) -> None:
    reading = read_numbers(conn, members(conn, NEAR, FAR), NOW)
    found = named(reading)

    assert reading.problems == ()
    assert len(found) == 1 + IDLE + 2
    busy = found["numbers-busy"]
    assert busy.summary.requests_per_minute == pytest.approx(20)
    assert busy.summary.error_percent == pytest.approx(25, abs=8)
    assert busy.summary.p95_ms == pytest.approx(65, rel=0.4)
    # Half an hour of requests; the newest two minutes of it are not settled yet.
    assert busy.hour.requests == (None,) * (MINUTES - 28) + (20.0,) * 28
    newest = busy.hour.server_errors[-15:]
    assert 100 * sum(filter(None, newest)) / (15 * 20) == pytest.approx(busy.summary.error_percent)
    assert busy.hour.server_errors[: MINUTES - 28] == (None,) * (MINUTES - 28)
    assert [len(minutes) for minutes in busy.hour.p95_ms.values()] == [MINUTES]
    felt = [value for value in busy.hour.p95_ms["blue"][-15:] if value is not None]
    assert sum(felt) / len(felt) == pytest.approx(busy.summary.p95_ms)


def test_who_was_not_asked_for_a_day_is_idle(conn: Connection) -> None:
    found = named(read_numbers(conn, members(conn, NEAR), NOW))

    assert found["numbers-busy"].is_idle is False
    assert {found[f"numbers-idle-{n}"].is_idle for n in range(IDLE)} == {True}
    assert found["numbers-idle-1"].summary.requests_per_minute is None
    assert found["numbers-idle-1"].hour.requests == (None,) * MINUTES
    assert found["numbers-idle-1"].hour.server_errors == (None,) * MINUTES, "no errors of no requests are not 0 errors"
    assert found["numbers-idle-1"].hour.p95_ms == {}


def test_a_mirror_arrives_or_does_not(conn: Connection) -> None:
    found = named(read_numbers(conn, members(conn, FAR), NOW))

    assert found["numbers-arrives"].mirror_arrives is True
    assert found["numbers-lost"].mirror_arrives is False


def test_a_subscription_whose_batches_are_refused_is_read_one_by_one(
    conn: Connection, local_azure: LocalAzure, fault: Fault
) -> None:
    fault(path=f"/subscriptions/{FAR.subscription_id}/metrics:getBatch", status=403)
    before = named(read_numbers(conn, members(conn, FAR), NOW))
    fault(path=f"/subscriptions/{NEAR.subscription_id}/metrics:getBatch", delay_seconds=0.001)

    reading = read_numbers(conn, members(conn, NEAR, FAR), NOW)

    assert reading.problems == ()
    assert {name: named(reading)[name] for name in before} == before
    refused, counted = local_azure.control("GET", "faults").json()["value"]
    # Once for each kind of resource at most, and never again while it is remembered.
    assert refused["hits"] <= 4
    assert counted["hits"] == 6


def test_a_region_that_fails_leaves_the_others_and_says_so_once(conn: Connection, fault: Fault) -> None:
    fault(path=f"/subscriptions/{NEAR.subscription_id}/metrics:getBatch", status=500)

    reading = read_numbers(conn, members(conn, NEAR, FAR), NOW)

    assert set(named(reading)) == {"numbers-arrives", "numbers-lost"}
    assert [type(each) for each in reading.problems] == [ServiceFailed]


def test_what_may_not_be_read_is_a_problem(conn: Connection, fault: Fault) -> None:
    fault(path=f"/subscriptions/{FAR.subscription_id}/metrics:getBatch", status=403)
    fault(path=f"{FAR.id}/onlineEndpoints/*/providers/Microsoft.Insights/metrics", status=403)

    reading = read_numbers(conn, members(conn, FAR), NOW)

    assert reading.numbers == {}
    assert [type(each) for each in reading.problems] == [AccessDenied]


def test_an_answer_that_is_not_whole_says_so(conn: Connection, fault: Fault) -> None:
    [busy] = [each for each in members(conn, NEAR) if each.endpoint.name == "numbers-busy"]
    part = {
        "id": f"{busy.endpoint.id}/providers/Microsoft.Insights/metrics/RequestsPerMinute",
        "unit": "Count",
        "name": {"value": "RequestsPerMinute"},
        "errorCode": "Throttled",
        "timeseries": [],
    }
    body = {"values": [{"resourceid": busy.endpoint.id, "interval": "PT1M", "value": [part]}]}
    fault(path=f"/subscriptions/{NEAR.subscription_id}/metrics:getBatch", status=200, body=json.dumps(body))

    [problem] = read_numbers(conn, [busy], NOW).problems

    assert "only a part (Throttled)" in problem.why


def test_an_answer_about_nothing_makes_nobody_idle(conn: Connection, fault: Fault) -> None:
    here = [each for each in members(conn, NEAR) if each.endpoint.name in ("numbers-busy", "numbers-idle-1")]
    fault(path=f"/subscriptions/{NEAR.subscription_id}/metrics:getBatch", status=200, body={"values": []})

    reading = read_numbers(conn, here, NOW)

    assert {name: each.is_idle for name, each in named(reading).items()} == dict.fromkeys(
        ("numbers-busy", "numbers-idle-1")
    )
    assert ["named none of the metrics" in each.why for each in reading.problems] == [True]


def test_no_members_need_no_request(conn: Connection) -> None:
    assert read_numbers(conn, [], NOW) == NumbersReading({}, ())
