"""Free queries on the logs of the endpoint, in KQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from html import escape

import streamlit as st

from services.azure.log_analytics import QueryRefused
from services.errors import SluiceError
from services.logs import kql_text, queries
from services.logs.queries import Run, Runs, Saved
from services.logs.templates import templates
from services.model import Deployment, Endpoint
from ui import ask, context, problem, readers, words
from ui.labels import plain
from ui.logs import query_answer
from ui.menus import close, menu
from ui.turns import Turns

PLACE = "query"
POLL_SECONDS = 0.5
_MENUS = _MENU_TEMPLATES, _MENU_SAVED, _MENU_RUNS, _MENU_SAVE = (
    "query_templates",
    "query_saved",
    "query_runs",
    "query_save",
)
_BY_ITSELF = "As the query says"
SPANS = {
    "1 h": timedelta(hours=1),
    "24 h": timedelta(hours=24),
    "7 d": timedelta(days=7),
    "30 d": timedelta(days=30),
    _BY_ITSELF: None,
}
_SPAN = "24 h"
_RUN = "run"
_SPAN_KEY = "query_span"
_LONGEST_NAME = 90
"""Characters of a query that name its run."""


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:  # noqa: ARG001 - as every view is called
    """Draw the query to write, those to begin with, and what the last run answered."""
    ask.show(PLACE)
    try:
        saved = context.queries().all(endpoint.id)
        _beginnings(endpoint, saved)
    except SluiceError as error:
        problem.show(error, key="queries")
    run = _chosen_run(endpoint)
    _editor(endpoint, run)
    if run is None:
        st.html(
            '<p class="hint">A query sees the rows of this endpoint alone, in whichever workspace they are. '
            f"It brings {queries.MOST_ROWS:,} rows at most.</p>"
        )
    elif not run.over.is_set():
        st.fragment(_running, run_every=POLL_SECONDS)(run, Turns())
    else:
        _outcome(endpoint, run)


@st.cache_resource(show_spinner=False)
def _runs() -> Runs:
    return Runs()


def _chosen_run(endpoint: Endpoint) -> Run | None:
    """The run that the address names, else the session's own; it stands in the address from then on."""
    asked = st.query_params.get(_RUN, "")
    run = _runs().find(asked)
    if asked and run is None:
        st.html('<p class="note">The run of this address is not kept any more. Run the query again.</p>')
    if run is None or run.endpoint_id != endpoint.id.lower():
        run = _runs().find(st.session_state.get(_run_key(endpoint), ""))
    if run is None:
        st.query_params.pop(_RUN, None)
    else:
        st.query_params[_RUN] = st.session_state[_run_key(endpoint)] = run.id
    return run


def _open(endpoint: Endpoint, run: Run) -> None:
    put(endpoint, run.kql)
    st.session_state[_SPAN_KEY] = _span_name(run.span)
    st.query_params[_RUN] = st.session_state[_run_key(endpoint)] = run.id


def put(endpoint: Endpoint, kql: str, *, names_its_time: bool = False) -> None:
    """Put a query into the editor, in place of what is there. For callbacks.

    One that ``names_its_time`` is not narrowed by another one.
    """
    _close_menus()
    if names_its_time:
        st.session_state[_SPAN_KEY] = _BY_ITSELF
    st.session_state[_text_key(endpoint)] = kql
    st.session_state[_kept_key(endpoint)] = kql


def _close_menus() -> None:
    for each in _MENUS:
        close(each)


def _beginnings(endpoint: Endpoint, saved: Sequence[Saved]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="query_tools"):
        with menu("Templates", icon=":material/lightbulb:", key=_MENU_TEMPLATES):
            for number, each in enumerate(templates(context.settings().statuses)):
                st.button(
                    each.name,
                    key=f"query_template_{number}",
                    type="tertiary",
                    help=each.note,
                    on_click=put,
                    args=(endpoint, each.kql),
                )
        with menu(f"Saved, {len(saved)}" if saved else "Saved", icon=":material/bookmark:", key=_MENU_SAVED):
            _saved(endpoint, saved)
        runs = _runs().of(endpoint.id)
        if runs:
            with menu(f"Runs, {len(runs)}", icon=":material/history:", key=_MENU_RUNS):
                _list_runs(endpoint, runs)
        with menu("Save", icon=":material/bookmark_add:", key=_MENU_SAVE):
            name = st.text_input("Name", key="query_name", max_chars=queries.LONGEST_NAME)
            st.button("Save the query", key="query_save_now", on_click=_save, args=(endpoint,), disabled=not name)


def _saved(endpoint: Endpoint, saved: Sequence[Saved]) -> None:
    if not saved:
        st.caption("No query of this endpoint is saved yet.")
    for number, each in enumerate(saved):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.button(
                plain(each.name),
                key=f"query_use_{number}",
                type="tertiary",
                help=f"Saved {words.moment(each.changed_at)}",
                on_click=put,
                args=(endpoint, each.kql),
            )
            st.button(
                f"Delete {plain(each.name)}",
                key=f"query_delete_{number}",
                type="tertiary",
                icon=":material/delete:",
                on_click=_ask_to_delete,
                args=(endpoint, each.name),
            )


