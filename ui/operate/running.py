"""What is being done to an endpoint: its running jobs, and how the last one of this visit has ended."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.deploying.model import Job, JobState
from services.errors import SluiceError
from services.jobs.clearing import FAILED_STATES
from services.model import Deployment, Endpoint
from ui import context, problem, readers, scope
from ui.deploy import again, failure_card, job_view
from ui.turns import Turns

POLL_SECONDS = 1.0
_LOOKED_AT = "operate_job"


def look_at(job_id: str) -> None:
    """Show this job until another one is begun, also when it has ended. For callbacks."""
    st.session_state[_LOOKED_AT] = job_id


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the jobs of the endpoint. While one runs, they are drawn again every second, and the whole page at its
    end. Below them the way on after a first creation that failed, whoever has begun it."""
    try:
        kept = _kept(endpoint)
    except SluiceError as error:
        problem.show(error, key="operate_jobs")
        return
    shown = _shown(kept)
    if any(not job.state.has_ended for job in shown):
        look_at(to_be_told(shown, st.session_state.get(_LOOKED_AT, "")))
        shown = _shown(kept)
        st.fragment(run_every=POLL_SECONDS)(_polled)(endpoint, _marks(shown), Turns())
    else:
        _draw(shown)
    left = left_behind(kept, shown, deployments)
    if left is not None and left not in shown:
        name = escape(left.stuck.rpartition("/")[2])
        st.html(f'<p class="notice" role="note"><b>{name}</b> failed when it was first made, and is still there.</p>')
    if left is not None:
        # Not in the part that is drawn every second: its question would close under the person's hands.
        again.show(left, _go_on)
    if shown or left is not None:
        _to_jobs(endpoint, (*shown, *([left] if left else []))[0])


def to_be_told(shown: Sequence[Job], looked_at: str) -> str:
    """The job whose end is told, also after a reload and in another tab: the one that is looked at, else the newest
    that runs. One that runs takes the place of what became of the same deployment before. Pure."""
    known = next((job for job in shown if job.id == looked_at), None)
    for job in shown:
        if not job.state.has_ended and (
            known is None or (known.state.has_ended and job.deployment == known.deployment)
        ):
            return job.id
    return looked_at


def left_behind(kept: Sequence[Job], shown: Sequence[Job], deployments: Sequence[Deployment]) -> Job | None:
    """The newest job that has left behind what Azure does not change any more, while that is there and nothing is done
    to it. Pure."""
    busy = {job.deployment.lower() for job in kept if not job.state.has_ended}
    failed = {each.name.lower() for each in deployments if each.state in FAILED_STATES}
    for job in kept:
        name = job.stuck.rpartition("/")[2].lower()
        if name and name not in busy and (job in shown or name in failed):
            return job
    return None


def _go_on(job_id: str) -> None:
    # The table above says that it is being changed.
    readers.forget_resources()
    look_at(job_id)


def _polled(endpoint: Endpoint, before: tuple[tuple[str, bool], ...], turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    try:
        shown = _shown(_kept(endpoint))
    except SluiceError as error:
        problem.show(error, key="operate_jobs")
        return
    if _marks(shown) != before and is_by_itself:
        readers.forget_resources()
        st.rerun()
    _draw(shown)


def _kept(endpoint: Endpoint) -> tuple[Job, ...]:
    return context.jobs().all(endpoint.workspace_ref, endpoint.name)


def _shown(kept: Sequence[Job]) -> tuple[Job, ...]:
    looked_at = st.session_state.get(_LOOKED_AT)
    return tuple(job for job in kept if not job.state.has_ended or job.id == looked_at)


def _marks(shown: Sequence[Job]) -> tuple[tuple[str, bool], ...]:
    return tuple((job.id, job.state.has_ended) for job in shown)


def _draw(jobs: Sequence[Job]) -> None:
    for job in jobs:
        st.html(job_view.card(job, job_view.usual()))
        if job.state in (JobState.FAILED, JobState.UNKNOWN):
            failure_card.show(job, context.jobs().evidence(job.id))


def _to_jobs(endpoint: Endpoint, job: Job) -> None:
    st.page_link(
        context.ROOT / "pages" / "deploy.py",
        label="All jobs",
        icon=":material/list:",
        query_params=scope.link(endpoint.workspace_ref, endpoint.name) | {"job": job.id},
    )
