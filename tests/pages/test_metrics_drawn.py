"""What the Metrics page has drawn is sent again, not made again, while its readings stay the same."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import pytest
import streamlit as st

from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page
from ui import charts
from ui.metrics import drawn


@pytest.mark.emulator
def test_a_chart_is_made_once_for_a_reading_and_again_for_another_view(
    open_page: Callable[..., Page], seeded: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    latency = charts.latency

    def noted(*args: object) -> go.Figure:
        made.append(str(args[2]))
        return latency(*args)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(charts, "latency", noted)
    page = open_page("metrics", seeded, endpoint=SPLIT)
    first = specs(page)
    assert made == ["P95"]
    assert len(first) >= 4
    page.app.run()
    assert specs(page) == first, "the same charts, to the letter"
    assert made == ["P95"]
    page.app.segmented_control(key="percentile").set_value("P50").run()
    assert made == ["P95", "P50"]
    page.fresh()
    assert made == ["P95", "P50", "P50"], "a new reading is drawn anew"
    tables = page.html().count('class="hint"')
    page.app.run()
    assert page.html().count('class="hint"') == tables


def test_what_names_no_reading_is_made_each_time() -> None:
    calls: list[int] = []
    for made_of in (drawn.of("rows", ""), drawn.of("rows", "one"), drawn.of("rows", "one"), drawn.of("rows", "two")):
        drawn.value(made_of, lambda: calls.append(1))
    drawn.value(drawn.of("rows", ""), lambda: calls.append(1))
    assert len(calls) == 4


def test_an_empty_chart_is_none_and_says_whether_there_are_rows() -> None:
    rows = pd.DataFrame({"at": [1]})
    assert drawn.chart("", go.Figure, lambda: rows, key="empty", alt="nothing") == (False, True)
    assert drawn.chart(drawn.of("empty"), go.Figure, lambda: rows[:0], key="empty", alt="nothing") == (False, False)
    st.cache_resource.clear()


def specs(page: Page) -> list[str]:
    """The charts of the page as they are sent to the browser."""
    return [each.proto.spec for each in page.app.get("plotly_chart")]
