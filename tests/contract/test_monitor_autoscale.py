"""Autoscale through azure-mgmt-monitor: settings as its users write them, and a deployment that really grows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.monitor import MonitorManagementClient, models

from tests.contract.history import row
from tests.contract.management_clients import monitor_client
from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
NAMESPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
SCORE = """
import json, os

def init():
    pass

def run(raw_data):
    return os.getpid()
"""


@pytest.fixture(scope="module")
def client(local_azure: LocalAzure) -> Iterator[MonitorManagementClient]:
    with monitor_client(local_azure) as made:
        yield made


@pytest.fixture(scope="module")
def group(local_azure: LocalAzure) -> str:
    return local_azure.environment["AZURE_RESOURCE_GROUP"]


@pytest.fixture(scope="module")
def target(local_azure: LocalAzure) -> Iterator[str]:
    """A deployment with no processes."""
    seed = {"endpoints": [{"name": "elastic", "deployments": [{"name": "blue", "capacity": 1}]}]}
    local_azure.control("POST", "seed", seed).raise_for_status()
    yield f"{local_azure.workspace}/onlineEndpoints/elastic/deployments/blue"
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/elastic"))


def cpu_rule(target: str, direction: str, operator: str, threshold: float) -> models.ScaleRule:
    """A rule of how-to-autoscale-endpoints."""
    return models.ScaleRule(
        metric_trigger=models.MetricTrigger(
            metric_name="CpuUtilizationPercentage",
            metric_resource_uri=target,
            time_grain=timedelta(minutes=1),
            statistic="Average",
            operator=operator,
            time_aggregation="Last",
            time_window=timedelta(minutes=5),
            threshold=threshold,
        ),
        scale_action=models.ScaleAction(
            direction=direction, type="ChangeCount", value="1", cooldown=timedelta(hours=1)
        ),
    )


def test_a_setting_lives_through_the_typed_client(client: MonitorManagementClient, group: str, target: str) -> None:
    setting = models.AutoscaleSettingResource(
        location="westeurope",
        enabled=False,
        target_resource_uri=target,
        profiles=[
            models.AutoscaleProfile(
                name="my-scale-settings",
                capacity=models.ScaleCapacity(minimum="1", maximum="5", default="1"),
                rules=[
                    cpu_rule(target, "Increase", "GreaterThan", 70),
                    cpu_rule(target, "Decrease", "LessThan", 30),
                ],
            ),
            models.AutoscaleProfile(
                name="weekend",
                capacity=models.ScaleCapacity(minimum="2", maximum="2", default="2"),
                rules=[],
                recurrence=models.Recurrence(
                    frequency="Week",
                    schedule=models.RecurrentSchedule(
                        time_zone="Pacific Standard Time", days=["Saturday", "Sunday"], hours=[6], minutes=[0]
                    ),
                ),
            ),
        ],
    )
    made = client.autoscale_settings.create_or_update(group, "typed", setting)
    assert made.profiles[0].rules[0].scale_action.cooldown == timedelta(hours=1)
    assert made.profiles[1].recurrence.schedule.days == ["Saturday", "Sunday"]
    assert client.autoscale_settings.get(group, "typed").target_resource_uri == target
    assert "typed" in [each.name for each in client.autoscale_settings.list_by_resource_group(group)]
    assert "typed" in [each.name for each in client.autoscale_settings.list_by_subscription()]

    patch = models.AutoscaleSettingResourcePatch(tags={"team": "a"})
    assert client.autoscale_settings.update(group, "typed", patch).tags == {"team": "a"}
    with pytest.raises(ResourceExistsError):
        client.autoscale_settings.create_or_update(group, "rival", setting)
    client.autoscale_settings.delete(group, "typed")
    client.autoscale_settings.delete(group, "typed")
    with pytest.raises(ResourceNotFoundError):
        client.autoscale_settings.get(group, "typed")


def test_a_dict_with_python_names_works_too(client: MonitorManagementClient, group: str, target: str) -> None:
    trigger = {
        "metric_name": "RequestLatency",
        "metric_namespace": NAMESPACE,
        "metric_resource_uri": target.split("/deployments/")[0],
        "time_grain": "PT1M",
        "statistic": "Average",
        "time_window": "PT5M",
        "time_aggregation": "Average",
        "operator": "GreaterThan",
        "threshold": 70,
        "dimensions": [{"dimension_name": "deployment", "operator": "Equals", "values": ["blue"]}],
    }
    action = {"direction": "Increase", "type": "ChangeCount", "value": 1, "cooldown": "PT5M"}
    setting = {
        "location": "westeurope",
        "enabled": False,
        "target_resource_uri": target,
        "profiles": [
            {
                "name": "default",
                "capacity": {"minimum": 1, "maximum": 5, "default": 1},
                "rules": [{"metric_trigger": trigger, "scale_action": action}],
            }
        ],
    }
    made = client.autoscale_settings.create_or_update(group, "plain", setting)
    assert made.profiles[0].capacity.maximum == "5"
    [dimension] = made.profiles[0].rules[0].metric_trigger.dimensions
    assert (dimension.dimension_name, dimension.operator) == ("deployment", "Equals")
    client.autoscale_settings.delete(group, "plain")


def test_a_wrong_setting_raises_with_the_services_reason(
    client: MonitorManagementClient, group: str, target: str
) -> None:
    wrong = {
        "location": "westeurope",
        "target_resource_uri": target,
        "profiles": [{"name": "p", "capacity": {"minimum": 3, "maximum": 2, "default": 2}, "rules": []}],
    }
    with pytest.raises(HttpResponseError, match="minimum <= default <= maximum"):
        client.autoscale_settings.create_or_update(group, "wrong", wrong)


def test_load_makes_a_live_deployment_grow(
    client: MonitorManagementClient, group: str, local_azure: LocalAzure
) -> None:
    azure = local_azure
    create_endpoint(azure, "growing")
    assert azure.finish(upload_and_put(azure, "growing", "blue", 2, score=SCORE), 240)["status"] == "Succeeded"
    document = azure.arm("GET", "onlineEndpoints/growing").json()
    document["properties"]["traffic"] = {"blue": 100}
    azure.finish(azure.arm("PUT", "onlineEndpoints/growing", document))
    endpoint = f"{azure.workspace}/onlineEndpoints/growing"
    now = datetime.now(UTC)
    rows = [row(now - timedelta(minutes=back), "growing", "blue", 200, 900.0) for back in range(8)]
    azure.control("POST", "seed", {"rows": rows}).raise_for_status()
    trigger = models.MetricTrigger(
        metric_name="RequestLatency",
        metric_namespace=NAMESPACE,
        metric_resource_uri=endpoint,
        time_grain=timedelta(minutes=1),
        statistic="Average",
        operator="GreaterThan",
        time_aggregation="Average",
        time_window=timedelta(minutes=5),
        threshold=500,
        dimensions=[models.ScaleRuleMetricDimension(dimension_name="deployment", operator="Equals", values=["blue"])],
    )
    action = models.ScaleAction(direction="Increase", type="ChangeCount", value="1", cooldown=timedelta(hours=1))
    setting = models.AutoscaleSettingResource(
        location="westeurope",
        enabled=True,
        target_resource_uri=f"{endpoint}/deployments/blue",
        profiles=[
            models.AutoscaleProfile(
                name="default",
                capacity=models.ScaleCapacity(minimum="1", maximum="2", default="1"),
                rules=[models.ScaleRule(metric_trigger=trigger, scale_action=action)],
            )
        ],
    )
    azure.control("POST", "settings", {"autoscale_seconds": 0.5}).raise_for_status()
    try:
        client.autoscale_settings.create_or_update(group, "growing", setting)
        key = azure.arm("POST", "onlineEndpoints/growing/listKeys").json()["primaryKey"]
        answered_by: set[int] = set()
        deadline = time.monotonic() + 240
        while len(answered_by) < 2:
            assert time.monotonic() < deadline, azure.output()
            answered_by.add(azure.score("growing", {}, key).json())
        assert azure.arm("GET", f"{endpoint}/deployments/blue").json()["sku"]["capacity"] == 2
    finally:
        azure.control("POST", "settings", {"autoscale_seconds": 30.0}).raise_for_status()
        client.autoscale_settings.delete(group, "growing")
    while azure.arm("GET", f"{endpoint}/deployments/blue").json()["properties"]["provisioningState"] != "Succeeded":
        assert time.monotonic() < deadline
    azure.finish(azure.arm("DELETE", "onlineEndpoints/growing"))
