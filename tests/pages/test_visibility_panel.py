"""Where mirrored requests are visible, as the Metrics page shows it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st

from services.visibility.judging import DEPLOYMENT_METRICS, NOT_VISIBLE, NOT_YET_KNOWN, TRAFFIC_LOG, VISIBLE, Seen
from services.visibility.memory import Remembered
from tests.contract.history import row
from tests.contract.monitor_clients import past, set_switches, switch_logs_on
from tests.local_azure import LocalAzure
from tests.pages.conftest import Page
from ui.visibility_panel import visibility_rows

pytestmark = pytest.mark.emulator

NAME = "pages-shadow"
READ_SECONDS = 60.0
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def mirrored(local_azure: LocalAzure) -> LocalAzure:
    """An endpoint that has mirrored for two hours, with half an hour of requests and its traffic log sent."""
    set_switches(local_azure, clock_shift_seconds=-7200.0)
    entry = {"name": NAME, "deployments": ["blue", "green"], "traffic": {"blue": 100}, "mirrorTraffic": {"green": 20}}
    local_azure.control("POST", "seed", {"endpoints": [entry]}).raise_for_status()
    endpoint_id = f"{local_azure.workspace}/onlineEndpoints/{NAME}"
    switch_logs_on(local_azure, endpoint_id, "AmlOnlineEndpointTrafficLog", ago=7200)
    rows = []
    for minute in range(30):
        at = past(30 - minute) + timedelta(seconds=20)
        rows += [row(at, NAME, "blue", 200, 10.0) for _ in range(10)]
        rows += [row(at, NAME, "green", 200, 10.0, kind="mirror") for _ in range(2)]
    local_azure.control("POST", "seed", {"rows": rows}).raise_for_status()
    return local_azure


def settled(page: Page) -> Page:
    """The page once the sources have been read."""
    deadline, pause = time.monotonic() + READ_SECONDS, threading.Event()
    while "Reading both sources" in page.html():
        assert time.monotonic() < deadline, page.html()
        pause.wait(0.1)
        page.app.run()
    return page


def shown(page: Page, key: str) -> list[list[str]]:
    """The rows of the table ``key``, once the sources have been read."""
    return settled(page).rows(key)


def test_each_source_says_whether_it_counts_copies_with_its_numbers(
    open_page: Callable[..., Page], mirrored: LocalAzure
) -> None:
    page = open_page("metrics", mirrored, endpoint=NAME)
    found = {cells[0]: cells[1:] for cells in shown(page, "visibility")}
    assert found[DEPLOYMENT_METRICS][0] == VISIBLE
    assert found["Endpoint metrics"][0] == NOT_VISIBLE
    assert found["Endpoint metrics"][1] == "0"
    assert found[TRAFFIC_LOG][0] == NOT_VISIBLE
    assert found["Console log"][:3] == [NOT_YET_KNOWN, "no data", "no data"]
    assert "AmlOnlineEndpointConsoleLog" in found["Console log"][4]
    assert "20 % of the live requests are copied to green" in page.html()
    assert [cells[0] for cells in page.rows("reconciliation")] == ["blue"]
    assert page.rows("reconciliation")[0][3:] == ["0", "agree", ""]


def test_what_was_found_out_stays_when_the_sources_tell_nothing_any_more(
    open_page: Callable[..., Page], mirrored: LocalAzure
) -> None:
    page = open_page("metrics", mirrored, endpoint=NAME)
    assert shown(page, "visibility")[0][1] == VISIBLE
    set_switches(mirrored, metric_delay_seconds=7200, log_delay_seconds=7200)
    try:
        # Another start of Sluice, on the same file.
        st.cache_resource.clear()
        again = open_page("metrics", mirrored, endpoint=NAME)
        first = shown(again, "visibility")[0]
        cell = again.component("visibility")["rows"][0]["cells"][1]
    finally:
        set_switches(mirrored, metric_delay_seconds=0, log_delay_seconds=0)
    assert first[:2] == [DEPLOYMENT_METRICS, VISIBLE]
    assert cell["note"].startswith("found out 20")
    assert first[5].endswith("Now: No live request in these minutes.")


def test_without_a_mirror_only_the_two_sources_are_compared(
    open_page: Callable[..., Page], local_azure: LocalAzure
) -> None:
    entry = {"name": "pages-plain", "deployments": ["blue"], "traffic": {"blue": 100}}
    local_azure.control("POST", "seed", {"endpoints": [entry]}).raise_for_status()
    page = settled(open_page("metrics", local_azure, endpoint="pages-plain"))
    assert "mirrored requests are visible" not in page.html()
    assert "They cannot be compared" in page.html()
    assert "No diagnostic setting sends the category AmlOnlineEndpointTrafficLog" in page.html()


def test_a_verdict_of_now_stands_before_a_remembered_one_and_none_after_it() -> None:
    def seen(verdict: str, why: str) -> Seen:
        return Seen(DEPLOYMENT_METRICS, verdict, 10, 100, NOON - timedelta(minutes=30), NOON, why)

    before = {DEPLOYMENT_METRICS: Remembered(seen(VISIBLE, "More."), "green", NOON)}
    [kept] = visibility_rows([seen(NOT_YET_KNOWN, "No live request.")], before)
    assert (kept.cells[1].text, kept.cells[1].note) == (VISIBLE, "found out 2026-03-01 12:00 UTC")
    assert kept.cells[5].text == "More. Now: No live request."
    [now] = visibility_rows([seen(NOT_VISIBLE, "Fewer.")], before)
    assert (now.cells[1].text, now.cells[1].note, now.cells[5].text) == (NOT_VISIBLE, "", "Fewer.")
