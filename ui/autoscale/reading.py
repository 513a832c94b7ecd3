"""What the page knows: the setting that Azure holds, and what autoscale did lately."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from services.autoscale import startup
from services.autoscale.remark import Situation
from services.autoscale.room import Quota, read
from services.autoscale.settings import Setting
from services.azure import autoscale
from services.azure.autoscale_events import Scaling, scalings
from services.azure.connection import Connection
from services.model import Deployment, Endpoint
from ui import failures, readers
from ui.behind import Behind, Look

SETTING_SECONDS = 15
QUOTA_SECONDS, QUOTA_KEPT_SECONDS = 60, 600
EVENT_SECONDS = 120
"""The activity log is 3 to 20 minutes late: to ask more often finds nothing sooner."""
PAST = timedelta(days=7)


@st.cache_data(ttl=SETTING_SECONDS, max_entries=400, show_spinner=False)
@failures.shared
def _setting(_conn: Connection, generation: int, workspace: str, deployment_id: str) -> Setting | None:  # noqa: ARG001
    return autoscale.setting_of(_conn, deployment_id)


@st.cache_resource(show_spinner=False)
def _quotas() -> Behind[Quota]:
    return Behind()


@st.cache_resource(show_spinner=False)
def _behind() -> Behind[tuple[Scaling, ...]]:
    return Behind()


def setting(endpoint: Endpoint, deployment: Deployment) -> Setting | None:
    """The autoscale setting of a deployment, at most 15 seconds old. Raises SluiceError."""
    with failures.waiting():
        return _setting(*readers.key(endpoint.workspace_ref), deployment.id)


def forget() -> None:
    """Read the settings again."""
    _setting.clear()
    _quotas().forget()


def quota(endpoint: Endpoint, deployment: Deployment) -> Quota | None:
    """The quota for more instances of a deployment, None while it is being read for the first time. What could not be
    read says so. Never waits."""
    conn, generation, _ = readers.key(endpoint.workspace_ref)
    region, size = endpoint.location, deployment.instance_type
    if not size:
        return Quota(problem="Azure does not say the instance type of the deployment.")
    look = _quotas().look(
        (generation, conn.workspace.subscription_id, region, size),
        lambda: read(conn, region, size),
        max_age_seconds=QUOTA_SECONDS,
        keep_seconds=QUOTA_KEPT_SECONDS,
    )
    if look.value is None and look.problem is not None:
        return Quota(problem=look.problem.why)
    return look.value


def events(endpoint: Endpoint) -> Look[tuple[Scaling, ...]]:
    """What autoscale did to the endpoint's deployments in the last seven days. Never waits."""
    conn, generation, _ = readers.key(endpoint.workspace_ref)

    def read() -> tuple[Scaling, ...]:
        now = conn.now()
        return scalings(conn, endpoint.id, now - PAST, now)

    return _behind().look((generation, endpoint.id.lower()), read, max_age_seconds=EVENT_SECONDS)


def situation(endpoint: Endpoint, deployment: Deployment, names: tuple[str, ...]) -> Situation:
    """What lint knows of a deployment. ``names`` are those of all deployments."""
    return Situation(
        deployment.id,
        readers.azure_now(),
        is_live=endpoint.split.live_percent(deployment.name) > 0,
        is_mirrored_to=endpoint.split.mirror_target == deployment.name,
        startup_seconds=startup.seconds(events(endpoint).value or (), deployment.name),
        others=tuple(each for each in names if each != deployment.name),
        instances=deployment.instance_count,
        quota=quota(endpoint, deployment),
    )
