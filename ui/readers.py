"""Cached reads for the pages: one process asks Azure once, however many people look.

Each cache is keyed by the connection's generation and by names, never by frames. An entry past its age is answered at
once and read again behind the scenes; after twice its age it is read before the page goes on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

import streamlit as st

from services import metrics as service_metrics
from services.azure import connection as azure_connection
from services.azure import endpoints as azure_endpoints
from services.azure.connection import Connection, Identity, Permissions, Workspace
from services.errors import NotFound
from services.metrics import DeploymentMetrics, Summary
from services.model import Deployment, Endpoint
from ui import context

T = TypeVar("T")

RESOURCE_SECONDS = 15
METRIC_SECONDS = 20
IDENTITY_SECONDS = 300
_OLDEST = "oldest_read_at"


@dataclass(frozen=True)
class Reading(Generic[T]):
    """A value and the moment it was read, in epoch seconds."""

    value: T
    read_at: float


@dataclass(frozen=True)
class Standing:
    """Who is signed in, what they may do, and where they are."""

    identity: Identity
    permissions: Permissions
    workspace: Workspace
    cloud_name: str
    is_local: bool


@st.cache_data(ttl=IDENTITY_SECONDS, max_entries=8, show_spinner=False, refresh_mode="background")
def _standing(_conn: Connection, generation: int) -> Standing:  # noqa: ARG001 - part of the key
    return Standing(
        identity=azure_connection.who(_conn),
        permissions=azure_connection.permissions(_conn),
        workspace=azure_connection.workspace(_conn),
        cloud_name=_conn.cloud_name,
        is_local=_conn.is_local,
    )


@st.cache_data(ttl=RESOURCE_SECONDS, max_entries=8, show_spinner=False, refresh_mode="background")
def _endpoints(_conn: Connection, generation: int) -> Reading[list[Endpoint]]:  # noqa: ARG001
    return Reading(azure_endpoints.list_endpoints(_conn), time.time())


@st.cache_data(ttl=RESOURCE_SECONDS, max_entries=200, show_spinner=False, refresh_mode="background")
def _deployments(_conn: Connection, generation: int, endpoint: str) -> Reading[list[Deployment]]:  # noqa: ARG001
    return Reading(azure_endpoints.list_deployments(_conn, endpoint), time.time())


@st.cache_data(ttl=METRIC_SECONDS, max_entries=8, show_spinner=False, refresh_mode="background")
def _summaries(_conn: Connection, generation: int) -> Reading[dict[str, Summary]]:
    found = _endpoints(_conn, generation).value
    return Reading(service_metrics.summaries(_conn, found, datetime.now(UTC)), time.time())


@st.cache_data(ttl=METRIC_SECONDS, max_entries=200, show_spinner=False, refresh_mode="background")
def _deployment_summaries(_conn: Connection, generation: int, endpoint: str) -> Reading[dict[str, Summary]]:
    found, deployed = _resources(_conn, generation, endpoint)
    return Reading(service_metrics.deployment_summaries(_conn, found, deployed, datetime.now(UTC)), time.time())


@st.cache_data(ttl=METRIC_SECONDS, max_entries=100, show_spinner=False, refresh_mode="background")
def _metrics(_conn: Connection, generation: int, endpoint: str, minutes: int) -> Reading[DeploymentMetrics]:
    found, deployed = _resources(_conn, generation, endpoint)
    window = service_metrics.window_for(minutes, datetime.now(UTC))
    return Reading(service_metrics.deployment_metrics(_conn, found, deployed, window), time.time())


def _resources(conn: Connection, generation: int, endpoint: str) -> tuple[Endpoint, list[Deployment]]:
    found = next((each for each in _endpoints(conn, generation).value if each.name == endpoint), None)
    if found is None:
        raise NotFound(
            f"There is no endpoint named {endpoint}.",
            "It is not in the list that Azure answered.",
            "Choose another endpoint.",
        )
    return found, _deployments(conn, generation, endpoint).value


def standing() -> Standing:
    """Who is signed in, what they may do, and where they are. Raises SluiceError."""
    return _standing(context.connection(), context.generation())


def endpoints() -> list[Endpoint]:
    """All endpoints of the workspace, sorted by name. Raises SluiceError."""
    return _note(_endpoints(context.connection(), context.generation()))


def deployments(endpoint: str) -> list[Deployment]:
    """The deployments of one endpoint, sorted by name. Raises SluiceError."""
    return _note(_deployments(context.connection(), context.generation(), endpoint))


def summaries() -> dict[str, Summary]:
    """Endpoint name → its last settled minutes in three numbers. Raises SluiceError."""
    return _note(_summaries(context.connection(), context.generation()))


def deployment_summaries(endpoint: str) -> dict[str, Summary]:
    """Deployment name → its last settled minutes in three numbers. Raises SluiceError."""
    return _note(_deployment_summaries(context.connection(), context.generation(), endpoint))


def metrics(endpoint: str, minutes: int) -> DeploymentMetrics:
    """Latency and requests of each deployment over the last ``minutes``. Raises SluiceError."""
    return _note(_metrics(context.connection(), context.generation(), endpoint, minutes))


def forget() -> None:
    """Read everything again the next time it is asked for."""
    for cached in (_standing, _endpoints, _deployments, _summaries, _deployment_summaries, _metrics):
        cached.clear()


def forget_resources() -> None:
    """Read endpoints and deployments again: their split has just been changed from here."""
    _endpoints.clear()
    _deployments.clear()


def begin_page() -> None:
    """Start to watch how old the data of this page run is."""
    st.session_state[_OLDEST] = None


def age_seconds() -> float | None:
    """The age of the oldest data that this page run has shown, None when it has read nothing."""
    oldest = st.session_state.get(_OLDEST)
    return None if oldest is None else max(0.0, time.time() - oldest)


def _note(reading: Reading[T]) -> T:
    oldest = st.session_state.get(_OLDEST)
    st.session_state[_OLDEST] = reading.read_at if oldest is None else min(oldest, reading.read_at)
    return reading.value
