"""Limits as alert rules: the template and the commands say the same, whatever the names are."""

from __future__ import annotations

import shlex

import pytest

from services.alert_rules import action_group, alert_rules, commands, template
from services.azure.monitor import DEPLOYMENT_NAMESPACE
from services.errors import RuleBroken
from services.limits import SERVER_ERROR_PERCENT, limit
from tests.values import deployments

P95, P99 = "RequestLatency_P95", "RequestLatency_P99"
GROUP = "/subscriptions/s/resourceGroups/g/providers/microsoft.insights/actionGroups/on call"
BLUE, GREEN = deployments("blue", "green")


def options(command: str) -> dict[str, str]:
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:5] == ["az", "monitor", "metrics", "alert", "create"]
    return dict(zip(words[5::2], words[6::2], strict=True))


def test_every_deployment_has_a_rule_for_every_limit_of_latency() -> None:
    rules = alert_rules([BLUE, GREEN], [limit(P95, 300), limit(P99, 900.5), limit(SERVER_ERROR_PERCENT, 1)])

    assert [(rule.name, rule.metric, rule.value) for rule in rules] == [
        ("digits-blue-P95", P95, 300),
        ("digits-blue-P99", P99, 900.5),
        ("digits-green-P95", P95, 300),
        ("digits-green-P99", P99, 900.5),
    ]


def test_the_template_watches_the_metric_that_the_chart_draws() -> None:
    made = template(alert_rules([BLUE], [limit(P95, 300)]), "/a/group")

    [resource] = made["resources"]
    assert (resource["type"], resource["apiVersion"], resource["location"]) == (
        "Microsoft.Insights/metricAlerts",
        "2018-03-01",
        "global",
    )
    properties = resource["properties"]
    assert properties["scopes"] == [BLUE.id]
    assert (properties["evaluationFrequency"], properties["windowSize"]) == ("PT1M", "PT5M")
    [criterion] = properties["criteria"]["allOf"]
    assert criterion["metricNamespace"] == DEPLOYMENT_NAMESPACE
    assert (criterion["metricName"], criterion["operator"], criterion["threshold"]) == (P95, "GreaterThan", 300)
    assert properties["actions"] == [{"actionGroupId": "/a/group"}]
    assert template(alert_rules([BLUE], [limit(P95, 300)]))["resources"][0]["properties"]["actions"] == []


@pytest.mark.parametrize(("value", "text"), [(300.0, "300"), (0.25, "0.25"), (600_000.0, "600000"), (120.50, "120.5")])
def test_the_command_is_the_rule_again(value: float, text: str) -> None:
    given = options(commands(alert_rules([BLUE], [limit(P95, value)]), GROUP.replace("on call", "oncall")))

    assert given["--condition"] == f"avg {P95} > {text}"
    assert given["--scopes"] == BLUE.id
    assert (given["--window-size"], given["--evaluation-frequency"]) == ("5m", "1m")
    assert given["--action"].endswith("oncall")
    assert "--action" not in options(commands(alert_rules([BLUE], [limit(P95, value)])))


def test_an_action_group_is_a_resource_id_or_nothing() -> None:
    assert action_group("  ") == ""
    assert action_group(f" {GROUP.replace('on call', 'oncall')} ").endswith("/oncall")
    for wrong in ("oncall", GROUP, "/subscriptions/s", "$(reboot)"):
        with pytest.raises(RuleBroken, match="action group"):
            action_group(wrong)
