"""What the endpoints of a fleet did lately, 50 endpoints of one subscription and region in a call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from services.azure.connection import Connection
from services.azure.monitor import DEPLOYMENT_NAMESPACE, ENDPOINT_NAMESPACE, Answer, read_metrics, region_name
from services.errors import ServiceFailed, SluiceError
from services.fleet.fleet import Member
from services.fleet.fleet_hour import MINUTES, Hour, hour, slowest
from services.metrics import ENDPOINT_SPLIT, P95, RATE, Summary, points, settled_until, summaries_by_id, summary_window
from services.model import Endpoint, Series, Window
from services.statuses import StatusSets

IDLE_HOURS = 24
ENOUGH_COPIES = 20
"""Expected copies from which "none was counted" says something: chance leaves out all 20 with e⁻²⁰."""

_BATCH = 50
_PARALLEL = 4
_Answer: TypeAlias = "Answer | SluiceError"


@dataclass(frozen=True)
class Numbers:
    """What callers saw of one endpoint.

    ``summary`` has the P95 of the slowest live deployment. ``hour`` is the last 60 settled minutes.
    ``is_idle``: no request for 24 hours. ``mirror_arrives``: whether the metrics of the mirror's target count requests
    since the endpoint was last changed; False only when there should have been many. Both None when it is not known.
    """

    summary: Summary
    hour: Hour
    is_idle: bool | None
    mirror_arrives: bool | None


@dataclass(frozen=True)
class NumbersReading:
    """Endpoint id in lower case → its numbers, and why some are missing."""

    numbers: Mapping[str, Numbers]
    problems: tuple[SluiceError, ...]


@dataclass(frozen=True)
class _Answers:
    """What Azure Monitor said about one batch of endpoints."""

    rates: _Answer
    latency: _Answer
    day: _Answer
    copies: _Answer


def read_numbers(conn: Connection, members: Sequence[Member], now: datetime) -> NumbersReading:
    """The numbers of all ``members``. What fails for some leaves the others, and is told once."""
    batches = list(_batches([member.endpoint for member in members]))
    numbers: dict[str, Numbers] = {}
    problems: dict[str, SluiceError] = {}
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="numbers") as pool:
        answers = list(pool.map(lambda batch: _ask(conn, batch, now), batches))
    for batch, answer in zip(batches, answers, strict=True):
        numbers |= _numbers(batch, answer, now, conn.settings.statuses)
        for one in (answer.rates, answer.latency, answer.day, answer.copies):
            for problem in _problems(one):
                problems.setdefault(str(problem), problem)
    return NumbersReading(numbers, tuple(problems.values()))


def _problems(answer: _Answer) -> list[SluiceError]:
    """Why there is no answer, or what is missing of it."""
    if isinstance(answer, SluiceError):
        return [answer]
    return [ServiceFailed("Some numbers are not whole.", note, "Read again in a minute.") for note in answer.notes]


def mirror_arrives(endpoint: Endpoint, rates: Sequence[Series], copies: Sequence[Series]) -> bool | None:
    """Whether the mirror's target counts requests in whole minutes after the endpoint's last change.

    ``rates`` are the endpoint's requests split by deployment, ``copies`` those of the target. None when nothing is
    mirrored, or when fewer than ENOUGH_COPIES copies were to be expected. A target that is asked by its name counts
    those requests too, so True is not proof; callers who name a live deployment are never mirrored, so False is not
    either.
    """
    if not endpoint.split.mirror_percent:
        return None
    since = endpoint.modified_at + timedelta(minutes=1) if endpoint.modified_at else None
    if any(value > 0 for _, value in _since(copies, since)):
        return True
    live = [one for one in rates if endpoint.split.live_percent(one.dimensions.get("deployment", ""))]
    expected = sum(value for _, value in _since(live, since)) * endpoint.split.mirror_percent / 100
    return False if expected >= ENOUGH_COPIES else None


def is_idle(endpoint: Endpoint, day: Sequence[Series], now: datetime) -> bool:
    """Whether ``endpoint`` is older than 24 hours and ``day``, which reaches back further, counts no request."""
    if endpoint.created_at and now - endpoint.created_at < timedelta(hours=IDLE_HOURS):
        return False
    return not any(value > 0 for one in day for _, value in points(one))


def _batches(endpoints: Sequence[Endpoint]) -> Iterator[list[Endpoint]]:
    """Endpoints of one subscription and region, 50 at a time: what the batch service takes."""
    groups: defaultdict[tuple[str, str], list[Endpoint]] = defaultdict(list)
    for endpoint in endpoints:
        groups[endpoint.workspace_ref.subscription_id.lower(), region_name(endpoint.location)].append(endpoint)
    for group in groups.values():
        for first in range(0, len(group), _BATCH):
            yield group[first : first + _BATCH]


def _ask(conn: Connection, batch: Sequence[Endpoint], now: datetime) -> _Answers:
    conn, region = conn.at(batch[0].workspace_ref), batch[0].location
    targets = [f"{each.id}/deployments/{each.split.mirror_target}" for each in batch if each.split.mirror_percent]

    def read(ids: Sequence[str], namespace: str, metric: str, window: Window, split_by: Sequence[str] = ()) -> _Answer:
        try:
            return read_metrics(conn, ids, namespace, [metric], window, split_by=split_by, region=region)
        except SluiceError as error:
            return error

    ids = [endpoint.id for endpoint in batch]
    window = _hour(now)
    return _Answers(
        rates=read(ids, ENDPOINT_NAMESPACE, RATE, window, ENDPOINT_SPLIT),
        latency=read(ids, ENDPOINT_NAMESPACE, P95, window, ("deployment",)),
        day=read(ids, ENDPOINT_NAMESPACE, RATE, _day(now)),
        copies=read(targets, DEPLOYMENT_NAMESPACE, RATE, window),
    )


def _numbers(batch: Sequence[Endpoint], answers: _Answers, now: datetime, statuses: StatusSets) -> dict[str, Numbers]:
    if isinstance(answers.rates, SluiceError):
        return {}
    window, newest = _hour(now), summary_window(now)
    ids = [endpoint.id.lower() for endpoint in batch]
    rates, latency = _by_endpoint(answers.rates), _by_endpoint(answers.latency)
    day, copies = _by_endpoint(answers.day), _by_endpoint(answers.copies)
    felt = [
        one
        for key, each in zip(ids, batch, strict=True)
        for one in slowest(latency[key], each.split.live.keys(), newest)
    ]
    summaries = summaries_by_id(ids, felt, answers.rates.series, "statuscode", newest, statuses)
    return {
        key: Numbers(
            summary=summaries[key],
            hour=hour(rates[key], latency[key], window, statuses),
            is_idle=is_idle(endpoint, day[key], now) if _is_whole(answers.day) else None,
            mirror_arrives=mirror_arrives(endpoint, rates[key], copies[key]) if _is_whole(answers.copies) else None,
        )
        for key, endpoint in zip(ids, batch, strict=True)
    }


def _is_whole(answer: _Answer) -> bool:
    """Whether what is missing in an answer did not happen: nobody may be told of silence that is a gap."""
    return isinstance(answer, Answer) and not answer.notes


def _by_endpoint(answer: _Answer) -> defaultdict[str, list[Series]]:
    """Series by the lower-case id of their endpoint, also when they are of its deployments."""
    found: defaultdict[str, list[Series]] = defaultdict(list)
    for one in [] if isinstance(answer, SluiceError) else answer.series:
        found[one.resource_id.lower().partition("/deployments/")[0]].append(one)
    return found


def _since(series: Sequence[Series], since: datetime | None) -> Iterator[tuple[datetime, float]]:
    return ((at, value) for one in series for at, value in points(one) if since is None or at >= since)


def _hour(now: datetime) -> Window:
    end = settled_until(now)
    return Window(end - timedelta(minutes=MINUTES), end, 60)


def _day(now: datetime) -> Window:
    """24 hours and what its first whole hour has before them."""
    end = settled_until(now)
    start = end - timedelta(hours=IDLE_HOURS)
    return Window(start.replace(minute=0), end, 3600)