def _list_runs(endpoint: Endpoint, runs: Sequence[Run]) -> None:
    """The runs of this endpoint that are kept, whoever began them; those of this process alone."""
    for run in runs:
        name = " ".join(run.kql.split())
        name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
        st.button(
            f"{plain(name)}, {_state(run)}, begun {words.elapsed(run.seconds)} ago",
            key=f"query_open_{run.id}",
            type="tertiary",
            on_click=_open,
            args=(endpoint, run),
        )


def _state(run: Run) -> str:
    if not run.over.is_set():
        return "running"
    if run.is_stopped:
        return "stopped"
    return "failed" if run.error is not None else "answered"


def _editor(endpoint: Endpoint, run: Run | None) -> None:
    key = _text_key(endpoint)
    if key not in st.session_state:
        # Streamlit forgets a widget that was not drawn for a while; what was written is kept beside it. A page that was
        # loaded again knows the text of its run.
        begin = templates(context.settings().statuses)[0].kql if run is None else run.kql
        st.session_state[key] = st.session_state.get(_kept_key(endpoint), begin)
    if _SPAN_KEY not in st.session_state:
        st.session_state[_SPAN_KEY] = _SPAN if run is None else _span_name(run.span)
    with st.form("query_form", border=False):
        st.text_area("Query in KQL", key=key, height=190, max_chars=kql_text.LONGEST)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.form_submit_button(
                "Run",
                key="query_run",
                icon=":material/play_arrow:",
                type="primary",
                help="Ctrl+Enter in the query does it too.",
                on_click=_begin,
                args=(endpoint,),
            )
            st.segmented_control("Rows of the last", list(SPANS), key=_SPAN_KEY, required=True)


def _span_name(span: timedelta | None) -> str:
    return next((name for name, each in SPANS.items() if each == span), _SPAN)


def _begin(endpoint: Endpoint) -> None:
    text = str(st.session_state.get(_text_key(endpoint)) or "")
    st.session_state[_kept_key(endpoint)] = text
    span = SPANS.get(str(st.session_state.get(_SPAN_KEY) or _SPAN), SPANS[_SPAN])
    before = _runs().find(st.session_state.get(_run_key(endpoint), ""))
    if before is not None and not before.over.is_set():
        if (before.kql, before.span) == (text, span):
            return
        before.stop()
    conn, _, _ = readers.key(endpoint.workspace_ref)
    try:
        run = _runs().keep(lambda: queries.begin(conn, endpoint, text, span))
    except SluiceError as error:
        ask.fail(PLACE, error)
    else:
        st.query_params[_RUN] = st.session_state[_run_key(endpoint)] = run.id
        ask.forget_failure()


def _running(run: Run, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    if run.over.is_set() and is_by_itself:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", key="query_running"):
        st.html(f'<p class="working">Log Analytics works on it, {words.elapsed(run.seconds)}.</p>', width="content")
        st.button("Stop", key="query_stop", icon=":material/stop:", on_click=run.stop)


def _outcome(endpoint: Endpoint, run: Run) -> None:
    if run.is_stopped:
        st.html('<p class="note">Stopped. Azure cannot be told to: what it still answers is thrown away.</p>')
    elif run.error is not None:
        _failed(run, run.error)
    elif run.answer is not None:
        query_answer.show(endpoint, run.answer)


def _failed(run: Run, error: SluiceError) -> None:
    problem.show(error, key="query_failed")
    if isinstance(error, QueryRefused) and error.line is not None:
        where = f"Line {error.line}" + (f", column {error.column}" if error.column is not None else "")
        st.html(f'<p class="label">{escape(where)}</p>')
        pointed = kql_text.pointed(run.kql, error.line, error.column)
        if pointed:
            st.code(pointed, language=None)


def _save(endpoint: Endpoint) -> None:
    text = str(st.session_state.get(_text_key(endpoint)) or "")
    try:
        saved = context.queries().save(endpoint.id, st.session_state["query_name"], text, at=datetime.now(UTC))
    except SluiceError as error:
        ask.fail(PLACE, error)
        return
    ask.forget_failure()
    _close_menus()
    st.session_state["query_name"] = ""
    st.toast(f"Saved as {plain(saved.name)}.")


def _ask_to_delete(endpoint: Endpoint, name: str) -> None:
    _close_menus()
    act = partial(context.queries().delete, endpoint.id, name)
    ask.begin(ask.Question(PLACE, "Delete a query", f"The saved query {name} goes for good.", "Delete", act))


def _text_key(endpoint: Endpoint) -> str:
    return f"query_text:{endpoint.id}"


def _kept_key(endpoint: Endpoint) -> str:
    return f"query_kept:{endpoint.id}"


def _run_key(endpoint: Endpoint) -> str:
    return f"query_run_of:{endpoint.id}"
