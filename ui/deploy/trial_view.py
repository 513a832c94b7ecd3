"""Run a deployment on a local Azure before anything touches the cloud: ask for it, watch it, read what came back."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from html import escape

import streamlit as st

from services import host
from services.deploying.model import Bundle, Document, Kind
from services.errors import NotFound, SluiceError
from services.json_text import formatted
from services.trial.order import Payload
from services.trial.performing import TrialPhase
from services.trial.possible import why_not
from services.trial.trial import Trial, TrialAnswer
from ui import problem, readers, scope, words
from ui.deploy import choices, draft, failure_card, file_editor, making, sources, wishes
from ui.deploy.draft import Draft, Prepared
from ui.deploy.trials import trials
from ui.turns import Turns

POLL_SECONDS = 0.7
_REFUSED, _CHOSEN = "trial_refused", "trial_deployment"
_EXAMPLE = '{"data": [[1, 2, 3]]}'
_MOST_SHOWN = 2000
_OWN, _NO_REQUEST = "Write one", "No request: only start it"
_SOURCE, _BODY = "trial_source", "trial_body"


def is_loopback() -> bool:
    """Whether this Sluice answers on this machine only."""
    address = host.listen_address(sys.argv, os.environ, st.get_option("server.address"))
    return bool(address) and host.is_loopback(address)


def show(made: Draft, prepared: Prepared, *, is_off: bool = False) -> None:
    """Draw the trial that goes on or has ended, and the form for one of the deployments in the files. ``is_off``: none
    can be started just now."""
    bundle = prepared.bundle
    deployments = [each for each in bundle.documents if each.kind is Kind.DEPLOYMENT]
    trial = trials().newest
    if not deployments and trial is None:
        return
    st.header("Try it on the local Azure", anchor=False)
    if not is_loopback():
        st.html(
            '<p class="hint">A trial runs the code of the deployment on this machine, so it exists only where Sluice '
            "answers on this machine alone.</p>"
        )
        return
    refused: SluiceError | None = st.session_state.get(_REFUSED)
    if refused is not None:
        problem.show(refused, key="trial", retry=lambda: st.session_state.pop(_REFUSED, None), label="Dismiss")
    if trial is not None and not trial.is_over:
        st.fragment(run_every=POLL_SECONDS)(_live)(trial, Turns())
        return
    if trial is not None:
        _show_end(trial)
    if deployments:
        _form(made, prepared, deployments, is_off=is_off)


def _form(made: Draft, prepared: Prepared, deployments: Sequence[Document], *, is_off: bool) -> None:
    st.html(
        '<p class="hint">It takes the same files, builds the environment, starts one instance and sends the request, '
        "all on this machine. Your code runs here as you and can read your files; your sign-in to Azure is not handed "
        "to it. Sluice sends nothing to Azure.</p>"
    )
    document = deployments[0]
    if len(deployments) > 1:
        names = [each.name for each in deployments]
        chosen = st.segmented_control(
            "Deployment", names, required=True, **choices.control(made, _CHOSEN, options=names)
        )
        document = next(each for each in deployments if each.name == chosen)
    off = why_not(document)
    if off:
        st.html(f'<p class="notice" role="note">It cannot be tried. {escape(off)}</p>')
        return
    samples = [*sample_files(prepared.small), _OWN, _NO_REQUEST]
    source = st.selectbox("Sample request", samples, width=400, **choices.control(made, _SOURCE, options=samples))
    if source == _OWN:
        st.text_area("Body of the request", height=120, **choices.control(made, _BODY, _EXAMPLE))
    text = _request(made, prepared.bundle)
    if text is None:
        st.caption("This file is not there any more. Check again.")
        return
    if source not in (_OWN, _NO_REQUEST):
        text = made.edits.get(source, text)
        st.code(text[:_MOST_SHOWN], language="json", height=160 if len(text) > 300 else "content")
    st.button(
        "Try on the local Azure",
        key="start_trial",
        icon=":material/science:",
        on_click=_press,
        args=(made, prepared, document),
        disabled=is_off,
    )


def _request(made: Draft, bundle: Bundle) -> str | None:
    """The request that is chosen, as ``bundle`` has it; None when its file is not there any more."""
    source = str(made.choices.get(_SOURCE) or st.session_state.get(_SOURCE) or _NO_REQUEST)
    if source == _OWN:
        return str(made.choices.get(_BODY, _EXAMPLE))
    return "" if source == _NO_REQUEST else making.read_text(bundle, source)


def _press(made: Draft, prepared: Prepared, document: Document) -> None:
    """Start it, after what was changed on the page has been read and checked."""
    file_editor.take(made)
    sources.take(made)

    def go(found: Prepared) -> None:
        same = (document.kind, document.endpoint, document.name)
        named = next((each for each in found.bundle.documents if (each.kind, each.endpoint, each.name) == same), None)
        text = _request(made, found.bundle)
        if named is None or text is None:
            why = "The changed files do not have it any more."
            st.session_state[_REFUSED] = NotFound(f"{document.name} was not tried.", why, "Choose again.")
        else:
            _start(found.bundle, named, Payload(text.encode()))

    if not made.unread() and not made.is_form_changed:
        go(prepared)
        return
    draft.check_again(made, readers.key(scope.workspace())[0])
    wishes.begin(made, prepared.findings, go)


def sample_files(small: Sequence[str]) -> list[str]:
    """The JSON files among ``small`` ones that may be a request, likely ones first. Pure."""
    found = [name for name in small if name.lower().endswith(".json")]
    return sorted(found, key=lambda name: ("sample" not in name.lower() and "request" not in name.lower(), name))


def _start(bundle: Bundle, document: Document, payload: Payload) -> None:
    st.session_state.pop(_REFUSED, None)
    try:
        trials().start(bundle, document, payload, is_loopback=is_loopback())
    except SluiceError as error:
        # The session keeps the words alone.
        error.__cause__ = error.__context__ = None
        st.session_state[_REFUSED] = error.with_traceback(None)


def _live(trial: Trial, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    if trial.is_over:
        if is_by_itself:
            st.rerun()
        return
    st.html(phases(trial, time.time()))
    st.button(
        "Stopping …" if trial.is_stopping else "Stop the trial",
        key="stop_trial",
        icon=":material/stop:",
        disabled=trial.is_stopping,
        on_click=trial.stop,
    )
    _log(trial)


def _show_end(trial: Trial) -> None:
    st.html(outcome(trial))
    st.html(phases(trial, trial.ended_at or time.time()))
    if trial.answer is not None:
        _answer(trial.answer)
    _log(trial)
    st.button("Put away", key="put_away_trial", icon=":material/close:", on_click=trials().put_away, args=(trial,))


def outcome(trial: Trial) -> str:
    """How a trial ended, as HTML. Pure."""
    name = escape(trial.order.deployment_name)
    if trial.is_ready:
        said = "It came up, and the model answered." if trial.answer else "It came up. No request was sent."
        return (
            f'<p class="notice is-good" role="status"><b>{name} works here.</b> {said} '
            "Everything was removed again.</p>"
        )
    if trial.problem is not None:
        error = trial.problem
        return (
            f'<section class="problem failed-job" role="alert"><h2>{escape(error.what)}</h2>'
            f"{failure_card.causes(trial.causes)}<dl><dt>Why</dt><dd>{escape(error.why)}</dd>"
            f"<dt>Next</dt><dd>{escape(error.next_step)}</dd></dl></section>"
        )
    if trial.answer is not None:
        return (
            f'<p class="notice" role="alert"><b>{name} came up, and the request was not answered well.</b> '
            f"{escape(trial.answer.meaning)} The log below may say why.</p>"
        )
    return f'<p class="notice" role="note"><b>The trial of {name} was stopped.</b> Everything was removed again.</p>'


def phases(trial: Trial, now: float) -> str:
    """How far a trial is, as HTML. Pure."""
    done = {each.phase: each for each in trial.steps}
    listed = []
    for phase in TrialPhase:
        step = done.get(phase.value)
        if step is None:
            if phase is TrialPhase.REQUEST and not trial.order.payload.body:
                continue
            listed.append(f'<li class="future"><span class="phase">{escape(phase.value)}</span></li>')
            continue
        is_running = step.ended_at is None and not trial.is_over
        mark = "now" if is_running else "past" if step.ended_at is not None else "failed"
        taken = max(0.0, (step.ended_at or now) - step.began_at)
        current = ' aria-current="step"' if is_running else ""
        said = '<span class="unseen">, not finished</span>' if mark == "failed" else ""
        listed.append(
            f'<li class="{mark}"{current}><span class="phase">{escape(phase.value)}{said}</span>'
            f'<span class="took">{words.elapsed(taken) if taken >= 1 else "under 1 s"}</span></li>'
        )
    name = f"{trial.order.endpoint_name}/{trial.order.deployment_name}"
    return (
        f'<section class="job trial"><ol class="phases"><li><b class="resource">{escape(name)}, on this machine</b>'
        f"<ol>{''.join(listed)}</ol></li></ol></section>"
    )


def _answer(answer: TrialAnswer) -> None:
    model = f", {answer.model_ms:.1f} ms of it in the model" if answer.model_ms is not None else ""
    st.html(f'<p class="label">Answer: {answer.status} after {answer.total_ms:.0f} ms{model}</p>')
    text, language = answer.text, None
    if answer.content_type == "application/json" and not answer.is_cut:
        with contextlib.suppress(ValueError):
            json.loads(text)
            text, language = formatted(text), "json"
    st.code(text or "(empty)", language=language, height=200 if len(text) > 600 else "content")


def _log(trial: Trial) -> None:
    st.html('<p class="label">Container log</p>')
    st.code(trial.log or "Nothing yet.", language=None, height=280 if trial.log else "content")
