"""The requests to the endpoint one by one, as Log Analytics keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from html import escape

import streamlit as st

from services.logs import traffic_log
from services.logs.traffic_log import Reading, Request, Wanted
from services.model import Deployment, Endpoint
from ui import colours, problem, readers, words
from ui.behind import Behind, Look
from ui.components.into_view import into_view
from ui.components.table import Cell, Column, Row, read_opened, table
from ui.facts import facts
from ui.logs import diagnostics_panel, query_view, request_links, traffic_filters, traffic_rows, views
from ui.turns import Turns

LOOK_UP = timedelta(days=7)
"""How far back a request is looked for by its id."""
USUAL_DELAY_SECONDS = 600.0
"""A newest row older than this is worth a word: rows usually need 3 to 10 minutes (Azure Monitor)."""
_OPEN = "request"
POLL_SECONDS = 0.5
"""How soon to look again while a reading is on its way."""
KEEP_SECONDS = 600.0


@st.cache_resource(show_spinner=False)
def _behind() -> Behind[Reading]:
    return Behind()


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw whether the log is sent, the filters, the requests, and the one that is open.

    Log Analytics may need minutes: nobody waits for it here, and whatever was chosen can be changed meanwhile.
    """
    sent = diagnostics_panel.show(endpoint)
    if sent is not None and not sent.readable and not _has_rows(endpoint):
        return
    wanted = traffic_filters.show(deployments)
    look = _look(endpoint, wanted)
    if look.problem is not None:
        problem.show(look.problem, key="traffic", retry=_behind().forget)
    _follow_if_reading(endpoint, wanted, look, "Asking Log Analytics…")
    if look.value is None:
        return
    _say_age(look.value, is_sent=bool(sent and sent.readable))
    _open_one(endpoint, look.value)
    _list(endpoint, deployments, wanted, look.value)


def _look(endpoint: Endpoint, wanted: Wanted) -> Look[Reading]:
    conn, generation, _ = readers.key(endpoint.workspace_ref)
    return _behind().look(
        (generation, endpoint.id.lower(), wanted),
        lambda: traffic_log.read(conn, endpoint, wanted),
        max_age_seconds=readers.METRIC_SECONDS,
        keep_seconds=KEEP_SECONDS,
    )


def _follow_if_reading(endpoint: Endpoint, wanted: Wanted, look: Look[Reading], said: str) -> None:
    if look.is_reading:
        st.fragment(_follow, run_every=POLL_SECONDS)(endpoint, wanted, said, Turns())


def _follow(endpoint: Endpoint, wanted: Wanted, said: str, turns: Turns) -> None:
    """Say that a reading is on its way, and draw the page again when it has come."""
    if turns.is_by_itself() and not _look(endpoint, wanted).is_reading:
        st.rerun()
    st.html(f'<p class="working">{said}</p>')


def _has_rows(endpoint: Endpoint) -> bool:
    """Whether there are rows of a time when the log was sent. That none can be read is no failure here."""
    wanted = Wanted(span=LOOK_UP)
    look = _look(endpoint, wanted)
    if look.value is None:
        _follow_if_reading(endpoint, wanted, look, "Looking for rows of a time when it was sent…")
    return look.value is not None and look.value.total > 0


def _say_age(reading: Reading, *, is_sent: bool) -> None:
    if reading.newest_at is None:
        said = "There is no row of the last 24 hours."
        if is_sent:
            said += " When the log was switched on just now, the first rows come within an hour."
        st.html(f'<p class="note">{said}</p>')
        return
    age = max(0.0, (readers.azure_now() - reading.newest_at).total_seconds())
    said = f"Newest row: {words.elapsed(age)} old."
    if age > USUAL_DELAY_SECONDS:
        said += " Rows usually need 3 to 10 minutes, so either nothing was asked of the endpoint or the log is late."
    st.html(f'<p class="{"note" if age > USUAL_DELAY_SECONDS else "hint"}">{said}</p>')


def _list(endpoint: Endpoint, deployments: Sequence[Deployment], wanted: Wanted, reading: Reading) -> None:
    if reading.partial:
        st.html(f'<p class="note">Log Analytics left rows out: {escape(reading.partial)}.</p>')
    if not reading.requests:
        st.html('<p class="lead">No request is like that in this time.</p>')
        return
    counted = words.count(reading.total, "request")
    with st.container(horizontal=True, vertical_alignment="center", key="traffic_count"):
        st.caption(f"The newest {len(reading.requests):,} of {counted}" if reading.is_cut else counted, width="content")
        st.button(
            "Go on in KQL",
            key="traffic_kql",
            type="tertiary",
            icon=":material/code:",
            on_click=_go_on,
            args=(endpoint, wanted),
        )
    names = {each.name for each in deployments} | traffic_log.deployments_in(reading.requests)
    key = f"traffic:{endpoint.name}"

    def chosen() -> None:
        asked = read_opened(key)
        if asked:
            st.query_params[_OPEN] = asked

    table(
        f"Requests to {endpoint.name}, newest first",
        traffic_rows.COLUMNS,
        traffic_rows.rows(reading.requests, colours.of_deployments(names)),
        key=key,
        current=st.query_params.get(_OPEN) or None,
        download="sluice-requests.csv",
        on_open=chosen,
    )


def _open_one(endpoint: Endpoint, reading: Reading) -> None:
    asked = st.query_params.get(_OPEN, "")
    if not asked:
        return
    found = [each for each in reading.requests if traffic_rows.is_named(each, asked)]
    is_known = bool(found)
    if not found:
        wanted = Wanted(span=LOOK_UP, request_id=asked)
        look = _look(endpoint, wanted)
        if look.problem is not None:
            problem.show(look.problem, key="traffic_one", retry=_behind().forget)
        if look.value is None:
            _follow_if_reading(endpoint, wanted, look, "Looking for the request…")
        else:
            is_known, found = True, list(look.value.requests)
    with st.container(border=True, key="traffic_one"):
        into_view(asked, key="traffic_one_in_view", gently=True)
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.header("One request", anchor=False)
            st.button("Close", key="traffic_close", icon=":material/close:", on_click=_close)
        if is_known and not found:
            st.text(
                f"No row of the last {LOOK_UP.days} days has the id {asked}. "
                "It may not have arrived yet, or be of another endpoint."
            )
        elif len(found) > 1:
            st.caption(f"{len(found)} rows have this id: Azure may log a mirrored copy beside the request itself.")
        for number, each in enumerate(found):
            _whole(endpoint, each, number)


def _whole(endpoint: Endpoint, request: Request, number: int) -> None:
    st.html(f'<p class="label">{request.at:%Y-%m-%d %H:%M:%S}.{request.at.microsecond // 1000:03d} UTC</p>')
    facts(traffic_rows.head(request))
    request_links.show(endpoint, traffic_rows.told(request), key=f"traffic_{number}", with_row=False)
    with st.expander("All columns of the row"):
        listed = traffic_rows.every_column(request)
        table(
            "Columns of the row",
            (Column("Column"), Column("Value", wraps=True)),
            [Row(name, (Cell(name), Cell(value, code=True))) for name, value in listed],
            key=f"traffic_columns_{number}",
            sortable=False,
            searchable=False,
        )


def _go_on(endpoint: Endpoint, wanted: Wanted) -> None:
    query_view.put(endpoint, traffic_log.kql(wanted), names_its_time=True)
    views.choose(views.QUERY)


def _close() -> None:
    st.query_params.pop(_OPEN, None)
