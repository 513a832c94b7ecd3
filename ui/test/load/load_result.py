"""One load test that is over: what it says, how far it can be trusted, and how it differs from another one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from services.loadtest import report
from services.loadtest.tally import NOT_SAID, is_good
from services.model import Deployment, Endpoint
from services.results import Result
from ui import charts, colours, words
from ui.components.table import Cell, Column, Row, table
from ui.facts import Fact, facts
from ui.test.load import load_live

_SHOWN = ("p50", "p90", "p95", "p99", "p99.9", "max")


def show(endpoint: Endpoint, deployments: Sequence[Deployment], current: Result, other: Result | None) -> None:
    """Draw the numbers, the answers by deployment and status, the charts, and the downloads."""
    content = current.content
    target = content["deployment"] or "the live split"
    st.header("Result", anchor=False)
    st.html(
        f'<p class="hint">{escape(words.moment(current.at))}. {escape(report.plan_words(content))}'
        f" to {escape(target)}, with {escape(', '.join(content['payloads']))}.</p>"
    )
    for sentence in _remarks(content):
        st.html(f'<p class="note">{escape(sentence)}</p>')
    facts(_facts(content))
    _by_deployment(content, [each.name for each in deployments])
    look = charts.Look(is_dark=st.context.theme.type == "dark")
    seconds = content["plan"]["seconds"] if content["ended"] == "done" else content["seconds"]
    load_live.draw_charts(content["series"], seconds, look, other.content["series"] if other else ())
    if other is not None:
        _beside(other, current)
    _downloads(endpoint, current)


def _remarks(content: Mapping[str, Any]) -> list[str]:
    found = [f"Not valid. {doubt}" for doubt in content["doubts"]]
    if content["ended"] != "done":
        found.append(f"Ended early. {content['why']}")
    if content["abandoned"]:
        found.append(f"{words.count(content['abandoned'], 'request')} had no answer yet when it ended.")
    return found


def _facts(content: Mapping[str, Any]) -> list[Fact]:
    latency, lag = content["latency_ms"] or {}, content["lag_ms"] or {}
    failed = report.failed_percent(content)
    rate = content["rate"]
    return [
        Fact("Sent", f"{content['sent']:,} of {content['planned']:,}"),
        Fact("Rate", words.NO_DATA if rate is None else f"{rate:.3g} /s"),
        Fact("Failed", words.percent(failed), tone="bad" if failed else ""),
        *(Fact("Longest" if name == "max" else name.upper(), words.milliseconds(latency.get(name))) for name in _SHOWN),
        Fact("Send lag P99", words.milliseconds(lag.get("p99")), tone="" if content["is_valid"] else "bad"),
        Fact("Most waiting", f"{content['most_in_flight']:,}"),
    ]


def _by_deployment(content: Mapping[str, Any], names: Sequence[str]) -> None:
    palette = colours.of_deployments([*names, *(each for each in content["deployments"] if each != NOT_SAID)])
    rows = []
    for name, each in content["deployments"].items():
        for outcome, count in sorted(each["outcomes"].items()):
            latency = (each["latency_ms"] or {}) if is_good(outcome) else {}
            rows.append(
                Row(
                    f"{name}:{outcome}",
                    (
                        Cell(name, colour=palette.get(name, ""), muted=name == NOT_SAID),
                        Cell(outcome, tone="good" if is_good(outcome) else "bad"),
                        Cell(f"{count:,}", sort=count),
                        *(_time(latency.get(percentile)) for percentile in ("p50", "p99")),
                    ),
                )
            )
    columns = (
        Column("Deployment"),
        Column("Status"),
        Column("Requests", number=True),
        Column("P50", number=True),
        Column("P99", number=True),
    )
    table("Answers by deployment and status", columns, rows, key="load_outcomes", compact=True)


def _time(value: float | None) -> Cell:
    return Cell("–", muted=True) if value is None else Cell(words.milliseconds(value), sort=value)


def _beside(before: Result, after: Result) -> None:
    st.header("Beside the other test", anchor=False)
    for sentence in report.obstacles(before.content, after.content):
        st.html(f'<p class="note">{escape(sentence)}</p>')
    columns = (
        Column("Number"),
        Column(f"Other, {words.moment(before.at)}", number=True),
        Column(f"This, {words.moment(after.at)}", number=True),
        Column("Change", number=True),
    )
    rows = [
        Row(each.label, (Cell(each.label), _cell(each.before, each.unit), _cell(each.after, each.unit), _change(each)))
        for each in report.lines(before.content, after.content)
    ]
    table("Two load tests side by side", columns, rows, key="load_beside", sortable=False, searchable=False)


def _cell(value: float | None, unit: str) -> Cell:
    if value is None:
        return Cell(words.NO_DATA, muted=True)
    if unit == "ms":
        return Cell(words.milliseconds(value), sort=value)
    if unit == "%":
        return Cell(words.percent(value), sort=value)
    return Cell(f"{value:.3g} /s" if unit == "/s" else f"{value:,.0f}", sort=value)


def _change(line: report.Line) -> Cell:
    change = line.change_percent
    return Cell("–", muted=True) if change is None else Cell(f"{change:+.0f} %", sort=change)


def _downloads(endpoint: Endpoint, result: Result) -> None:
    name = f"{endpoint.name}-load-{result.at:%Y%m%d-%H%M%S}"
    with st.container(horizontal=True, key="load_downloads"):
        for label, kind, made in (
            ("Download seconds, CSV", "csv", partial(report.as_csv, result.content)),
            ("Download all, JSON", "json", partial(json.dumps, dict(result.content), indent=2)),
        ):
            st.download_button(
                label,
                data=made,
                file_name=f"{name}.{kind}",
                mime="text/csv" if kind == "csv" else "application/json",
                key=f"load_{kind}",
                icon=":material/download:",
                on_click="ignore",
            )
