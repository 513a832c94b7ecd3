"""The Deploy page: a job when one is looked at, else the files that are about to become one, and the list of jobs."""

from __future__ import annotations

import streamlit as st

from services.deploying.model import Job
from services.errors import SluiceError
from ui import chosen, context, problem, readers, scope
from ui.deploy import begin, bundle_view, draft, job_view, jobs_list, meanwhile, sources

_LOOKED_AT_SECONDS = 1800.0
"""How often an open page says that its draft is still looked at."""


def show() -> None:
    """Draw the page. Raises SluiceError."""
    st.title("Deploy", anchor=False)
    chosen.carried()
    # So that the strip can say where this goes, and the page fails as a whole when nobody can say.
    readers.standing()
    try:
        jobs = context.jobs().all(scope.workspace())
        job = context.jobs().get(jobs_list.asked()) if jobs_list.asked() else None
    except SluiceError as error:
        problem.show(error, key="deploy_jobs")
        return
    if job is not None:
        job_view.show(job)
    else:
        if jobs_list.asked():
            st.html(
                '<p class="notice" role="note">The job in the address is not kept here. It may be older than what '
                "Sluice keeps, or belong to another cloud.</p>"
            )
        _form(jobs)
    jobs_list.show(jobs, job)


def _form(jobs: tuple[Job, ...]) -> None:
    begin.look()
    made = draft.current()
    running = next((each for each in jobs if not each.state.has_ended), None)
    if running is not None and not meanwhile.show(made.prepared, "above"):
        meanwhile.link(running, "see_running_job")
    if made.is_instead and made.is_empty:
        st.html(
            '<p class="notice" role="note">The draft in the address is not kept here any more: one that nobody opens '
            "for three days is thrown away, and so is one after Start over. Here is a new one.</p>"
        )
    # What a job has changed, or begins to change, a check from before does not know.
    changed_at = max((each.ended_at or each.began_at for each in jobs), default=None)
    draft.resume(made, readers.key(scope.workspace())[0], changed_at)
    sources.show(made)
    bundle_view.show(made)
    st.fragment(run_every=_LOOKED_AT_SECONDS)(draft.look_at)(made)
