"""What is known about an endpoint before its traffic is moved: how much comes in, and what its deployments can take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from services.azure.connection import Connection
from services.azure.diagnostics import EVENTS, are_sent
from services.azure.endpoints import logs
from services.azure.events import Wanted, recent
from services.errors import NotConfigured, SluiceError
from services.model import Deployment, Endpoint
from services.test_log import TestLog, TestResult
from services.traffic import capacity, demand, server_log

REQUESTS = "the requests per minute"
"""What a gap is called when it is not known how much comes in."""
MEAN_MINUTES = 15
PROBE_MINUTES = 30
"""How long ago a probe may have failed to count as failing; events reach Log Analytics up to ten minutes late."""
LOG_LINES = 1000
"""Lines of a container's log in which scoring times are looked for; one request writes two or three."""
_FEWEST_TIMED = 20
"""Requests whose mean says more than the quiet minutes do."""
_THREADS = 8
_PROBES = frozenset({"LivenessProbeFailed", "ReadinessProbeFailed"})
_T = TypeVar("_T")


@dataclass(frozen=True)
class Rate:
    """How much comes in: the mean of the last 15 settled minutes, and the busiest minute of the last hour.

    ``mean`` is None when Azure has no data for those 15 minutes, which is not 0.
    """

    mean: float | None
    busiest: float


@dataclass(frozen=True)
class ServiceTime:
    """How long a deployment is busy with one request, without waiting: the mean, and where it was seen.

    ``source`` is words such as "200 requests in its log".
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
    """Something that could not be known: ``what``, of which deployment (None: of the endpoint), and ``why``.

    ``what`` is a noun in the plural or singular ("failing probes"); ``why`` is a sentence.
    """

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
    """Read everything that is known, all at the same time. A source that fails leaves a gap and stops no other."""
    window = demand.last_hour(now)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="evidence") as pool:
        sources = _Sources(pool)
        ask = sources.ask
        incoming = ask(None, REQUESTS, partial(demand.requests, conn, endpoint, window))
        through = ask(None, "the bytes per second", partial(demand.network_bytes, conn, endpoint, window))
        ready = ask(None, "the ready instances", partial(capacity.ready_instances, conn, deployments, window))
        answered = ask(None, "earlier answers", partial(capacity.have_answered, conn, deployments, now))
        quiet = ask(None, "the latencies", partial(capacity.quiet_times, conn, deployments, window))
        failing = ask(None, "failing probes", partial(_failing, conn, endpoint))
        worked = {each.name: ask(each.name, "its log", partial(_worked, conn, each)) for each in deployments}
        tested = {each.name: ask(each.name, "its last test", partial(tests.last, each.id)) for each in deployments}
    found = {}
    for each in deployments:
        last_test = tested[each.name].result()
        found[each.name] = DeploymentEvidence(
            service=service_time(worked[each.name].result(), (quiet.result() or {}).get(each.name), last_test),
            ready_instances=(ready.result() or {}).get(each.name),
            # A test is known at once, metrics only minutes later.
            has_answered=True if last_test and last_test.is_good else (answered.result() or {}).get(each.name),
            failing_probes=(failing.result() or {}).get(each.name, ()),
            last_test=last_test,
        )
    return Evidence(
        requests=_rate(incoming.result(), window.end_at),
        bytes=_rate(through.result(), window.end_at),
        deployments=found,
        gaps=tuple(sorted(sources.gaps, key=lambda gap: (gap.deployment or "", gap.what))),
        read_at=now,
    )


class _Sources:
    """Asks sources in a pool of threads, and keeps what those that fail leave open."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self.gaps: list[Gap] = []

    def ask(self, deployment: str | None, what: str, read: Callable[[], _T | None]) -> Future[_T | None]:
        """The answer of ``read``, None when it raises a SluiceError."""

        def answer() -> _T | None:
            try:
                return read()
            except SluiceError as error:
                self.gaps.append(Gap(deployment, what, error.why))
                return None

        return self._pool.submit(answer)


def _rate(minutes: Mapping[datetime, float] | None, until: datetime) -> Rate | None:
    """None without any minute. A minute that is missing between others had no requests."""
    if not minutes:
        return None
    recent_ones = [value for at, value in minutes.items() if at >= until - timedelta(minutes=MEAN_MINUTES)]
    return Rate(sum(recent_ones) / MEAN_MINUTES if recent_ones else None, max(minutes.values()))


def _worked(conn: Connection, deployment: Deployment) -> server_log.Worked | None:
    return server_log.worked(logs(conn, deployment.endpoint, deployment.name, LOG_LINES))


def service_time(
    worked: server_log.Worked | None, quiet: capacity.Quiet | None, last_test: TestResult | None
) -> ServiceTime | None:
    """The best of what is known: many requests in the log, quiet minutes, a few in the log, the last test. Pure."""
    if worked and (worked.requests >= _FEWEST_TIMED or not quiet):
        turnaround = worked.turnaround_seconds or 0.0
        source = f"{worked.requests} requests in its log" if worked.requests > 1 else "one request in its log"
        if turnaround:
            source += f", {1000 * turnaround:.1f} ms between two of them included"
        return ServiceTime(worked.mean_seconds + turnaround, source)
    if quiet:
        minutes = "one quiet minute" if quiet.minutes == 1 else f"{quiet.minutes} quiet minutes"
        return ServiceTime(quiet.mean_seconds, f"its latency in {minutes} of the last hour")
    if last_test and last_test.is_good and last_test.model_ms is not None:
        return ServiceTime(last_test.model_ms / 1000, "its last test request alone")
    return None


def _failing(conn: Connection, endpoint: Endpoint) -> dict[str, tuple[FailingProbe, ...]]:
    """Deployment → its probes that failed lately, from lifecycle events. Raises SluiceError."""
    events = recent(conn, endpoint, Wanted(timedelta(minutes=PROBE_MINUTES)))
    if not events and not are_sent(conn, endpoint, EVENTS):
        raise NotConfigured(
            f"The failing probes of {endpoint.name} are not known.",
            "No diagnostic setting sends the endpoint's lifecycle events to Log Analytics.",
            "Add one with the category AmlOnlineEndpointEventLog.",
        )
    by_probe: defaultdict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    for event in events:
        if event.name in _PROBES:
            by_probe[event.deployment, event.name].append((event.at, event.message))
    found: dict[str, tuple[FailingProbe, ...]] = {}
    for (deployment, name), times in sorted(by_probe.items()):
        at, message = max(times)
        found[deployment] = (*found.get(deployment, ()), FailingProbe(name, len(times), at, message))
    return found
