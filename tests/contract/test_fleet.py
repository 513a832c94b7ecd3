"""Many workspaces read at once: found, drawn as they arrive, each failing on its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.azure.connection import Connection
from services.azure.workspaces import list_subscriptions, list_workspaces
from services.errors import AccessDenied, NotFound, ServiceFailed, Throttled, Timeout, Unreachable
from services.fleet.fleet import Fleet, FleetView, Member, Scope
from services.model import WorkspaceRef
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

FIRST, SECOND = "f1ee7000-0000-4000-8000-000000000001", "f1ee7000-0000-4000-8000-000000000002"
EAST = WorkspaceRef(FIRST, "fleet-east", "fleet-east")
NORTH = WorkspaceRef(FIRST, "fleet-north", "fleet-north")
SOUTH = WorkspaceRef(SECOND, "fleet-south", "fleet-south")
BARE = WorkspaceRef(SECOND, "fleet-south", "fleet-bare")
REGIONS = {EAST: "eastus", NORTH: "northeurope", SOUTH: "southeastasia", BARE: "southeastasia"}
DEADLINE_SECONDS = 60.0
Fault = Callable[..., None]


@pytest.fixture(scope="module", autouse=True)
def workspaces(local_azure: LocalAzure) -> None:
    """Four workspaces in two subscriptions: three endpoints, two, one, and none."""
    seed = {
        "workspaces": [
            {"subscription": ref.subscription_id, "resource_group": ref.resource_group, "name": ref.name, "region": at}
            for ref, at in REGIONS.items()
        ],
        "endpoints": [
            {"name": name, "workspace": ref.id, "deployments": ["blue", "green"], "traffic": {"blue": 100}}
            for ref, names in {
                EAST: ["fleet-a", "fleet-b", "fleet-c"],
                NORTH: ["fleet-d", "fleet-e"],
                SOUTH: ["fleet-f"],
            }.items()
            for name in names
        ],
    }
    local_azure.control("POST", "seed", seed).raise_for_status()


@pytest.fixture
def fleet(conn: Connection) -> Iterator[Fleet]:
    """A fleet that nothing has been read of."""
    made = Fleet(conn)
    yield made
    made.close()


def complete(fleet: Fleet, scope: Scope, **options: float) -> FleetView:
    """What there is when everything has been read."""
    return until(fleet, scope, lambda view: view.is_complete, **options)


def until(fleet: Fleet, scope: Scope, wanted: Callable[[FleetView], bool], **options: float) -> FleetView:
    """Look as often as a page would, until what is there is as wanted."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not wanted(view := fleet.view(scope, **options)):
        assert time.monotonic() < deadline, view
        time.sleep(0.02)
    return view


def of(*refs: WorkspaceRef) -> Scope:
    return Scope(refs)


def member(view: FleetView, name: str) -> Member:
    (found,) = [each for each in view.members if each.endpoint.name == name]
    return found


def endpoints(ref: WorkspaceRef) -> str:
    return f"{ref.id}/onlineEndpoints"


def document(ref: WorkspaceRef, name: str, **properties: Any) -> dict[str, Any]:
    return {"id": f"{endpoints(ref)}/{name}", "name": name, "location": REGIONS[ref], "properties": properties}


def requests_to(local_azure: LocalAzure, path: str) -> int:
    """How often a fault that only counts has been hit."""
    return sum(each["hits"] for each in local_azure.control("GET", "faults").json()["value"] if each["path"] == path)


def test_subscriptions_and_their_workspaces_are_found(conn: Connection) -> None:
    assert {FIRST, SECOND, conn.workspace.subscription_id} <= {each.id for each in list_subscriptions(conn)}
    assert {each.ref: each.location for each in list_workspaces(conn, FIRST)} == {EAST: "eastus", NORTH: "northeurope"}


def test_what_is_disabled_or_makes_no_sense_is_left_out(conn: Connection, fault: Fault) -> None:
    entries = [
        {"subscriptionId": "b", "displayName": "beta", "state": "Enabled"},
        {"subscriptionId": "c", "displayName": "gone", "state": "Disabled"},
        {"displayName": "no id", "state": "Enabled"},
        {"subscriptionId": "a", "displayName": "Alpha", "state": "Enabled"},
    ]
    fault(path="/subscriptions", status=200, body={"value": entries})
    fault(
        path=f"/subscriptions/{FIRST}/providers/*/workspaces",
        status=200,
        body={"value": [{"id": "/nonsense"}, {"id": EAST.id, "location": "East US"}]},
    )

    assert [each.name for each in list_subscriptions(conn)] == ["Alpha", "beta"]
    assert [(each.ref, each.location) for each in list_workspaces(conn, FIRST)] == [(EAST, "eastus")]


