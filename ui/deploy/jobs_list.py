"""The jobs of the workspace, newest first: to find again what runs, and to read what became of it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.deploying.model import Job
from ui import words
from ui.components.table import Cell, Column, Row, read_opened, table
from ui.deploy import phase_list

PARAMETER = "job"
_TABLE = "deploy_jobs"
_COLUMNS = (
    Column("Begun"),
    Column("What", wraps=True),
    Column("Endpoint"),
    Column("Deployment"),
    Column("State"),
    Column("Took", number=True),
    Column("By"),
)


def show(jobs: Sequence[Job], opened: Job | None) -> None:
    """Draw the list, if there is anything in it besides what is shown already."""
    if not jobs or (opened is not None and len(jobs) == 1):
        return
    st.header("Jobs of this workspace", anchor=False)
    table(
        "Jobs of this workspace",
        _COLUMNS,
        [row(each) for each in jobs],
        key=_TABLE,
        current=opened.id if opened else None,
        on_open=_open,
    )


def row(job: Job) -> Row:
    """One job as a row. Pure."""
    took = None if job.ended_at is None else (job.ended_at - job.began_at).total_seconds()
    return Row(
        job.id,
        (
            Cell(words.moment(job.began_at), sort=job.began_at.timestamp()),
            Cell(job.title, strong=True),
            Cell(job.endpoint),
            Cell(job.deployment or "none", muted=not job.deployment),
            Cell(phase_list.STATES[job.state], tone=phase_list.TONES[job.state]),
            Cell("so far" if took is None else words.elapsed(took), sort=took, muted=took is None),
            Cell(job.principal or job.person or "not said", muted=not (job.principal or job.person)),
        ),
    )


def asked() -> str:
    """The job that the URL asks for, "" for none."""
    return st.query_params.get(PARAMETER, "")


def choose(job_id: str) -> None:
    """Look at a job from the next drawing on. For callbacks."""
    st.query_params[PARAMETER] = job_id


def forget() -> None:
    """Look at no job from the next drawing on. For callbacks."""
    st.query_params.pop(PARAMETER, None)


def _open() -> None:
    opened = read_opened(_TABLE)
    if opened:
        choose(opened)
