"""Two deployments side by side on the Shadow page: the table, the charts, and what is said when there is nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from services.comparison.criteria import Criteria
from services.comparison.judge import Arm
from services.shadow.model import Minute, Pair, Run, RunState
from services.shadow.runs import Runs
from tests.contract.history import row
from tests.contract.monitor_clients import seed
from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page, write_split
from ui import context

pytestmark = pytest.mark.emulator
MINUTES = 40
ALONE, PAST = "side-alone", "side-past"
"""Endpoints that nobody else sends to, and whose containers write nothing."""


def read(page: Page) -> Page:
    """The page once the numbers of both have been read behind the scenes."""
    deadline = time.monotonic() + 60
    while "Reading the requests of both" in page.html() and time.monotonic() < deadline:
        page.app.run()
    assert not page.app.exception
    assert "Reading the requests of both" not in page.html()
    return page


def table(page: Page) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in page.rows("side_table")}


def notes(page: Page) -> dict[str, list[str]]:
    """Number → the small words below its cells."""
    drawn = page.component("side_table")["rows"]
    return {row["cells"][0]["text"]: [cell.get("note", "") for cell in row["cells"][1:]] for row in drawn}


def charts(page: Page) -> set[str]:
    drawn = {each.proto.id.rsplit("-", 1)[-1] for each in page.app.get("plotly_chart")}
    return {key for key in drawn if key.startswith("side_")}


def endpoint_id(azure: LocalAzure) -> str:
    return str(azure.arm("GET", f"onlineEndpoints/{SPLIT}").json()["id"])


def keep_run(began: datetime, of: str) -> None:
    """An ended run, in whose minutes green took a fifth longer and failed more often."""
    rng = np.random.default_rng(1)
    minutes = []
    for number in range(MINUTES):
        load = np.exp(rng.normal(0, 0.2))
        blue, green = load * rng.lognormal(3, 0.3, 20), 1.2 * load * rng.lognormal(3, 0.3, 5)
        minutes.append(Minute(began + timedelta(minutes=number), Arm(20, 0, blue), Arm(6, 1, green)))
    run = Run("side-run", of, Pair("blue", "green"), 20, Criteria(), began, began, "somebody", set_at=began)
    runs = Runs(context.store(), context.connection().arm_host)
    runs.begin(run)
    runs.add_minutes(run.id, minutes, counts="Deployment metrics", rows="Console log")
    runs.end(run.id, RunState.ENDED, "Its time was over.", began + timedelta(minutes=MINUTES))


def test_the_window_begins_with_the_mirror_and_says_when_it_has_no_minute_yet(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    write_split(seeded, {"blue": 100}, {"green": 20})
    page = read(open_page("shadow", seeded, endpoint=SPLIT))
    window = page.app.segmented_control(key="side_window")
    assert window.value == "Since the mirror was set"
    assert window.options[1:] == ["1 h", "3 h", "12 h", "24 h"]
    assert "Azure has not finished counting any request of blue and green in this window yet." in page.html()


def test_without_single_requests_it_counts_and_names_what_would_show_latencies(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    entry = {"name": ALONE, "deployments": ["blue", "green"], "traffic": {"blue": 100}, "mirrorTraffic": {"green": 20}}
    seed(seeded, endpoints=[entry])
    now = datetime.now(UTC)
    rows = [row(now - timedelta(minutes=each), ALONE, "blue", 200, 8.0) for each in range(MINUTES) for _ in range(2)]
    rows += [row(now - timedelta(minutes=each), ALONE, "green", 200, 16.0, kind="mirror") for each in range(MINUTES)]
    seed(seeded, rows=rows)
    page = open_page("shadow", seeded, endpoint=ALONE)
    page.app.segmented_control(key="side_window").set_value("3 h").run()
    page = read(page)
    shown = table(page)
    blue, green = (int(number) for number in shown["Requests"][:2])
    assert blue > green > 10
    assert shown["Server errors"][1] == "0 %"
    assert shown["Server errors"][3] == "Deployment metrics"
    assert "to" in notes(page)["Server errors"][2], "the difference has its interval"
    assert shown["Latency P95"][:4] == ["no data", "no data", "no data", "none"]
    assert "console log" in page.html()
    assert "Described, not judged" in page.html()
    assert charts(page) == {"side_errors"}


def test_a_time_of_fixed_ends_is_chosen_stands_in_the_address_and_is_left_again(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    entry = {"name": PAST, "deployments": ["blue", "green"], "traffic": {"blue": 50, "green": 50}}
    seed(seeded, endpoints=[entry])
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=30)
    at = [start + timedelta(minutes=each, seconds=5) for each in range(60)]
    seed(seeded, rows=[row(each, PAST, name, 200, 8.0) for each in at for name in ("blue", "green")])
    page = open_page("shadow", seeded, endpoint=PAST)
    page.app.datetime_input(key="side_from").set_value((start + timedelta(minutes=10)).replace(tzinfo=None))
    page.app.datetime_input(key="side_to").set_value((start + timedelta(minutes=40)).replace(tzinfo=None))
    next(each for each in page.app.button if each.label == "Show").click().run()
    assert page.app.query_params["from"] == f"{start + timedelta(minutes=10):%Y-%m-%dT%H:%MZ}"
    page = read(page)
    assert "Shown: <b>" in page.html()
    assert table(page)["Requests"][:2] == ["30", "30"], "and not what came before or after"
    page.app.button(key="side_way_back").click().run()
    assert "from" not in page.app.query_params
    assert "Shown: <b>" not in page.html()
    page = open_page("shadow", seeded, endpoint=PAST, **{"from": "2026-03-02", "to": "2026-03-01"})
    assert "asks for a time that is none" in page.html()


def test_a_deployment_is_not_compared_with_itself(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("shadow", seeded, endpoint=SPLIT)
    page.app.selectbox(key="side_live").set_value("green").run()
    assert "Choose two different deployments" in page.html()


def test_an_endpoint_without_deployments_has_nothing_to_compare(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("shadow", seeded, endpoint=BARE)
    assert f"{BARE} has no deployment, so there is nothing to compare" in page.html()


def test_a_run_is_described_from_its_kept_minutes_with_intervals_and_charts(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("shadow", seeded, endpoint=SPLIT)
    keep_run(datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2), endpoint_id(seeded))
    page = read(page.fresh())
    rows, small = table(page), notes(page)
    assert rows["Requests"][:2] == ["800", "240"]
    assert rows["Server errors"][:3] == ["0 %", "17 %", "+17 points"]
    assert rows["Latency P95"][3] == "Console log"
    assert small["Latency P95"][3] == "800 and 200 requests"
    assert small["Latency P99"][1] == "too few requests"
    assert rows["Latency P99"][2] == "too few requests"
    assert small["Latency, same minute"][3] == "40 minutes of both"
    assert rows["Processor per request"][3] == "Deployment metrics"
    assert charts(page) == {"side_curves", "side_quantiles", "side_errors", "side_minutes"}
    files = {each.key for each in page.app.get("download_button")}
    assert {"csv_side_curves", "csv_side_quantiles", "csv_side_errors", "csv_side_minutes"} <= files
