"""The parts of one minute: numbers, requests, log lines, changes. Each says for itself what it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from html import escape
from urllib.parse import urlencode

import streamlit as st

from services.azure.activity import Write
from services.azure.autoscale_events import Scaling
from services.errors import SluiceError
from services.logs.minute import MOST_FAILED, MOST_SLOW, Lines, Requests
from services.metrics import DeploymentMetrics
from services.model import Deployment, Endpoint
from ui import colours, context, readers, scope, words
from ui.behind import Look
from ui.charts import Look as ChartLook
from ui.components.table import Column, read_opened, table
from ui.journal import entry_words
from ui.logs import traffic_rows
from ui.metrics import minute_rows
from ui.metrics.minute_address import Moment
from ui.metrics.minute_readings import BEFORE
from ui.url_time import FROM, TO, written

LATE = timedelta(minutes=20)
"""Rows of a log that are not there so long after their time do not come any more."""
_HEIGHT = 280
_OPENED = "minute_request"
_MOST_CHANGES = 100
_CHANGES = (Column("Time"), Column("What"), Column("How", wraps=True))


def numbers(
    known: Look[DeploymentMetrics], endpoint: Endpoint, deployments: Sequence[Deployment], asked: Moment
) -> None:
    """Requests by deployment and status, and the percentiles."""
    _head("Numbers")
    data = known.value
    if data is None:
        _missing(known.problem, "Reading the metrics …")
        return
    for problem in (data.latency_problem, data.requests_problem):
        if problem is not None:
            _note(_words(problem))
    for note in dict.fromkeys((*data.latency_notes, *data.requests_notes)):
        _note(note)
    if data.settled_until < asked.until:
        _note("Azure Monitor still changes its newest minutes: these numbers may grow.")
    conn, _, _ = readers.key(endpoint.workspace_ref)
    palette = colours.of_deployments({*(each.name for each in deployments), *map(str, data.requests["deployment"])})
    table(
        "The numbers of this time",
        minute_rows.number_columns(minute_rows.seen_statuses(data), asked.minutes),
        minute_rows.number_rows(data, palette, conn.settings.statuses),
        key="minute_numbers",
        sortable=False,
        searchable=False,
        compact=True,
    )


def requests(known: Look[Requests], endpoint: Endpoint, deployments: Sequence[Deployment], asked: Moment) -> None:
    """The requests that failed, then the slowest of the others."""
    _head("Requests")
    found = known.value
    if found is None:
        _missing(known.problem, "Asking the traffic log …")
        return
    is_late = readers.key(endpoint.workspace_ref)[0].now() - asked.until < LATE
    st.html(f'<p class="hint">{escape(minute_rows.request_words(found, asked.until, late=is_late))}</p>')
    if found.is_sent is False:
        st.page_link(
            context.ROOT / "pages" / "logs.py",
            label="Switch the traffic log on",
            icon=":material/toggle_on:",
            query_params={**scope.link(endpoint.workspace_ref, endpoint.name), "view": "traffic"},
        )
    if found.partial:
        _note(f"Log Analytics left rows out: {found.partial}.")
    names = {each.name for each in deployments} | {each.deployment for each in (*found.failing, *found.slowest)}
    palette = colours.of_deployments(names - {""})
    listed = f"Failed, newest {MOST_FAILED}" if found.failed > MOST_FAILED else "Failed"
    for label, part, key in (
        (listed, found.failing, "minute_failed"),
        (f"Slowest {min(MOST_SLOW, len(found.slowest))} of the others", found.slowest, "minute_slowest"),
    ):
        if part:
            st.html(f'<p class="label">{label}</p>')
            rows = [
                replace(row, href=f"logs?{urlencode(_in_full(endpoint, asked, row.id))}")
                for row in traffic_rows.rows(part, palette)
            ]
            table(
                label,
                traffic_rows.COLUMNS,
                rows,
                key=key,
                searchable=False,
                compact=True,
                on_open=partial(_remember, key),
            )
    opened = st.session_state.pop(_OPENED, None)
    if opened:
        st.switch_page(context.ROOT / "pages" / "logs.py", query_params=_in_full(endpoint, asked, opened))


def _remember(key: str) -> None:
    st.session_state[_OPENED] = read_opened(key)


def _in_full(endpoint: Endpoint, asked: Moment, request: str) -> dict[str, str]:
    """The query string that opens a request in full, among those of its minute."""
    query = {"view": "traffic", FROM: written(asked.at), TO: written(asked.until), "request": request}
    return {**scope.link(endpoint.workspace_ref, endpoint.name), **query}


def lines(known: Look[Lines], look: ChartLook) -> None:
    """What the inference servers wrote."""
    _head("Log lines")
    found = known.value
    if found is None:
        _missing(known.problem, "Reading the logs …")
        return
    for problem in found.problems:
        _note(_words(problem))
    for note in found.notes:
        _note(note)
    if not found.entries:
        if not found.notes and not found.problems:
            _say("Nothing was written in this time.")
        return
    hidden = len(found.entries) - minute_rows.MOST_LINES
    if hidden > 0:
        _say(f"{words.count(hidden, 'earlier line')} not shown.")
    with_names = len({each.deployment for each in found.entries}) > 1
    text = minute_rows.log_text(found.entries, look.zone, with_names=with_names)
    is_tall = text.count("\n") > 12
    st.code(text, language=None, wrap_lines=True, height=_HEIGHT if is_tall else "content")


def changes(
    writes: Look[tuple[Write, ...]], scaled: Look[tuple[Scaling, ...]], endpoint: Endpoint, asked: Moment
) -> None:
    """What was changed in this time and shortly before."""
    _head(f"Changes, from {int(BEFORE.total_seconds()) // 60} min before on")
    begin = asked.at - BEFORE
    entries = []
    try:
        found = context.journal().entries(
            endpoint_id=endpoint.id, since=begin - timedelta(hours=1), limit=_MOST_CHANGES
        )
        entries = [each for each in found if begin <= entry_words.effective_at(each) < asked.until]
    except SluiceError as error:
        _note(_words(error))
    for known in (writes, scaled):
        if known.problem is not None:
            _note(_words(known.problem))
    rows = minute_rows.change_rows(
        entries, writes.value or (), [each for each in scaled.value or () if begin <= each.at < asked.until]
    )
    if rows:
        table("Changes", _CHANGES, rows, key="minute_changes", sortable=False, searchable=False, compact=True)
    elif writes.is_reading or scaled.is_reading:
        _say("Asking the activity log …")
    else:
        _say("None is known. Azure's activity log can be 20 minutes late.")


def _head(text: str) -> None:
    st.header(text, anchor=False)


def _missing(problem: SluiceError | None, reading: str) -> None:
    if problem is not None:
        _note(_words(problem))
    else:
        _say(reading)


def _words(error: SluiceError) -> str:
    request = f" Request id {error.request_id}." if error.request_id else ""
    return f"{error.what} {error.why} {error.next_step}{request}"


def _note(text: str) -> None:
    st.html(f'<p class="note source-note" role="status">{escape(text)}</p>')


def _say(text: str) -> None:
    st.html(f'<p class="hint">{escape(text)}</p>')
