"""What was computed for a chart or a table, kept as long as what it was made of stays the same.

A page is run again at every click. Making a dozen charts of a day of minutes takes seconds, sending the same ones again
takes milliseconds. Whoever looks at the same endpoint shares them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeVar, cast

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ui import charts

T = TypeVar("T")

MOST_CHARTS = 120
"""Charts that are kept: those that ten people look at. One weighs some hundred KiB at most."""
MOST_VALUES = 200
KEPT_SECONDS = 600
"""Readings of the last minutes change sooner, those of a time that is over do not change."""


def of(*parts: object) -> str:
    """A short name for what something is made of. ``parts`` are told apart by their ``repr``.

    "" when one of them is a reading without a name (see :class:`~services.metrics.DeploymentMetrics`): such a thing is
    made anew each time.
    """
    return "" if "" in parts else hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def value(made_of: str, make: Callable[[], T]) -> T:
    """What ``make`` returns, made once for ``made_of`` (see :func:`of`). Nobody may change it."""
    return cast("T", _value(made_of, make)) if made_of else make()


def chart(
    made_of: str, make: Callable[[], go.Figure], rows: Callable[[], pd.DataFrame], *, key: str, alt: str
) -> tuple[bool, bool]:
    """Draw what ``make`` returns, made once for ``made_of``. Returns whether it shows anything, and whether ``rows``
    has any."""
    return _chart(made_of, key, alt, make, rows) if made_of else _draw(key, alt, make, rows)


@st.cache_resource(max_entries=MOST_VALUES, ttl=KEPT_SECONDS, show_spinner=False)
def _value(made_of: str, _make: Callable[[], object]) -> object:  # noqa: ARG001 - the key
    return _make()


@st.cache_resource(max_entries=MOST_CHARTS, ttl=KEPT_SECONDS, show_spinner=False)
def _chart(
    made_of: str,  # noqa: ARG001 - part of the key
    key: str,
    alt: str,
    _make: Callable[[], go.Figure],
    _rows: Callable[[], pd.DataFrame],
) -> tuple[bool, bool]:
    # Streamlit draws again, without asking, what a cached function has drawn. That is why the chart is no widget:
    # ui/components/chart_gestures tells what is done to it.
    return _draw(key, alt, _make, _rows)


def _draw(key: str, alt: str, make: Callable[[], go.Figure], rows: Callable[[], pd.DataFrame]) -> tuple[bool, bool]:
    figure = make()
    if figure.data:
        figure.update_layout(dragmode="select", selectdirection="h")
        st.plotly_chart(figure, key=key, config=charts.CONFIG, alt=alt)
    return bool(figure.data), bool(len(rows()))
