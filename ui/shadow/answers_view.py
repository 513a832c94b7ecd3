"""The answers of both deployments of a run to the same payloads: compared inside the run, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from services import digits
from services.journal.entry import moment
from services.model import Deployment, Endpoint
from services.replay.report import proportion
from services.shadow import answers
from services.shadow.answering import Comparing
from services.shadow.model import Run, RunState
from services.shadow.runs import Answers
from ui import ask, context, problem, scope, words
from ui.components.table import Cell, Column, Row, table
from ui.shadow import answer_runs, answers_form, stored_answers
from ui.test.compare import compare_form
from ui.turns import Turns

POLL_SECONDS = 0.7
_COLUMNS = (
    Column("Compared"),
    Column("From"),
    Column("Payloads", number=True, help="Those that this shadow test had not counted before."),
    Column("Differ", number=True, help="Without what the live deployment brings about alone."),
    Column("Perhaps more", number=True, help="Too rare to tell: they speak against PASS and not for FAIL."),
    Column("In", wraps=True),
)
_NUMBERS = (
    Column("Number"),
    Column("Moved", number=True, help="Payloads in which the candidate's number is another one."),
    Column("Median move", number=True, help="Candidate less live, over all payloads, with its 95 % interval."),
    Column("Where it moved", number=True),
    Column("Moves by itself", number=True, help="The median distance between two answers of the live deployment."),
)


def show(endpoint: Endpoint, deployments: Sequence[Deployment], run: Run) -> None:
    """Draw what was found, and the form while the run takes answers; nothing when they are no criterion of it.

    Raises SluiceError.
    """
    if run.criteria.answer_percent is None:
        return
    st.header("Answers", anchor=False)
    ask.show(answers_form.PLACE)
    at_work = answer_runs.of(run)
    if at_work is not None and not at_work.is_over:
        st.fragment(_progress, run_every=POLL_SECONDS)(at_work, Turns())
    kept = context.shadow().runs.answers(run.id)
    if at_work is not None and at_work.is_over and at_work.problem is not None:
        problem.show(at_work.problem, key="shadow_answers")
    _found(endpoint, run, kept)
    if run.state is RunState.RUNNING and (at_work is None or at_work.is_over):
        why_not = compare_form.why_not(endpoint, deployments)
        if why_not:
            st.caption(why_not)
        else:
            answers_form.show(endpoint, deployments, run, kept)
    stored_answers.show(endpoint, deployments, run, kept)


def _progress(at_work: Comparing, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    if at_work.is_over:
        if is_by_itself:
            st.rerun()
        return
    at = at_work.replay.progress
    what = "Asking again what is unclear" if at.is_asking_again else "Comparing answers"
    st.progress(min(1.0, at.done / max(1, at.planned)), f"{what}: {at.done:,} of {words.count(at.planned, 'payload')}")
    st.button("Stop comparing", key="stop_answers", icon=":material/stop:", on_click=at_work.replay.stop)


def _found(endpoint: Endpoint, run: Run, kept: Sequence[Answers]) -> None:
    st.html(f'<p class="lead">{escape(summary(run, kept))}</p>')
    if not kept:
        return
    table(
        "Comparisons of answers in this shadow test",
        _COLUMNS,
        [_row(number, each) for number, each in enumerate(kept)],
        key=f"shadow_answers:{run.id}",
    )
    numbers = [each for one in kept for each in one.content.get("numbers", ())]
    if numbers:
        st.subheader("Numbers", anchor=False)
        name = f"By how much numbers move from {run.pair.live} to {run.pair.candidate}"
        rows = [_number_row(place, each) for place, each in enumerate(numbers)]
        table(name, _NUMBERS, rows, key=f"shadow_numbers:{run.id}")
    newest = kept[-1].content.get("result", "")
    if newest:
        st.page_link(
            context.ROOT / "pages" / "test.py",
            label="See the payloads that differ",
            icon=":material/difference:",
            query_params={
                **scope.link(endpoint.workspace_ref, endpoint.name),
                "view": "compare",
                "comparison": newest,
            },
        )


def summary(run: Run, kept: Sequence[Answers]) -> str:
    """All comparisons of a run in a sentence or two. Pure."""
    live, candidate = run.pair.live, run.pair.candidate
    if not kept and run.state is not RunState.RUNNING:
        return "No answers were compared while it ran, so this criterion is not decided."
    if not kept:
        return (
            "No answers have been compared yet, so this criterion is not decided. Mirrored answers are thrown away: "
            "payloads of the library or the history are put to both instead, or answers are read that data collectors "
            "have stored."
        )
    compared, different, undecided = answers.totals(kept)
    if not compared:
        return "Nothing could be compared: every answer was an error."
    share = proportion(different, compared)
    more = f" {undecided:,} more may differ, too rarely to tell from chance." if undecided else ""
    between = f"{100 * (share.low or 0.0):.1f} to {100 * (share.high or 0.0):.1f} %"
    return (
        f"{candidate} answers {different:,} of {words.count(compared, 'payload')} otherwise than {live}: "
        f"{100 * share.value:.1f} % ({between}, 95 % interval of one look).{more}"
    )


def _row(number: int, kept: Answers) -> Row:
    content = kept.content
    fields = [each["field"] for each in content.get("fields", ()) if each["is_named"]]
    undecided = answers.undecided_of(content)
    return Row(
        f"{number}",
        (
            Cell(words.moment(moment(content.get("at"))), sort=number),
            Cell(str(content.get("source", ""))),
            Cell(f"{kept.compared:,}", sort=kept.compared),
            Cell(f"{kept.different:,}", sort=kept.different, muted=not kept.different),
            Cell(f"{undecided:,}", sort=undecided, muted=not undecided),
            Cell(", ".join(fields) or "nothing", code=bool(fields)),
        ),
    )


def _number_row(place: int, number: dict[str, Any]) -> Row:
    middle = number["median"]
    between = "" if middle["low"] is None else f" ({_moved(middle['low'])} to {_moved(middle['high'])})"
    return Row(
        f"{place}",
        (
            Cell(number["field"], code=True),
            Cell(f"{number['changed']:,} of {number['count']:,}", sort=number["changed"]),
            Cell(f"{_moved(middle['value'])}{between}", sort=middle["value"]),
            Cell(_moved(number["changed_median"]), sort=number["changed_median"]),
            _by_itself(number["by_itself"]),
        ),
    )


def _moved(number: float) -> str:
    return digits.rounded(number, 3, signed=True)


def _by_itself(value: float | None) -> Cell:
    """None where the live deployment never answered a payload twice."""
    if value is None:
        return Cell("not known", muted=True)
    return Cell(digits.rounded(value, 3), sort=value, muted=not value)
