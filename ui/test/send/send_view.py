"""Write a request, send it, read the answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from services.errors import SluiceError
from services.model import Deployment, Endpoint
from ui import readers
from ui.labels import plain
from ui.test.history import consent_view
from ui.test.send import composer, draft, sending, series_view
from ui.turns import Turns


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the request on one side and the answer on the other; two answers stand side by side below."""
    if draft.of(endpoint) is None:
        draft.put(endpoint, composer.first(endpoint))
    permissions = readers.standing().permissions
    left, right = st.columns(2, gap="medium")
    with left:
        composer.show(endpoint, deployments, permissions, Turns())
    series = sending.series_of(endpoint)
    with right:
        if series is None:
            series_view.show_nothing()
            return
        series_view.show(endpoint, deployments, series)
        if series.is_over:
            # The answer is here; a store that fails says so in the history.
            with suppress(SluiceError):
                consent_view.ask()
    if len(series.targets) > 1 and series.is_over:
        for place, (column, target) in enumerate(zip(st.columns(2, gap="medium"), series.targets, strict=True)):
            with column:
                st.header(plain(target), anchor=False)
                series_view.answers(endpoint, deployments, series, place)
