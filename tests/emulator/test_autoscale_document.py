"""What an autoscale setting may say."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

import pytest

from emulator.errors import ServiceError
from emulator.monitor.autoscale.document import read_properties, read_tags
from emulator.monitor.autoscale.model import parse_profiles
from emulator.monitor.autoscale.zones import WINDOWS_ZONES, zone
from tests.emulator.autoscale_bodies import BLUE, ENDPOINT, kind_of, profile, rule, setting, weekly

FIXED = {"timeZone": "UTC", "start": "2027-01-01T00:00:00Z", "end": "2027-01-02T00:00:00Z"}


def read(body: dict[str, Any]) -> dict[str, Any]:
    return read_properties(body, "auto", enabled=False, locate=kind_of)


def with_rule(**changes: Any) -> dict[str, Any]:
    return setting(profile("default", rule(**changes)))


def without(field: str, part: str) -> dict[str, Any]:
    body = with_rule()
    del body["properties"]["profiles"][0]["rules"][0][part][field]
    return body


def test_a_setting_comes_back_with_its_defaults_and_without_what_is_unknown() -> None:
    body = setting(profile("default", rule(colour="blue")), colour="blue", notifications=[{"operation": "Scale"}])
    del body["properties"]["enabled"]
    found = read(body)
    assert (found["enabled"], found["name"], found["targetResourceUri"]) == (False, "auto", BLUE)
    assert found["notifications"] == [{"operation": "Scale"}]
    trigger = found["profiles"][0]["rules"][0]["metricTrigger"]
    assert (trigger["dimensions"], trigger["dividePerInstance"]) == ([], False)
    assert "colour" not in found
    assert "colour" not in trigger


def test_fields_and_words_compare_without_case() -> None:
    body = setting(profile("p", rule(statistic="average", DIMENSIONS=[{"dimensionname": "instanceid"}])))
    body["properties"]["profiles"][0]["rules"][0]["metricTrigger"]["DIMENSIONS"][0] |= {
        "OPERATOR": "equals",
        "values": ["1"],
    }
    trigger = read(body)["profiles"][0]["rules"][0]["metricTrigger"]
    assert trigger["statistic"] == "Average"
    assert trigger["dimensions"] == [{"DimensionName": "instanceId", "Operator": "Equals", "Values": ["1"]}]


def test_dimensions_become_a_filter_of_the_monitor() -> None:
    dimensions = [
        {"DimensionName": "deployment", "Operator": "Equals", "Values": ["blue", "it's"]},
        {"DimensionName": "statusCode", "Operator": "NotEquals", "Values": ["200", "201"]},
    ]
    body = with_rule(metricName="RequestsPerMinute", metricResourceUri=ENDPOINT, dimensions=dimensions)
    [found] = parse_profiles(read(body))
    trigger = found.rules[0].trigger
    assert trigger.filter == (
        "deployment eq 'blue' or deployment eq 'it''s' and statusCode ne '200' and statusCode ne '201'"
    )
    assert trigger.dimensions == ("deployment", "statusCode")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"location": "x"}, "UnsupportedRequestContent", "'properties' must be an object"),
        ({"properties": {"targetResourceUri": BLUE}}, "UnsupportedRequestContent", "properties.profiles"),
        (setting(target=""), "UnsupportedRequestContent", "targetResourceUri"),
        (setting(enabled="yes"), "UnsupportedRequestContent", "true or false"),
        ({"properties": {"targetResourceUri": BLUE, "profiles": []}}, "BadRequest", "1 to 20 profiles"),
        (setting(*(profile(str(n)) for n in range(21))), "BadRequest", "1 to 20 profiles"),
        (setting(profile("a"), profile("A")), "BadRequest", "unique"),
        (setting(profile("a", *[rule()] * 11)), "BadRequest", "11 rules"),
        (setting(profile(capacity="3 2 2")), "InvalidCapacity", "minimum <= default <= maximum"),
        (setting(profile(capacity="1 3 4")), "InvalidCapacity", "minimum <= default <= maximum"),
        (setting(profile(capacity="1 51 2")), "InvalidCapacity", "<= 50"),
        (setting(profile(capacity="0 5 2")), "InvalidCapacity", "1 <= minimum"),
        (setting(profile(capacity="x 5 2")), "UnsupportedRequestContent", "holds a whole number"),
        (with_rule(value=1), "UnsupportedRequestContent", "scaleAction.value"),
        (with_rule(value="5"), "InvalidActionValue", "capacity maximum 5 and the capacity minimum 1"),
        (with_rule(value="0", kind="PercentChangeCount"), "InvalidActionValue", "at least 1"),
        (with_rule(kind="Double"), "UnsupportedRequestContent", "ExactCount"),
        (with_rule(direction="Up"), "UnsupportedRequestContent", "Decrease"),
        (with_rule(cooldown="PT30S"), "BadRequest", "between PT1M and P7D"),
        (with_rule(cooldown="P8D"), "BadRequest", "between PT1M and P7D"),
        (with_rule(cooldown="5m"), "UnsupportedRequestContent", "ISO 8601"),
        (with_rule(timeWindow="PT4M"), "BadRequest", "between PT5M and PT12H"),
        (with_rule(timeWindow="PT13H"), "BadRequest", "between PT5M and PT12H"),
        (with_rule(timeGrain="PT10M", timeWindow="PT20M"), "BadRequest", "not offered"),
        (with_rule(timeGrain="PT15M"), "BadRequest", "shorter than the time grain"),
        (with_rule(statistic="Median"), "UnsupportedRequestContent", "Sum"),
        (with_rule(timeAggregation="Sum"), "UnsupportedRequestContent", "Last"),
        (with_rule(operator="Above"), "UnsupportedRequestContent", "LessThanOrEqual"),
        (with_rule(threshold="70"), "UnsupportedRequestContent", "must be a number"),
        (with_rule(threshold=10**400), "UnsupportedRequestContent", "is too large"),
        (with_rule(metricName="Nonsense"), "BadRequest", "'Nonsense' is not supported"),
        (with_rule(metricName="RequestLatency"), "BadRequest", "'RequestLatency' is not supported"),
        (with_rule(metricNamespace="Microsoft.Web/sites"), "BadRequest", "not 'Microsoft.Web/sites'"),
        (with_rule(metricResourceUri=f"{ENDPOINT}/deployments/none"), "MetricResourceNotFound", "none"),
        (with_rule(dimensions=[{"DimensionName": "colour"}]), "UnsupportedRequestContent", "instanceId"),
        (
            with_rule(dimensions=[{"DimensionName": "instanceId", "Operator": "Equals", "Values": []}]),
            "UnsupportedRequestContent",
            "list of strings",
        ),
        (without("timeGrain", "metricTrigger"), "UnsupportedRequestContent", "metricTrigger.timeGrain"),
        (without("threshold", "metricTrigger"), "UnsupportedRequestContent", "metricTrigger.threshold"),
        (without("cooldown", "scaleAction"), "UnsupportedRequestContent", "scaleAction.cooldown"),
        (setting(profile(fixedDate=FIXED, recurrence=weekly("Monday", 6))), "BadRequest", "both a fixedDate"),
        (setting(profile(fixedDate=FIXED | {"end": FIXED["start"]})), "BadRequest", "before its end"),
        (setting(profile(fixedDate=FIXED | {"end": "soon"})), "UnsupportedRequestContent", "ISO 8601"),
        (setting(profile(recurrence=weekly("Monday", 6, zone="Europe/Berlin"))), "BadRequest", "time zone of Windows"),
        (setting(profile(recurrence=weekly("Holiday", 6))), "BadRequest", "days of the week"),
        (setting(profile(recurrence=weekly("Monday", 24))), "BadRequest", "from 0 to 23"),
        (setting(profile(recurrence=weekly("Monday"))), "UnsupportedRequestContent", "list of whole numbers"),
        (setting(profile(recurrence={"frequency": "Day"})), "UnsupportedRequestContent", "Week"),
    ],
)
def test_what_breaks_a_rule_is_refused_and_named(body: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(ServiceError) as caught:
        read(body)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert words in caught.value.message


def test_the_largest_allowed_values_are_taken() -> None:
    longest = rule(timeWindow="PT12H", timeGrain="PT12H", cooldown="P1W", value="49")
    body = setting(profile("p", *[longest] * 10, capacity="1 50 50"), *(profile(str(n)) for n in range(19)))
    assert parse_profiles(read(body))[0].rules[0].action.cooldown_seconds == 7 * 86_400


def test_tags_are_counted() -> None:
    assert read_tags({}) == {}
    assert len(read_tags({"tags": {str(number): "x" for number in range(15)}})) == 15
    for tags in ({str(number): "x" for number in range(16)}, {"a": 1}, ["a"], {"a": "x" * 257}):
        with pytest.raises(ServiceError):
            read_tags({"tags": tags})


def test_every_windows_zone_is_one_that_python_knows() -> None:
    assert set(WINDOWS_ZONES.values()) <= available_timezones() | {"Etc/UTC"}
    assert str(zone("pacific standard time")) == "America/Los_Angeles"
    assert all(zone(older) for older in ("Mid-Atlantic Standard Time", "Kamchatka Standard Time"))
    assert zone("America/Los_Angeles") is None
