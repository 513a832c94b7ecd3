"""Requests that happened at known times with known latencies, put into a local Azure's telemetry."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.local_azure import LocalAzure

SERVED = "served"
"""The endpoint that the fixture of this name deploys."""


def row(at: datetime, endpoint: str, deployment: str, status: int, ms: float, *, kind: str = "live") -> dict[str, Any]:
    """One telemetry row. A 424 means that the model itself answered 500."""
    return {
        "started_at": at.timestamp(),
        "endpoint": endpoint,
        "deployment": deployment,
        "kind": kind,
        "route": "mirror" if kind == "mirror" else "split",
        "status": status,
        "model_status": 500 if status == 424 else status,
        "reason": "model_error" if status == 424 else "",
        "total_ms": ms,
        "model_ms": ms,
        "request_bytes": 10,
        "response_bytes": 10,
        "request_id": "",
        "client_request_id": "",
        "user_agent": "test",
        "auth": "key",
        "mirrored": 0,
    }


def seed(azure: LocalAzure, endpoint: str, start: datetime, minutes: int) -> None:
    """For each minute: blue answers ten requests, one of them 424, green mirrors two. Blue takes 10 to 100 ms."""
    rows = []
    for minute in range(minutes):
        at = start + timedelta(minutes=minute)
        for number in range(10):
            status = 424 if number == 9 else 200
            rows.append(row(at + timedelta(seconds=number), endpoint, "blue", status, 10.0 * (number + 1)))
        rows += [row(at + timedelta(seconds=30), endpoint, "green", 200, 40.0, kind="mirror") for _ in range(2)]
    azure.control("POST", "seed", {"rows": rows}).raise_for_status()
