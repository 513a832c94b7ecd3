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

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from emulator.scoring import histogram
from emulator.scoring.telemetry import Minute

MEAN = "RequestLatency"

Dimensions = Callable[[Minute], Mapping[str, str]]
Group = tuple[int, tuple[tuple[str, str], ...]]


class Sample(NamedTuple):
    """One published value. Dimension names are in lower case, as Azure answers them."""

    minute: int
    dimensions: Mapping[str, str]
    value: float


Samples = dict[str, list[Sample]]


def endpoint_samples(names: Sequence[str], minutes: Sequence[Minute], with_shadow: bool) -> Samples:
    """Samples of metrics of the endpoint resource, by metric name; none for a metric that is not measured."""
    counted = [minute for minute in minutes if with_shadow or minute.kind == "live"]
    reached = [minute for minute in counted if minute.deployment]
    samples = _latencies(names, reached, lambda minute: {"deployment": minute.deployment})
    if "RequestsPerMinute" in names:
        samples["RequestsPerMinute"] = _counts(counted, _endpoint_dimensions)
    return samples


def deployment_samples(names: Sequence[str], minutes: Sequence[Minute]) -> Samples:
    """Samples of metrics of the deployment resource, by metric name; mirrored requests count like any other."""
    samples = _latencies(names, minutes, lambda _minute: {})
    if "RequestsPerMinute" in names:
        samples["RequestsPerMinute"] = _counts(minutes, lambda minute: {"envoy_response_code": str(minute.status)})
    return samples


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
        Sample(at, dict(values), float(sum(minute.requests for minute in members)))
        for (at, values), members in _groups(minutes, dimensions).items()
    ]


def _latencies(names: Sequence[str], minutes: Iterable[Minute], dimensions: Dimensions) -> Samples:
    percents = {name: float(name.partition("_P")[2]) for name in names if name.startswith("RequestLatency_P")}
    samples: Samples = {name: [] for name in percents}
    if MEAN in names:
        samples[MEAN] = []
    if not samples:
        return samples
    for (at, pairs), members in _groups(minutes, dimensions).items():
        values = dict(pairs)
        if MEAN in samples:
            mean = sum(minute.sum_ms for minute in members) / sum(minute.requests for minute in members)
            samples[MEAN].append(Sample(at, values, mean))
        if percents:
            answers = histogram.percentiles(_merged(members), percents.values())
            for name, value in zip(percents, answers, strict=True):
                samples[name].append(Sample(at, values, value))
    return samples


def _merged(members: Sequence[Minute]) -> dict[int, int]:
    counts = histogram.decode(members[0].histogram)
    for minute in members[1:]:
        histogram.merge(counts, histogram.decode(minute.histogram))
    return counts
