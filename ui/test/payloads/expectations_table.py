"""The outcome of a run: one row for each payload, and what was expected of the one that is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import streamlit as st

from services.expectations.report import target_words
from ui import colours, words
from ui.components.table import Cell, Column, Filter, Row, read_opened, table
from ui.facts import Fact, facts

Json: TypeAlias = Any
_COLUMNS = (
    Column("Payload", wraps=True),
    Column("Outcome"),
    Column("As expected"),
    Column("Answered by"),
    Column("Status"),
    Column("Total", number=True, csv="Total, ms"),
    Column("What was not", wraps=True),
)
_FILTERS = (Filter("failed", "Failed"), Filter("passed", "Passed"))


def show(content: Mapping[str, Json], deployments: Sequence[str], key: str) -> None:
    """Draw the run that ``content`` describes."""
    cases: Sequence[Mapping[str, Json]] = content["cases"]
    failed = content["failed"]
    unsent = content["planned"] - len(cases)
    facts(
        [
            Fact("Passed", f"{content['passed']:,} of {content['planned']:,}", tone="good" if not failed else ""),
            Fact("Failed", f"{failed:,}", tone="bad" if failed else ""),
            *([Fact("Not sent", f"{unsent:,}", tone="busy")] if unsent else []),
            Fact("Sent to", target_words(content)),
            Fact("Run", words.moment(datetime.fromisoformat(content["began_at"]))),
        ]
    )
    opened_key, table_key = f"expectations_open:{key}", f"expectations:{key}"

    def chosen() -> None:
        row = read_opened(table_key)
        if row:
            st.session_state[opened_key] = row

    palette = colours.of_deployments([*deployments, *(each["deployment"] for each in cases if each["deployment"])])
    current = st.session_state.get(opened_key)
    table(
        "Outcome of each payload",
        _COLUMNS,
        [_row(place, each, palette) for place, each in enumerate(cases)],
        key=table_key,
        current=current,
        filters=_FILTERS if 0 < failed < len(cases) else (),
        download="expectations.csv",
        nothing="Nothing was sent.",
        on_open=chosen,
    )
    opened = next((each for place, each in enumerate(cases) if str(place) == current), None)
    if opened is not None:
        _verdicts(opened, key)


def _row(place: int, case: Mapping[str, Json], palette: Mapping[str, str]) -> Row:
    wrong = [each for each in case["verdicts"] if not each["passed"]]
    held = len(case["verdicts"]) - len(wrong)
    why = case["failure"] or (wrong[0]["words"] if wrong else "")
    more = f" And {len(wrong) - 1} more." if len(wrong) > 1 and not case["failure"] else ""
    deployment, status = case["deployment"], case["status"]
    return Row(
        str(place),
        (
            Cell(case["name"]),
            Cell("passed", tone="good") if case["passed"] else Cell("failed", tone="bad"),
            Cell(f"{held} of {len(case['verdicts'])}", sort=held / len(case["verdicts"])),
            Cell(deployment or "not said", colour=palette.get(deployment or "", ""), muted=not deployment),
            Cell(str(status) if status is not None else "no answer", muted=status is None),
            Cell(words.milliseconds(case["total_ms"]), sort=case["total_ms"], muted=case["total_ms"] is None),
            Cell(why + more),
        ),
        marks=("passed" if case["passed"] else "failed",),
    )


def _verdicts(case: Mapping[str, Json], key: str) -> None:
    columns = (Column("Expected", wraps=True), Column("Outcome"), Column("Found", wraps=True))
    rows = [
        Row(
            str(place),
            (
                Cell(each["expected"]),
                Cell("passed", tone="good") if each["passed"] else Cell("failed", tone="bad"),
                Cell(each["found"] or "not kept", muted=not each["found"]),
            ),
        )
        for place, each in enumerate(case["verdicts"])
    ]
    st.subheader(f"What {case['name']} expects", anchor=False)
    table(f"What {case['name']} expects", columns, rows, key=f"verdicts:{key}", sortable=False, searchable=False)
    if case["request_id"]:
        st.caption(f"Request id {case['request_id']}")
