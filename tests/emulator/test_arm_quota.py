"""Cores, endpoints and deployments that a subscription may have in a region."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from emulator.arm import quota, rules
from emulator.arm.context import Context
from emulator.arm.rules import RuleBroken
from emulator.arm.sizes import find_size
from emulator.errors import ServiceError
from tests.emulator.control_rig import HOME, control_context


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with control_context(tmp_path) as made:
        yield made


def put(context: Context, key: str, capacity: int = 1, size: str = "Standard_DS3_v2", **more: Any) -> None:
    endpoint = key.partition("/")[0]
    if context.documents.get("endpoint", endpoint) is None:
        context.documents.put("endpoint", endpoint, {"name": endpoint, "workspace": HOME.key})
    context.documents.put("deployment", key, {"sent": document(capacity, size), **more})


def document(capacity: int = 1, size: str = "Standard_DS3_v2") -> dict[str, Any]:
    return {"sku": {"capacity": capacity}, "properties": {"instanceType": size}}


def used(context: Context) -> dict[str, int]:
    return quota.cores_used(context, HOME.subscription, HOME.region)


def refusal(context: Context, wanted: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, list[str]]:
    with pytest.raises(ServiceError) as caught:
        quota.check_cores(context, HOME, wanted, before)
    error = caught.value
    assert (error.status, error.code, error.message) == (400, "BadRequest", "The request is invalid.")
    assert error.details[0]["code"] == "InferencingClientCallFailed"
    inner = json.loads(error.details[0]["message"])
    assert inner["title"] == "One or more validation errors occurred."
    return dict(inner["errors"])


@pytest.mark.parametrize(
    ("size", "instances", "cores"),
    [
        ("Standard_DS3_v2", 1, 8),
        ("Standard_DS3_v2", 5, 24),
        ("Standard_DS3_v2", 50, 240),
        ("Standard_F16s_v2", 1, 32),
        ("Standard_NC24ads_A100_v4", 3, 72),
        ("STANDARD_ND40RS_V2", 1, 40),
    ],
)
def test_a_fifth_more_is_reserved_except_on_exempt_sizes(size: str, instances: int, cores: int) -> None:
    found = find_size(size)
    assert found is not None
    assert quota.cores_needed(found, instances) == cores


def test_cores_are_counted_by_family_in_one_subscription_and_region(context: Context) -> None:
    other = replace(HOME, workspace="other", region="northeurope")
    context.documents.put("workspace", other.key, asdict(other))
    put(context, "shop/blue")
    put(context, "shop/green", 2, "Standard_DS4_v2")
    put(context, "shop/small", 1, "Standard_F2s_v2")
    put(context, "shop/seeded", 50, seeded=True)
    put(context, "far/blue", 5)
    context.documents.put("endpoint", "far", {"name": "far", "workspace": other.key})
    assert used(context) == {"standardDSv2Family": 8 + 24, "standardFSv2Family": 4}
    assert quota.cores_used(context, HOME.subscription.upper(), "northeurope") == {"standardDSv2Family": 24}


def test_a_deployment_that_takes_too_many_cores_is_refused_in_azures_words(context: Context) -> None:
    context.settings.change({"cores_quota": 6})
    (sentence,) = refusal(context, document())["VmSize"]
    assert sentence == (
        f"Not enough quota available for Standard_DS3_v2 in SubscriptionId {HOME.subscription}."
        " Current usage/limit: 0/6. Additional needed: 8 Please see troubleshooting guide, available here:"
        " https://aka.ms/oe-tsg#error-outofquota"
    )


def test_scaling_needs_only_what_comes_on_top(context: Context) -> None:
    context.settings.change({"cores_quota": 24})
    put(context, "shop/blue")
    quota.check_cores(context, HOME, document(5), document(1))
    assert "usage/limit: 8/24. Additional needed: 24 " in refusal(context, document(6), document(1))["VmSize"][0]
    # Somebody lowered the quota: what is there stays, and may shrink.
    context.settings.change({"cores_quota": 1})
    quota.check_cores(context, HOME, document(1), document(1))


def test_another_family_has_a_quota_of_its_own(context: Context) -> None:
    context.settings.change({"cores_quota": 8})
    put(context, "shop/blue")
    quota.check_cores(context, HOME, document(1, "Standard_F4s_v2"), None)
    assert "8/8" in refusal(context, document(1, "Standard_DS1_v2"))["VmSize"][0]


def test_an_unknown_instance_type_is_refused(context: Context) -> None:
    assert "Standard_Unheard_Of" in refusal(context, document(1, "Standard_Unheard_Of"))["VmSize"][0]


def test_the_hundred_and_first_endpoint_is_refused_and_seeded_ones_do_not_count(context: Context) -> None:
    for number in range(rules.MAX_ENDPOINTS - 1):
        context.documents.put("endpoint", f"e{number}", {"name": f"e{number}", "workspace": HOME.key})
    context.documents.put("endpoint", "seeded", {"name": "seeded", "workspace": HOME.key, "seeded": True})
    quota.check_endpoints(context, HOME)
    context.documents.put("endpoint", "last", {"name": "last", "workspace": HOME.key})
    with pytest.raises(ServiceError) as caught:
        quota.check_endpoints(context, HOME)
    assert caught.value.code == "InferencingClientCallFailed"
    assert caught.value.message.startswith(f"Endpoint Quota reached for subscription {HOME.subscription}.Current")
    assert "100/100" in caught.value.message


def test_an_endpoint_has_room_for_twenty_deployments_and_a_region_for_five_hundred(context: Context) -> None:
    for number in range(19):
        put(context, f"shop/d{number}")
    quota.check_deployments(context, HOME, "shop")
    put(context, "shop/d19")
    with pytest.raises(RuleBroken, match="limit is 20"):
        quota.check_deployments(context, HOME, "shop")
    for number in range(480):
        put(context, f"e{number // 20}/d{number}")
    with pytest.raises(RuleBroken, match="limit is 500"):
        quota.check_deployments(context, HOME, "empty")
