"""Cached reads for the pages: one process asks Azure once, however many people look.

Each cache is keyed by the connection's generation, the workspace and names, never by frames. An entry past its age is
answered at once and read again behind the scenes; after twice its age it is read before the page goes on. Metrics are
large: all who look share one value, which nobody changes, and copying it would take longer than drawing the page.
"""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

import streamlit as st

from services import metrics as service_metrics
from services.azure import connection as azure_connection
from services.azure import endpoints as azure_endpoints
from services.azure import monitor
from services.azure.connection import Connection, Identity, Permissions, Workspace
from services.errors import NotFound, SluiceError
from services.metrics import EndpointMetrics, GroupData, Summary, lag
from services.metrics.lag import Lag
from services.model import Deployment, Endpoint, Window, WorkspaceRef
from ui import context, failures, scope

T = TypeVar("T")

RESOURCE_SECONDS = 15
METRIC_SECONDS = 20
BEFORE_SECONDS = 60
"""The period before hardly changes: at a refresh every 30 s it is asked for every other time."""
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


@st.cache_data(ttl=IDENTITY_SECONDS, max_entries=64, show_spinner=False, refresh_mode="background")
@failures.shared
def _standing(_conn: Connection, generation: int, workspace: str) -> Standing:  # noqa: ARG001 - part of the key
    return Standing(
        identity=azure_connection.who(_conn),
        permissions=azure_connection.permissions(_conn),
        workspace=azure_connection.workspace(_conn),
        cloud_name=_conn.cloud_name,
        is_local=_conn.is_local,
    )


@st.cache_data(ttl=RESOURCE_SECONDS, max_entries=64, show_spinner=False, refresh_mode="background")
@failures.shared
def _endpoints(_conn: Connection, generation: int, workspace: str) -> Reading[list[Endpoint]]:  # noqa: ARG001
    at = time.time()
    return Reading(azure_endpoints.list_endpoints(_conn), at)


@st.cache_data(ttl=RESOURCE_SECONDS, max_entries=400, show_spinner=False, refresh_mode="background")
@failures.shared
def _deployments(
    _conn: Connection,
    generation: int,  # noqa: ARG001
    workspace: str,  # noqa: ARG001
    endpoint: str,
) -> Reading[list[Deployment]]:
    at = time.time()
    return Reading(azure_endpoints.list_deployments(_conn, endpoint), at)


@st.cache_data(ttl=METRIC_SECONDS, max_entries=400, show_spinner=False, refresh_mode="background")
@failures.shared
def _deployment_summaries(
    _conn: Connection, generation: int, workspace: str, endpoint: str
) -> Reading[dict[str, Summary]]:
    found, deployed = _resources(_conn, generation, workspace, endpoint)
    return Reading(service_metrics.deployment_summaries(_conn, found, deployed, _conn.now()), time.time())


@dataclass(frozen=True)
class Span:
    """The time that charts show: the last ``minutes``, or from ``start_at`` to ``end_at``.

    ``grain_seconds`` is how long one point should be, 0 when it is all the same.
    """

    minutes: int = 0
    start_at: datetime | None = None
    end_at: datetime | None = None
    grain_seconds: int = 0

    def window(self, now: datetime) -> Window:
        """The span as a window to read. Raises RuleBroken when it cannot be shown."""
        if self.start_at and self.end_at:
            return service_metrics.window_between(self.start_at, self.end_at, now, self.grain_seconds)
        return service_metrics.window_for(self.minutes, now, self.grain_seconds)


@st.cache_resource(ttl=METRIC_SECONDS, max_entries=200, show_spinner=False, refresh_mode="background")
@failures.shared
def _metrics(_conn: Connection, generation: int, workspace: str, endpoint: str, span: Span) -> Reading[EndpointMetrics]:
    found, deployed = _resources(_conn, generation, workspace, endpoint)
    at, now = time.time(), _conn.now()
    measured = lag.meter(_conn, found.id)
    data = service_metrics.endpoint_metrics(
        _conn, found, deployed, span.window(now), now, lag_seconds=measured.lag().seconds
    )
    look = lag.look_of(data, [each.name for each in deployed], now, _conn.now())
    if look is not None:
        measured.add(look)
    return Reading(replace(lag.settled(data, measured.lag(), now), reading=_name()), at)


@st.cache_resource(ttl=BEFORE_SECONDS, max_entries=200, show_spinner=False, refresh_mode="background")
@failures.shared
def _metrics_before(
    _conn: Connection, generation: int, workspace: str, endpoint: str, span: Span
) -> Reading[EndpointMetrics]:
    found, deployed = _resources(_conn, generation, workspace, endpoint)
    at, now = time.time(), _conn.now()
    window = service_metrics.period_before(span.window(now))
    data = service_metrics.endpoint_metrics(_conn, found, deployed, window, now, with_refused=False)
    return Reading(replace(lag.settled(data, lag.meter(_conn, found.id).lag(), now), reading=_name()), at)


