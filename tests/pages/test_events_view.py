"""The events of an endpoint on the Logs page: read behind the scenes, chosen, and each source for itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.azure.diagnostics import EVENTS
from tests.contract.monitor_clients import seed, switch_logs_on
from tests.local_azure import LocalAzure
from tests.pages.conftest import Page
from ui import url_time
from ui.logs import events_table

pytestmark = pytest.mark.emulator
SENT, QUIET = "page-events", "page-eventless"
COLUMNS = (
    ("TimeGenerated", "datetime"),
    ("DeploymentName", "string"),
    ("InstanceId", "string"),
    ("Name", "string"),
    ("Message", "string"),
)
HOSTILE = "<b>Back-off</b> restarting"


@pytest.fixture(scope="module")
def eventful(local_azure: LocalAzure) -> LocalAzure:
    """An endpoint whose events are sent, and one whose are not."""
    local_azure.control("DELETE", "faults").raise_for_status()
    made = {"deployments": ["blue", "green"], "traffic": {"blue": 100}}
    seed(local_azure, endpoints=[{"name": SENT, **made}, {"name": QUIET, **made}])
    for name in (SENT, QUIET):
        # A seed leaves no trace in the activity log: a write does.
        document = local_azure.arm("GET", f"onlineEndpoints/{name}").json()
        assert local_azure.finish(local_azure.arm("PUT", f"onlineEndpoints/{name}", document))["status"] == "Succeeded"
    switch_logs_on(local_azure, f"{local_azure.workspace}/onlineEndpoints/{SENT}", EVENTS, ago=3600)
    return local_azure


@pytest.fixture
def answered(eventful: LocalAzure) -> Iterator[Callable[..., None]]:
    """Says what Log Analytics answers next."""
    eventful.control("DELETE", "faults").raise_for_status()

    def answer(**rule: Any) -> None:
        eventful.control("POST", "faults", {"path": "/v1/*", **rule}).raise_for_status()

    yield answer
    eventful.control("DELETE", "faults").raise_for_status()


def events(*rows: tuple[datetime, str, str, str, str]) -> dict[str, Any]:
    columns = [{"name": name, "type": kind} for name, kind in COLUMNS]
    listed = [[at.isoformat(), *rest] for at, *rest in rows]
    return {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": listed}]}


def test_events_and_writes_are_listed_with_their_deployment(
    open_page: Callable[..., Page], eventful: LocalAzure, answered: Callable[..., None]
) -> None:
    now = datetime.now(UTC)
    answered(
        status=200,
        body=events(
            (now, "blue", "0123456789", "BackOff", HOSTILE),
            (now - timedelta(minutes=2), "", "", "SomethingNew", "unheard of"),
        ),
    )
    page = open_page("logs", eventful, endpoint=SENT, view="events").settled()
    first, second = page.rows("lifecycle_events")
    assert first[1:] == ["blue", "BackOff", HOSTILE, "01234567"]
    assert second[1:] == ["not said", "SomethingNew", "unheard of", "not said"]
    assert page.component("lifecycle_events")["rows"][0]["cells"][2]["tone"] == "bad"
    assert page.rows("writes")
    assert "The event log is sent to" in page.html()


def test_what_is_chosen_is_asked_for_and_stands_in_the_address(
    open_page: Callable[..., Page], eventful: LocalAzure
) -> None:
    page = open_page("logs", eventful, endpoint=SENT, view="events", events_on="green", events_text="no such word")
    assert page.app.multiselect(key="events_on").value == ["green"]
    assert page.app.text_input(key="events_text").value == "no such word"
    assert "No lifecycle event is like that in this time" in page.settled().html()
    assert "the first need up to an hour" in page.html()
    until = datetime.now(UTC) - timedelta(days=60)
    asked = {"from": url_time.written(until - timedelta(minutes=1)), "to": url_time.written(until)}
    page = open_page("logs", eventful, endpoint=SENT, view="events", **asked).settled()
    assert "Only events from" in page.html()
    assert "The activity log knows of no write in this time" in page.html()
    page.app.button(key="events_window").click().run()
    assert page.settled().rows("writes")


def test_an_endpoint_that_sends_no_events_offers_to_switch_them_on(
    open_page: Callable[..., Page], eventful: LocalAzure
) -> None:
    page = open_page("logs", eventful, endpoint=QUIET, view="events").settled()
    assert "The event log of this endpoint is not sent to Log Analytics" in page.html()
    assert "nothing of now is kept" in page.html()
    assert page.app.button(key=f"log_on:{EVENTS}:state")
    assert page.rows("writes")


def test_each_source_fails_by_itself_and_comes_back(
    open_page: Callable[..., Page], eventful: LocalAzure, answered: Callable[..., None]
) -> None:
    answered(status=403)
    page = open_page("logs", eventful, endpoint=SENT, view="events").settled()
    assert f"The lifecycle events of {SENT} could not be read." in page.html()
    assert page.html().count('role="alert"') == 1
    assert page.rows("writes")
    eventful.control("DELETE", "faults").raise_for_status()
    page.app.button(key="retry_events").click().run()
    deadline, pause = time.monotonic() + 60, threading.Event()
    while 'role="alert"' in page.html() and time.monotonic() < deadline:
        pause.wait(0.05)
        page.app.run()
    assert "No lifecycle event is like that" in page.html()

    eventful.control("POST", "faults", {"path": "/subscriptions/*/eventtypes/*", "status": 403}).raise_for_status()
    page.app.segmented_control(key="events_of").set_value("7 d").run()
    page.settled()
    assert "The activity log could not be read." in page.html()
    assert "No lifecycle event is like that" in page.html()


def test_rows_of_nothing_are_none() -> None:
    assert events_table.event_rows((), ("blue",)) == []
    assert events_table.write_rows(()) == []