def test_every_page_of_a_list_is_read(conn: Connection, local_azure: LocalAzure, fault: Fault) -> None:
    path = "/subscriptions/{}/providers/Microsoft.MachineLearningServices/workspaces"
    link = f"{local_azure.url}{path.format(SECOND)}?api-version=2024-10-01"
    first = {"value": [{"id": EAST.id, "location": "eastus"}], "nextLink": link}
    fault(path=path.format(FIRST), status=200, body=first)

    assert [each.name for each in list_workspaces(conn, FIRST)] == ["fleet-east", "fleet-bare", "fleet-south"]


@pytest.mark.parametrize(("body", "why"), [({"value": []}, "pages do not end"), ([], "not what was asked for")])
def test_a_list_that_does_not_end_or_is_none_is_a_failure(
    conn: Connection, local_azure: LocalAzure, fault: Fault, body: Any, why: str
) -> None:
    path = f"/subscriptions/{FIRST}/providers/Microsoft.MachineLearningServices/workspaces"
    if body:
        body = {**body, "nextLink": f"{local_azure.url}{path}?api-version=2024-10-01&page=again"}
    fault(path=path, status=200, body=body)

    with pytest.raises(ServiceFailed, match=why):
        list_workspaces(conn, FIRST)


def test_a_subscription_that_never_had_a_workspace_has_none(conn: Connection, fault: Fault) -> None:
    fault(path=f"/subscriptions/{FIRST}/*", status=409, code="MissingSubscriptionRegistration")

    assert list_workspaces(conn, FIRST) == []


def test_the_first_look_shows_nothing_yet_and_does_not_wait(fleet: Fleet) -> None:
    view = fleet.view(of(EAST))

    assert (view.members, view.is_complete, view.read_at) == ((), False, None)
    assert [each.is_done for each in view.workspaces] == [False]


def test_endpoints_of_several_workspaces_are_there_with_their_deployments(fleet: Fleet) -> None:
    view = complete(fleet, of(EAST, SOUTH, BARE))

    assert [each.endpoint.name for each in view.members] == ["fleet-a", "fleet-b", "fleet-c", "fleet-f"]
    assert all([found.name for found in each.deployments or ()] == ["blue", "green"] for each in view.members)
    assert member(view, "fleet-f").endpoint.workspace_ref.is_same(SOUTH)
    assert [(each.is_done, each.problem) for each in view.workspaces] == [(True, None)] * 3
    assert (view.done, view.expected) == (3 + 4, 3 + 4)
    assert view.read_at == pytest.approx(time.time(), abs=DEADLINE_SECONDS)


def test_everything_that_azure_shows_is_found(fleet: Fleet, conn: Connection) -> None:
    view = complete(fleet, Scope(None))
    found = {each.workspace.ref: each.workspace.location for each in view.workspaces}

    assert {**found, **REGIONS} == found
    assert conn.workspace in found
    assert view.problems == ()
    assert {f"fleet-{letter}" for letter in "abcdef"} <= {each.endpoint.name for each in view.members}


def test_a_workspace_named_twice_in_other_case_is_read_once(fleet: Fleet) -> None:
    shouted = WorkspaceRef(SOUTH.subscription_id.upper(), "FLEET-SOUTH", "Fleet-South")

    view = complete(fleet, of(SOUTH, shouted))

    assert [each.endpoint.name for each in view.members] == ["fleet-f"]


@pytest.mark.parametrize(("status", "kind"), [(403, AccessDenied), (404, NotFound), (500, ServiceFailed)])
def test_a_workspace_that_fails_leaves_the_others(fleet: Fleet, fault: Fault, status: int, kind: type) -> None:
    fault(path=endpoints(EAST), status=status)

    view = complete(fleet, of(EAST, NORTH))

    assert [type(each.problem) for each in view.workspaces] == [kind, type(None)]
    assert [each.endpoint.name for each in view.members] == ["fleet-d", "fleet-e"]


def test_a_workspace_that_hangs_does_not_hold_up_the_others(conn: Connection, fault: Fault) -> None:
    fleet = Fleet(conn, parallel=2)
    fault(path=f"{endpoints(EAST)}/*", delay_seconds=15)

    def others_are_there(view: FleetView) -> bool:
        return len(view.members) == 6 and all(each.is_done for each in view.workspaces[1:])

    view = until(fleet, of(EAST, NORTH, SOUTH), others_are_there)

    assert not view.workspaces[0].is_done
    assert not view.is_complete
    assert member(view, "fleet-a").deployments is None
    assert member(view, "fleet-e").deployments is not None
    fleet.close()


