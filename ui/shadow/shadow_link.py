"""The way to the Shadow page from where mirrored traffic is set or drawn, and what must be left alone meanwhile."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.errors import SluiceError
from services.model import Endpoint, Split
from services.shadow.ground import breaks
from services.shadow.model import Run, RunState
from services.shadow.runs import Runs
from ui import context, problem, scope, words


def show(endpoint: Endpoint, *, key: str) -> None:
    """Draw the link, and what runs. ``key`` names the page that draws it."""
    if endpoint.is_kubernetes:
        return
    try:
        running = _running(endpoint)
    except SluiceError as error:
        problem.show(error, key=f"shadow_link_{key}")
        return
    if running is not None:
        st.html(f'<p class="note">{escape(told(running))}</p>')
    st.page_link(
        context.ROOT / "pages" / "shadow.py",
        label=label(endpoint, running),
        icon=":material/compare:",
        query_params=scope.link(endpoint.workspace_ref, endpoint.name),
    )


def warn(endpoint: Endpoint, after: Split) -> None:
    """Say what becomes of the running test when ``after`` is applied; nothing when none runs or nothing of it."""
    try:
        running = _running(endpoint)
    except SluiceError as error:
        problem.show(error, key="shadow_warning")
        return
    said = warning(running, after) if running is not None else ""
    if said:
        st.html(f'<p class="note" role="note">{escape(said)}</p>')
        st.page_link(
            context.ROOT / "pages" / "shadow.py",
            label="See the shadow test",
            icon=":material/compare:",
            query_params=scope.link(endpoint.workspace_ref, endpoint.name),
        )


def _running(endpoint: Endpoint) -> Run | None:
    runs = Runs(context.store(), context.connection().arm_host).all(endpoint.id)
    return next((each for each in runs if each.state is RunState.RUNNING), None)


def warning(run: Run, after: Split) -> str:
    """What the split ``after`` does to a running test, "" when nothing. Pure."""
    test = f"A shadow test compares {run.pair.candidate} with {run.pair.live} until {words.moment(run.ends_at)}."
    if breaks(run, after):
        return (
            f"{test} This change breaks it off: its verdict is frozen with the requests until now, and it cannot go "
            "on later."
        )
    if after.live != run.split.live:
        return f"{test} It goes on, and says beside its verdict that the live traffic was changed."
    return ""


def told(run: Run) -> str:
    """What runs, and what would break it off. Pure."""
    live, candidate = run.pair.live, run.pair.candidate
    return (
        f"A shadow test compares {candidate} with {live} until {words.moment(run.ends_at)}. Another mirror, live "
        f"traffic for {candidate}, or none for {live} breaks it off."
    )


def label(endpoint: Endpoint, running: Run | None) -> str:
    """What the link leads to. Pure."""
    if running is not None:
        return "See the verdict so far"
    target = endpoint.split.mirror_target
    # Streamlit reads the label as Markdown.
    return f"Is `{target}` as good as what is live? Start a shadow test" if target else "Start a shadow test"
