"""The way to a job that runs and changes what these files describe."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.deploying.model import Job
from services.errors import SluiceError
from services.jobs.meanwhile import in_the_way
from ui import context
from ui.deploy import jobs_list
from ui.deploy.draft import Prepared


def show(prepared: Prepared | None, where: str) -> bool:
    """Draw that one runs and the link to it, and whether there is one. ``where`` tells two on one page apart."""
    try:
        job = None if prepared is None else in_the_way(context.jobs(), prepared.workspace, prepared.bundle)
    except SluiceError:
        return False
    if job is None:
        return False
    st.html(
        f'<p class="notice" role="note">{escape(job.title)} is running, and changes the same. Until it has ended, '
        "these files cannot be applied.</p>"
    )
    link(job, f"in_the_way_{where}")
    return True


def link(job: Job, key: str) -> None:
    """A way to a job."""
    st.button(
        f"See what is running: {job.title}",
        key=key,
        icon=":material/pending:",
        on_click=jobs_list.choose,
        args=(job.id,),
    )
