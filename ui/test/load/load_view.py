"""Load tests: ask for one, watch it, read it, and lay it beside an earlier one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.errors import SluiceError
from services.loadtest.running import LoadRuns
from services.model import Deployment, Endpoint
from ui import ask, problem
from ui.test.load import load_form, load_live, load_results
from ui.turns import Turns

PLACE = "load"


@st.cache_resource(show_spinner=False)
def runs() -> LoadRuns:
    """The load tests of this process. Anybody who opens the endpoint sees the one that runs."""
    return LoadRuns()


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the test that runs, or the form for one; below it the results."""
    ask.show(PLACE, endpoint.id)
    run = runs().of(endpoint)
    if run is not None and not run.is_over:
        load_form.show_refusal(endpoint)
        load_live.show(run, Turns())
        return
    load_form.forget_refusal(endpoint)
    if run is not None:
        load_live.show_end(run, lambda: runs().put_away(run))
    try:
        load_form.show(endpoint, deployments, runs(), PLACE)
        load_results.show(endpoint, deployments, PLACE)
    except SluiceError as error:
        problem.show(error, key="load")
