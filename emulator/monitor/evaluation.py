"""From samples to time series: filter, split, grain, aggregation, top. Pure.

Average is the sum of the samples divided by their number, so that a query which does not split by every dimension
averages over the combinations it leaves out, and a minute without a sample does not count as zero: both as documented
for Azure Monitor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from emulator.monitor.catalogue import Metric
from emulator.monitor.query import Clause, MetricsError, MetricsQuery, zulu
from emulator.monitor.samples import Dimensions, Sample


def clauses_for(metric: Metric, query: MetricsQuery) -> tuple[Clause, ...]:
    """The clauses that concern a metric. Raises MetricsError for a dimension that it does not have.

    With ValidateDimensions=false clauses on foreign dimensions are ignored.
    """
    known = {name.lower() for name in metric.dimensions}
    for clause in query.clauses:
        if clause.dimension not in known and query.validate_dimensions:
            supported = ",".join(metric.dimensions) or "(none)"
            raise MetricsError(
                f"Metric: {metric.name} does not support requested dimension combination: {clause.dimension}, "
                f"supported ones are: {supported}"
            )
    return tuple(clause for clause in query.clauses if clause.dimension in known)


def series(
    samples: Mapping[Dimensions, Sequence[Sample]], metric: Metric, query: MetricsQuery, times: Sequence[str]
) -> list[dict[str, Any]]:
    """The ``timeseries`` of a metric, biggest first; ``times`` are :func:`times_of` the query.

    Without a filter there is always one series; with a filter that nothing matches there is none.
    """
    clauses = clauses_for(metric, query)
    split = [name for name in dict.fromkeys(clause.dimension for clause in clauses) if name not in query.roll_up]
    groups: dict[tuple[str, ...], tuple[dict[str, str], list[Sample]]] = {}
    for pairs, members in samples.items():
        dimensions = dict(pairs)
        if not matches(dimensions, clauses):
            continue
        values = {name: dimensions[name] for name in split}
        key = tuple(value.lower() for value in values.values())
        groups.setdefault(key, (values, []))[1].extend(members)
    if not groups and not query.clauses:
        groups[()] = ({}, [])
    ordered = sorted(groups.values(), key=lambda group: _weight(group[1], query.order), reverse=not query.ascending)
    if query.clauses:
        ordered = ordered[: query.top]
    return [_one_series(values, members, times, query) for values, members in ordered]


def times_of(query: MetricsQuery) -> list[str]:
    """The time stamps of the points of every series."""
    return [zulu(at) for at in range(query.start, query.end, query.grain_seconds)]


def matches(dimensions: Mapping[str, str], clauses: Sequence[Clause]) -> bool:
    """Whether dimensions pass: for each dimension at least one ``eq`` or ``sw`` (if any), and every ``ne``.

    Values are compared without regard to case. What lacks a dimension passes no clause on it.
    """
    for dimension in {clause.dimension for clause in clauses}:
        value = dimensions.get(dimension)
        if value is None:
            return False
        mine = [clause for clause in clauses if clause.dimension == dimension]
        wanted = [clause for clause in mine if clause.operator != "ne"]
        if wanted and not any(_passes(value.lower(), clause) for clause in wanted):
            return False
        if not all(_passes(value.lower(), clause) for clause in mine if clause.operator == "ne"):
            return False
    return True


def _passes(value: str, clause: Clause) -> bool:
    wanted = clause.value.lower()
    if clause.operator == "eq":
        return wanted in ("*", value)
    return value.startswith(wanted) if clause.operator == "sw" else value != wanted


def _weight(samples: Sequence[Sample], order: str) -> float:
    return _READ[order](_merged(samples)) if samples else 0.0


def _one_series(
    values: dict[str, str], samples: Sequence[Sample], times: Sequence[str], query: MetricsQuery
) -> dict[str, Any]:
    names = [{"name": {"value": name, "localizedValue": name}, "value": value} for name, value in values.items()]
    if query.metadata_only:
        return {"metadatavalues": names}
    slots: dict[int, list[Sample]] = {}
    for sample in samples:
        slots.setdefault((sample.minute - query.start) // query.grain_seconds, []).append(sample)
    data: list[dict[str, Any]] = [{"timeStamp": time} for time in times]
    # No sample is no key, never zero.
    for slot, members in slots.items():
        data[slot] |= _aggregates(members, query.aggregations)
    return {"metadatavalues": names, "data": data}


def _aggregates(samples: Sequence[Sample], wanted: Sequence[str]) -> dict[str, float]:
    """The aggregations of one point."""
    # Most points of a fine grain are one sample.
    whole = samples[0] if len(samples) == 1 else _merged(samples)
    return {name: _READ[name](whole) for name in wanted}


def _merged(samples: Sequence[Sample]) -> Sample:
    return Sample(
        samples[0].minute,
        sum(sample.total for sample in samples),
        sum(sample.number for sample in samples),
        min(sample.minimum for sample in samples),
        max(sample.maximum for sample in samples),
    )


_READ: Mapping[str, Callable[[Sample], float]] = {
    "average": lambda sample: sample.total / sample.number,
    "minimum": lambda sample: sample.minimum,
    "maximum": lambda sample: sample.maximum,
    "total": lambda sample: sample.total,
    "count": lambda sample: float(sample.number),
}
