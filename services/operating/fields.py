"""The settings of a deployment that can be changed while it runs: their names, places, units and limits. Pure.

Limits: reference-yaml-deployment-managed-online and how-to-manage-quotas (at most 180 s for a request, 50 instances).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.azure.cloud import Json
from services.azure.documents import milliseconds
from services.errors import RuleBroken

MOST_INSTANCES = 50
MOST_TIMEOUT_MS = 180_000


@dataclass(frozen=True)
class Field:
    """One whole number of a deployment. ``path`` is below ``properties``; ``unit`` is "ms" or "s" for durations, ""
    for counts. ``usual`` is what Azure takes when nothing is said, None when that is not documented."""

    label: str
    path: tuple[str, str]
    unit: str
    least: int
    most: int
    usual: int | None
    help: str = ""

    def read(self, document: Mapping[str, Any]) -> int | None:
        """Its value in a deployment's ARM document, None when it is not said, or is no whole number of the unit."""
        holder = (document.get("properties") or {}).get(self.path[0])
        value = holder.get(self.path[1]) if isinstance(holder, Mapping) else None
        if value is None:
            return None
        if not self.unit:
            return value if isinstance(value, int) else None
        found = milliseconds(value, -1)
        if found < 0:
            return None
        return found if self.unit == "ms" else found // 1000 if found % 1000 == 0 else None

    def write(self, document: Json, value: int) -> None:
        """Set it in a deployment's ARM document, and nothing beside it."""
        holder = document["properties"].get(self.path[0])
        holder = copy.deepcopy(holder) if isinstance(holder, dict) else {}
        holder[self.path[1]] = self.arm(value)
        document["properties"][self.path[0]] = holder

    def arm(self, value: int) -> int | str:
        """The value as ARM writes it: a number, or a duration in ISO 8601."""
        if not self.unit:
            return value
        return f"PT{value / 1000:g}S" if self.unit == "ms" else f"PT{value}S"

    def words(self, value: int | None) -> str:
        """The value for people, "" when there is none."""
        return "" if value is None else f"{value:,} {self.unit}".rstrip()

    def check(self, value: int) -> None:
        """Raise RuleBroken when Azure would not take the value."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            limits = f"{self.words(self.least)} to {self.words(self.most)}"
            raise RuleBroken(
                f"{self.label} was not changed.",
                f"Azure takes whole numbers from {limits}, not {value!r}.",
                "Correct it and try again.",
            )


def _probe(key: str, title: str) -> dict[str, Field]:
    holder = f"{key}Probe"
    # Azure's usual values: reference-yaml-deployment-managed-online. Of the startup probe none are documented.
    usual = dict.fromkeys(("delay", "period", "timeout", "good", "bad"))
    if key != "startup":
        usual = {"delay": 10, "period": 10, "timeout": 2, "good": 1, "bad": 30}
    return {
        f"{key}_delay": Field(f"{title}: first after", (holder, "initialDelay"), "s", 0, 3600, usual["delay"]),
        f"{key}_period": Field(f"{title}: asked every", (holder, "period"), "s", 1, 3600, usual["period"]),
        f"{key}_timeout": Field(f"{title}: waits for an answer", (holder, "timeout"), "s", 1, 3600, usual["timeout"]),
        f"{key}_successes": Field(
            f"{title}: successes needed", (holder, "successThreshold"), "", 1, 1000, usual["good"]
        ),
        f"{key}_failures": Field(f"{title}: failures allowed", (holder, "failureThreshold"), "", 1, 1000, usual["bad"]),
    }


REQUEST_FIELDS: Mapping[str, Field] = {
    "timeout": Field(
        "Request timeout",
        ("requestSettings", "requestTimeout"),
        "ms",
        1,
        MOST_TIMEOUT_MS,
        5000,
        "After this time Azure answers 408. Managed endpoints take up to 180 s; flows and Kubernetes up to 300 s.",
    ),
    "concurrency": Field(
        "Concurrent requests per instance",
        ("requestSettings", "maxConcurrentRequestsPerInstance"),
        "",
        1,
        1000,
        1,
        "Azure answers 429 once more than 2 × this × instances requests are in flight. Your scoring server must be "
        "able to work on so many: set WORKER_COUNT with it.",
    ),
}
PROBE_FIELDS: Mapping[str, Mapping[str, Field]] = {
    "livenessProbe": _probe("liveness", "Liveness"),
    "readinessProbe": _probe("readiness", "Readiness"),
    "startupProbe": _probe("startup", "Startup"),
}
FIELDS: Mapping[str, Field] = {
    **REQUEST_FIELDS,
    **{name: field for fields in PROBE_FIELDS.values() for name, field in fields.items()},
}
"""Name → field. Nothing else of a running deployment is offered: Azure refuses it, or it needs new files."""
