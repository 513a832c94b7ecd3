"""Run the saved payloads that expect something, and read what passed."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from services.errors import ServiceFailed, SluiceError
from services.expectations.report import junit, target_words
from services.expectations.running import KIND, Case, Run, Target, cases_of, content_of
from services.model import Deployment, Endpoint
from services.payloads.consent import Consent
from services.payloads.payload import Payload
from services.results import Result, Results
from ui import context, problem, readers, words
from ui.test.payloads import expectations_table
from ui.turns import Turns

SPLIT = "Through the split"
_POLL_SECONDS = 0.5
_MOST_RUNS = 32
_EARLIER = 20
_runs: dict[tuple[int, str], Run] = {}
_problems: dict[tuple[int, str], SluiceError] = {}
_lock = threading.Lock()
_log = logging.getLogger("sluice.ui")


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw what begins a run, the one that is on its way, and what came of the last ones."""
    try:
        payloads = context.library().all(endpoint.id)
        run = _runs.get(_key(endpoint))
        if run is not None and not run.is_over:
            _progress(endpoint, run, Turns())
            return
        _controls(endpoint, deployments, payloads)
        failed = _problems.get(_key(endpoint))
        if failed is not None:
            problem.show(failed, key="expectations_run")
        _outcome(endpoint, run, context.results().all(endpoint.id, KIND, _EARLIER))
    except SluiceError as error:
        problem.show(error, key="expectations")


def _controls(endpoint: Endpoint, deployments: Sequence[Deployment], payloads: Sequence[Payload]) -> None:
    names = [each.name for each in deployments]
    tags = sorted({tag for each in payloads for tag in each.tags})
    left, right = st.columns([3, 2])
    with left:
        key = f"expectations_target:{endpoint.name}"
        if st.session_state.get(key) not in {SPLIT, *names}:
            st.session_state[key] = SPLIT
        target = st.segmented_control(
            "Send to", [SPLIT, *names], key=key, required=True, persist_state="session", wrap=True
        )
    with right:
        chosen = (
            st.multiselect("Tags", tags, key=f"expectations_tags:{endpoint.name}", placeholder="All") if tags else []
        )
    picked = [each for each in payloads if not chosen or set(chosen) & set(each.tags)]
    cases = cases_of(picked)
    reason = _why_not(endpoint, names, cases)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run",
            key="expectations_start",
            type="primary",
            icon=":material/rule:",
            disabled=bool(reason),
            on_click=_start,
            args=(endpoint, None if target == SPLIT else target, cases),
        )
        said = f"{len(cases):,} of {words.count(len(picked), 'payload')} expect something."
        st.caption(reason or said, width="content")
    with st.expander("Run it in CI"):
        pinned = f" --deployment {target}" if target != SPLIT else ""
        st.code(
            f"python -m services.expectations payloads.json --endpoint {endpoint.name}{pinned} --junit report.xml",
            language="bash",
            wrap_lines=True,
        )
        st.caption("payloads.json is what Export writes. It ends with 0 when everything passes, and with 1 when not.")


def _why_not(endpoint: Endpoint, names: Sequence[str], cases: Sequence[Case]) -> str:
    if not names:
        return "This endpoint has no deployment that could answer."
    if not readers.standing().permissions.can_score:
        return "Your role may not read this endpoint's key, so nothing can be sent."
    if not endpoint.scoring_uri:
        return "This endpoint has no scoring URI yet."
    return "" if cases else "None of these payloads expects anything. Edit one, and say what is expected of its answer."


def _start(endpoint: Endpoint, deployment: str | None, cases: tuple[Case, ...]) -> None:
    """Begin a run, unless one is on its way. For callbacks."""
    key = _key(endpoint)
    try:
        library, results = context.library(), context.results()
        variables = library.variables(endpoint.id)
        keeps_bodies = Consent(context.store()).keeps_bodies(context.person())
        conn = context.connection().at(endpoint.workspace_ref)
        with _lock:
            before = _runs.get(key)
            if before is not None and not before.is_over:
                return
            for old in [each for each, run in _runs.items() if run.is_over][:-_MOST_RUNS]:
                del _runs[old]
            _problems.pop(key, None)
            run = _runs[key] = Run(Target(conn, endpoint, deployment), cases, variables)
    except SluiceError as error:
        _problems[key] = error.with_traceback(None)
        return
    threading.Thread(
        target=_perform,
        args=(run, results, key),
        kwargs={"keeps_bodies": keeps_bodies},
        name="expectations",
        daemon=True,
    ).start()


def _perform(run: Run, results: Results, key: tuple[int, str], *, keeps_bodies: bool) -> None:
    try:
        run.perform()
        if run.results:
            content = content_of(run, keeps_bodies=keeps_bodies)
            results.save(run.target.endpoint.id, KIND, content, at=datetime.now(UTC))
    except SluiceError as error:
        _problems[key] = error.with_traceback(None)
    except Exception:
        # Runs in a thread of its own: nobody else would hear of it.
        _log.exception("A run of expectations failed inside Sluice")
        _problems[key] = ServiceFailed(
            "The run did not come to its end.", "Sluice itself failed.", "Run it again; the log has the details."
        )


@st.fragment(run_every=_POLL_SECONDS)
def _progress(endpoint: Endpoint, run: Run, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    if run.is_over and is_by_itself:
        st.rerun()
    done, failed = len(run.results), sum(not each.passed for each in list(run.results))
    st.progress(done / len(run.cases), text=f"{done:,} of {len(run.cases):,} judged, {failed:,} failed")
    st.button(
        "Stop",
        key=f"expectations_stop:{endpoint.name}",
        icon=":material/stop:",
        on_click=run.stop,
        disabled=run.is_stopped,
    )


def _outcome(endpoint: Endpoint, run: Run | None, kept: Sequence[Result]) -> None:
    live = _live(run, kept)
    if not kept and live is None:
        st.html('<p class="hint">Not run yet. The outcome of each payload appears here.</p>')
        return
    chosen = kept[0] if kept else None
    if len(kept) > 1:
        by_id = {each.id: each for each in kept}
        picked = st.selectbox(
            "Run of",
            list(by_id),
            format_func=lambda each: _title(by_id[each]),
            key=f"expectations_of:{endpoint.name}:{kept[0].id}",
        )
        chosen = by_id[picked]
    content = live if live is not None and (chosen is None or chosen is kept[0]) else chosen.content if chosen else {}
    expectations_table.show(content, [each.name for each in readers.deployments(endpoint)], key=endpoint.name)
    _downloads(endpoint, content)


def _live(run: Run | None, kept: Sequence[Result]) -> Mapping[str, Any] | None:
    """The last run with the values that it found, when it is the newest; what is kept may be without them."""
    if run is None or not run.results:
        return None
    content = content_of(run, keeps_bodies=True)
    is_newest = not kept or kept[0].content.get("began_at") == content["began_at"]
    return content if is_newest else None


def _downloads(endpoint: Endpoint, content: Mapping[str, Any]) -> None:
    with st.container(horizontal=True):
        name = f"{endpoint.name}-expectations"
        st.download_button(
            "JSON",
            json.dumps(content, indent=2),
            f"{name}.json",
            "application/json",
            key="expectations_json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "JUnit",
            junit(content),
            f"{name}.xml",
            "application/xml",
            key="expectations_junit",
            icon=":material/download:",
            on_click="ignore",
        )


def _title(result: Result) -> str:
    content = result.content
    return f"{words.moment(result.at)}, {target_words(content)}: {content['passed']} passed, {content['failed']} failed"


def _key(endpoint: Endpoint) -> tuple[int, str]:
    return context.generation(), endpoint.id
