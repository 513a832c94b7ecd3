"""One comparison, drawn: the verdict, the fields, the numbers, the times, and the requests that differ most."""

from __future__ import annotations

from functools import partial
from html import escape

import streamlit as st

from services.model import Endpoint
from services.replay.export import to_csv, to_json
from services.replay.record import Record
from services.replay.report import Report, report
from ui import colours, words
from ui.components.table import read_opened, table
from ui.facts import Fact, facts
from ui.test.compare import compare_rows
from ui.test.history import diff_view

MOST_EXAMPLES = 24
"""Requests that are listed; the downloads have them all."""


def show(endpoint: Endpoint, record: Record) -> None:
    """Draw it. The fields that the person leaves out are remembered for the endpoint in this session."""
    muted = _muted(endpoint, record)
    found = report(record, muted)
    tone = "problem" if found.named or not found.compared else "applied"
    noise = compare_rows.by_itself(record, found)
    stopped = " It was ended before it was done." if record.is_stopped else ""
    st.html(
        f'<section class="{tone}" role="status"><p>{escape(compare_rows.verdict(record, found))}{stopped}</p>'
        f"{f'<p>{escape(noise)}</p>' if noise else ''}</section>"
    )
    _facts(record, found)
    _leave_out(endpoint, record)
    _tables(endpoint, record, found)
    _examples(endpoint, record, found)
    _downloads(endpoint, record, found)


def _facts(record: Record, found: Report) -> None:
    colour = colours.of_deployments((record.live, record.candidate))
    answers = 2 * len(record.triples)
    items = [
        Fact("Live", record.live, colour=colour[record.live]),
        Fact("Candidate", record.candidate, colour=colour[record.candidate]),
        Fact("Requests", f"{len(record.triples):,} of {len(record.names):,}"),
        Fact("Asked again", f"{len(record.again):,}"),
        Fact(f"Errors of {record.live}", f"{found.live_errors:,} of {answers:,}", tone=_tone(found.live_errors)),
        Fact(
            f"Errors of {record.candidate}",
            f"{found.candidate_errors:,} of {len(record.triples):,}",
            tone=_tone(found.candidate_errors),
        ),
    ]
    for latency in found.latency:
        whose = "Model time" if latency.is_model else "Whole time"
        times = f"{words.milliseconds(latency.live)} → {words.milliseconds(latency.candidate)}"
        items.append(Fact(f"{whose}, median", times))
    facts(items)
    for latency in found.latency:
        st.caption(compare_rows.latency_words(record, latency))


def _muted(endpoint: Endpoint, record: Record) -> list[str]:
    known = _fields_of(record)
    return [field for field in st.session_state.get(_muted_key(endpoint), []) if field in known]


def _leave_out(endpoint: Endpoint, record: Record) -> None:
    known = _fields_of(record)
    if not known:
        return
    widget = f"{_muted_key(endpoint)}:chosen"
    st.session_state[widget] = _muted(endpoint, record)

    def keep() -> None:
        others = [field for field in st.session_state.get(_muted_key(endpoint), []) if field not in known]
        st.session_state[_muted_key(endpoint)] = [*others, *st.session_state[widget]]

    st.multiselect(
        "Fields to leave out",
        known,
        key=widget,
        placeholder="None",
        help="Such as a model version, which is meant to differ.",
        on_change=keep,
    )


def _fields_of(record: Record) -> list[str]:
    triples = (*record.triples, *record.again)
    return sorted({field for triple in triples for field in (*triple.alone, *triple.unsettled)})


def _muted_key(endpoint: Endpoint) -> str:
    return f"compare_muted:{endpoint.id}"


def _tables(endpoint: Endpoint, record: Record, found: Report) -> None:
    if found.fields:
        st.header("Fields", anchor=False)
        table(
            "Fields in which answers differ",
            compare_rows.FIELD_COLUMNS,
            [compare_rows.field_row(each) for each in found.fields],
            key=f"compare_fields:{endpoint.name}",
        )
    if found.shifts:
        st.header("Numbers", anchor=False)
        table(
            f"By how much numbers move from {record.live} to {record.candidate}",
            compare_rows.SHIFT_COLUMNS,
            [compare_rows.shift_row(each) for each in found.shifts],
            key=f"compare_shifts:{endpoint.name}",
        )


def _examples(endpoint: Endpoint, record: Record, found: Report) -> None:
    if not found.different:
        return
    st.header("Requests that differ most", anchor=False)
    if not found.examples:
        st.html(
            '<p class="lead">Bodies were not kept, so no examples can be shown. You can allow it under History.</p>'
        )
        return
    key, opened = f"compare_examples:{endpoint.name}", f"compare_example:{record.started_at.isoformat()}"

    def chosen() -> None:
        st.session_state[opened] = read_opened(key)

    shown = found.examples[:MOST_EXAMPLES]
    current = st.session_state.get(opened)
    table(
        "Requests that are answered otherwise, the most different first",
        compare_rows.EXAMPLE_COLUMNS,
        [compare_rows.example_row(number, each) for number, each in enumerate(shown)],
        key=key,
        current=current,
        on_open=chosen,
    )
    if current is None or not current.isdigit() or int(current) >= len(shown):
        st.caption(f"{_how_many(found)} Open one to lay both answers side by side.")
        return
    example = shown[int(current)]
    with st.container(key="compare_diff"):
        st.subheader("Sent", anchor=False)
        st.code(example.request or "An empty body", language="json", wrap_lines=True, height="content")
        st.subheader("Answered", anchor=False)
        sides = diff_view.Sides(example.live.encode(), example.candidate.encode(), record.live, record.candidate)
        diff_view.show(sides, key=f"compare:{endpoint.name}")


def _how_many(found: Report) -> str:
    if found.different <= MOST_EXAMPLES:
        return ""
    return f"These differ most, of {words.count(found.different, 'request')} that are answered otherwise."


def _downloads(endpoint: Endpoint, record: Record, found: Report) -> None:
    name = f"{endpoint.name}-{record.live}-{record.candidate}"
    named = frozenset(field.field for field in found.named)
    with st.container(horizontal=True, key="compare_downloads"):
        st.download_button(
            "Download all as JSON",
            data=partial(to_json, record),
            file_name=f"{name}.json",
            mime="application/json",
            key="compare_json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Download requests as CSV",
            data=partial(to_csv, record, named),
            file_name=f"{name}.csv",
            mime="text/csv",
            key="compare_csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _tone(errors: int) -> str:
    return "bad" if errors else ""