def test_a_subscription_that_may_not_be_listed_is_a_problem_of_its_own(fleet: Fleet, fault: Fault) -> None:
    fault(path=f"/subscriptions/{FIRST}/providers/*/workspaces", status=403)

    view = complete(fleet, Scope(None))

    assert [type(each) for each in view.problems] == [AccessDenied]
    assert FIRST in view.problems[0].what
    names = {each.workspace.name for each in view.workspaces}
    assert "fleet-south" in names
    assert "fleet-east" not in names


def test_without_a_list_of_subscriptions_the_configured_workspace_is_there(
    fleet: Fleet, conn: Connection, fault: Fault
) -> None:
    fault(path="/subscriptions", status=403)

    view = complete(fleet, Scope(None))

    assert [each.workspace.ref for each in view.workspaces] == [conn.workspace]
    assert [type(each) for each in view.problems] == [AccessDenied]


def test_deployments_that_cannot_be_read_are_unknown_and_say_why(fleet: Fleet, fault: Fault) -> None:
    fault(path=f"{endpoints(NORTH)}/fleet-d/deployments", status=500)

    view = complete(fleet, of(NORTH))

    assert member(view, "fleet-d").deployments is None
    assert isinstance(member(view, "fleet-d").problem, ServiceFailed)
    assert len(member(view, "fleet-e").deployments or ()) == 2


def test_an_endpoint_that_vanishes_meanwhile_says_so_and_is_gone_next_time(
    fleet: Fleet, local_azure: LocalAzure, fault: Fault
) -> None:
    gone = document(NORTH, "fleet-gone", authMode="Key")
    fault(path=endpoints(NORTH), status=200, body={"value": [gone]}, times=1)

    view = complete(fleet, of(NORTH))
    assert isinstance(member(view, "fleet-gone").problem, NotFound)

    fleet.forget()
    assert [each.endpoint.name for each in complete(fleet, of(NORTH)).members] == ["fleet-d", "fleet-e"]


def test_azures_wish_to_slow_down_is_followed(fleet: Fleet, fault: Fault, local_azure: LocalAzure) -> None:
    fault(path=f"{endpoints(EAST)}/*", status=429, retry_after=1, times=2)
    fault(path=endpoints(NORTH), status=429, times=1)

    view = complete(fleet, of(EAST, NORTH))

    assert [each.problem for each in view.workspaces] == [None, None]
    assert [each.problem for each in view.members] == [None] * 5
    assert all(len(each.deployments or ()) == 2 for each in view.members)


def test_a_wish_to_wait_for_long_is_shown_and_nothing_more_is_sent(
    fleet: Fleet, fault: Fault, local_azure: LocalAzure
) -> None:
    fault(path=endpoints(EAST), status=429, retry_after=600)
    complete(fleet, of(EAST))

    view = complete(fleet, of(EAST, NORTH, SOUTH))

    assert [type(each.problem) for each in view.workspaces] == [Throttled, Throttled, type(None)]
    assert requests_to(local_azure, endpoints(EAST)) == 1


def test_one_name_in_two_workspaces_is_two_endpoints(fleet: Fleet, fault: Fault) -> None:
    for ref in (NORTH, SOUTH):
        fault(path=endpoints(ref), status=200, body={"value": [document(ref, "twin")]})
        fault(path=f"{endpoints(ref)}/twin/*", status=200, body={"value": [{"name": ref.name}]})

    view = complete(fleet, of(NORTH, SOUTH))

    found = [(each.endpoint.workspace, [one.name for one in each.deployments or ()]) for each in view.members]
    assert found == [("fleet-north", ["fleet-north"]), ("fleet-south", ["fleet-south"])]


def test_an_answer_that_makes_no_sense_ends_as_a_problem(fleet: Fleet, fault: Fault) -> None:
    fault(path=endpoints(NORTH), status=200, body={"value": ["nonsense"]})

    view = complete(fleet, of(NORTH))

    (reading,) = view.workspaces
    assert reading.problem is not None
    assert "Traceback" not in str(reading.problem)


def test_what_is_young_is_not_read_again(fleet: Fleet, fault: Fault, local_azure: LocalAzure) -> None:
    fault(path=f"{endpoints(NORTH)}*", delay_seconds=0.001)
    complete(fleet, of(NORTH))
    asked = requests_to(local_azure, f"{endpoints(NORTH)}*")

    assert fleet.view(of(NORTH)).is_complete
    assert complete(fleet, of(NORTH, SOUTH)).is_complete

    assert asked == requests_to(local_azure, f"{endpoints(NORTH)}*") == 3


