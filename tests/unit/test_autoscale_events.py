"""Events of autoscale as Azure's schema writes them, however much of it is there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.azure.autoscale_events import found_in
from ui.journal.journal_lines import scaling_words

ENDPOINT = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/onlineEndpoints/e"
)
RULES = [
    {
        "metricTrigger": {"metricName": "CpuUtilizationPercentage", "operator": "GreaterThan", "threshold": 70.0},
        "scaleAction": {"direction": "Increase", "type": "ChangeCount", "value": "1"},
    },
    {
        "metricTrigger": {"metricName": "CpuUtilizationPercentage", "operator": "LessThan", "threshold": 30.0},
        "scaleAction": {"direction": "Decrease", "type": "ChangeCount", "value": "1"},
    },
]


def event(operation: str = "Scaleup", status: str = "Succeeded", minute: int = 0, **properties: Any) -> dict[str, Any]:
    told = {
        "ResourceName": f"{ENDPOINT}/deployments/blue",
        "OldInstancesCount": "2",
        "NewInstancesCount": "3",
        "ActiveAutoscaleProfile": json.dumps({"name": "default", "rules": RULES}),
        **properties,
    }
    return {
        "eventTimestamp": f"2026-03-01T12:{minute:02}:00.1234567Z",
        "correlationId": "one",
        "operationName": {"value": f"Microsoft.Insights/AutoscaleSettings/{operation}/Action"},
        "status": {"value": status},
        "properties": told,
    }


def words(*events: dict[str, Any]) -> list[str]:
    return [scaling_words(each) for each in found_in(events, ENDPOINT)]


def test_the_rule_is_named_when_only_one_goes_this_way() -> None:
    (found,) = found_in([event()], ENDPOINT)
    assert found.at == datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert scaling_words(found) == "blue scaled 2 → 3 by autoscale (profile default, CpuUtilizationPercentage > 70)"
    both = json.dumps({"name": "default", "rules": [RULES[0], RULES[0]]})
    assert words(event(ActiveAutoscaleProfile=both)) == ["blue scaled 2 → 3 by autoscale (profile default)"]


def test_a_profile_is_read_as_azures_log_spells_it() -> None:
    trigger = {"Name": "CpuUtilizationPercentage", "Namespace": "", "Operator": "GreaterThan", "Threshold": 70}
    rule = {"MetricTrigger": trigger, "ScaleAction": {"Direction": "Increase", "Type": "ChangeCount", "Value": "1"}}
    capacity = {"Minimum": "1", "Maximum": "5", "Default": "1"}
    profile = {"Name": "Default scale condition", "Capacity": capacity, "Rules": [rule]}
    told = "blue scaled 2 → 3 by autoscale (profile Default scale condition, CpuUtilizationPercentage > 70)"
    assert words(event(ActiveAutoscaleProfile=json.dumps(profile))) == [told]
    assert words(event(ActiveAutoscaleProfile=profile, OldInstancesCount=2, NewInstancesCount=3)) == [told]


@pytest.mark.parametrize(
    ("operation", "old", "new", "why"),
    [
        ("Scaleup", 1, 2, "profile day, minimum 2"),
        ("Scaledown", 9, 6, "profile day, maximum 6"),
        # Without metrics, or by the rule: the log does not say.
        ("Scaleup", 3, 4, "profile day"),
        ("Scaleup", 4, 5, "profile day, CpuUtilizationPercentage > 70"),
        ("Scaledown", 5, 4, "profile day, CpuUtilizationPercentage < 30"),
    ],
)
def test_what_limits_ask_for_is_not_put_down_to_a_rule(operation: str, old: int, new: int, why: str) -> None:
    capacity = {"minimum": "2", "maximum": "6", "default": "4"}
    profile = json.dumps({"name": "day", "capacity": capacity, "rules": RULES})
    told = event(operation, ActiveAutoscaleProfile=profile, OldInstancesCount=str(old), NewInstancesCount=str(new))
    (found,) = found_in([told], ENDPOINT)
    assert found.reason == why


def test_the_beginning_and_the_end_of_a_scaling_are_one() -> None:
    (found,) = found_in([event("ScaleupResult", minute=5), event()], ENDPOINT)
    assert (found.at.minute, found.is_failed) == (0, False)
    assert found.ended_at is not None
    assert found.ended_at.minute == 5
    (found,) = found_in([event("ScaleupResult", "Failed", minute=5), event()], ENDPOINT)
    assert (found.at.minute, found.is_failed) == (0, True)
    assert scaling_words(found).startswith("autoscale could not scale blue 2 → 3")


@pytest.mark.parametrize(
    "other",
    [
        event("Flapping"),
        event(ResourceName=f"{ENDPOINT}x/deployments/blue"),
        event(ResourceName=ENDPOINT),
        event(ResourceName=None),
        {**event(), "operationName": {"value": "Microsoft.Insights/AutoscaleSettings/write"}},
        {**event(), "operationName": None, "status": None},
        {**event(), "eventTimestamp": "soon"},
        {**event(), "properties": None},
    ],
)
def test_other_events_and_other_endpoints_are_left_out(other: dict[str, Any]) -> None:
    assert words(other, event()) == words(event())


@pytest.mark.parametrize("profile", [None, "", "no json", "[]", '{"rules": null}', '{"rules": [1, {}]}'])
def test_what_the_log_does_not_say_is_not_made_up(profile: str | None) -> None:
    (found,) = found_in([event(ActiveAutoscaleProfile=profile, OldInstancesCount="", NewInstancesCount=None)], ENDPOINT)
    assert (found.reason, found.old, found.new) == ("", None, None)
    assert scaling_words(found) == "blue scaled ? → ? by autoscale"
