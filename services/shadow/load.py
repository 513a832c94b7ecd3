"""What two deployments used of their instances, for each request, and when instances began and ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from statistics import fmean

from services.azure.connection import Connection
from services.azure.diagnostics import EVENTS, are_sent
from services.azure.events import LifecycleEvent, Wanted, recent
from services.azure.monitor import DEPLOYMENT_NAMESPACE, read_metrics
from services.comparison.taints import COLD, Change, Circumstances, Restart, Side, Taint, cold_minutes, taints
from services.comparison.use import Use, described
from services.errors import SluiceError
from services.journal.entry import Entry, applied
from services.metrics import points
from services.model import Deployment, Endpoint, Series, Window
from services.shadow.model import Minute, Pair, Reading

PROCESSOR, MEMORY, CAPACITY = "CpuUtilizationPercentage", "CpuMemoryUtilizationPercentage", "DeploymentCapacity"
_STARTED, _KILLED = "Started", "Killing"
_MINUTE, _TOGETHER = timedelta(minutes=1), timedelta(minutes=3)
_SOURCE = "Deployment metrics"
_PERCENT_MS = 600.0
"""Milliseconds of a minute in one percent of it."""
PerMinute = Mapping[datetime, Mapping[str, float]]
"""Minute → instance → value."""


@dataclass(frozen=True)
class Load:
    """What one deployment used in the ``minutes`` of which processor and requests are both known.

    ``requests`` are those of these minutes. ``instances``: the mean number that was ready. ``processor_percent`` and
    ``memory_percent``: means of an instance, ``most_memory_percent`` the largest of a minute. ``processor_ms``: for how
    long a request kept a whole instance's processor busy, what the instance used while idle included.
    ``memory_percent_per_request``: memory held for each request a minute, in percent of one instance. None is not
    known. ``added_ms``: for how long each request more keeps a whole instance's processor busy, idling left out.
    """

    name: str
    minutes: int
    requests: int
    instances: float | None = None
    processor_percent: float | None = None
    memory_percent: float | None = None
    most_memory_percent: float | None = None
    processor_ms: float | None = None
    memory_percent_per_request: float | None = None
    restarts: tuple[Restart, ...] = ()
    added_ms: float | None = None


@dataclass(frozen=True)
class Loads:
    """Both arms; ``source`` is where it is from. ``notes`` say what could not be read. ``is_whole`` is False when a
    question failed, so that asked again it may tell more."""

    live: Load
    candidate: Load
    source: str
    notes: tuple[str, ...] = ()
    is_whole: bool = True


@dataclass(frozen=True)
class Ground:
    """What two deployments were compared under: what taints which number, and the cold minutes of either."""

    loads: Loads
    taints: tuple[Taint, ...]
    cold: tuple[datetime, ...]


def ground(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    pair: Pair,
    reading: Reading,
    entries: Iterable[Entry] = (),
) -> Ground:
    """What both used in the minutes of ``reading``, and what taints these. ``entries`` are the endpoint's of the
    journal. What cannot be read is a note, nothing is raised for it."""
    loads = read(conn, endpoint, deployments, pair, reading.minutes)
    if not reading.minutes:
        return Ground(loads, (), ())
    since, until = reading.minutes[0].at, reading.minutes[-1].at + _MINUTE
    types = {each.name: each.instance_type for each in deployments}
    with_rows = [each.at for each in reading.minutes if len(each.live.latencies_ms) or len(each.candidate.latencies_ms)]
    seen = Circumstances(
        since,
        until,
        _side(loads.live, types, sum(each.live.requests for each in reading.minutes)),
        _side(loads.candidate, types, sum(each.candidate.requests for each in reading.minutes)),
        reading.rows,
        min(with_rows, default=None),
        tuple(
            Change(each.changed_at or each.ended_at or each.began_at, each.before, each.after)
            for each in applied(entries)
            if each.before is not None
        ),
    )
    restarts = (*loads.live.restarts, *loads.candidate.restarts)
    return Ground(loads, taints(seen), cold_minutes(restarts, since, until))


def read(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], pair: Pair, minutes: Sequence[Minute]
) -> Loads:
    """What both used in ``minutes``, from the deployments' own metrics. What cannot be read is a note."""
    if not minutes:
        return Loads(Load(pair.live, 0, 0), Load(pair.candidate, 0, 0), _SOURCE)
    # An instance that began a little before the window is still cold in it.
    window = Window(minutes[0].at - COLD, minutes[-1].at + _MINUTE, 60)
    both = [each for each in deployments if each.name in (pair.live, pair.candidate)]
    ask = partial(read_metrics, conn, [each.id for each in both], DEPLOYMENT_NAMESPACE, window=window)
    questions: tuple[Callable[[], list[Series]], ...] = (
        lambda: ask([PROCESSOR, MEMORY], split_by=("instanceId",), region=endpoint.location).whole(),
        lambda: ask([CAPACITY], split_by=("instanceId", "State"), region=endpoint.location).whole(),
    )
    with ThreadPoolExecutor(3, thread_name_prefix="load") as pool:
        asked = [pool.submit(_safely, question) for question in questions]
        told = pool.submit(_events, conn, endpoint, pair, window)
        (used, used_problem), (there, there_problem) = (each.result() for each in asked)
        events, note, is_answered = told.result()
    ids = {each.name: each.id.lower() for each in both}

    def load(name: str, requests: Mapping[datetime, int]) -> Load:
        own = ids.get(name, "")
        by_metric = {
            metric: per_minute(one for one in used if one.metric == metric and one.resource_id.lower() == own)
            for metric in (PROCESSOR, MEMORY)
        }
        ready = _ready(one for one in there if one.resource_id.lower() == own)
        restarts = _joined(_of_events(events, name), _restarts(ready))
        return _load(name, requests, by_metric[PROCESSOR], by_metric[MEMORY], ready, restarts)

    return Loads(
        load(pair.live, {each.at: each.live.requests for each in minutes}),
        load(pair.candidate, {each.at: each.candidate.requests for each in minutes}),
        _SOURCE,
        tuple(dict.fromkeys(each for each in (used_problem, there_problem, note) if each)),
        is_whole=is_answered and not used_problem and not there_problem,
    )


