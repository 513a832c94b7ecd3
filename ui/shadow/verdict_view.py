"""The verdict of a run, drawn: followed while it runs, frozen afterwards."""

from __future__ import annotations

import streamlit as st

from services.comparison.judge import Verdict
from services.errors import SluiceError
from services.model import Endpoint, Split
from services.shadow import own_statuses
from services.shadow.model import Run, RunState
from ui import ask, context, problem, readers, scope
from ui.shadow import run_card
from ui.traffic import draft
from ui.turns import Turns

POLL_SECONDS = 5.0
PLACE = "shadow_run"
_PREPARE = "shadow_promotion_to_prepare"


def show(endpoint: Endpoint, run: Run, *, may_change: bool) -> None:
    """Draw the run. Raises SluiceError."""
    if is_settled(run):
        _draw(run)
    else:
        _follow(run, Turns())
    ask.show(PLACE, run.id)
    _buttons(endpoint, run, may_change=may_change)


def is_settled(run: Run) -> bool:
    """Whether nothing of the run changes any more. Pure."""
    return run.state is not RunState.RUNNING and run.verdict is not None


@st.fragment(run_every=POLL_SECONDS)
def _follow(drawn: Run, turns: Turns) -> None:
    """Draw what is new, without drawing the rest of the page again before the run is in another state."""
    is_by_itself = turns.is_by_itself()
    try:
        run = context.shadow().runs.get(drawn.id)
        if is_by_itself and (run is None or is_settled(run) or run.state is not drawn.state):
            readers.forget_resources()
            if run is not None and run.prepares_promotion and run.verdict is Verdict.PASS:
                st.session_state[_PREPARE] = run.id
            st.rerun()
        if run is not None:
            _draw(run)
    except SluiceError as error:
        problem.show(error, key="shadow_verdict")


def _draw(run: Run) -> None:
    view = context.shadow().standing(run)
    st.html(run_card.card(run, view, readers.azure_now()))
    sets = own_statuses.of_run(run, context.connection().settings.statuses)
    st.html(run_card.criteria(run, view, own_statuses.told(sets)))


def _buttons(endpoint: Endpoint, run: Run, *, may_change: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="shadow_buttons"):
        if run.state is RunState.RUNNING:
            st.button(
                "Stop",
                key="stop_shadow",
                icon=":material/stop_circle:",
                disabled=not may_change or run.is_ending,
                on_click=_ask_to_stop,
                args=(run,),
            )
        elif run.verdict is not None and can_be_promoted(endpoint, run):
            is_pressed = st.button(
                "Prepare promotion",
                key="prepare_promotion",
                icon=":material/call_split:",
                type="primary" if run.verdict is Verdict.PASS else "secondary",
                disabled=not may_change,
            )
            st.caption(
                "Opens the Traffic page with the split filled in. Nothing is applied before you confirm it there.",
                width="content",
            )
            # Who looks at the end of a run that was to prepare its promotion is taken there too.
            if is_pressed or (st.session_state.pop(_PREPARE, "") == run.id and may_change):
                _prepare(endpoint, run)


def can_be_promoted(endpoint: Endpoint, run: Run) -> bool:
    """Whether the shares of the live deployment could go to the candidate now. Pure."""
    split = endpoint.split
    return bool(split.live_percent(run.pair.live)) and not split.live_percent(run.pair.candidate)


def promoted(split: Split, run: Run) -> Split:
    """The candidate in the place of the live deployment; a mirror to it ends. Pure."""
    live = {run.pair.candidate if name == run.pair.live else name: percent for name, percent in split.live.items()}
    return Split(live, {name: percent for name, percent in split.mirror.items() if name != run.pair.candidate})


def _prepare(endpoint: Endpoint, run: Run) -> None:
    draft.wish(endpoint, promoted(endpoint.split, run))
    where = scope.link(endpoint.workspace_ref, endpoint.name)
    st.switch_page(context.ROOT / "pages" / "traffic.py", query_params=where)


def _ask_to_stop(run: Run) -> None:
    ask.begin(
        ask.Question(
            PLACE,
            "Stop the shadow test",
            f"The mirror to {run.pair.candidate} is cleared, and the verdict is frozen as it is then. It cannot go on "
            "later: a new shadow test begins from nothing.",
            "Stop",
            lambda: _stop(run),
            about=run.id,
        )
    )


def _stop(run: Run) -> None:
    context.shadow().stop_run(run.id)