@st.cache_resource(ttl=METRIC_SECONDS, max_entries=200, show_spinner=False, refresh_mode="background")
@failures.shared
def _metric_group(
    _conn: Connection,
    generation: int,
    workspace: str,
    endpoint: str,
    span: Span,
    group: str,
    each_instance: bool,
    is_before: bool,
) -> Reading[GroupData]:
    found, deployed = _resources(_conn, generation, workspace, endpoint)
    at, now = time.time(), _conn.now()
    window = span.window(now)
    if is_before:
        window = service_metrics.period_before(window)
    data = service_metrics.group_metrics(_conn, found, deployed, group, window, now, each_instance=each_instance)
    return Reading(replace(lag.settled_group(data, lag.meter(_conn, found.id).lag(), now), reading=_name()), at)


def _name() -> str:
    """What tells a reading from every other."""
    return uuid.uuid4().hex


def _resources(conn: Connection, generation: int, workspace: str, endpoint: str) -> tuple[Endpoint, list[Deployment]]:
    found = next((each for each in _endpoints(conn, generation, workspace).value if each.name == endpoint), None)
    if found is None:
        raise NotFound(
            f"There is no endpoint named {endpoint}.",
            "It is not in the list that Azure answered.",
            "Choose another endpoint.",
        )
    return found, _deployments(conn, generation, workspace, endpoint).value


def key(workspace: WorkspaceRef) -> tuple[Connection, int, str]:
    """What every cached read begins with: the connection to ``workspace``, its generation, and its address."""
    return context.connection().at(workspace), context.generation(), workspace.address


def standing() -> Standing:
    """Who is signed in, what they may do, and where they are: in the workspace that the pages look at.

    Raises SluiceError.
    """
    with failures.waiting():
        return _standing(*key(scope.workspace()))


def endpoints() -> list[Endpoint]:
    """All endpoints of the workspace that the pages look at, sorted by name. Raises SluiceError."""
    with failures.waiting():
        return note(_endpoints(*key(scope.workspace())))


def endpoints_now() -> list[Endpoint]:
    """:func:`endpoints`, read again whatever its age. Raises SluiceError."""
    _endpoints.clear(*key(scope.workspace()))
    return endpoints()


def deployments(endpoint: Endpoint) -> list[Deployment]:
    """The deployments of one endpoint, sorted by name. Raises SluiceError."""
    with failures.waiting():
        return note(_deployments(*key(endpoint.workspace_ref), endpoint.name))


def deployment_summaries(endpoint: Endpoint) -> dict[str, Summary]:
    """Deployment name → its last settled minutes in three numbers. Raises SluiceError."""
    with failures.waiting():
        return note(_deployment_summaries(*key(endpoint.workspace_ref), endpoint.name))


def metrics(endpoint: Endpoint, span: Span, *, is_before: bool = False) -> EndpointMetrics:
    """Latency and requests of each deployment over ``span``, or over the period before it. Raises SluiceError."""
    with failures.waiting():
        if is_before:
            # Its age is not the page's: it is read less often because it hardly changes.
            return _metrics_before(*key(endpoint.workspace_ref), endpoint.name, span).value
        return note(_metrics(*key(endpoint.workspace_ref), endpoint.name, span))


def metric_group(
    endpoint: Endpoint, span: Span, group: str, *, each_instance: bool = False, is_before: bool = False
) -> GroupData:
    """The charts of one group of metrics over ``span``, or over the period before it. Raises SluiceError."""
    with failures.waiting():
        return note(_metric_group(*key(endpoint.workspace_ref), endpoint.name, span, group, each_instance, is_before))


def metric_lag(endpoint: Endpoint) -> Lag:
    """How late the newest minutes of an endpoint's metrics still change, as far as readings have shown."""
    return lag.meter(key(endpoint.workspace_ref)[0], endpoint.id).lag()


def azure_now() -> datetime:
    """The present by Azure's clock, UTC: what spans and ages of Azure's data are counted from. Raises NotConfigured."""
    return context.connection().now()


def forget() -> None:
    """Read everything again the next time it is asked for."""
    for cached in (
        _standing,
        _endpoints,
        _deployments,
        _deployment_summaries,
        _metrics,
        _metrics_before,
        _metric_group,
    ):
        cached.clear()
    with suppress(SluiceError):
        monitor.forget_kept(context.connection())
    context.forget_fleet()


def forget_resources() -> None:
    """Read endpoints and deployments again: their split has just been changed from here."""
    _endpoints.clear()
    _deployments.clear()
    context.forget_fleet()


def begin_page() -> None:
    """Start to watch how old the data of this page run is."""
    st.session_state[_OLDEST] = None


def age_seconds() -> float | None:
    """The age of the oldest data that this page run has shown, None when it has read nothing."""
    oldest = st.session_state.get(_OLDEST)
    return None if oldest is None else max(0.0, time.time() - oldest)


def note(reading: Reading[T]) -> T:
    """The value of a reading, after its age has been noted for the strip."""
    oldest = st.session_state.get(_OLDEST)
    st.session_state[_OLDEST] = reading.read_at if oldest is None else min(oldest, reading.read_at)
    return reading.value