def _load(
    name: str,
    requests: Mapping[datetime, int],
    processor: PerMinute,
    memory: PerMinute,
    ready: Mapping[datetime, Collection[str]],
    restarts: tuple[Restart, ...],
) -> Load:
    known = [at for at in requests if processor.get(at) or memory.get(at)]
    number = sum(requests[at] for at in known)
    there = [len(ready[at]) for at in requests if at in ready]
    busy = [value for at in known for value in processor.get(at, {}).values()]
    held = [value for at in known for value in memory.get(at, {}).values()]
    busy_ms = sum(_PERCENT_MS * value for value in busy)
    held_all = [sum(memory[at].values()) for at in known if memory.get(at)]
    per_minute = number / len(known) if known else 0.0
    return Load(
        name,
        len(known),
        number,
        instances=fmean(there) if there else None,
        processor_percent=fmean(busy) if busy else None,
        memory_percent=fmean(held) if held else None,
        most_memory_percent=max(held, default=None),
        processor_ms=busy_ms / number if busy and number else None,
        memory_percent_per_request=fmean(held_all) / per_minute if held_all and per_minute else None,
        added_ms=described([(requests[at], using(processor.get(at, {}), {})) for at in known]).added_ms,
        restarts=restarts,
    )


def using(busy: Mapping[str, float], held: Mapping[str, float]) -> Use:
    """What instances used together in a minute, from the percentages of each. Pure."""
    return Use(
        processor_ms=_PERCENT_MS * sum(busy.values()) if busy else None,
        memory_percent=fmean(held.values()) if held else None,
        instances=len(busy or held),
    )


def per_minute(series: Iterable[Series]) -> dict[datetime, dict[str, float]]:
    """Minute → instance → value, of series that are split by instance. Pure."""
    found: dict[datetime, dict[str, float]] = {}
    for one in series:
        for at, value in points(one):
            found.setdefault(at, {})[one.dimensions.get("instanceid", "")] = value
    return found


def _ready(series: Iterable[Series]) -> dict[datetime, set[str]]:
    """Minute → the instances that were ready in it, for minutes in which any was there. Azure does not document the
    states; those that it names not ready are taken for it."""
    found: dict[datetime, set[str]] = {}
    for one in series:
        is_ready = not one.dimensions.get("state", "").lower().startswith("not")
        for at, value in points(one):
            there = found.setdefault(at, set())
            if is_ready and value:
                there.add(one.dimensions.get("instanceid", ""))
    return found


def _restarts(ready: Mapping[datetime, Collection[str]]) -> tuple[Restart, ...]:
    """When instances became ready and when they went, as far as the minutes tell in which they were there."""
    found: list[Restart] = []
    for before, at in pairwise(sorted(ready)):
        found += (Restart(at, each) for each in sorted(set(ready[at]) - set(ready[before])))
        found += (Restart(at, each, is_end=True) for each in sorted(set(ready[before]) - set(ready[at])))
    return tuple(found)


def _of_events(events: Iterable[LifecycleEvent], name: str) -> tuple[Restart, ...]:
    own = (each for each in events if each.deployment.lower() == name.lower())
    return tuple(sorted((Restart(e.at, e.instance, e.name == _KILLED) for e in own), key=lambda each: each.at))


def _joined(told: Sequence[Restart], seen: Sequence[Restart]) -> tuple[Restart, ...]:
    """What events tell, and what only the minutes show. An instance has several containers: those that start together
    are one start."""
    found: list[Restart] = []
    for each in (*told, *seen):
        is_known = any(
            other.is_end == each.is_end
            and abs(other.at - each.at) < (_TOGETHER if each.instance == other.instance else _MINUTE)
            for other in found
            if each.instance == other.instance or each in seen
        )
        if not is_known:
            found.append(each)
    return tuple(sorted(found, key=lambda each: each.at))


def _events(
    conn: Connection, endpoint: Endpoint, pair: Pair, window: Window
) -> tuple[Sequence[LifecycleEvent], str, bool]:
    """The events of both, why they are missing, and whether Azure answered."""
    why = "When containers started again inside an instance is not known: "
    try:
        wanted = Wanted(
            since=window.start_at,
            until=window.end_at,
            deployments=(pair.live, pair.candidate),
            names=(_STARTED, _KILLED),
        )
        found = recent(conn, endpoint, wanted)
        if found or are_sent(conn, endpoint, EVENTS):
            return found, "", True
    except SluiceError as error:
        return (), why + error.why, False
    return (), f"{why}no diagnostic setting sends the category {EVENTS}.", True


def _side(load: Load, types: Mapping[str, str], requests: int) -> Side:
    return Side(load.name, requests, load.instances, types.get(load.name, ""), load.restarts)


def _safely(read: Callable[[], list[Series]]) -> tuple[list[Series], str]:
    try:
        return read(), ""
    except SluiceError as error:
        return [], f"What the instances used is not known: {error.why}"
