"""Which shadow test is looked at: the running one, or an earlier one. It stands in the URL (``?run=…``)."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.shadow.model import Run, RunState

PARAMETER = "run"


def chosen(runs: Sequence[Run], asked: str | None) -> Run | None:
    """The one that is ``asked`` for, else the running one, else the newest; None without any. Pure."""
    named = next((each for each in runs if each.id == asked), None)
    running = next((each for each in runs if each.state is RunState.RUNNING), None)
    return named or running or (runs[0] if runs else None)


def current(runs: Sequence[Run]) -> Run | None:
    """The one of this page. An address that names none of this endpoint is set right."""
    asked = st.query_params.get(PARAMETER)
    found = chosen(runs, asked)
    if asked and (found is None or found.id != asked):
        st.query_params.pop(PARAMETER, None)
    return found


def choose(run_id: str) -> None:
    """Look at a run from the next drawing on. For callbacks."""
    st.query_params[PARAMETER] = run_id


def forget() -> None:
    """Look at the newest one again. For callbacks."""
    st.query_params.pop(PARAMETER, None)
