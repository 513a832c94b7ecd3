"""Which platform metrics a resource has, as Azure Monitor lists them. Asked for once an hour.

Azure allows 400 such reads in five minutes, and what a type of resource measures changes with releases of Azure alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from services.azure.cloud import Json
from services.azure.connection import Connection
from services.azure.translation import understood

KEPT_SECONDS = 3600.0
_API_VERSION = "2024-02-01"


@dataclass(frozen=True)
class MetricDefinition:
    """One metric: its name in the API, its name for people, ``unit`` as Azure writes it (``Percent``, ``Count``, …).

    ``category`` is ``Traffic`` or ``Resource`` for endpoints and deployments. ``dimensions`` keep Azure's case.
    """

    name: str
    display: str
    unit: str
    category: str
    dimensions: tuple[str, ...]


def definitions(conn: Connection, resource_id: str) -> tuple[MetricDefinition, ...]:
    """The metrics of ``resource_id`` in Azure's order. Raises SluiceError, NotFound when the resource is gone."""
    key = ("monitor", "definitions", resource_id.lower())
    known = conn.memory.get(key)
    if known is None or time.monotonic() - known[0] >= KEPT_SECONDS:
        call = conn.call("The list of metrics could not be read.", "Monitoring Reader")
        path = f"{resource_id}/providers/Microsoft.Insights/metricDefinitions"
        reply = conn.send("GET", path, call, api_version=_API_VERSION)
        with understood(call, reply.headers):
            found = tuple(_definition(each) for each in reply.body["value"])
        known = conn.memory[key] = (time.monotonic(), found)
    listed: tuple[MetricDefinition, ...] = known[1]
    return listed


def _definition(document: Json) -> MetricDefinition:
    return MetricDefinition(
        name=str(document["name"]["value"]),
        display=str(document["name"].get("localizedValue") or document["name"]["value"]),
        unit=str(document.get("unit") or "Unspecified"),
        category=str(document.get("category") or ""),
        dimensions=tuple(str(one["value"]) for one in document.get("dimensions") or []),
    )
