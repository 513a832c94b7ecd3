"""Diagnostic settings through the services: a log is switched on and off, and nothing else of a setting is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from services.azure import diagnostics, endpoints
from services.azure.connection import Connection
from services.azure.diagnostics import CONSOLE, EVENTS, TRAFFIC, Setting
from services.errors import AccessDenied, NotConfigured, RuleBroken, ServiceFailed, Throttled
from services.model import Endpoint
from tests.contract.monitor_clients import seed
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
NAME = "switched"
VERSION = "2021-05-01-preview"


@pytest.fixture(scope="module")
def made(local_azure: LocalAzure) -> str:
    seed(local_azure, endpoints=[{"name": NAME, "deployments": ["blue"], "traffic": {"blue": 100}}])
    return NAME


@pytest.fixture
def endpoint(conn: Connection, local_azure: LocalAzure, made: str) -> Iterator[Endpoint]:
    """An endpoint that has no diagnostic setting, nor after the test."""
    local_azure.control("DELETE", "faults").raise_for_status()
    found = endpoints.get_endpoint(conn, made)
    yield found
    local_azure.control("DELETE", "faults").raise_for_status()
    for each in diagnostics.settings(conn, found):
        local_azure.arm("DELETE", path(found, each.name), version=VERSION).raise_for_status()


def path(endpoint: Endpoint, name: str) -> str:
    return f"{endpoint.id}/providers/Microsoft.Insights/diagnosticSettings/{name}"


def sink(conn: Connection) -> str:
    [workspace] = diagnostics.log_workspaces(conn)
    return workspace.id


def put(azure: LocalAzure, endpoint: Endpoint, name: str, **properties: Any) -> None:
    azure.arm("PUT", path(endpoint, name), {"properties": properties}, version=VERSION).raise_for_status()


def log(category: str, *, enabled: bool = True) -> dict[str, Any]:
    return {"category": category, "enabled": enabled}


def sending(conn: Connection, endpoint: Endpoint, category: str = TRAFFIC) -> list[Setting]:
    return [each for each in diagnostics.settings(conn, endpoint) if each.sends(category)]


def test_the_traffic_log_is_switched_on_and_off_again(conn: Connection, endpoint: Endpoint) -> None:
    assert diagnostics.settings(conn, endpoint) == ()
    made = diagnostics.switch_on(conn, endpoint, TRAFFIC, sink(conn))
    assert sending(conn, endpoint) == [made]
    assert made.name == diagnostics.OWN_NAME
    assert made.workspace_id == sink(conn)
    assert made.other_places == ()
    assert not made.sends(CONSOLE)
    diagnostics.switch_off(conn, endpoint, TRAFFIC, made.name)
    assert diagnostics.settings(conn, endpoint) == ()
    diagnostics.switch_off(conn, endpoint, TRAFFIC, made.name)


def test_a_setting_there_already_gets_the_category_and_keeps_all_else(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint
) -> None:
    metrics = [{"category": "AllMetrics", "enabled": True}]
    logs = [log(EVENTS), log(CONSOLE, enabled=False)]
    put(
        local_azure,
        endpoint,
        "theirs",
        workspaceId=sink(conn),
        logs=logs,
        metrics=metrics,
        logAnalyticsDestinationType="Dedicated",
    )
    [before] = diagnostics.settings(conn, endpoint)
    made = diagnostics.switch_on(
        conn, endpoint, TRAFFIC, sink(conn).upper().replace("/SUBSCRIPTIONS", "/subscriptions")
    )
    assert made.name == "theirs"
    assert made.sends(TRAFFIC)
    assert made.sends(EVENTS)
    assert not made.sends(CONSOLE)
    assert {key: value for key, value in made.properties.items() if key != "logs"} == {
        key: value for key, value in before.properties.items() if key != "logs"
    }
    assert diagnostics.switch_on(conn, endpoint, TRAFFIC, sink(conn)) == made
    diagnostics.switch_off(conn, endpoint, TRAFFIC, "theirs")
    [after] = diagnostics.settings(conn, endpoint)
    named = {each["category"]: each["enabled"] for each in after.properties["logs"]}
    assert {name for name, enabled in named.items() if enabled} == {EVENTS}


def test_each_log_goes_on_and_off_and_leaves_a_setting_as_it_was(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint
) -> None:
    logs = [log(category, enabled=category == EVENTS) for category in (EVENTS, CONSOLE, TRAFFIC)]
    put(local_azure, endpoint, "theirs", workspaceId=sink(conn), logs=logs, metrics=[log("AllMetrics")])
    [before] = diagnostics.settings(conn, endpoint)
    for category in (TRAFFIC, CONSOLE):
        assert diagnostics.switch_on(conn, endpoint, category, sink(conn)).sends(category)
    assert diagnostics.are_sent(conn, endpoint, CONSOLE)
    for category in (CONSOLE, TRAFFIC):
        diagnostics.switch_off(conn, endpoint, category, "theirs")
    assert not diagnostics.are_sent(conn, endpoint, CONSOLE)
    assert [each.properties for each in diagnostics.settings(conn, endpoint)] == [before.properties]


def test_a_log_goes_nowhere_but_to_the_workspace_that_was_named(
    conn: Connection, endpoint: Endpoint, fault: Callable[..., None]
) -> None:
    archiving = {"workspaceId": sink(conn), "storageAccountId": "/an/archive", "logs": [log(EVENTS)]}
    held = {"value": [{"name": "theirs", "properties": archiving}]}
    fault(method="GET", path="/subscriptions/*/diagnosticSettings", status=200, body=held, times=1)
    assert diagnostics.switch_on(conn, endpoint, TRAFFIC, sink(conn)).name == diagnostics.OWN_NAME


def test_two_logs_that_are_switched_on_at_once_are_both_on(
    conn: Connection, endpoint: Endpoint, fault: Callable[..., None]
) -> None:
    target = sink(conn)
    fault(path="/subscriptions/*/diagnosticSettings", delay_seconds=0.3)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda category: diagnostics.switch_on(conn, endpoint, category, target), (TRAFFIC, CONSOLE)))
    assert sending(conn, endpoint, TRAFFIC)
    assert sending(conn, endpoint, CONSOLE)


def test_a_group_of_all_logs_counts_and_cannot_leave_one_out(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint
) -> None:
    put(local_azure, endpoint, "all", workspaceId=sink(conn), logs=[{"categoryGroup": "allLogs", "enabled": True}])
    assert diagnostics.switch_on(conn, endpoint, TRAFFIC, sink(conn)).name == "all"
    with pytest.raises(RuleBroken, match="one group"):
        diagnostics.switch_off(conn, endpoint, TRAFFIC, "all")
    assert sending(conn, endpoint)


def test_a_group_that_is_off_is_left_alone(conn: Connection, local_azure: LocalAzure, endpoint: Endpoint) -> None:
    off = [{"categoryGroup": "allLogs", "enabled": False}]
    put(local_azure, endpoint, diagnostics.OWN_NAME, workspaceId=sink(conn), logs=off)
    assert diagnostics.switch_on(conn, endpoint, TRAFFIC, sink(conn)).name == "sluice-2"
    assert not any(each.sends(EVENTS) for each in diagnostics.settings(conn, endpoint))


def test_without_room_for_another_setting_it_says_so(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint
) -> None:
    for number in range(diagnostics.MOST_SETTINGS):
        off = [{"categoryGroup": "allLogs", "enabled": False}]
        put(local_azure, endpoint, f"full-{number}", workspaceId=sink(conn), logs=off)
    with pytest.raises(RuleBroken, match="Azure allows 5"):
        diagnostics.switch_on(conn, endpoint, TRAFFIC, sink(conn))


def test_a_reader_sees_the_settings_and_may_not_change_them(
    connect_to: Callable[..., Connection], local_azure: LocalAzure, endpoint: Endpoint
) -> None:
    conn = connect_to(local_azure, "reader")
    assert diagnostics.settings(conn, endpoint) == ()
    with pytest.raises(AccessDenied) as caught:
        diagnostics.switch_on(conn, endpoint, TRAFFIC, sink(conn))
    assert "Monitoring Contributor" in caught.value.next_step


@pytest.mark.parametrize(("status", "kind"), [(403, AccessDenied), (429, Throttled), (500, ServiceFailed)])
def test_failures_are_told_in_words(
    conn: Connection, endpoint: Endpoint, fault: Callable[..., None], status: int, kind: type[Exception]
) -> None:
    fault(path="/subscriptions/*/diagnosticSettings", status=status)
    with pytest.raises(kind) as caught:
        diagnostics.settings(conn, endpoint)
    assert NAME in str(caught.value)


def test_where_to_send_comes_from_the_settings_or_is_the_only_place(
    conn: Connection, connect_to: Callable[..., Connection], local_azure: LocalAzure
) -> None:
    found = diagnostics.log_workspaces(conn)
    assert diagnostics.configured_workspace(conn, found).customer_id == conn.settings.log_workspace_id
    assert found[0].retention_days == 30
    free = connect_to(local_azure, SLUICE_LOG_WORKSPACE_ID="")
    assert diagnostics.configured_workspace(free, found) == found[0]
    two = (found[0], replace(found[0], id=f"{found[0].id}-2"))
    held = Setting("theirs", two[1].id.upper(), (), {})
    assert diagnostics.configured_workspace(free, two, (held,)) == two[1]
    for some in ((), two):
        with pytest.raises(NotConfigured, match="SLUICE_LOG_WORKSPACE_ID"):
            diagnostics.configured_workspace(free, some)
    with pytest.raises(NotConfigured, match="not among those"):
        diagnostics.configured_workspace(conn, ())
