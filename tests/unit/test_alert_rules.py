"""Limits as alert rules: the template and the commands say the same, whatever the names are."""

from __future__ import annotations

import shlex

import pytest

from services.alert_rules import LogRule, action_group, alert_rules, commands, log_rule, template
from services.azure.monitor import DEPLOYMENT_NAMESPACE
from services.errors import RuleBroken
from services.limits import SERVER_ERROR_PERCENT, limit
from services.statuses import DEFAULT_SETS, StatusSets
from tests.values import deployments, endpoint

P95, CPU = "RequestLatency_P95", "CpuUtilizationPercentage"
GROUP = "/subscriptions/s/resourceGroups/g/providers/microsoft.insights/actionGroups/on call"
BLUE, GREEN = deployments("blue", "green")


METRIC_ALERT = ["az", "monitor", "metrics", "alert", "create"]
LOG_ALERT = ["az", "monitor", "scheduled-query", "create"]


def options(command: str, begins: list[str] = METRIC_ALERT) -> dict[str, str]:
    words = shlex.split(command.replace("\\\n", " "))
    first = len(begins)
    assert words[:first] == begins
    return dict(zip(words[first::2], words[first + 1 :: 2], strict=True))


def errors_rule(percent: float = 1.5, statuses: StatusSets = DEFAULT_SETS) -> LogRule:
    made = log_rule(endpoint(), [BLUE, GREEN], [limit(P95, 300), limit(SERVER_ERROR_PERCENT, percent)], statuses)
    assert made is not None
    return made


def test_every_deployment_has_a_rule_for_every_limit_of_one_metric() -> None:
    rules = alert_rules([BLUE, GREEN], [limit(P95, 300), limit(CPU, 80.5), limit(SERVER_ERROR_PERCENT, 1)])

    assert [(rule.name, rule.metric, rule.value) for rule in rules] == [
        ("digits-blue-P95", P95, 300),
        ("digits-blue-processor", CPU, 80.5),
        ("digits-green-P95", P95, 300),
        ("digits-green-processor", CPU, 80.5),
    ]
    assert rules[1].description == "Processor of blue on digits above 80.5 %, mean of the minutes over 5 min."


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


@pytest.mark.parametrize(
    ("value", "text"), [(300.0, "300"), (0.25, "0.25"), (600_000.0, "600000"), (120.50, "120.5"), (0.00002, "0.00002")]
)
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


def test_the_share_of_server_errors_is_asked_of_the_traffic_log_of_the_endpoint() -> None:
    rule = errors_rule()
    [resource] = template([rule], "/a/group")["resources"]

    assert (resource["type"], resource["apiVersion"], resource["location"]) == (
        "Microsoft.Insights/scheduledQueryRules",
        "2023-12-01",
        "westeurope",
    )
    properties = resource["properties"]
    assert properties["scopes"] == [endpoint().id]
    assert (properties["evaluationFrequency"], properties["windowSize"]) == ("PT5M", "PT15M")
    assert properties["actions"] == {"actionGroups": ["/a/group"]}
    [criterion] = properties["criteria"]["allOf"]
    assert (criterion["metricMeasureColumn"], criterion["operator"], criterion["threshold"]) == (
        "Percent",
        "GreaterThan",
        1.5,
    )
    assert criterion["dimensions"] == [{"name": "DeploymentName", "operator": "Include", "values": ["*"]}]
    assert 'DeploymentName in~ ("blue", "green")' in criterion["query"]
    assert "ResponseCode in (408, 424, 429)" in criterion["query"]


def test_the_sets_of_statuses_decide_what_the_rule_counts() -> None:
    assert "countif(ResponseCode in (424))" in errors_rule(statuses=StatusSets.of("424")).query


def test_the_command_of_the_log_rule_is_the_rule_again() -> None:
    rule = errors_rule(0.25)
    given = options(commands([rule], "/a/group"), LOG_ALERT)

    assert given["--scopes"] == endpoint().id
    assert given["--location"] == "westeurope"
    assert given["--condition-query"] == f"ServerErrors={rule.query}"
    assert given["--condition"].startswith("max 'Percent' from 'ServerErrors' > 0.25 where DeploymentName includes *")
    assert (given["--window-size"], given["--evaluation-frequency"]) == ("15m", "5m")
    assert given["--action-groups"] == "/a/group"
    assert "--action-groups" not in options(commands([rule]), LOG_ALERT)


def test_there_is_no_log_rule_without_a_limit_or_a_deployment() -> None:
    assert log_rule(endpoint(), [BLUE], [limit(P95, 300)], DEFAULT_SETS) is None
    assert log_rule(endpoint(), [], [limit(SERVER_ERROR_PERCENT, 1)], DEFAULT_SETS) is None
