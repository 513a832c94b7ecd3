"""Autoscale settings for tests: how to write them, and a corpus of bad and good ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from services.autoscale import editing
from services.autoscale.metrics import find
from services.autoscale.remark import Situation
from services.autoscale.rules import READY, Wish, new_setting, rule
from services.autoscale.settings import DEPLOYMENTS, ENDPOINTS

ENDPOINT = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/onlineEndpoints/shop"
)
BLUE, GREEN = f"{ENDPOINT}/deployments/blue", f"{ENDPOINT}/deployments/green"
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
KNOWN = Situation(BLUE, NOW, is_live=True, startup_seconds=240, others=("green",))
Json = dict[str, Any]


def cpu(
    direction: str = "Increase", threshold: float = 70, operator: str = "", *, cooldown: str = "PT5M", **more: Any
) -> Json:
    trigger = {
        "metricName": "CpuUtilizationPercentage",
        "metricNamespace": DEPLOYMENTS,
        "metricResourceUri": BLUE,
        "timeGrain": "PT1M",
        "statistic": "Average",
        "timeWindow": "PT5M",
        "timeAggregation": "Average",
        "operator": operator or ("GreaterThan" if direction == "Increase" else "LessThan"),
        "threshold": threshold,
        **{key: value for key, value in more.items() if key not in ("kind", "value")},
    }
    action = {
        "direction": direction,
        "type": more.get("kind", "ChangeCount"),
        "value": more.get("value", "1"),
        "cooldown": cooldown,
    }
    return {"metricTrigger": trigger, "scaleAction": action}


def latency(threshold: float = 70, dimension: str | None = "blue", **more: Any) -> Json:
    named = [{"DimensionName": "deployment", "Operator": "Equals", "Values": [dimension]}] if dimension else []
    given = {
        "metricName": "RequestLatency",
        "metricNamespace": ENDPOINTS,
        "metricResourceUri": ENDPOINT,
        "dimensions": named,
    }
    return cpu("Increase", threshold, **{**given, **more})


def rate(threshold: float, direction: str = "Increase", **more: Any) -> Json:
    return cpu(direction, threshold, metricName="RequestsPerMinute", **more)


def memory(direction: str, threshold: float) -> Json:
    return cpu(direction, threshold, metricName="CpuMemoryUtilizationPercentage")


OUT, IN = cpu(), cpu("Decrease", 30)


def profile(*rules: Json, name: str = "default", counts: str = "2 5 2", **more: Any) -> Json:
    least, most, default = counts.split()
    capacity = {"minimum": least, "maximum": most, "default": default}
    return {"name": name, "capacity": capacity, "rules": list(rules), **more}


def weekly(days: str, *hours: int, zone: str = "Pacific Standard Time", minutes: tuple[int, ...] = (0,)) -> Json:
    schedule = {"timeZone": zone, "days": days.split(), "hours": list(hours), "minutes": list(minutes)}
    return {"frequency": "Week", "schedule": schedule}


def fixed(start: str, end: str, zone: str = "UTC") -> Json:
    return {"timeZone": zone, "start": start, "end": end}


def setting(*profiles: Json, target: str = BLUE, **more: Any) -> Json:
    properties = {"enabled": True, "targetResourceUri": target, "profiles": list(profiles), **more}
    return {"location": "westeurope", "properties": properties}


def weekend(**more: Any) -> Json:
    return profile(name="weekend", counts="2 2 2", recurrence=weekly("Saturday Sunday", 6), **more)


def after_weekend() -> Json:
    name = json.dumps({"name": "default", "for": "weekend"})
    return profile(OUT, IN, name=name, recurrence=weekly("Saturday Sunday", 19))


BAD: dict[str, tuple[str, Json]] = {
    "scale-in of Microsoft's Python sample": (
        "in-scales-out",
        setting(profile(OUT, cpu("Increase", 30, "LessThan", cooldown="PT1H"))),
    ),
    "scale-out that takes away": ("out-scales-in", setting(profile(cpu("Decrease", 70, "GreaterThan"), IN))),
    "direction None": ("no-direction", setting(profile(OUT, IN, cpu("None", 50, "GreaterThan")))),
    "thresholds equal": ("crossed", setting(profile(cpu(operator="GreaterThanOrEqual"), cpu("Decrease", 70)))),
    "thresholds crossed": ("crossed", setting(profile(cpu("Increase", 40), cpu("Decrease", 60)))),
    "no margin, as in Azure's page about flapping": (
        "flapping",
        setting(profile(cpu(threshold=60), cpu("Decrease", 60), counts="2 5 2")),
    ),
    "70 and 60 from 1 to 5": ("flapping", setting(profile(cpu(threshold=70), cpu("Decrease", 60), counts="1 5 1"))),
    "half of the one instance": ("flapping", setting(profile(OUT, cpu("Decrease", 40), counts="1 2 1"))),
    "in and out watch different metrics": (
        "different-metrics",
        setting(profile(latency(), IN)),
    ),
    "two without a partner beside a pair": (
        "different-metrics",
        setting(profile(OUT, IN, rate(600), memory("Decrease", 20))),
    ),
    "never in": ("never-in", setting(profile(OUT))),
    "never out": ("never-out", setting(profile(IN))),
    "no rules": ("no-rules", setting(profile())),
    "no room": ("no-room", setting(profile(OUT, IN, counts="3 3 3"))),
    "the same rule twice": ("twice", setting(profile(OUT, IN, OUT))),
    "minimum above maximum": ("min-over-max", setting(profile(OUT, IN, counts="5 2 5"))),
    "default outside": ("default-outside", setting(profile(OUT, IN, counts="2 5 8"))),
    "zero instances": ("zero", setting(profile(OUT, IN, counts="0 5 1"))),
    "one instance with live traffic": ("one-instance", setting(profile(OUT, IN, counts="1 5 1"))),
    "51 instances": ("too-many", setting(profile(OUT, IN, counts="2 51 2"))),
    "limits are no numbers": ("no-limits", setting(profile(OUT, IN, counts="two 5 2"))),
    "step larger than the limits": ("value-too-large", setting(profile(cpu(value="4"), IN))),
    "step of nothing": ("no-value", setting(profile(cpu(value="0"), IN))),
    "to a number outside": ("outside-limits", setting(profile(cpu(kind="ExactCount", value="9"), IN))),
    "unpaired recurrence": ("unpaired-recurrence", setting(profile(OUT, IN), weekend())),
    "two recurrences at once": (
        "same-start",
        setting(profile(OUT, IN), weekend(), {**weekend(), "name": "also"}, after_weekend()),
    ),
    "IANA time zone": (
        "unknown-zone",
        setting(
            profile(OUT, IN),
            {**weekend(), "recurrence": weekly("Saturday", 6, zone="America/Los_Angeles")},
            after_weekend(),
        ),
    ),
    "recurrence every day": (
        "frequency",
        setting(profile(OUT, IN), {**weekend(), "recurrence": {**weekly("Monday", 6), "frequency": "Day"}}),
    ),
    "recurrence without hours": (
        "no-times",
        setting(profile(OUT, IN), {**weekend(), "recurrence": weekly("Saturday")}, after_weekend()),
    ),
    "recurrence and date": (
        "two-schedules",
        setting(profile(OUT, IN), weekend(fixedDate=fixed("2026-12-24", "2026-12-27")), after_weekend()),
    ),
    "ends before it begins": (
        "ends-before-start",
        setting(profile(OUT, IN), profile(name="xmas", counts="4 4 4", fixedDate=fixed("2026-12-27", "2026-12-24"))),
    ),
    "dates overlap": (
        "overlap",
        setting(
            profile(OUT, IN),
            profile(name="one", counts="4 4 4", fixedDate=fixed("2026-12-20", "2026-12-27")),
            profile(name="two", counts="6 6 6", fixedDate=fixed("2026-12-24", "2026-12-30")),
        ),
    ),
    "dates alone": (
        "no-default",
        setting(profile(name="xmas", counts="4 4 4", fixedDate=fixed("2026-12-24", "2026-12-27"))),
    ),
    "unreadable dates": (
        "unreadable-date",
        setting(profile(OUT, IN), profile(name="xmas", counts="4 4 4", fixedDate=fixed("at Christmas", "2026-12-27"))),
    ),
    "two defaults": ("two-defaults", setting(profile(OUT, IN), profile(OUT, IN, name="other"))),
    "names twice": ("profile-name", setting(weekend(), {**weekend(), "recurrence": weekly("Monday", 6)})),
    "names twice in another case": (
        "profile-name",
        setting(weekend(), {**weekend(), "name": "WeekEnd", "recurrence": weekly("Monday", 6)}),
    ),
    "no profiles": ("profile-count", setting()),
    "21 profiles": (
        "profile-count",
        setting(
            *(profile(name=f"h{hour}", counts="2 2 2", recurrence=weekly("Monday", hour)) for hour in range(21)),
        ),
    ),
    "11 rules": ("rule-count", setting(profile(IN, *(cpu(threshold=70 + each) for each in range(10))))),
    "metric of the endpoint asked of the deployment": (
        "unknown-metric",
        setting(profile(OUT, IN, latency(metricResourceUri=BLUE, metricNamespace=DEPLOYMENTS, dimensions=[]))),
    ),
    "namespace of the endpoint for the deployment": (
        "wrong-namespace",
        setting(profile(cpu(metricNamespace=ENDPOINTS), IN)),
    ),
    "metric of another deployment": ("other-resource", setting(profile(cpu(metricResourceUri=GREEN), IN))),
    "latency of another deployment": ("other-deployment", setting(profile(OUT, IN, latency(dimension="green")))),
    "latency of all deployments": ("all-deployments", setting(profile(OUT, IN, latency(dimension=None)))),
    "dimension that is not there": (
        "unknown-dimension",
        setting(
            profile(OUT, IN, latency(dimensions=[{"DimensionName": "colour", "Operator": "Equals", "Values": ["x"]}]))
        ),
    ),
    "processor above 120 %": ("impossible-threshold", setting(profile(cpu(threshold=120), IN))),
    "processor above 0 %": ("edge-threshold", setting(profile(cpu(threshold=0), cpu("Decrease", 30, "LessThan")))),
    "processor of 0 % or more": (
        "impossible-threshold",
        setting(profile(cpu("Increase", 0, "GreaterThanOrEqual"), IN)),
    ),
    "processor of 100 % or more": ("edge-threshold", setting(profile(cpu("Increase", 100, "GreaterThanOrEqual"), IN))),
    "processor above 100 %": ("impossible-threshold", setting(profile(cpu(threshold=100), IN))),
    "processor below 100 %": ("edge-threshold", setting(profile(OUT, cpu("Decrease", 100)))),
    "processor of 100 % or less": (
        "impossible-threshold",
        setting(profile(OUT, cpu("Decrease", 100, "LessThanOrEqual"))),
    ),
    "processor of 0 % or less": ("edge-threshold", setting(profile(OUT, cpu("Decrease", 0, "LessThanOrEqual")))),
    "requests of 0 or more": (
        "impossible-threshold",
        setting(profile(rate(0, operator="GreaterThanOrEqual"), rate(-1, "Decrease", operator="LessThan"))),
    ),
    "processor for each instance": (
        "divided",
        setting(profile(cpu(dividePerInstance=True), cpu("Decrease", 30, dividePerInstance=True))),
    ),
    "threshold is a word": ("no-threshold", setting(profile(cpu(threshold="70"), IN))),  # type: ignore[arg-type]  # it is what is wrong
    "exactly 70 %": ("equality", setting(profile(OUT, IN, cpu(operator="Equals")))),
    "sum of percentages": ("summed", setting(profile(cpu(statistic="Sum"), cpu("Decrease", 30)))),
    "window of one minute": ("window", setting(profile(cpu(timeWindow="PT1M"), IN))),
    "grain longer than the window": ("grain-over-window", setting(profile(cpu(timeGrain="PT15M"), IN))),
    "grain of 90 seconds": ("grain", setting(profile(cpu(timeGrain="PT90S"), IN))),
    "cool-down of seconds": ("cooldown", setting(profile(cpu(cooldown="PT30S"), IN))),
    "cool-down shorter than the start": ("cooldown-under-startup", setting(profile(cpu(cooldown="PT2M"), IN))),
    "for another deployment": ("other-target", setting(profile(OUT, IN), target=GREEN)),
    "enabled is not said": (
        "enabled-missing",
        {"properties": {"targetResourceUri": BLUE, "profiles": [profile(OUT, IN)]}},
    ),
    "unknown operator": ("unknown-operator", setting(profile(cpu(operator="Above"), IN))),
    "unknown aggregation": ("unknown-timeaggregation", setting(profile(cpu(timeAggregation="P95"), IN))),
    "unknown kind of change": ("unknown-type", setting(profile(cpu(kind="Double"), IN))),
}

RATE, MEMORY = find("RequestsPerMinute", DEPLOYMENTS), find("CpuMemoryUtilizationPercentage", DEPLOYMENTS)
assert RATE is not None
assert MEMORY is not None
FIRST = new_setting(BLUE, "westeurope", 2)
NIGHT = editing.Weekly(("Monday", "Tuesday", "Friday"), (20, 0), (6, 0), "W. Europe Standard Time")

GOOD: dict[str, Json] = {
    "Microsoft's guide: processor, latency, weekend": setting(
        profile(
            cpu(value="2"),
            cpu("Decrease", 30, cooldown="PT1H"),
            latency(timeAggregation="Last"),
        ),
        weekend(),
        after_weekend(),
    ),
    "80 and 60 from 3 to 10, Azure's best practice": setting(
        profile(cpu(threshold=80), cpu("Decrease", 60), counts="3 10 3")
    ),
    "600 and 400 requests, Azure's page about flapping": setting(
        profile(
            cpu(threshold=600, operator="GreaterThanOrEqual", metricName="RequestsPerMinute"),
            cpu("Decrease", 400, metricName="RequestsPerMinute"),
            counts="2 6 2",
        )
    ),
    "in when nobody calls": setting(
        profile(rate(600), rate(0, "Decrease", operator="LessThanOrEqual"), counts="2 6 2")
    ),
    "requests for each instance": setting(
        profile(rate(600, dividePerInstance=True), rate(200, "Decrease", dividePerInstance=True), counts="2 6 2")
    ),
    "in only when two are low": setting(profile(OUT, IN, memory("Decrease", 20))),
    "1 and 99 percent": setting(profile(cpu(threshold=99), cpu("Decrease", 1))),
    "dates of a setting whose usual profile comes last": editing.with_dates(
        setting(weekend(), after_weekend(), profile(OUT, IN)), "xmas", ("2026-12-24", "2026-12-27", "UTC"), (3, 9, 3)
    ),
    "a fixed number": setting(profile(counts="3 3 3")),
    "a first setting": FIRST,
    "a night with its pair": editing.with_weekly(FIRST, "night", NIGHT, (2, 2, 2), rules=False),
    "a day with its pair and rules": editing.with_weekly(
        FIRST, "day", editing.Weekly(("Monday",), (8, 0), (18, 0), "UTC"), (3, 8, 3)
    ),
    "Christmas": editing.with_dates(FIRST, "xmas", ("2026-12-24T00:00", "2026-12-27T00:00", "UTC"), (6, 6, 6)),
    "a date that is over": editing.with_dates(FIRST, "xmas", ("2025-12-24", "2025-12-27", "UTC"), (6, 6, 6)),
    "switched off": editing.with_enabled(FIRST, False),
    "percent steps": setting(profile(cpu(kind="PercentChangeCount", value="50"), IN, counts="2 20 4")),
    "exact number": setting(profile(cpu(kind="ExactCount", value="5"), IN)),
    "spelled in another case": setting(
        profile(cpu(metricResourceUri=BLUE.upper(), metricNamespace=DEPLOYMENTS.lower()), IN), target=BLUE.lower()
    ),
    "a queue of another service": setting(
        profile(
            OUT,
            IN,
            cpu(
                metricName="ApproximateMessageCount",
                metricNamespace="",
                metricResourceUri="/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/q",
                threshold=100,
            ),
        )
    ),
    **{
        f"ready-made: {ready.name}": editing.with_rules(
            setting(profile(counts="2 6 2")), 0, [rule(each, BLUE) for each in ready.wishes]
        )
        for ready in READY
    },
    "of a person's own": editing.with_rules(
        setting(profile(counts="2 6 2")),
        0,
        [rule(Wish(RATE, True, 300), BLUE), rule(Wish(RATE, False, 100), BLUE), rule(Wish(MEMORY, True, 80), BLUE)],
    ),
}
