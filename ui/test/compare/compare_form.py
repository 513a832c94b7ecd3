"""What is compared: two deployments, and the set of requests that both are sent."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.payloads.importing import from_file
from services.replay.record import Item
from services.replay.replaying import DEFAULT_TOLERANCE, MOST_ITEMS, MOST_PARALLEL, fitting_parallel
from ui import context, problem, readers, words
from ui.test.compare import compare_runs, compare_sets
from ui.test.history import opened

LIBRARY, FILE, HISTORY = "Library", "File", "History"
_TOLERANCES = {0.0: "Exact", 1e-9: "A billionth", 1e-6: "A millionth", 1e-3: "A thousandth", 1e-2: "A hundredth"}
_LARGEST_FILE_MB = 20
_FAILED = "compare_failed"


@dataclass(frozen=True)
class _Set:
    """A set that can be made: how many requests it has, and how. ``note`` says what is amiss with it."""

    count: int
    make: Callable[[int], list[Item]]
    note: str = ""


def why_not(endpoint: Endpoint, deployments: Sequence[Deployment]) -> str:
    """Why nothing can be compared here, "" when it can."""
    if len(deployments) < 2:
        return "A comparison needs two deployments. This endpoint has " + (
            f"only {deployments[0].name}." if deployments else "none."
        )
    if endpoint.auth_mode != "aad_token" and not readers.standing().permissions.can_score:
        return "Your role may not read this endpoint's key, so nothing can be sent."
    return "" if endpoint.scoring_uri else "This endpoint has no scoring URI yet."


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the form. Raises StoreFailed."""
    live, candidate = _sides(endpoint, deployments)
    with st.container(horizontal=True, vertical_alignment="top", key="compare_set"):
        source = st.segmented_control(
            "Requests from", [LIBRARY, FILE, HISTORY], default=LIBRARY, key="compare_source", persist_state="session"
        )
        found = {FILE: _file, HISTORY: _history}.get(source or LIBRARY, _library)(endpoint)
    chosen = [each for each in deployments if each.name in (live, candidate)]
    parallel, tolerance = _options(chosen)
    failed: SluiceError | None = st.session_state.get(_FAILED)
    if failed is not None:
        problem.show(failed, key="compare_form")
    _foot(endpoint, live, candidate, found, parallel, tolerance)


def _sides(endpoint: Endpoint, deployments: Sequence[Deployment]) -> tuple[str, str]:
    """The two deployments: at first the one with most live traffic, and the one that is mirrored to or idle."""
    split = endpoint.split
    names = sorted((each.name for each in deployments), key=lambda name: (-split.live.get(name, 0), name))
    with st.container(horizontal=True, key="compare_sides"):
        live = st.selectbox(
            "Live deployment", names, key=f"compare_live:{endpoint.name}", width=240, persist_state="session"
        )
        others = sorted((name for name in names if name != live), key=lambda name: (name not in split.mirror, name))
        candidate = st.selectbox(
            "Candidate", others, key=f"compare_candidate:{endpoint.name}", width=240, persist_state="session"
        )
    return live or names[0], candidate or others[0]


def _library(endpoint: Endpoint) -> _Set:
    payloads = context.library().all(endpoint.id)
    tags = compare_sets.tags_of(payloads)
    if tags:
        tag = st.selectbox(
            "Tag", [compare_sets.NO_TAG, *tags], key=f"compare_tag:{endpoint.name}", width=200, persist_state="session"
        )
        payloads = tuple(each for each in payloads if tag in (None, compare_sets.NO_TAG, *each.tags))
    note = "" if payloads else "No payload of this endpoint is saved yet. Save some under Payloads, or choose a file."
    return _Set(len(payloads), lambda seed: compare_sets.from_payloads(endpoint, payloads, seed), note)


def _file(endpoint: Endpoint) -> _Set:
    file = st.file_uploader(
        "CSV, JSON or JSONL: one request for each row, line or payload",
        type=["csv", "tsv", "json", "jsonl", "ndjson"],
        key=f"compare_file:{endpoint.name}",
        max_upload_size=_LARGEST_FILE_MB,
    )
    if file is None:
        return _Set(0, lambda _: [], "No file is chosen yet.")
    found = from_file(file.name, file.getvalue(), endpoint.scoring_uri)
    note = ""
    if found.problems:
        note = f"{words.count(len(found.problems), 'problem')} in the file. {found.problems[0]}"
    return _Set(len(found.payloads), lambda seed: compare_sets.from_import(endpoint, found, seed), note)


def _history(endpoint: Endpoint) -> _Set:
    text = st.text_input("Search", key=f"compare_search:{endpoint.name}", placeholder="All requests", width=220)
    most = st.number_input("Newest", 1, MOST_ITEMS, 100, key=f"compare_newest:{endpoint.name}", width=120)
    items = compare_sets.from_history(endpoint, (text or "").strip(), int(most or 100))
    note = "" if items else "No request with a kept body fits. Bodies are kept when you allow it under History."
    return _Set(len(items), lambda _: items, note)


def _options(chosen: Sequence[Deployment]) -> tuple[int, float]:
    with st.expander("Options", key="compare_options"), st.container(horizontal=True):
        fitting = fitting_parallel(chosen)
        parallel = st.number_input(
            "Requests at a time",
            1,
            MOST_PARALLEL,
            fitting,
            key=f"compare_parallel:{'+'.join(each.name for each in chosen)}",
            help=f"Both deployments work on {fitting} at a time without letting any wait, which would spoil the times.",
            width=200,
        )
        tolerance = st.selectbox(
            "Numbers are the same within",
            list(_TOLERANCES),
            index=list(_TOLERANCES).index(DEFAULT_TOLERANCE),
            format_func=lambda each: _TOLERANCES[each],
            key="compare_tolerance",
            help="Of the larger one. Sums of the same floats in another order differ by less than a billionth.",
            width=240,
        )
    return int(parallel or fitting), DEFAULT_TOLERANCE if tolerance is None else tolerance


def _foot(endpoint: Endpoint, live: str, candidate: str, found: _Set, parallel: int, tolerance: float) -> None:
    if found.note:
        st.text(found.note)
    share = endpoint.split.live.get(live, 0)
    busy = f" {live} takes {share} % of live traffic: this comes on top of it." if share else ""
    with st.container(horizontal=True, vertical_alignment="center", key="compare_foot"):
        st.button(
            f"Compare {words.count(found.count, 'request')}" if found.count else "Compare",
            key="compare_begin",
            type="primary",
            icon=":material/compare_arrows:",
            disabled=not found.count,
            on_click=_begin,
            args=(endpoint, live, candidate, found, parallel, tolerance),
        )
        st.caption(
            f"Each is put to {live} twice and to {candidate} once, {parallel} at a time; what is unclear is asked "
            f"again.{busy}",
            width="stretch",
        )


def _begin(endpoint: Endpoint, live: str, candidate: str, found: _Set, parallel: int, tolerance: float) -> None:
    st.session_state.pop(_FAILED, None)
    seed = secrets.randbits(32)
    try:
        items = found.make(seed)
        compare_runs.begin(endpoint, items, live, candidate, seed=seed, parallel=parallel, tolerance=tolerance)
        opened.close(compare_runs.RESULT)
    except SluiceError as error:
        # The session keeps the words alone.
        error.__cause__ = error.__context__ = None
        st.session_state[_FAILED] = error.with_traceback(None)
