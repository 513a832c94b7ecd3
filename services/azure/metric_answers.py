"""What Azure Monitor's metrics answer, as series: from the batch service, and from Azure Resource Manager. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC

from azure.monitor.querymetrics import MetricsQueryResult

from services.azure.cloud import Json
from services.azure.documents import moment
from services.model import Series

_NEARLY = 1 - 1e-9
"""Numbers of Azure are binary fractions: what is less by so little is equal."""
_METRIC_ID = "/providers/microsoft.insights/metrics/"


def is_count(metric: str) -> bool:
    """Whether the values of ``metric`` are numbers of events, which add up over time: those that Azure names so."""
    return metric.endswith("PerMinute")


def is_presence(metric: str) -> bool:
    """Whether ``metric`` is 1 for each thing that is there: its total says for how much of a point it was."""
    return metric == "DeploymentCapacity"


def has_totals(metric: str) -> bool:
    """Whether ``metric`` is asked for with the totals of its points."""
    return is_count(metric) or is_presence(metric)


def _resource_of(metric_id: str) -> str:
    """The resource of a metric's id; the batch answer names the resource nowhere else that the client keeps."""
    end = metric_id.lower().find(_METRIC_ID)
    return metric_id[:end] if end >= 0 else metric_id


def from_batch(result: MetricsQueryResult) -> Iterator[Series]:
    """The series of one resource in the batch service's answer."""
    for metric in result.metrics:
        for element in metric.timeseries:
            yield Series(
                resource_id=_resource_of(metric.id),
                metric=metric.name,
                unit=str(metric.unit),
                dimensions={str(key).lower(): str(value) for key, value in element.metadata_values.items()},
                times=tuple(point.timestamp.astimezone(UTC) for point in element.data),
                values=tuple(_number(point.average) for point in element.data),
                totals=tuple(total_of(point.average, point.total, point.count) for point in element.data)
                if has_totals(metric.name)
                else (),
            )


def from_arm(resource_id: str, body: Json) -> Iterator[Series]:
    """The series in Azure Resource Manager's answer about one resource."""
    for metric in body.get("value") or []:
        name = str(metric["name"]["value"])
        for element in metric.get("timeseries") or []:
            points = [(at, point) for point in element.get("data") or [] if (at := moment(point.get("timeStamp")))]
            yield Series(
                resource_id=resource_id,
                metric=name,
                unit=str(metric.get("unit") or ""),
                dimensions={
                    str(entry["name"]["value"]).lower(): str(entry.get("value"))
                    for entry in element.get("metadatavalues") or []
                },
                times=tuple(at for at, _ in points),
                values=tuple(_number(point.get("average")) for _, point in points),
                totals=tuple(
                    total_of(point.get("average"), point.get("total"), point.get("count")) for _, point in points
                )
                if has_totals(name)
                else (),
            )


def total_of(average: object, total: object, count: object) -> float | None:
    """The sum of a point's values: as Azure says, else their mean times their number, else None. Pure.

    Azure documents the mean alone for the metrics that count. A sum or a number that cannot be, like a sum of 0 beside
    a mean of 5, is what a service answers that does not keep it, and is not believed.
    """
    mean, whole, number = _number(average), _number(total), _number(count)
    if mean is None:
        return None
    if whole is not None and whole >= mean * _NEARLY:
        return whole
    return mean * number if number is not None and number >= 1 else None


def _number(value: object) -> float | None:
    """A number that is one, neither NaN nor infinite; None for anything else."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
