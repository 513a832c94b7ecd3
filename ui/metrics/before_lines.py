"""The period before, below the lines of the charts that Azure's own list of metrics decides."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from services.errors import SluiceError
from services.metrics import TRAFFIC, GroupData
from services.model import Endpoint, Window
from ui import readers
from ui.charts import Look
from ui.metrics import chart, panel_charts
from ui.metrics.controls import View


def read(endpoint: Endpoint, view: View) -> GroupData | None:
    """The group's metrics of the period before, when it is wished for; None, with words, when it cannot be read."""
    if not view.with_before or view.group != TRAFFIC:
        return None
    try:
        return readers.metric_group(endpoint, view.span, view.group, is_before=True)
    except SluiceError as error:
        st.html(f'<p class="hint">Below, the period before is not drawn. {escape(chart.failure(error))}</p>')
        return None


def rows_of(before: GroupData, metric: str) -> pd.DataFrame | None:
    """The rows of one metric; None when there are none, or when they are of parts that have lines of their own."""
    found = [each.rows for each in before.panels if each.panel.metric == metric and not each.panel.part]
    return found[0] if found and len(found[0]) else None


def lay(
    figure: go.Figure,
    rows: pd.DataFrame | None,
    now: Window,
    before: Window,
    names: Sequence[str],
    look: Look,
) -> None:
    """Lay ``rows`` (``at``, ``deployment``, ``value``) of the window ``before`` below the lines of ``now``."""
    if rows is not None and figure.data:
        panel_charts.add_before(figure, rows, "value", now, now.start_at - before.start_at, names, look)
