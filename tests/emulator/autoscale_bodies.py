"""Bodies of autoscale settings, right unless a test makes them wrong."""

from __future__ import annotations

from typing import Any

from emulator.monitor.catalogue import DEPLOYMENTS, ENDPOINTS

WORKSPACE = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/shop"
BLUE = f"{ENDPOINT}/deployments/blue"


def kind_of(arm_id: str) -> str | None:
    """The resource types of this file's ids."""
    known = {ENDPOINT.lower(): ENDPOINTS, BLUE.lower(): DEPLOYMENTS}
    return known.get(arm_id.lower())


def rule(
    direction: str = "Increase",
    threshold: float = 70.0,
    *,
    value: object = "1",
    kind: str = "ChangeCount",
    cooldown: str = "PT5M",
    **trigger: Any,
) -> dict[str, Any]:
    """A rule on a deployment's CPU; `trigger` replaces fields of its trigger."""
    return {
        "metricTrigger": {
            "metricName": "CpuUtilizationPercentage",
            "metricResourceUri": BLUE,
            "timeGrain": "PT1M",
            "statistic": "Average",
            "timeWindow": "PT5M",
            "timeAggregation": "Average",
            "operator": "GreaterThan" if direction == "Increase" else "LessThan",
            "threshold": threshold,
            **trigger,
        },
        "scaleAction": {"direction": direction, "type": kind, "value": value, "cooldown": cooldown},
    }


def profile(name: str = "default", *rules: dict[str, Any], capacity: str = "1 5 2", **more: Any) -> dict[str, Any]:
    """A profile; `capacity` is minimum, maximum and default."""
    least, most, default = capacity.split()
    limits = {"minimum": least, "maximum": most, "default": default}
    return {"name": name, "capacity": limits, "rules": list(rules), **more}


def weekly(days: str, *hours: int, zone: str = "UTC", minutes: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """A recurrence."""
    schedule = {"timeZone": zone, "days": days.split(), "hours": list(hours), "minutes": list(minutes)}
    return {"frequency": "Week", "schedule": schedule}


def setting(*profiles: dict[str, Any], target: str = BLUE, **more: Any) -> dict[str, Any]:
    """The body of a PUT."""
    properties = {"enabled": True, "targetResourceUri": target, "profiles": list(profiles or [profile()]), **more}
    return {"location": "westeurope", "properties": properties}
