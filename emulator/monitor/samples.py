"""From per-minute roll-ups to what a platform would have published: values of one minute and dimension combination.

Choices where Azure's behaviour is not public:

* Mirrored requests count on the deployment resource and on the endpoint resource only when the switches say so.
* A request that was refused before a deployment was chosen (401, 404) counts in the endpoint's RequestsPerMinute, in a
  sample without the dimension ``deployment``: any clause on ``deployment`` leaves it out. It has no part in latencies.
* ``modelStatusCode`` of a request that got no answer from a container is ``0``.
* What requests tell is published once a minute and dimension combination. What is measured (processor, connections) is
  published as often as it was measured, so that an average over instances is that of all their measurements.
* Percentiles are those of the minute. Several samples (deployments, or minutes of a coarser grain) are averaged, never
  merged, because published percentiles cannot be merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from emulator.monitor.percentiles import percentiles
from emulator.scoring.telemetry.gauges import GaugeMinute
from emulator.scoring.telemetry.rows import Minute

MEAN = "RequestLatency"
REQUESTS = "RequestsPerMinute"

Dimensions = tuple[tuple[str, str], ...]
"""Names in lower case, as Azure answers them, and values."""


class Sample(NamedTuple):
    """What was published in one minute: how many values, their sum, the smallest and the largest."""

    minute: int
    total: float
    number: int
    minimum: float
    maximum: float


Published = dict[str, dict[Dimensions, list[Sample]]]
"""Samples by metric and dimensions, those of one list in the order of time."""


def endpoint_samples(names: Sequence[str], minutes: Sequence[Minute], with_shadow: bool) -> Published:
    """What requests tell about the endpoint resource; nothing for a metric that does not come from requests."""
    counted = [minute for minute in minutes if with_shadow or minute.kind == "live"]
    reached = [minute for minute in counted if minute.deployment]
    found = _latencies(names, reached, lambda minute: (("deployment", minute.deployment),))
    if REQUESTS in names:
        found[REQUESTS] = _counts(counted, _endpoint_dimensions)
    return found


def deployment_samples(names: Sequence[str], minutes: Sequence[Minute], with_shadow: bool) -> Published:
    """What requests tell about the deployment resource; nothing for a metric that does not come from requests."""
    counted = [minute for minute in minutes if with_shadow or minute.kind == "live"]
    found = _latencies(names, counted, lambda _minute: ())
    if REQUESTS in names:
        found[REQUESTS] = _counts(counted, lambda minute: (("envoy_response_code", str(minute.status)),))
    return found


def measured_samples(names: Sequence[str], minutes: Iterable[GaugeMinute]) -> Published:
    """What was measured rather than counted."""
    found: Published = {}
    for minute in minutes:
        if minute.metric not in names:
            continue
        dimensions = tuple((name.lower(), value) for name, value in sorted(minute.dimensions.items()))
        sample = Sample(minute.minute, minute.total, minute.samples, minute.minimum, minute.maximum)
        found.setdefault(minute.metric, {}).setdefault(dimensions, []).append(sample)
    return found


def _endpoint_dimensions(minute: Minute) -> Dimensions:
    dimensions = (
        ("statuscode", str(minute.status)),
        ("statuscodeclass", f"{minute.status // 100}xx"),
        ("modelstatuscode", str(minute.model_status)),
    )
    return (("deployment", minute.deployment), *dimensions) if minute.deployment else dimensions


def _groups(
    minutes: Iterable[Minute], dimensions: Callable[[Minute], Dimensions]
) -> dict[tuple[Dimensions, int], list[Minute]]:
    groups: dict[tuple[Dimensions, int], list[Minute]] = {}
    for minute in minutes:
        groups.setdefault((dimensions(minute), minute.minute), []).append(minute)
    return groups


def _once(at: int, value: float) -> Sample:
    return Sample(at, value, 1, value, value)


def _counts(minutes: Iterable[Minute], dimensions: Callable[[Minute], Dimensions]) -> dict[Dimensions, list[Sample]]:
    found: dict[Dimensions, list[Sample]] = {}
    for (values, at), members in _groups(minutes, dimensions).items():
        found.setdefault(values, []).append(_once(at, float(sum(minute.requests for minute in members))))
    return found


def _latencies(
    names: Sequence[str], minutes: Iterable[Minute], dimensions: Callable[[Minute], Dimensions]
) -> Published:
    percents = {name: float(name.partition("_P")[2]) for name in names if name.startswith(f"{MEAN}_P")}
    found: Published = {name: {} for name in (*percents, *([MEAN] if MEAN in names else []))}
    if not found:
        return found
    groups = _groups(minutes, dimensions)
    if MEAN in found:
        for (values, at), members in groups.items():
            mean = sum(minute.sum_ms for minute in members) / sum(minute.requests for minute in members)
            found[MEAN].setdefault(values, []).append(_once(at, mean))
    if percents and groups:
        blobs = [[minute.histogram for minute in members] for members in groups.values()]
        answers = percentiles(blobs, list(percents.values()))
        for (values, at), row in zip(groups, answers, strict=True):
            for name, value in zip(percents, row, strict=True):
                found[name].setdefault(values, []).append(_once(at, value))
    return found
