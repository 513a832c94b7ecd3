"""The Metrics and Logs pages when Azure fails, has nothing, or has very much: every part speaks for itself."""

from __future__ import annotations

import base64
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from tests.contract.history import row
from tests.contract.monitor_clients import seed, switch_logs_on
from tests.local_azure import LocalAzure
from tests.pages.conftest import Page

pytestmark = pytest.mark.emulator

NAME, QUIET, MANY = "pages-trouble", "pages-quiet-metrics", "pages-metrics-twenty"
MINUTES = 20
TWENTY = [f"model-{number:02d}" for number in range(20)]
SECONDS = 60.0
METRICS = ("/*metrics:getBatch", "/*/providers/Microsoft.Insights/metrics")
HOURS_BEFORE = 5
Break = Callable[..., None]


@pytest.fixture(scope="module")
def now() -> datetime:
    """The minute in which the first of these tests begins: others may have run for long."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


@pytest.fixture(scope="module")
def troubled(local_azure: LocalAzure, now: datetime) -> LocalAzure:
    """An endpoint with logs and a request a minute, which were none for a day before; one without any request; and one
    with twenty deployments."""
    local_azure.control("DELETE", "faults").raise_for_status()
    made = {"deployments": ["blue", "green"], "traffic": {"blue": 100}}
    twenty = {"deployments": TWENTY, "traffic": {TWENTY[0]: 100}}
    seed(local_azure, endpoints=[{"name": NAME, **made}, {"name": QUIET, **made}, {"name": MANY, **twenty}])
    switch_logs_on(local_azure, f"{local_azure.workspace}/onlineEndpoints/{NAME}", ago=3600)
    rows = [row(now - timedelta(minutes=each, seconds=5), NAME, "blue", 200, 10.0) for each in range(MINUTES)]
    before = [now - timedelta(days=1, hours=hours) for hours in range(HOURS_BEFORE)]
    rows += [row(at, NAME, "blue", 200, 10.0) for at in before]
    rows += [row(now - timedelta(minutes=5), MANY, name, 200, 10.0) for name in TWENTY]
    seed(local_azure, rows=rows)
    return local_azure


@pytest.fixture
def broken(troubled: LocalAzure) -> Iterator[Break]:
    """Lets every request to some paths fail, until the test is over."""

    def break_paths(*paths: str, **fault: Any) -> None:
        for path in paths:
            troubled.control("POST", "faults", {"path": path, **fault}).raise_for_status()

    yield break_paths
    troubled.control("DELETE", "faults").raise_for_status()


def charts(page: Page) -> dict[str, Any]:
    """Key of a chart → its figure."""
    found = page.app.get("plotly_chart")
    return {each.proto.id.rsplit("-", 1)[-1]: json.loads(each.proto.spec) for each in found}


def until(page: Page, is_there: Callable[[], bool]) -> None:
    """Draw the page again and again until something shows."""
    deadline, pause = time.monotonic() + SECONDS, threading.Event()
    while not is_there():
        assert time.monotonic() < deadline, page.html()
        pause.wait(0.1)
        page.app.run()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 429, "retry_after": 7}, "Wait 7 seconds"),
        ({"status": 403}, "the role Monitoring Reader"),
    ],
)
def test_metrics_that_fail_are_told_and_the_panels_stay(
    open_page: Callable[..., Page], troubled: LocalAzure, broken: Break, fault: dict[str, Any], said: str
) -> None:
    broken(*METRICS, **fault)
    page = open_page("metrics", troubled, endpoint=NAME)
    assert "The metrics could not be read." in page.html()
    assert said in page.html()
    assert "Request id" in page.html()
    assert not charts(page)
    assert "Limits" in [header.value for header in page.app.header]
    until(page, lambda: "They cannot be compared" in page.html())
    troubled.control("DELETE", "faults").raise_for_status()
    page.app.button(key="retry_page").click().run()
    assert "could not be read" not in page.html()
    assert {"latency", "requests"} <= set(charts(page))


def test_sources_beside_the_metrics_fail_each_in_its_own_place(
    open_page: Callable[..., Page], troubled: LocalAzure, broken: Break
) -> None:
    broken("/*metricDefinitions", "/*eventtypes/management/values", "/v1/*", "/*diagnosticSettings", status=500)
    page = open_page("metrics", troubled, endpoint=NAME)
    assert {"latency", "requests", "error_rates", "in_flight"} <= set(charts(page))
    assert "The list of metrics could not be read." in page.html()
    until(page, lambda: "They cannot be compared" in page.html() and "no lines of autoscale" in page.html())
    assert page.html().count("Request id") >= 3
    assert 0 < int(page.rows("key_figures")[0][1]) <= MINUTES
    troubled.control("DELETE", "faults").raise_for_status()
    page.app.button(key="retry_metric_group").click().run()
    assert "The list of metrics could not be read." not in page.html()
    assert "requestlatency" in charts(page)


def test_the_views_of_the_logs_fail_each_by_itself(
    open_page: Callable[..., Page], troubled: LocalAzure, broken: Break
) -> None:
    broken("/*diagnosticSettings", "/v1/*", "/*getLogs", status=500)
    traffic = open_page("logs", troubled, endpoint=NAME, view="traffic").settled()
    assert f"The diagnostic settings of {NAME} could not be read." in traffic.html()
    assert f"The traffic log of {NAME} could not be read." in traffic.html()
    assert traffic.html().count("Request id") == 2
    query = open_page("logs", troubled, endpoint=NAME, view="query")
    query.app.button(key="query_run").click().run()
    until(query, lambda: "The query could not be run." in query.html())
    assert "Request id" in query.html()
    lines = open_page("logs", troubled, endpoint=NAME)
    until(lines, lambda: "The log of green could not be read." in lines.html())
    assert "The log of blue could not be read." in lines.html()
    assert "No log could be read." in json.dumps(lines.component("log_lines"))

    troubled.control("DELETE", "faults").raise_for_status()
    traffic.app.button(key="retry_diagnostics").click().run()
    traffic.app.button(key="retry_traffic").click().run()
    until(traffic, lambda: "could not be read" not in traffic.settled().html())
    assert len(traffic.rows(f"traffic:{NAME}")) == MINUTES
    query.app.button(key="query_run").click().run()
    until(query, lambda: "could not be run" not in query.html())
    lines.app.button(key="retry_log_blue").click().run()
    until(lines, lambda: "could not be read" not in lines.html())


def test_an_endpoint_that_was_never_asked_has_no_number(open_page: Callable[..., Page], troubled: LocalAzure) -> None:
    page = open_page("metrics", troubled, endpoint=QUIET)
    assert not charts(page)
    assert "No data in this time range." in page.html()
    assert {cell for cells in page.rows("key_figures") for cell in cells[1:]} <= {"no data", ""}


def test_a_day_without_requests_is_a_gap_and_never_zero(open_page: Callable[..., Page], troubled: LocalAzure) -> None:
    page = open_page("metrics", troubled, endpoint=NAME)
    page.app.segmented_control(key="range").set_value("7 d").run()
    [line] = [each for each in charts(page)["requests"]["data"] if each["name"] == "blue"]
    known = [value for value in decoded(line["y"]) if not math.isnan(value)]
    assert HOURS_BEFORE < len(known) < HOURS_BEFORE + MINUTES
    assert len(known) < len(decoded(line["y"]))
    assert min(known) > 0


def test_twenty_deployments_have_a_line_each(
    open_page: Callable[..., Page], troubled: LocalAzure, now: datetime
) -> None:
    ends = {"from": f"{now - timedelta(minutes=10):%Y-%m-%dT%H:%MZ}", "to": f"{now:%Y-%m-%dT%H:%MZ}"}
    page = open_page("metrics", troubled, endpoint=MANY, **ends)
    assert [cells[0] for cells in page.rows("key_figures")] == TWENTY
    assert {cells[1] for cells in page.rows("key_figures")} == {"1"}
    for key in ("latency", "requests"):
        drawn = [each["name"] for each in charts(page)[key]["data"] if each.get("showlegend") is not False]
        assert sorted(drawn) == TWENTY


def decoded(packed: Any) -> list[float]:
    """The numbers of an axis as plotly packs them; what is missing is NaN."""
    if isinstance(packed, dict):
        return [float(each) for each in np.frombuffer(base64.b64decode(packed["bdata"]), dtype=packed["dtype"])]
    return [math.nan if each is None else float(each) for each in packed]
