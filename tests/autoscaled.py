"""A deployment that autoscale has brought from two instances to three, on a running local Azure. Without processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.emulator.autoscale_bodies import profile, setting
from tests.local_azure import LocalAzure

_VERSION = "2022-10-01"
_DEADLINE = 60.0
MINUTES_AGO = 3
"""Charts end with the last whole minute."""


@contextmanager
def scaled_to_three(azure: LocalAzure, endpoint: str) -> Iterator[str]:
    """The ARM id of an endpoint whose blue was scaled MINUTES_AGO; all of it is gone afterwards."""
    blue = {"name": "blue", "capacity": 2}
    azure.control("POST", "seed", {"endpoints": [{"name": endpoint, "deployments": [blue]}]}).raise_for_status()
    endpoint_id = f"{azure.workspace}/onlineEndpoints/{endpoint}"
    group = azure.workspace.split("/providers/")[0]
    path = f"{group}/providers/microsoft.insights/autoscalesettings/{endpoint}"
    settings = {"autoscale_seconds": 0.2, "clock_shift_seconds": -60 * MINUTES_AGO}
    azure.control("POST", "settings", settings).raise_for_status()
    try:
        body = setting(profile("night shift", capacity="3 5 3"), target=f"{endpoint_id}/deployments/blue")
        azure.arm("PUT", path, body, version=_VERSION).raise_for_status()
        deadline = time.monotonic() + _DEADLINE
        while not _is_scaled(azure.arm("GET", f"{endpoint_id}/deployments/blue").json()):
            assert time.monotonic() < deadline, "autoscale has not scaled"
        settings = {"autoscale_seconds": 30.0, "clock_shift_seconds": 0}
        azure.control("POST", "settings", settings).raise_for_status()
        yield endpoint_id
    finally:
        settings = {"autoscale_seconds": 30.0, "clock_shift_seconds": 0}
        azure.control("POST", "settings", settings).raise_for_status()
        azure.arm("DELETE", path, version=_VERSION)
        azure.finish(azure.arm("DELETE", endpoint_id))


def _is_scaled(deployment: dict[str, Any]) -> bool:
    return bool(deployment["sku"]["capacity"] == 3 and deployment["properties"]["provisioningState"] == "Succeeded")
