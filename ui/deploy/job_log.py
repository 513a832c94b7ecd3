"""What the containers of a deployment write while a job starts it."""

from __future__ import annotations

import streamlit as st

from services.deploying.model import Job, Phase
from services.logs.container import ContainerLogs, Filter, Place, Reading, select
from ui import colours, readers
from ui.behind import Behind
from ui.components.log_lines import log_lines
from ui.logs import log_controls

_SECONDS = 2.0
_RETRY_SECONDS = 6.0
_KEEP_SECONDS = 600.0
_PHASES = (Phase.BUILD, Phase.PROVISION, Phase.PROBES, Phase.READY)
CONTAINERS = {"Inference server": "InferenceServer", "Storage initializer": "StorageInitializer"}


@st.cache_resource(show_spinner=False)
def _behind() -> Behind[Reading]:
    return Behind(most=16)


@st.cache_resource(show_spinner=False)
def _logs() -> ContainerLogs:
    return ContainerLogs()


def deployment_of(job: Job) -> tuple[str, str] | None:
    """Endpoint and deployment that have instances on their way, None when there are none. Pure."""
    for step in reversed(job.steps):
        endpoint, _, deployment = step.resource.partition("/")
        if deployment and step.phase in _PHASES:
            return endpoint, deployment
    return None


def show(job: Job) -> None:
    """Draw the live log of the deployment that is being started, if there is one."""
    found = deployment_of(job)
    if found is None:
        return
    endpoint, deployment = found
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html('<p class="label">Container log, as it is written</p>')
        container = st.segmented_control(
            "Container",
            list(CONTAINERS),
            default=next(iter(CONTAINERS)),
            required=True,
            key="job_container",
            label_visibility="collapsed",
        )
    conn, generation, workspace = readers.key(job.workspace)
    place = Place(workspace, endpoint, deployment, CONTAINERS[str(container)])
    logs, behind = _logs(), _behind()

    def look(seconds: float) -> Reading | None:
        return behind.look(
            (generation, place),
            lambda: logs.read(conn, place),
            max_age_seconds=seconds,
            keep_seconds=_KEEP_SECONDS,
        ).value

    reading = look(_RETRY_SECONDS) and look(_SECONDS)
    entries = log_controls.bounded(select([reading.entries], Filter("", ""))) if reading else []
    if not entries:
        st.html('<p class="hint">Nothing yet. Azure has a log once the container has been started.</p>')
        return
    log_lines(
        f"Container log of {deployment}",
        [log_controls.line(each) for each in entries],
        key=f"job_log_{container}",
        colours=colours.of_deployments([deployment]),
        words=(),
        nothing="",
        note="",
        file_name=f"{endpoint}-{deployment}",
        on_find=lambda: None,
    )
