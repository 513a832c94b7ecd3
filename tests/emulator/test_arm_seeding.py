"""Endpoints without processes: what is written for them, and that all are written or none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emulator.arm.context import Context
from emulator.arm.deployments import Deployments
from emulator.arm.endpoint_document import render_endpoint
from emulator.arm.operations import Operations
from emulator.arm.records import Records
from emulator.arm.rules import RuleBroken
from emulator.arm.seeding import seed_endpoints
from emulator.arm.serving import Serving
from emulator.errors import ServiceError
from emulator.identity.tokens import Principal
from tests.emulator.control_rig import HOME, control_context


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with control_context(tmp_path) as made:
        yield made


def test_a_seeded_endpoint_reads_like_any_other(context: Context) -> None:
    entry = {
        "name": "Shop",
        "deployments": ["blue", {"name": "green", "capacity": 3, "instanceType": "Standard_F4s_v2"}],
        "traffic": {"blue": 100},
        "mirrorTraffic": {"green": 10},
        "tags": {"team": "a"},
    }
    assert seed_endpoints(context, [entry]) == 1
    document = context.documents.get("endpoint", "shop")
    assert document is not None
    rendered = render_endpoint(context, document)
    assert rendered["id"] == HOME.endpoint_id("shop")
    assert rendered["properties"]["provisioningState"] == "Succeeded"
    assert rendered["properties"]["scoringUri"]
    assert rendered["properties"]["traffic"] == {"blue": 100}
    green = context.documents.get("deployment", "shop/green")
    assert green is not None
    assert (green["sent"]["sku"]["capacity"], green["state"]) == (3, "Succeeded")


def test_nothing_comes_back_for_seeded_ones_after_a_restart(context: Context) -> None:
    seed_endpoints(context, [{"name": "shop", "deployments": ["blue"]}])
    serving = Serving(context)
    serving.plan_restore()
    assert serving.restoring == []


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "x"}, "3 to 32"),
        ({"name": "first"}, "there already"),
        ({"name": "second", "colour": "red"}, "to be seeded"),
        ({"name": "second", "traffic": {"blue": 100}}, "does not exist"),
        ({"name": "second", "deployments": "blue"}, "list"),
        ({"name": "second", "deployments": [{"name": "blue", "capacity": 0}]}, "1 to 50"),
        ({"name": "second", "workspace": "/subscriptions/s/resourceGroups/g"}, "no workspace"),
    ],
)
def test_a_seed_that_cannot_be_leaves_nothing_behind(context: Context, entry: Mapping[str, Any], words: str) -> None:
    with pytest.raises(RuleBroken, match=words):
        seed_endpoints(context, [{"name": "first"}, entry])
    assert context.documents.all("endpoint") == []


def test_scaling_begins_an_operation_and_keeps_azures_rules(context: Context) -> None:
    async def scale() -> None:
        operations = Operations(context)
        deployments = Deployments(context, operations, Serving(context), Records.of(context))
        name = deployments.scale("Shop/Blue", 3, caller)
        assert name.startswith("odidp:")
        with pytest.raises(ServiceError) as caught:
            deployments.scale("shop/blue", 4, caller)
        assert caught.value.status == 409
        with pytest.raises(ServiceError, match="no deployment green"):
            deployments.scale("shop/green", 4, caller)
        while operations.is_busy("shop/blue"):
            await asyncio.sleep(0)
        with pytest.raises(RuleBroken, match="1 to 50"):
            deployments.scale("shop/blue", 51, caller)

    caller = cast(Principal, SimpleNamespace(name="autoscale"))
    context.settings.change({"operation_seconds": 0})
    seed_endpoints(context, [{"name": "shop", "deployments": ["blue"]}])
    asyncio.run(scale())
    found = context.documents.get("deployment", "shop/blue")
    assert found is not None
    assert (found["sent"]["sku"]["capacity"], found["state"]) == (3, "Succeeded")
    assert found["systemData"]["lastModifiedBy"] == "autoscale"
