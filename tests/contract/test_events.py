"""Lifecycle events of an endpoint, read from the Log Analytics of a local Azure."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.azure import activity, diagnostics, endpoints, events
from services.azure.connection import Connection
from services.azure.diagnostics import CONSOLE, EVENTS, TRAFFIC
from services.azure.events import Wanted
from services.errors import RuleBroken
from services.logs import kept
from services.logs.kept import Asked
from services.model import Endpoint
from tests.contract.monitor_clients import switch_logs_on
from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import POLL_SECONDS, LocalAzure

pytestmark = pytest.mark.emulator
NAME = "with-events"
LOGGED_SECONDS = 60.0


@pytest.fixture(scope="module")
def started(local_azure: LocalAzure) -> str:
    """An endpoint whose one deployment has started while a diagnostic setting was there."""
    assert create_endpoint(local_azure, NAME).ok
    switch_logs_on(local_azure, f"{local_azure.workspace}/onlineEndpoints/{NAME}", EVENTS, CONSOLE, ago=60)
    assert local_azure.finish(upload_and_put(local_azure, NAME, "blue", 2), 240)["status"] == "Succeeded"
    return NAME


def read(conn: Connection, endpoint: Endpoint, *deployments: str) -> list[events.LifecycleEvent]:
    """The events of the last hour, once a container has started."""
    deadline = time.monotonic() + LOGGED_SECONDS
    found: list[events.LifecycleEvent] = []
    while "Started" not in {event.name for event in found} and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        found = events.recent(conn, endpoint, Wanted(deployments=deployments))
    return found


def test_a_start_is_told_event_by_event(conn: Connection, started: str) -> None:
    endpoint = endpoints.get_endpoint(conn, started)
    found = read(conn, endpoint)
    assert {"Created", "Started"} <= {event.name for event in found}
    assert {event.deployment for event in found} == {"blue"}
    assert all(event.instance for event in found if event.name == "Started")
    assert [event.at for event in found] == sorted((event.at for event in found), reverse=True)
    assert all(event.at.tzinfo is UTC for event in found)


def test_the_events_of_one_deployment_are_those_of_its_name(conn: Connection, started: str) -> None:
    endpoint = endpoints.get_endpoint(conn, started)
    assert read(conn, endpoint, "BLUE")
    assert events.recent(conn, endpoint, Wanted(deployments=("green",))) == []
    assert events.recent(conn, endpoint, Wanted(deployments=('blue" or "1" == "1',))) == []
    assert events.recent(conn, endpoint, Wanted(deployments=("blue\\",))) == []


def test_events_are_chosen_by_name_and_words(conn: Connection, started: str) -> None:
    endpoint = endpoints.get_endpoint(conn, started)
    everything = read(conn, endpoint)
    assert {each.name for each in events.recent(conn, endpoint, Wanted(names=("created", "Killing")))} == {"Created"}
    assert {each.name for each in everything} <= set(events.EVENT_NAMES)
    first, second, *_ = everything[0].message.split()
    named = events.recent(conn, endpoint, Wanted(words=(second.upper(), first)))
    assert named == [each for each in everything if first in each.message and second in each.message]
    assert events.recent(conn, endpoint, Wanted(words=('" or 1 == 1 //',))) == []


def test_a_time_without_events_has_none(conn: Connection, started: str) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    endpoint = endpoints.get_endpoint(conn, started)
    assert events.recent(conn, endpoint, Wanted(since=ahead, until=ahead + timedelta(hours=1))) == []
    assert events.recent(conn, endpoint, Wanted(until=ahead - timedelta(days=1))) == []
    assert events.recent(conn, endpoint, Wanted(since=ahead - timedelta(hours=2)))


def test_a_time_that_ends_before_it_begins_is_refused_in_words(conn: Connection, started: str) -> None:
    endpoint = endpoints.get_endpoint(conn, started)
    since = datetime.now(UTC)
    for refused_read in (
        lambda: events.recent(conn, endpoint, Wanted(since=since, until=since - timedelta(hours=1))),
        lambda: kept.read(conn, endpoint, Asked(since=since + timedelta(hours=1))),
    ):
        with pytest.raises(RuleBroken, match="could not be read") as refused:
            refused_read()
        assert "ends before it begins" in refused.value.why


def test_before_all_that_azure_keeps_there_is_no_write(conn: Connection, started: str) -> None:
    endpoint, now = endpoints.get_endpoint(conn, started), datetime.now(UTC)
    assert activity.writes(conn, endpoint.id, now - timedelta(days=101), now - timedelta(days=100)) == []


def test_whether_events_are_sent_is_told_by_the_diagnostic_settings(
    conn: Connection, started: str, served: str
) -> None:
    assert diagnostics.are_sent(conn, endpoints.get_endpoint(conn, started), EVENTS)
    assert not diagnostics.are_sent(conn, endpoints.get_endpoint(conn, started), TRAFFIC)
    assert not diagnostics.are_sent(conn, endpoints.get_endpoint(conn, served), EVENTS)


def test_a_reader_needs_no_name_of_a_workspace(
    connect_to: Callable[..., Connection], local_azure: LocalAzure, started: str
) -> None:
    conn = connect_to(local_azure, "reader", SLUICE_LOG_WORKSPACE_ID="")
    assert read(conn, endpoints.get_endpoint(conn, started))


def test_what_containers_wrote_is_kept_by_container_words_and_time(conn: Connection, started: str) -> None:
    endpoint = endpoints.get_endpoint(conn, started)
    deadline = time.monotonic() + LOGGED_SECONDS
    texts: list[str] = []
    while not any("Starting gunicorn" in text for text in texts) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        found = kept.read(conn, endpoint, Asked()).logs
        texts = [line for log in found for entry in log for line in entry.lines]
    assert any("gunicorn" in text for text in texts)
    assert all(entry.at is not None and entry.deployment == "blue" for log in found for entry in log)
    chosen = kept.read(conn, endpoint, Asked(deployments=("BLUE",), words=("GUNICORN", "starting")))
    assert {line for log in chosen.logs for entry in log for line in entry.lines} == {
        text for text in texts if "gunicorn" in text.lower() and "starting" in text.lower()
    }
    assert kept.read(conn, endpoint, Asked(deployments=("green",))).logs == ()
    assert kept.read(conn, endpoint, Asked(until=datetime.now(UTC) - timedelta(days=1))).logs == ()
    prepared = kept.read(conn, endpoint, Asked(is_server=False))
    assert not prepared.is_cut
    assert not {line for log in prepared.logs for entry in log for line in entry.lines} & set(texts)
