"""Errors by status and model status on the Metrics page, and deployments that were deleted meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.history import row
from tests.local_azure import LocalAzure
from tests.pages.conftest import Page

pytestmark = pytest.mark.emulator

NAME = "outcome-chart"
ENDED = "outcome-ended"
MINUTES = 20
END = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=2)
TIME = {"from": f"{END - timedelta(minutes=MINUTES):%Y-%m-%dT%H:%MZ}", "to": f"{END:%Y-%m-%dT%H:%MZ}"}
RED = "red (deleted)"


@pytest.fixture(scope="module")
def azure(local_azure: LocalAzure) -> LocalAzure:
    """Blue fails in three ways, red in one until it was deleted, and two requests found no deployment."""
    rows = []
    for minute in range(1, MINUTES + 1):
        at = END - timedelta(minutes=minute)
        rows += [row(at, NAME, "blue", 200, 20.0)] * 9
        rows += [row(at, NAME, "blue", 424, 30.0)] * (minute % 2)
        rows += [row(at, NAME, "blue", 424, 30.0) | {"model_status": 503}] * (minute == 3)
        rows += [row(at, NAME, "blue", 429, 1.0) | {"model_status": 0}] * (4 * (minute == 5))
        rows += [row(at, NAME, "red", 424, 50.0)] * (minute > 15)
        rows += [row(at, NAME, "", 401, 1.0) | {"model_status": 0}] * (minute in (4, 9))
    made = {"name": NAME, "deployments": ["blue", "green", "red"], "traffic": {"blue": 100}}
    made |= {"mirrorTraffic": {"green": 10}}
    local_azure.control("POST", "seed", {"endpoints": [made], "rows": rows}).raise_for_status()
    gone = local_azure.arm("DELETE", f"onlineEndpoints/{NAME}/deployments/red")
    assert local_azure.finish(gone)["status"] == "Succeeded"
    return local_azure


def _bars(page: Page, key: str) -> dict[str, float]:
    """Name → sum of the bars of the chart ``key``."""
    found = [each for each in page.app.get("plotly_chart") if each.proto.id.endswith(f"-{key}")]
    assert found, f"no chart {key}"
    data: list[dict[str, Any]] = json.loads(found[0].proto.spec)["data"]
    return {each["name"]: len(each["x"]) for each in data if each["type"] == "bar"}


def test_every_way_to_fail_has_its_bars_and_its_row(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("metrics", azure, endpoint=NAME, **TIME)

    assert _bars(page, "outcomes") == {
        "blue 424 · model 500": 10,
        "blue 429": 1,
        "blue 424 · model 503": 1,
        f"{RED} 424 · model 500": 5,
        "no deployment 401": 2,
    }
    assert [row[:5] for row in page.rows("failing")] == [
        ["blue", "424 · model 500", "server", "10", "5.1 %"],
        [RED, "424 · model 500", "server", "5", "100 %"],
        ["blue", "429", "server", "4", "2.1 %"],
        ["no deployment", "401", "client", "2", "–"],
        ["blue", "424 · model 503", "server", "1", "0.51 %"],
    ]
    assert page.rows("failing")[2][5] == f"{END - timedelta(minutes=5):%Y-%m-%d %H:%M}"
    assert "Whether it counts mirrored copies is not known yet." in page.html()


def test_a_deleted_deployment_is_drawn_listed_and_explained(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("metrics", azure, endpoint=NAME, **TIME)

    figures = {row[0]: row for row in page.rows("key_figures")}
    assert list(figures) == ["blue", "green", RED]
    assert figures[RED][1:4:2] == ["5", "100 %"]
    assert figures[RED][7] == "49.9 ms"
    assert "red answered requests in this time and was deleted since." in page.html()
    spec = next(each.proto.spec for each in page.app.get("plotly_chart") if each.proto.id.endswith("-requests"))
    assert RED in {each["name"] for each in json.loads(spec)["data"]}


def test_a_deployment_that_was_the_only_one_is_drawn_after_its_end(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    rows = [row(END - timedelta(minutes=minute), ENDED, "red", 200, 50.0) for minute in range(1, 11)]
    azure.control("POST", "seed", {"endpoints": [{"name": ENDED}], "rows": rows}).raise_for_status()

    page = open_page("metrics", azure, endpoint=ENDED, **TIME)

    assert [row[:2] for row in page.rows("key_figures")] == [[RED, "10"]]
    assert "red answered requests in this time and was deleted since." in page.html()
    earlier = {name: f"{END - timedelta(hours=hours):%Y-%m-%dT%H:%MZ}" for name, hours in (("from", 3), ("to", 2))}
    assert "nothing to measure" in open_page("metrics", azure, endpoint=ENDED, **earlier).html()


def test_the_settings_decide_what_counts_as_an_error(
    open_page: Callable[..., Page], azure: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_SERVER_ERRORS", "429")
    monkeypatch.setenv("SLUICE_CLIENT_ERRORS", "401")
    page = open_page("metrics", azure, endpoint=NAME, **TIME)

    assert [row[:3] for row in page.rows("failing")] == [
        ["blue", "429", "server"],
        ["no deployment", "401", "client"],
    ]
    assert page.rows("key_figures")[0][3] == "2.1 %"
    columns = page.component("key_figures")["columns"]
    assert [each["help"] for each in columns[3:5]] == ["Share of 429 (overload).", "Share of 401."]
