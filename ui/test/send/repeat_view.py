"""Many answers at once: how long each took, who gave it, and how it ended."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from services.errors import SluiceError
from services.model import Deployment
from services.scoring.answer import Answer
from ui import charts, colours, words
from ui.components.table import Cell, Column, Row, table
from ui.facts import Fact, facts
from ui.test.send.attempts import Attempt

_HEIGHT = 190
NOT_SAID = "not said"


def show(attempts: Sequence[Attempt], deployments: Sequence[Deployment], wanted: int) -> None:
    """Draw the times as a strip, and what each deployment answered how often. ``wanted`` requests were asked for."""
    # What comes while this is drawn is left for the next time: all parts tell of the same requests.
    attempts = [each for each in attempts if each.outcome is not None]
    answers = answers_of(attempts)
    times = sorted(each.total_ms for _, each in answers)
    facts(
        [
            Fact("Ended", f"{len(attempts)} of {wanted}"),
            Fact("Fastest", words.milliseconds(times[0] if times else None)),
            Fact("Median", words.milliseconds(statistics.median(times) if times else None)),
            Fact("Slowest", words.milliseconds(times[-1] if times else None)),
        ]
    )
    names = [*(each.name for each in deployments), *(each.deployment for _, each in answers if each.deployment)]
    if answers:
        figure = strip(answers, names, charts.Look(is_dark=st.context.theme.type == "dark"))
        alt = f"Total time of {words.count(len(answers), 'answer')} in the order of sending; the table has the counts"
        st.plotly_chart(figure, key="repeat_strip", config=charts.CONFIG, alt=alt)
    _counts(attempts, names)


def answers_of(attempts: Sequence[Attempt]) -> list[tuple[int, Answer]]:
    """The number of each attempt that was answered, with its answer."""
    return [(each.number, each.outcome) for each in attempts if isinstance(each.outcome, Answer)]


def strip(answers: Sequence[tuple[int, Answer]], names: Sequence[str], look: charts.Look) -> go.Figure:
    """One dot for each answer: its total time over its number, coloured by deployment, a cross when it failed. Pure."""
    palette = colours.of_deployments(names)
    groups: dict[tuple[str, bool], list[tuple[int, Answer]]] = {}
    for number, answer in answers:
        groups.setdefault((answer.deployment or "", answer.is_good), []).append((number, answer))
    figure = go.Figure()
    for (deployment, is_good), members in sorted(groups.items(), key=lambda item: (item[0][0], not item[0][1])):
        colour = palette.get(deployment, colours.NAMED["grey"])
        figure.add_scatter(
            x=[number for number, _ in members],
            y=[answer.total_ms for _, answer in members],
            customdata=[answer.status for _, answer in members],
            name=f"{deployment or NOT_SAID}{'' if is_good else ', failed'}",
            mode="markers",
            marker={
                "color": colours.on_dark(colour) if look.is_dark else colour,
                "symbol": "circle" if is_good else "x",
                "size": 7,
            },
            hovertemplate="#%{x}: %{customdata}, %{y:,.3~g} ms",
        )
    charts.lay_out(figure, height=_HEIGHT)
    figure.update_xaxes(tickformat="d", nticks=10, showgrid=False, rangemode="tozero")
    figure.update_yaxes(rangemode="tozero", nticks=5, ticksuffix=" ms", automargin=True)
    return figure


def _counts(attempts: Sequence[Attempt], names: Sequence[str]) -> None:
    palette = colours.of_deployments(names)
    groups: dict[tuple[str, str], list[float]] = {}
    for each in attempts:
        if each.outcome is not None:
            times = groups.setdefault(kind_of(each.outcome), [])
            times.append(each.outcome.total_ms if isinstance(each.outcome, Answer) else math.nan)
    rows = [
        Row(
            id=f"{deployment}/{status}",
            cells=(
                Cell(deployment, colour=palette.get(deployment, ""), muted=deployment == NOT_SAID),
                Cell(status, tone="good" if status.startswith("2") else "bad"),
                Cell(str(len(times)), sort=len(times)),
                _time(statistics.median(times)),
                _time(max(times)),
            ),
        )
        for (deployment, status), times in sorted(groups.items())
    ]
    if rows:
        numbers = [Column(label, number=True) for label in ("Answers", "Median", "Slowest")]
        columns = [Column("Answered by"), Column("Status"), *numbers]
        table("Answers by deployment and status", columns, rows, key="repeat_counts")


def _time(milliseconds: float) -> Cell:
    if math.isnan(milliseconds):
        return Cell(words.NO_DATA, muted=True)
    return Cell(words.milliseconds(milliseconds), sort=milliseconds)


def kind_of(outcome: Answer | SluiceError | None) -> tuple[str, str]:
    """The deployment and the status of an outcome, in words."""
    if isinstance(outcome, Answer):
        return outcome.deployment or NOT_SAID, str(outcome.status)
    return NOT_SAID, "no answer"
