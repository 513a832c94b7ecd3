"""A load test while it runs, second by second."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import streamlit as st

from services.loadtest.running import LoadRun
from services.loadtest.tally import MOST_LAG_MS
from ui import charts, problem, words
from ui.components.chart_files import chart_files
from ui.facts import Fact, facts
from ui.test.load import load_bars, load_charts
from ui.turns import Turns

POLL_SECONDS = 1.0


@st.fragment(run_every=POLL_SECONDS)
def show(run: LoadRun, turns: Turns) -> None:
    """Draw what has come so far. When it is over, the page is drawn again, with the result."""
    is_by_itself = turns.is_by_itself()
    if run.is_over and is_by_itself:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", key="load_head"):
        st.header("Load test running", anchor=False)
        st.button(
            "Stop",
            key="stop_load",
            icon=":material/stop_circle:",
            disabled=run.is_stopping or run.is_over,
            on_click=run.stop,
        )
    rows = list(run.rows)
    st.html(f'<p class="working" role="status">{escape(_state(run, rows))}</p>')
    if not rows:
        return
    facts(_facts(run, rows))
    st.html(load_bars.answers(rows, run.wish.plan.seconds))
    st.html(load_bars.latency(rows, run.wish.plan.seconds))


def draw_charts(
    rows: Sequence[dict[str, Any]],
    seconds: float,
    look: charts.Look,
    before: Sequence[dict[str, Any]] = (),
) -> None:
    """Draw answers per second and latency, one above the other on the same axis; ``before`` is an earlier test."""
    _heading("Answers per second, by status", "load_answers")
    st.plotly_chart(
        load_charts.answers(rows, seconds, look),
        key="load_answers",
        config=charts.CONFIG,
        alt="Answers per second by status or kind of failure",
    )
    _heading("Latency from the intended start, good answers of each second, ms", "load_latency")
    figure = load_charts.latency(rows, seconds, look, before)
    if figure.data:
        st.plotly_chart(figure, key="load_latency", config=charts.CONFIG, alt="Median and P99 latency of every second")
    else:
        st.html('<p class="lead">No good answer yet.</p>')


def _heading(words: str, chart: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"{chart}_head"):
        st.html(f'<p class="label">{escape(words)}</p>')
        chart_files(chart, name=chart.replace("_", "-"), title=words)


def show_end(run: LoadRun, put_away: Callable[[], None]) -> None:
    """Say what went wrong with a run that left no result, or whose result was not kept. The others are listed."""
    if run.problem is not None:
        problem.show(run.problem, key="load_run", retry=put_away, label="Put away")
    elif run.not_kept:
        st.html(f'<p class="note">{escape(run.not_kept)}</p>')


def _state(run: LoadRun, rows: Sequence[dict[str, Any]]) -> str:
    target = run.wish.deployment or "the live split"
    if run.is_stopping:
        return "Stopping. What has come so far is kept."
    if not rows:
        return f"Getting ready to send to {target}: {words.elapsed(time.time() - run.began_at)}."
    if len(rows) >= run.wish.plan.seconds:
        return "Everything is sent. Waiting for the last answers."
    return f"Sending {run.wish.plan.words()} to {target}."


def _facts(run: LoadRun, rows: Sequence[dict[str, Any]]) -> list[Fact]:
    last = rows[-1]
    sent, failed = sum(row["sent"] for row in rows), sum(row["failed"] for row in rows)
    lag = last["lag_p99"]
    return [
        Fact("Time", f"{len(rows)} of {run.wish.plan.seconds:g} s"),
        Fact("Sent", f"{sent:,} of {run.wish.plan.total:,}"),
        Fact("Good", f"{sum(row['good'] for row in rows):,}"),
        Fact("Failed", f"{failed:,}", tone="bad" if failed else ""),
        Fact("Waiting", f"{last['in_flight']:,}"),
        Fact("P50, last second", words.milliseconds(last["p50"])),
        Fact("P99, last second", words.milliseconds(last["p99"])),
        Fact("Send lag P99", words.milliseconds(lag), tone="bad" if lag is not None and lag > MOST_LAG_MS else ""),
    ]
