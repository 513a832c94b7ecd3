"""Changing a rule in a form: only what is changed is written, and what the form cannot say stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.autoscale import editing
from services.autoscale.changing import Form, changed, form_of
from services.autoscale.metrics import find
from services.autoscale.rules import READY, rule
from services.autoscale.settings import DEPLOYMENTS, ENDPOINTS, IN, OUT, Rule, Setting
from services.autoscale.words import sentence
from tests.autoscale_corpus import BAD, BLUE, ENDPOINT, FIRST, GOOD, NIGHT, Json, cpu, latency, profile, setting

LATENCY, CPU = find("RequestLatency", ENDPOINTS), find("CpuUtilizationPercentage", DEPLOYMENTS)
RATE = find("RequestsPerMinute", DEPLOYMENTS)


def parsed(document: Json) -> Rule:
    return Setting.of(setting(profile(document))).profiles[0].rules[0]


def edited(document: Json, **changes: Any) -> dict[str, Any]:
    form = form_of(parsed(document))
    return changed(document, form, replace(form, **changes), BLUE)


@pytest.mark.parametrize("name", [*BAD, *GOOD])
def test_a_form_in_which_nothing_is_changed_changes_nothing(name: str) -> None:
    document = BAD[name][1] if name in BAD else GOOD[name]
    for held in document["properties"]["profiles"]:
        for each in held["rules"]:
            assert edited(each) == each


@pytest.mark.parametrize("wish", [wish for ready in READY for wish in ready.wishes])
def test_a_form_filled_in_with_a_rule_makes_that_rule(wish: Any) -> None:
    document = rule(wish, BLUE)
    assert rule(form_of(parsed(document)).wish, BLUE) == document


def test_each_field_is_written_to_its_place() -> None:
    new = edited(
        cpu(), threshold=80.0, value=3, cooldown_minutes=120, window_minutes=10, aggregation="Last", kind="ExactCount"
    )
    told = "Processor use > 80 %, last over 10 min: go up to 3, then wait 2 h"
    assert sentence(parsed(new)) == told
    assert new["scaleAction"]["value"] == "3"


def test_another_way_to_go_turns_direction_and_comparison() -> None:
    new = edited(cpu(), goes=IN)
    assert (new["scaleAction"]["direction"], new["metricTrigger"]["operator"]) == (IN, "LessThan")
    kept = edited(cpu("Increase", 30, "LessThanOrEqual"), goes=IN)
    assert (kept["scaleAction"]["direction"], kept["metricTrigger"]["operator"]) == (IN, "LessThanOrEqual")
    assert form_of(parsed(cpu("Increase", 30, "LessThan"))).goes == ""
    assert form_of(parsed(kept)).goes == IN


def test_another_metric_brings_its_resource_and_its_filter_and_takes_those_of_before() -> None:
    new = edited(cpu(metricResourceLocation="westeurope"), metric=LATENCY)["metricTrigger"]
    assert (new["metricNamespace"], new["metricResourceUri"]) == (ENDPOINTS, ENDPOINT)
    assert new["dimensions"] == [{"DimensionName": "deployment", "Operator": "Equals", "Values": ["blue"]}]
    assert "metricResourceLocation" not in new
    back = edited(latency(), metric=CPU)["metricTrigger"]
    assert (back["metricResourceUri"], "dimensions" in back) == (BLUE, False)


def test_what_the_form_does_not_show_stays() -> None:
    odd = cpu(statistic="Max", timeGrain="PT5M", operator="GreaterThanOrEqual", timeWindow="PT330S", future=[1])
    odd["metricTrigger"]["dimensions"] = [{"DimensionName": "instanceId", "Operator": "Equals", "Values": ["a"]}]
    new = edited(odd, threshold=71.0)
    assert {**new["metricTrigger"], "threshold": 70} == odd["metricTrigger"]
    assert new["scaleAction"] == odd["scaleAction"]


def test_a_metric_of_another_service_can_be_changed_without_being_known() -> None:
    queue = cpu(metricName="ApproximateMessageCount", metricNamespace="", metricResourceUri="/subscriptions/s/x/q")
    assert form_of(parsed(queue)).metric is None
    new = edited(queue, threshold=9.0)["metricTrigger"]
    assert (new["metricName"], new["metricResourceUri"], new["threshold"]) == (
        "ApproximateMessageCount",
        "/subscriptions/s/x/q",
        9.0,
    )


def test_what_is_missing_in_a_rule_is_filled_in_only_when_it_is_given() -> None:
    empty: Json = {}
    assert changed(empty, Form(None, ""), Form(None, ""), BLUE) == {"metricTrigger": {}, "scaleAction": {}}
    assert edited({"metricTrigger": {}, "scaleAction": {}}, window_minutes=5)["metricTrigger"] == {"timeWindow": "PT5M"}


def test_a_changed_rule_is_changed_in_the_usual_profile_and_those_that_bring_it_back() -> None:
    document = editing.with_weekly(FIRST, "night", NIGHT, (2, 2, 2), rules=False)
    new = edited(document["properties"]["profiles"][0]["rules"][0], threshold=60.0)
    usual, night, after = editing.with_rule(document, 0, 0, new)["properties"]["profiles"]
    assert usual["rules"][0] == after["rules"][0] == new
    assert usual["rules"][1] == after["rules"][1] == FIRST["properties"]["profiles"][0]["rules"][1]
    assert night["rules"] == []


def test_for_each_instance_is_taken_out_again() -> None:
    each = cpu(metricName="RequestsPerMinute", dividePerInstance=True)
    assert form_of(parsed(each)).metric == RATE
    assert edited(each, per_instance=False)["metricTrigger"]["dividePerInstance"] is False
    assert edited(each, goes=OUT) == each
