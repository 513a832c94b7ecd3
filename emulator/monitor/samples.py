"""From per-minute roll-ups to the samples a platform would have published: one per minute and dimension combination.

Choices where Azure's behaviour is not public:

* Mirrored requests count on the deployment resource, and on the endpoint resource only when the switch says so.
* A request that was refused before a deployment was chosen (401, 404) counts in the endpoint's RequestsPerMinute, in a
  sample without the dimension ``deployment``: any clause on ``deployment`` leaves it out. It has no part in latencies.
* ``modelStatusCode`` of a request that got no answer from a container is ``0``.
* Percentiles are those of the minute. Several samples (deployments, or minutes of a coarser grain) are averaged, never
  merged, because published percentiles cannot be merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from emulator.scoring import histogram
from emulator.scoring.telemetry import Minute

Dimensions = Callable[[Minute], Mapping[str, str]]
Group = tuple[int, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Sample:
    """One published value. Dimension names are in lower case, as Azure answers them."""

    minute: int
    dimensions: Mapping[str, str]
    value: float


def endpoint_samples(name: str, minutes: Iterable[Minute], with_shadow: bool) -> list[Sample]:
    """Samples of a metric of the endpoint resource; none for a metric that is not measured."""
    counted = [minute for minute in minutes if with_shadow or minute.kind == "live"]
    if name == "RequestsPerMinute":
        return _counts(counted, _endpoint_dimensions)
    if name.startswith("RequestLatency"):
        reached = [minute for minute in counted if minute.deployment]
        return _latencies(name, reached, lambda minute: {"deployment": minute.deployment})
    return []


def deployment_samples(name: str, minutes: Iterable[Minute]) -> list[Sample]:
    """Samples of a metric of the deployment resource; mirrored requests count like any other."""
    if name == "RequestsPerMinute":
        return _counts(minutes, lambda minute: {"envoy_response_code": str(minute.status)})
    if name.startswith("RequestLatency"):
        return _latencies(name, minutes, lambda _minute: {})
    return []


def _endpoint_dimensions(minute: Minute) -> dict[str, str]:
    dimensions = {
        "statuscode": str(minute.status),
        "statuscodeclass": f"{minute.status // 100}xx",
        "modelstatuscode": str(minute.model_status),
    }
    return {"deployment": minute.deployment, **dimensions} if minute.deployment else dimensions


def _groups(minutes: Iterable[Minute], dimensions: Dimensions) -> dict[Group, list[Minute]]:
    groups: dict[Group, list[Minute]] = {}
    for minute in minutes:
        groups.setdefault((minute.minute, tuple(dimensions(minute).items())), []).append(minute)
    return groups


def _counts(minutes: Iterable[Minute], dimensions: Dimensions) -> list[Sample]:
    return [
        Sample(at, dict(values), float(sum(minute.count for minute in members)))
        for (at, values), members in _groups(minutes, dimensions).items()
    ]


def _latencies(name: str, minutes: Iterable[Minute], dimensions: Dimensions) -> list[Sample]:
    _, _, percent = name.partition("_P")
    return [
        Sample(at, dict(values), _percentile(members, float(percent)) if percent else _mean(members))
        for (at, values), members in _groups(minutes, dimensions).items()
    ]


def _mean(members: list[Minute]) -> float:
    return sum(minute.sum_ms for minute in members) / sum(minute.count for minute in members)


def _percentile(members: list[Minute], percent: float) -> float:
    counts = histogram.decode(members[0].histogram)
    for minute in members[1:]:
        histogram.merge(counts, histogram.decode(minute.histogram))
    return histogram.percentiles(counts, (percent,))[0]
