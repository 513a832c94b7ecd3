"""One job: how far it is while it runs, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

import streamlit as st

from services.deploying import diagnostic_bundle
from services.deploying.model import Evidence, Job, JobState, Step
from services.errors import SluiceError
from services.jobs.phases import usual_seconds
from services.model import WorkspaceRef
from ui import context, problem, readers, scope, words
from ui.deploy import again, draft, failure_card, job_log, jobs_list, phase_list
from ui.turns import Turns

POLL_SECONDS = 1.0
USUAL_SECONDS = 60.0
"""How old the usual times may be: every look at a job draws them, and they hardly change."""
_TOO_LATE = "job_not_cancelled"
_WAYS_TO_LOOK = (
    ("overview.py", "See the endpoint", ":material/dns:"),
    ("logs.py", "Read its logs", ":material/receipt_long:"),
)
_WAYS_ON = (
    ("traffic.py", "Give it traffic", ":material/call_split:"),
    ("test.py", "Send a test request", ":material/send:"),
    *_WAYS_TO_LOOK,
)
_BAD = (JobState.FAILED, JobState.UNKNOWN)


def show(job: Job) -> None:
    """Draw the job. While it runs, it is drawn again every second, and the whole page once when it has ended."""
    if job.state is JobState.RUNNING:
        st.fragment(run_every=POLL_SECONDS)(_running)(job.id, Turns())
    else:
        _ended(job)
    with st.container(horizontal=True, key="job_buttons"):
        if job.state in _BAD:
            _download(job)
        st.button(
            "Deploy something else" if job.state is JobState.SUCCEEDED else "Back to the files",
            key="leave_job",
            icon=":material/arrow_back:",
            on_click=_leave,
            args=(job.state is JobState.SUCCEEDED,),
        )


def _leave(is_done: bool) -> None:
    jobs_list.forget()
    st.session_state.pop(_TOO_LATE, None)
    if is_done:
        draft.forget()


def _running(job_id: str, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    try:
        job = context.jobs().get(job_id)
    except SluiceError as error:
        problem.show(error, key="job")
        return
    if job is None or job.state.has_ended:
        if is_by_itself:
            readers.forget_resources()
            st.rerun()
        return
    st.html(card(job, usual()))
    refused: tuple[str, SluiceError] | None = st.session_state.get(_TOO_LATE)
    if refused is not None and refused[0] == job.id:
        problem.show(refused[1], key="cancel_job")
    elif context.worker().can_cancel(job):
        st.button("Cancel", key="cancel_job", icon=":material/close:", on_click=_cancel, args=(job,))
    job_log.show(job)


def _cancel(job: Job) -> None:
    try:
        context.worker().cancel(job)
    except SluiceError as error:
        # The session keeps the words alone.
        error.__cause__ = error.__context__ = None
        st.session_state[_TOO_LATE] = (job.id, error.with_traceback(None))


def _ended(job: Job) -> None:
    st.html(card(job, usual()))
    if job.state in _BAD:
        failure_card.show(job, _evidence(job))
        again.show(job)
    if job.action != "delete" and job.endpoint:
        query = scope.link(job.workspace, job.endpoint)
        ways = _WAYS_ON if job.state is JobState.SUCCEEDED else _WAYS_TO_LOOK
        with st.container(horizontal=True, gap="small", key="job_ways_on"):
            for file, label, icon in ways:
                st.page_link(context.ROOT / "pages" / file, label=label, icon=icon, query_params=query)


def usual() -> phase_list.Usual:
    """How long each phase usually takes, by the jobs that are kept."""
    kept = _kept(context.generation(), scope.workspace())

    def seconds(step: Step) -> float | None:
        return usual_seconds(kept, step)

    return seconds


@st.cache_resource(ttl=USUAL_SECONDS, max_entries=20, show_spinner=False)
def _kept(generation: int, workspace: WorkspaceRef) -> tuple[Job, ...]:  # noqa: ARG001 - part of the key
    return context.jobs().all(workspace)


def card(job: Job, usual: phase_list.Usual) -> str:
    """The head of a job with its phases, as HTML."""
    now = datetime.now(UTC)
    took = words.elapsed(((job.ended_at or now) - job.began_at).total_seconds())
    tone = {JobState.SUCCEEDED: "applied", JobState.RUNNING: "applying"}.get(job.state, "notice")
    said = {
        JobState.RUNNING: f"{took} so far.{_rest(job, now, usual)} You can leave this page: it goes on, and you find "
        "it here again.",
        JobState.SUCCEEDED: f"Done in {took}.",
        JobState.FAILED: f"It failed after {took}.",
        JobState.CANCELLED: f"Cancelled after {took}. What was made before stays as it is.",
        JobState.UNKNOWN: "How it ended is not known: Sluice was away, and Azure does not tell. See what Azure holds.",
    }[job.state]
    by = f" by {escape(job.who)}" if job.who else ""
    begun = f"Begun {words.moment(job.began_at)}{by}. {said}"
    return (
        f'<section class="{tone} job" role="status"><h2>{escape(job.title)}: {phase_list.STATES[job.state]}</h2>'
        f'<p class="begun">{begun}</p>{phase_list.listed(job, now, usual)}</section>'
    )


def _rest(job: Job, now: datetime, usual: phase_list.Usual) -> str:
    if not phase_list.ahead(job, now):
        return ""
    seconds = phase_list.rest(job, now, usual)
    if seconds is None:
        return " How long it usually takes is known once one has gone well here."
    return f" What is ahead usually takes {words.elapsed(seconds) if seconds >= 1 else 'under 1 s'}."


def _evidence(job: Job) -> Evidence | None:
    try:
        return context.jobs().evidence(job.id)
    except SluiceError:
        return None


def _download(job: Job) -> None:
    evidence = _evidence(job) or Evidence("", "")
    prepared = draft.current().prepared
    # The session may hold other files by now, or the same ones in another version.
    documents = []
    if prepared is not None and prepared.made_at <= job.began_at:
        documents = [each for each in prepared.bundle.documents if each.endpoint == job.endpoint]
    st.download_button(
        "Download diagnostic bundle",
        data=lambda: diagnostic_bundle.make(job, evidence, documents),
        file_name=f"sluice-{job.endpoint or 'job'}-{job.id[:8]}.zip",
        mime="application/zip",
        icon=":material/download:",
        on_click="ignore",
        key="diagnostic_bundle",
        help="Phases, Azure's answer, logs and the files' YAML in one zip. Keys, tokens and what looks like a secret "
        "are taken out.",
    )
