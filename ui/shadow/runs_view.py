"""The shadow tests of an endpoint, newest first: one line each, to open again."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.comparison.judge import Verdict
from services.shadow.model import Run, RunState
from ui import words
from ui.components.table import Cell, Column, Row, read_opened, table
from ui.shadow import chooser, standing_words

_TABLE = "shadow_runs"
STATES = {
    RunState.RUNNING: "running",
    RunState.ENDED: "ended",
    RunState.STOPPED: "stopped early",
    RunState.BROKEN: "broken off",
}
_COLUMNS = (
    Column("Started"),
    Column("Candidate"),
    Column("Compared with"),
    Column("Copied", number=True),
    Column("Lasted", number=True),
    Column("State"),
    Column("Verdict"),
    Column("By"),
)


def show(runs: Sequence[Run], opened: Run | None) -> None:
    """Draw the table, if there is more to open than what is shown already."""
    if len(runs) < 2:
        return
    st.header("Shadow tests of this endpoint", anchor=False)
    table(
        "Shadow tests of this endpoint",
        _COLUMNS,
        [row(each) for each in runs],
        key=_TABLE,
        current=opened.id if opened else None,
        on_open=_open,
    )


def row(run: Run) -> Row:
    """One run as a row. Pure."""
    began, ended = run.started_at, run.ended_at
    lasted = None if ended is None else (ended - began).total_seconds()
    return Row(
        run.id,
        (
            Cell(words.moment(began), sort=began.timestamp()),
            Cell(run.pair.candidate, strong=True),
            Cell(run.pair.live),
            Cell(f"{run.percent} %", sort=run.percent),
            Cell("so far" if lasted is None else words.elapsed(lasted), sort=lasted, muted=lasted is None),
            Cell(STATES[run.state], tone="busy" if run.state is RunState.RUNNING else ""),
            _verdict(run.verdict),
            Cell(run.person or "not said", muted=not run.person),
        ),
    )


def _verdict(verdict: Verdict | None) -> Cell:
    if verdict is None:
        return Cell("not yet", muted=True)
    return Cell(verdict.value, tone=standing_words.TONES[verdict])


def _open() -> None:
    chosen = read_opened(_TABLE)
    if chosen:
        chooser.choose(chosen)
