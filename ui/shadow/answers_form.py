"""Which payloads both deployments of a run are asked, and which fields are meant to differ."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.replay.record import Item
from services.replay.replaying import MOST_ITEMS, fitting_parallel
from services.shadow import answers
from services.shadow.model import Run
from services.shadow.runs import Answers
from ui import ask, context, words
from ui.shadow import answer_runs
from ui.test.compare import compare_sets

LIBRARY, HISTORY = "Library", "History"
PLACE = "shadow_answers"
_NEWEST = 200


@dataclass(frozen=True)
class _Set:
    """The payloads that can be chosen. ``make`` puts the variables in; ``count`` is how many there are."""

    count: int
    make: Callable[[int], list[Item]]
    nothing: str


def show(endpoint: Endpoint, deployments: Sequence[Deployment], run: Run, kept: Sequence[Answers]) -> None:
    """Draw the form. Raises StoreFailed."""
    decided = answers.left_out_of(kept)
    with st.container(horizontal=True, vertical_alignment="bottom", key="answers_form"):
        source = st.segmented_control("Payloads from", [LIBRARY, HISTORY], default=LIBRARY, key="answers_source")
        left_out = st.multiselect(
            "Fields to leave out",
            list(decided or ()),
            default=list(decided or ()),
            key=f"answers_left_out:{run.id}:{len(kept)}",
            accept_new_options=True,
            disabled=decided is not None,
            placeholder="None, or such as $.version",
            help=(
                "Fields that are meant to differ, as JSONPaths; [*] stands for every place in a list. The first "
                "comparison of a shadow test decides them for all."
            ),
            width=320,
        )
        drift = answers.may_drift_of(kept)
        may_drift = st.checkbox(
            "Decimal numbers may drift",
            value=True if drift is None else drift,
            key=f"answers_may_drift:{run.id}:{len(kept)}",
            disabled=drift is not None,
            help=(
                "Scores of another model are never the same to the last digit. How far they move is told and not "
                "counted; text, whole numbers and statuses are."
            ),
        )
    found = _history(endpoint) if source == HISTORY else _library(endpoint)
    if not found.count:
        st.caption(found.nothing)
    chosen = [each for each in deployments if each.name in (run.pair.live, run.pair.candidate)]
    with st.container(horizontal=True, vertical_alignment="center", key="answers_foot"):
        st.button(
            f"Compare answers to {words.count(found.count, 'payload')}" if found.count else "Compare answers",
            key="compare_answers",
            icon=":material/compare_arrows:",
            disabled=not found.count or len(chosen) < 2,
            on_click=_begin,
            args=(endpoint, run, found, source or LIBRARY, tuple(left_out), may_drift, chosen),
        )
        st.caption(
            f"Each is put to {run.pair.live} twice and to {run.pair.candidate} once, on top of live traffic. What was "
            "counted before is not sent again. Whatever is found counts.",
            width="stretch",
        )


def _library(endpoint: Endpoint) -> _Set:
    payloads = context.library().all(endpoint.id)[:MOST_ITEMS]
    return _Set(
        len(payloads),
        lambda seed: compare_sets.from_payloads(endpoint, payloads, seed),
        "No payload of this endpoint is saved yet. Save some on the Test page, under Payloads.",
    )


def _history(endpoint: Endpoint) -> _Set:
    items = compare_sets.from_history(endpoint, "", _NEWEST)
    return _Set(
        len(items),
        lambda _: items,
        "No request with a kept body is there. Bodies are kept when you allow it on the Test page, under History.",
    )


def _begin(
    endpoint: Endpoint,
    run: Run,
    found: _Set,
    source: str,
    left_out: Sequence[str],
    may_drift: bool,
    chosen: Sequence[Deployment],
) -> None:
    seed = secrets.randbits(32)
    try:
        answer_runs.begin(
            endpoint,
            run,
            found.make(seed),
            source=source,
            seed=seed,
            parallel=fitting_parallel(chosen),
            left_out=left_out,
            may_drift=may_drift,
        )
    except SluiceError as error:
        ask.fail(PLACE, error)
