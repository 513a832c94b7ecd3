"""The Quota page: what is read behind the scenes, and its parts."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.quota import reading
from services.quota.reading import Overview
from ui import chosen, context, problem, readers, scope
from ui.behind import Behind, Look
from ui.quota import cores_view, deployments_view, prices_view, summary
from ui.turns import Turns

POLL_SECONDS = 0.5
_MAX_AGE_SECONDS = 60.0
_KEEP_SECONDS = 900.0
_DAYS = "days"
_MOST_PROBLEMS = 4


@st.cache_resource(show_spinner=False)
def _behind() -> Behind[Overview]:
    return Behind(most=8)


def show() -> None:
    """Draw the page. Raises SluiceError."""
    chosen.carried()
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="page_heading"):
        st.title("Quota", anchor=False, width="content")
        st.button("Read again", key="quota_again", icon=":material/refresh:", on_click=_forget, type="tertiary")
    # So that the strip can say where this is, and the page fails as a whole when nobody can say.
    readers.standing()
    days = st.segmented_control(
        "Look for requests in the last",
        [str(each) for each in reading.DAYS],
        default="7",
        required=True,
        format_func=lambda each: "24 hours" if each == "1" else f"{each} days",
        key=_DAYS,
        bind="query-params",
    )
    look = _look(int(days))
    if look.value is None:
        if look.problem is not None and not look.is_reading:
            raise look.problem
        st.fragment(run_every=POLL_SECONDS)(_waiting)(int(days), Turns())
        return
    if look.is_reading:
        st.fragment(run_every=POLL_SECONDS)(_reading_again)(int(days), Turns())
    elif look.problem is not None:
        problem.show(look.problem, key="quota_reading", retry=_forget)
    _parts(look.value)


def _look(days: int) -> Look[Overview]:
    conn, generation, workspace = readers.key(scope.workspace())
    make: Callable[[], Overview] = lambda: reading.read(conn, days)  # noqa: E731 - a type for the reading
    return _behind().look(
        (generation, workspace, days), make, max_age_seconds=_MAX_AGE_SECONDS, keep_seconds=_KEEP_SECONDS
    )


def _forget() -> None:
    _behind().forget()


def _waiting(days: int, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    look = _look(days)
    if is_by_itself and (look.value is not None or (look.problem is not None and not look.is_reading)):
        st.rerun()
    st.html(
        '<p class="working" role="status"><b>Reading the quota.</b> The deployments of every workspace in the region '
        "are read, and their requests.</p>"
    )


def _reading_again(days: int, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    if _look(days).is_reading:
        st.html('<p class="hint" role="status">Reading again; these are the numbers of before.</p>')
    elif is_by_itself:
        st.rerun()


def _parts(overview: Overview) -> None:
    summary.show(overview)
    with st.expander("How Azure counts, and what of", expanded=False):
        st.html(f'<p class="hint">{escape(where(overview))}</p><p class="hint">{cores_view.RESERVE}</p>')
    for number, error in enumerate(overview.problems[:_MOST_PROBLEMS]):
        problem.show(error, key=f"quota_{number}")
    more = len(overview.problems) - _MOST_PROBLEMS
    if more > 0:
        st.html(f'<p class="hint">{more} more could not be read.</p>')
    cores_view.show(overview)
    try:
        prices = context.prices().all()
    except SluiceError as error:
        problem.show(error, key="quota_prices")
        prices = ()
    deployments_view.show(overview, prices)
    prices_view.show(overview, prices)


def where(overview: Overview) -> str:
    """What the numbers are of, in a sentence. Pure."""
    count = len(overview.workspaces)
    spaces = "one workspace" if count == 1 else f"{count} workspaces"
    return (
        f"Azure counts cores for each subscription and region: this is {overview.region} in the subscription "
        f"{overview.subscription_id}, with the deployments of {spaces}."
    )
