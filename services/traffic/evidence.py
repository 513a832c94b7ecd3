"""What is known about an endpoint before its traffic is moved: how much comes in, and what its deployments can take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.azure.connection import Connection
from services.model import Deployment, Endpoint
from services.test_log import TestLog, TestResult


@dataclass(frozen=True)
class Rate:
    """How much comes in: the mean of the last 15 settled minutes, and the busiest minute of the last hour."""

    mean: float
    busiest: float


@dataclass(frozen=True)
class ServiceTime:
    """How long a deployment works on one request, without waiting: the mean, and where it was seen.

    ``source`` is words such as "200 lines of its own log".
    """

    seconds: float
    source: str


@dataclass(frozen=True)
class FailingProbe:
    """A probe that failed lately: ``name`` is Azure's (LivenessProbeFailed, ReadinessProbeFailed)."""

    name: str
    times: int
    last_at: datetime
    message: str


@dataclass(frozen=True)
class Gap:
    """Something that could not be known: ``what``, of which deployment (None: of the endpoint), and ``why``."""

    deployment: str | None
    what: str
    why: str


@dataclass(frozen=True)
class DeploymentEvidence:
    """What is known about one deployment; None is not known.

    ``has_answered`` says whether any request of the last 7 days was answered 2xx.
    """

    service: ServiceTime | None = None
    ready_instances: int | None = None
    has_answered: bool | None = None
    failing_probes: tuple[FailingProbe, ...] = ()
    last_test: TestResult | None = None


@dataclass(frozen=True)
class Evidence:
    """What is known about an endpoint.

    ``requests`` is requests per minute that the split divides, copies not counted; ``bytes`` is bytes per second
    through the endpoint, copies included. None is not known. ``deployments`` has an entry for each deployment.
    """

    requests: Rate | None
    bytes: Rate | None
    deployments: Mapping[str, DeploymentEvidence]
    gaps: tuple[Gap, ...] = field(default=())
    read_at: datetime | None = None


def collect(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], now: datetime, *, tests: TestLog
) -> Evidence:
    """Read everything that is known. A source that fails leaves a gap and does not stop the others."""
    raise NotImplementedError