def test_old_data_stays_while_it_is_read_again(conn: Connection, local_azure: LocalAzure, fault: Fault) -> None:
    now = [1000.0]
    fleet = Fleet(conn, clock=lambda: now[0])
    complete(fleet, of(SOUTH))
    fault(path=endpoints(SOUTH), delay_seconds=1, times=1)
    now[0] += 16

    view = fleet.view(of(SOUTH))

    assert not view.is_complete
    assert not view.workspaces[0].is_done
    assert [len(each.deployments or ()) for each in view.members] == [2]
    assert view.read_at == 1000
    assert complete(fleet, of(SOUTH)).read_at == 1016
    fleet.close()


def test_a_passing_problem_leaves_what_was_read_before(fleet: Fleet, fault: Fault) -> None:
    complete(fleet, of(SOUTH))
    fault(path=f"{endpoints(SOUTH)}", status=503)
    fleet.forget()

    view = complete(fleet, of(SOUTH))

    assert [each.endpoint.name for each in view.members] == ["fleet-f"]
    assert isinstance(view.workspaces[0].problem, ServiceFailed)


def test_what_may_not_be_read_any_more_is_not_shown(fleet: Fleet, fault: Fault) -> None:
    complete(fleet, of(SOUTH))
    fault(path=f"{endpoints(SOUTH)}", status=403)
    fleet.forget()

    view = complete(fleet, of(SOUTH))

    assert view.members == ()
    assert isinstance(view.workspaces[0].problem, AccessDenied)


def test_an_answer_from_before_a_change_is_not_shown_after_it(
    fleet: Fleet, fault: Fault, local_azure: LocalAzure
) -> None:
    fault(path=endpoints(SOUTH), status=200, body={"value": [document(SOUTH, "old")]}, delay_seconds=1, times=1)
    until(fleet, of(SOUTH), lambda _: requests_to(local_azure, endpoints(SOUTH)) == 1)

    fleet.forget()

    assert [each.endpoint.name for each in complete(fleet, of(SOUTH)).members] == ["fleet-f"]


def test_an_endpoint_that_stands_on_two_pages_is_one(fleet: Fleet, local_azure: LocalAzure, fault: Fault) -> None:
    link = f"{local_azure.url}{endpoints(SOUTH)}?api-version=2024-10-01"
    first = {"value": [document(SOUTH, "FLEET-F")], "nextLink": link}
    fault(path=endpoints(SOUTH), status=200, body=first, times=1)

    view = complete(fleet, of(SOUTH))

    assert [len(each.deployments or ()) for each in view.members] == [2]
    assert view.done == view.expected == 2


def test_a_workspace_whose_answers_do_not_come_is_given_up(
    conn: Connection, local_azure: LocalAzure, fault: Fault
) -> None:
    fleet = Fleet(conn, parallel=1)
    fault(path=endpoints(BARE), status=200, body={"value": [document(BARE, f"silent-{n}") for n in range(9)]})
    fault(path=f"{endpoints(BARE)}/*", status=408)

    view = complete(fleet, of(BARE, NORTH))

    assert requests_to(local_azure, f"{endpoints(BARE)}/*") == 3
    problems = [type(member.problem) for member in view.members if member.endpoint.workspace == BARE.name]
    assert problems == [Timeout] * 3 + [Unreachable] * 6
    assert member(view, "fleet-d").deployments is not None
    fleet.close()


def test_many_people_who_look_and_read_again_get_the_whole_list(fleet: Fleet) -> None:
    scopes = [of(EAST), of(EAST, NORTH), of(NORTH, SOUTH, BARE), of(EAST, NORTH, SOUTH, BARE)]

    def person(number: int) -> None:
        for turn in range(40):
            view = fleet.view(scopes[(number + turn) % len(scopes)], max_age_seconds=0)
            assert view.done <= view.expected
            if turn % 10 == number % 10:
                fleet.forget()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(person, range(12)))

    view = complete(fleet, scopes[-1])
    assert [each.endpoint.name for each in view.members] == [f"fleet-{letter}" for letter in "abcdef"]
    assert all(len(each.deployments or ()) == 2 and each.problem is None for each in view.members)


def test_a_closed_fleet_begins_nothing(fleet: Fleet, local_azure: LocalAzure, fault: Fault) -> None:
    # A workspace that no other test asks for: a call of theirs may still be on its way.
    nobodys = WorkspaceRef(SECOND, "fleet-closed", "fleet-closed")
    fault(path=f"{endpoints(nobodys)}*", delay_seconds=0.001)
    fleet.close()

    view = fleet.view(of(nobodys))

    assert [each.is_done for each in view.workspaces] == [False]
    assert requests_to(local_azure, f"{endpoints(nobodys)}*") == 0


def test_no_workspace_is_complete_at_once(fleet: Fleet) -> None:
    view = fleet.view(of())

    assert (view.is_complete, view.members, view.workspaces) == (True, (), ())
