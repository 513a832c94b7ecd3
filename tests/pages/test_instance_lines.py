"""Instances drawn one by one, and the limits that are drawn with what they limit."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from emulator.scoring.telemetry.gauges import Gauges, Measurement
from services.limits import limit
from services.metrics import GroupData, PanelData
from services.metrics.instances import short_names
from services.metrics.panels import REQUESTS, RESOURCES, TRAFFIC, Panel
from services.model import Window
from tests.local_azure import LocalAzure
from tests.pages.conftest import Page
from ui.charts import Look
from ui.metrics import panel_charts
from ui.metrics.group_charts import EACH_INSTANCE

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(minutes=10), 60)
CPU = Panel("CpuUtilizationPercentage", "Processor", "Percent", RESOURCES, "", by_instance=True)
CONNECTIONS = Panel("ConnectionsActive", "Open connections", "Count", TRAFFIC, "")


def group(panel: Panel, rows: list[tuple[Any, ...]]) -> GroupData:
    frame = pd.DataFrame(rows, columns=["at", "deployment", "part", "instance", "value"])
    return GroupData((PanelData(panel, frame),), WINDOW, WINDOW.end_at)


def busy(instances: int, deployment: str = "blue") -> list[tuple[Any, ...]]:
    """Each instance is one percent busier than the one before it."""
    return [
        (pd.Timestamp(START + timedelta(minutes=minute)), deployment, "", f"{number:032x}", float(number))
        for number in range(instances)
        for minute in range(10)
    ]


def drawn(rows: list[tuple[Any, ...]]) -> go.Figure:
    data = group(CPU, rows)
    return panel_charts.instances(data.panels[0], data, ["blue"], Look())


def in_legend(figure: go.Figure) -> list[str]:
    return [line.name for line in figure.data if line.showlegend is not False]


def levels(figure: go.Figure) -> list[tuple[str, float]]:
    return [(line.name, line.y[0]) for line in figure.data if line.line.dash == "dash" and line.hoverinfo == "skip"]


def test_ids_are_cut_to_the_shortest_end_that_tells_them_apart() -> None:
    assert short_names(["aaaa-11111", "aaaa-22222", "short"]) == {
        "aaaa-11111": "11111",
        "aaaa-22222": "22222",
        "short": "short",
    }
    assert short_names(["pool-a-00001", "pool-b-00001"]) == {"pool-a-00001": "a-00001", "pool-b-00001": "b-00001"}
    assert short_names(["12345", "x12345"]) == {"12345": "12345", "x12345": "x12345"}
    ids = [f"{number:032x}" for number in range(50)]
    assert len(set(short_names(ids).values())) == 50


def test_a_few_instances_are_all_named() -> None:
    figure = drawn(busy(3))
    assert in_legend(figure) == ["blue 00000", "blue 00001", "blue 00002"]
    assert len({line.line.dash for line in figure.data}) == 3


def test_of_fifty_instances_the_highest_are_named_and_all_are_drawn() -> None:
    figure = drawn(busy(50))
    assert in_legend(figure) == [*(f"blue {number:05x}" for number in range(44, 50)), "and 44 lower"]
    assert len([line for line in figure.data if line.y[0] is not None]) == 50
    assert figure.layout.hovermode == "closest"


@pytest.mark.parametrize(("connections", "levels_drawn"), [(20.0, 0), (450.0, 1)])
def test_the_limit_of_the_endpoint_is_drawn_once_it_is_near(connections: float, levels_drawn: int) -> None:
    data = group(CONNECTIONS, [(pd.Timestamp(START), "", "", "", connections)])
    figure = panel_charts.panel(data.panels[0], data, ["blue"], Look())
    assert levels(figure) == [("Azure's limit, unless raised: 500 open connections", 500.0)][:levels_drawn]


def test_requests_are_limited_per_second_and_drawn_per_minute() -> None:
    figure = go.Figure()
    panel_charts.add_endpoint_limit(figure, REQUESTS, 25_000.0, WINDOW, Look())
    assert levels(figure) == [("Azure's limit, unless raised: 500 requests a second", 30_000.0)]


def test_a_limit_is_drawn_in_the_chart_of_its_metric_alone() -> None:
    figure = drawn(busy(2))
    limits = [limit("CpuUtilizationPercentage", 80), limit("CpuMemoryUtilizationPercentage", 90)]
    panel_charts.add_limits(figure, limits, "CpuUtilizationPercentage", WINDOW, Look())
    assert levels(figure) == [("Limit: processor 80 %", 80.0)]


@pytest.mark.emulator
def test_the_switch_stands_in_the_url_and_a_limit_is_drawn_with_the_instances(
    open_page: Callable[..., Page], local_azure: LocalAzure
) -> None:
    name, now = "drawn-by-instance", time.time()
    local_azure.control("POST", "seed", {"endpoints": [{"name": name, "deployments": ["blue"]}]}).raise_for_status()
    measured = [
        Measurement(now - 60 * minute, name, "blue", CPU.metric, {"instanceId": who}, busy)
        for minute in range(2, 8)
        for who, busy in (("pool-aaaaa", 20.0), ("pool-bbbbb", 60.0))
    ]
    with closing(Gauges(local_azure.state / "telemetry.db")) as gauges:
        gauges.append(measured)
    try:
        page = open_page("metrics", local_azure, endpoint=name, view="resources")
        assert names(page) == ["blue"]
        page.app.toggle(key=EACH_INSTANCE).set_value(True).run()
        assert names(page) == ["blue aaaaa", "blue bbbbb"]

        page = open_page("metrics", local_azure, endpoint=name, view="resources", instances="true")
        key = next(str(each.key) for each in page.app.number_input if each.label == "Processor, %")
        page.app.number_input(key=key).set_value(75.0)
        page.app.button(key="save_limits").click().run()
        assert names(page) == ["blue aaaaa", "blue bbbbb", "Limit: processor 75 %"]
        assert "Every line is one instance" in page.html()
    finally:
        local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{name}"))


def names(page: Page) -> list[str]:
    """The legend of the chart of the processor."""
    chart = next(each for each in page.app.get("plotly_chart") if CPU.metric.lower() in each.proto.id)
    return [line["name"] for line in json.loads(chart.proto.spec)["data"] if line.get("showlegend") is not False]
