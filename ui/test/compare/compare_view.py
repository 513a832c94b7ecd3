"""Put the same requests to two deployments, and see where their answers differ."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.replay.keeping import KIND
from services.replay.record import Record, from_document
from services.replay.report import report
from services.results import Result
from ui import ask, context, problem, words
from ui.components.table import Cell, Column, Row, read_opened, table
from ui.test.compare import compare_form, compare_report, compare_rows, compare_runs
from ui.test.history import opened
from ui.turns import Turns

POLL_SECONDS = 0.7
MOST_LISTED = 10
PLACE = "compare"
_COLUMNS = (
    Column("Compared"),
    Column("Live"),
    Column("Candidate"),
    Column("Requests", number=True),
    Column("Different", number=True, help="With the 95 % interval of the share."),
    Column("In", wraps=True),
)


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the form or the comparison under way, the one that is open, and the earlier ones."""
    try:
        ask.show(PLACE)
        why_not = compare_form.why_not(endpoint, deployments)
        run = compare_runs.of(endpoint)
        if run is not None and not run.over.is_set():
            st.fragment(_running, run_every=POLL_SECONDS)(run, Turns())
            return
        if why_not:
            st.html(f'<p class="lead">{escape(why_not)}</p>')
        else:
            compare_form.show(endpoint, deployments)
        _open_one(endpoint, run)
    except SluiceError as error:
        problem.show(error, key="compare")


def _running(run: compare_runs.Run, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    if run.over.is_set():
        if is_by_itself:
            st.rerun()
        return
    at, record = run.replay.progress, run.replay.record
    what = "Asking again what is unclear" if at.is_asking_again else f"Comparing {record.candidate} with {record.live}"
    st.progress(min(1.0, at.done / max(1, at.planned)), f"{what}: {at.done:,} of {words.count(at.planned, 'request')}")
    st.button("Stop", key="compare_stop", icon=":material/stop:", on_click=run.replay.stop)


def _open_one(endpoint: Endpoint, run: compare_runs.Run | None) -> None:
    results = _read(context.results().all(endpoint.id, KIND, MOST_LISTED))
    asked = opened.read(compare_runs.RESULT)
    if run is not None and asked in ("", run.kept):
        current = run.kept
        record: Record | None = run.replay.record
        for error in (run.replay.progress.error, run.problem):
            if error is not None:
                problem.show(error, key="compare_run")
    else:
        current = asked if asked in results else next(iter(results), "")
        record = results[current][1] if current else None
    if record is not None and record.triples:
        st.header(f"{record.candidate} beside {record.live}, {words.moment(record.started_at)}", anchor=False)
        compare_report.show(endpoint, record)
    if results:
        _list(endpoint, results, current)


def _read(found: Sequence[Result]) -> dict[str, tuple[Result, Record]]:
    """The kept comparisons that this version can read, newest first."""
    read: dict[str, tuple[Result, Record]] = {}
    for each in found:
        try:
            read[each.id] = (each, from_document(each.content))
        except (ValueError, KeyError, TypeError):
            continue
    return read


def _list(endpoint: Endpoint, results: dict[str, tuple[Result, Record]], current: str) -> None:
    st.header("Comparisons", anchor=False)
    key = f"comparisons:{endpoint.name}"
    table(
        f"Comparisons of {endpoint.name}, newest first",
        _COLUMNS,
        [_row(result, record) for result, record in results.values()],
        key=key,
        current=current,
        on_open=lambda: opened.put(compare_runs.RESULT, read_opened(key) or ""),
    )
    if current:
        st.button("Delete this comparison", key="compare_delete", on_click=_ask_to_delete, args=(current,))


def _row(result: Result, record: Record) -> Row:
    found = report(record)
    share = found.share
    interval = (
        ""
        if share.low is None or share.high is None
        else (f" ({compare_rows.percent(share.low)} to {compare_rows.percent(share.high)})")
    )
    return Row(
        result.id,
        (
            Cell(words.moment(result.at), sort=result.at.timestamp()),
            Cell(record.live),
            Cell(record.candidate),
            Cell(f"{found.compared:,}", sort=found.compared),
            Cell(f"{found.different:,}{interval}", sort=found.different),
            Cell(", ".join(field.field for field in found.named) or "nothing", code=bool(found.named)),
        ),
    )


def _ask_to_delete(result_id: str) -> None:
    ask.begin(
        ask.Question(
            PLACE,
            "Delete this comparison?",
            "What it found is deleted here for good. Nothing changes on Azure.",
            "Delete",
            partial(_delete, result_id),
        )
    )


def _delete(result_id: str) -> None:
    context.results().delete(result_id)
    opened.close(compare_runs.RESULT)
    compare_runs.forget(result_id)
