"""Coming back after a restart while clients already change things."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emulator.arm.context import Context
from emulator.arm.serving import Serving
from emulator.documents import Documents
from emulator.scoring.model import EndpointRoute

KEYS = {"primaryKey": "a", "secondaryKey": "b"}


class Gateway:
    """Notes what it is told, and lets something happen meanwhile."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.routed: list[str] = []
        self._meanwhile = meanwhile

    async def set_endpoint(self, name: str, _: EndpointRoute | None) -> None:
        self.routed.append(name)
        self._meanwhile()


def endpoint(state: str) -> dict[str, Any]:
    return {"sent": {"properties": {"traffic": {}, "mirrorTraffic": {}}}, "keys": KEYS, "state": state}


def test_an_endpoint_that_goes_while_others_come_back_is_left_alone(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "control.db")
    for name, state in (("first", "Succeeded"), ("leaving", "Deleting"), ("second", "Succeeded")):
        documents.put("endpoint", name, endpoint(state))
    documents.put("deployment", "leaving/blue", {"applied": {"tags": {}}, "state": "Succeeded"})
    documents.put("deployment", "first/blue", {"applied": {"tags": {}}, "state": "Deleting"})
    gateway = Gateway(lambda: documents.delete("endpoint", "second"))
    serving = Serving(cast(Context, SimpleNamespace(documents=documents, gateway=gateway)))
    serving.plan_restore()
    assert serving.restoring == []
    asyncio.run(serving.restore())
    documents.close()
    assert gateway.routed == ["first"]


def test_what_waits_for_a_deployment_goes_on_even_when_its_return_breaks_off(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "control.db")
    documents.put("endpoint", "shop", endpoint("Succeeded"))
    documents.put("deployment", "shop/blue", {"applied": {"tags": {}}, "state": "Succeeded"})
    gateway = Gateway(documents.close)
    serving = Serving(cast(Context, SimpleNamespace(documents=documents, gateway=gateway)))
    serving.plan_restore()
    assert serving.restoring == ["shop/blue"]
    with pytest.raises(sqlite3.ProgrammingError):
        asyncio.run(serving.restore())
    assert serving.restoring == []
