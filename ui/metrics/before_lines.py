"""The period before, below the lines of the charts that Azure's own list of metrics decides."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from services.errors import SluiceError
from services.metrics import GroupData
from services.model import Endpoint, Window
from ui import readers
from ui.charts import Look
from ui.metrics import chart, panel_charts
from ui.metrics.controls import View


def read(endpoint: Endpoint, view: View) -> GroupData | None:
    """The group's metrics of the period before; None, with words, when they cannot be read."""
    try:
        return readers.metric_group(endpoint, view.span, view.group, is_before=True)
    except SluiceError as error:
        st.html(f'<p class="hint">Below, the period before is not drawn. {escape(chart.failure(error))}</p>')
        return None


def rows_of(before: GroupData, metric: str) -> pd.DataFrame | None:
    """The rows of one metric; None when there are none."""
    found = [each.rows for each in before.panels if each.panel.metric == metric]
    return found[0] if found and len(found[0]) else None


def lay(
    figure: go.Figure,
    rows: pd.DataFrame | None,
    now: Window,
    before: Window,
    names: Sequence[str],
    look: Look,
) -> None:
    """Lay ``rows`` (``at``, ``deployment``, ``part``, ``value``) of the window ``before`` below the lines of ``now``.

    Every part, such as a disk or a state, has a line of its own.
    """
    if rows is None or not figure.data:
        return
    for part, mine in rows.groupby("part", sort=True):
        by = now.start_at - before.start_at
        panel_charts.add_before(figure, mine, "value", now, by, names, look, part=str(part))
