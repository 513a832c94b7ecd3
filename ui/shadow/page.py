"""The Shadow page, from the running test to the earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.shadow.model import RunState
from ui import context, problem, readers
from ui.shadow import answers_view, chooser, report_view, run_form, runs_view, side_by_side, verdict_view
from ui.traffic import traffic_page


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the run that is looked at, the form for a new one, and the list of all. Raises SluiceError."""
    off = _why_off(endpoint)
    try:
        runs = context.shadow().runs.all(endpoint.id)
        run = chooser.current(runs)
        if run is None:
            st.html(f'<p class="lead">{escape(run_form.INTRO)}</p>')
        else:
            verdict_view.show(endpoint, run, may_change=not off)
            report_view.show(endpoint, run)
            answers_view.show(endpoint, deployments, run)
    except SluiceError as error:
        problem.show(error, key="shadow_runs")
        return
    if any(each.state is RunState.RUNNING for each in runs):
        if run is not None and run.state is not RunState.RUNNING:
            st.button("See the running shadow test", key="see_running", on_click=chooser.forget)
    else:
        _start(endpoint, deployments, off)
    runs_view.show(runs, run)
    side_by_side.show(endpoint, deployments, run)


def _why_off(endpoint: Endpoint) -> str:
    if endpoint.is_kubernetes:
        return (
            "This is a Kubernetes endpoint. Azure mirrors traffic on managed online endpoints only. Two of its "
            "deployments can be described side by side below."
        )
    return traffic_page.why_off(endpoint, readers.standing().permissions)


def _start(endpoint: Endpoint, deployments: Sequence[Deployment], off: str) -> None:
    st.header("Start a shadow test", anchor=False)
    if off:
        traffic_page.show_why_off(off)
        if endpoint.is_kubernetes:
            return
    why_not = run_form.why_not(endpoint, deployments)
    if why_not:
        st.html(f'<p class="notice" role="note">{escape(why_not)}</p>')
    else:
        run_form.show(endpoint, deployments, disabled=bool(off))
