"""Autoscale settings over HTTP, and the engine that follows them, on deployments without processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.contract.history import row
from tests.emulator.autoscale_bodies import profile, rule, setting
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
VERSION = "2022-10-01"
CALLER = "Microsoft.Insights/autoscaleSettings"


class Scaled:
    """Autoscale settings of one local Azure's resource group."""

    def __init__(self, azure: LocalAzure) -> None:
        self.azure = azure
        self.group = azure.workspace.split("/providers/")[0]
        self.made: list[str] = []

    def ask(self, method: str, name: str = "", body: dict[str, Any] | None = None, **more: Any) -> requests.Response:
        path = f"{self.group}/providers/microsoft.insights/autoscalesettings{name and '/' + name}"
        if method == "PUT":
            self.made.append(name)
        return self.azure.arm(method, path, body, **{"version": VERSION, **more})

    def deployment(self, name: str, endpoint: str = "scaled") -> str:
        return f"{self.azure.workspace}/onlineEndpoints/{endpoint}/deployments/{name}"

    def setting(self, name: str, *profiles: dict[str, Any], **more: Any) -> dict[str, Any]:
        target = self.deployment(name)
        for each in profiles:
            for one in each["rules"]:
                one["metricTrigger"]["metricResourceUri"] = target
        return setting(*profiles, target=target, **more)

    def instances(self, name: str) -> int:
        return int(self.azure.arm("GET", self.deployment(name)).json()["sku"]["capacity"])

    def busy_minutes(self, name: str, milliseconds: float) -> None:
        """Requests in every one of the last eight minutes, each answered after so long."""
        now = datetime.now(UTC)
        rows = [row(now - timedelta(minutes=back), "scaled", name, 200, milliseconds) for back in range(8)]
        self.azure.control("POST", "seed", {"rows": rows}).raise_for_status()

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the engine wrote about a deployment and the setting of the same name, each oldest first."""
        setting = f"{self.group}/providers/microsoft.insights/autoscalesettings/{name}"
        return [*self.written(self.deployment(name)), *self.written(setting)]

    def written(self, resource_id: str) -> list[dict[str, Any]]:
        """What the engine wrote about a resource, oldest first."""
        start = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        clause = f"eventTimestamp ge '{start}' and resourceUri eq '{resource_id}'"
        answer = requests.get(
            f"{self.azure.url}{self.group.split('/resourceGroups')[0]}"
            "/providers/Microsoft.Insights/eventtypes/management/values",
            params={"api-version": "2015-04-01", "$filter": f"{clause} and caller eq '{CALLER}'"},
            headers={"Authorization": f"Bearer {self.azure.token()}"},
            verify=self.azure.bundle,
            timeout=60,
        )
        return list(reversed(answer.json()["value"]))


@pytest.fixture(scope="module")
def scaled(local_azure: LocalAzure) -> Iterator[Scaled]:
    """An endpoint with deployments that have no processes, and an engine that looks five times a second."""
    names = ("crud", "twin", "low", "high", "latency", "steady", "busy", "off", "flap", "gone")
    deployments = [{"name": name, "capacity": 2} for name in names]
    seed = {"endpoints": [{"name": "scaled", "deployments": deployments}]}
    local_azure.control("POST", "seed", seed).raise_for_status()
    local_azure.control("POST", "settings", {"autoscale_seconds": 0.2}).raise_for_status()
    found = Scaled(local_azure)
    yield found
    local_azure.control("POST", "settings", {"autoscale_seconds": 30.0}).raise_for_status()
    for name in found.made:
        found.ask("DELETE", name)

    def is_deleted() -> bool:
        # The engine may be scaling.
        answer = local_azure.arm("DELETE", "onlineEndpoints/scaled")
        return answer.status_code != 409 and local_azure.finish(answer)["status"] == "Succeeded"

    until(is_deleted)


def until(is_so: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"


def latency(threshold: float, direction: str = "Increase", **more: Any) -> dict[str, Any]:
    return rule(direction, threshold, metricName="RequestLatency_P95", cooldown="PT1H", **more)


def test_a_setting_is_made_changed_listed_and_deleted(scaled: Scaled) -> None:
    body = scaled.setting("crud", profile(), enabled=False)
    made = scaled.ask("PUT", "Auto", body)
    assert made.status_code == 201
    assert made.json()["type"] == "Microsoft.Insights/autoscaleSettings"
    assert made.json()["id"].endswith("/providers/microsoft.insights/autoscalesettings/Auto")
    again = scaled.ask("PUT", "auto", body | {"tags": {"a": "b"}})
    assert (again.status_code, again.json()["name"], again.json()["tags"]) == (200, "Auto", {"a": "b"})
    changed = scaled.ask("PATCH", "auto", {"properties": {"enabled": False}, "tags": {"c": "d"}})
    assert (changed.status_code, changed.json()["tags"]) == (200, {"c": "d"})
    assert changed.json()["properties"]["profiles"] == made.json()["properties"]["profiles"]
    assert scaled.ask("GET", "AUTO").json() == changed.json()
    assert changed.json() in scaled.ask("GET").json()["value"]
    subscription = scaled.group.split("/resourceGroups")[0]
    path = f"{subscription}/providers/Microsoft.Insights/autoscalesettings"
    assert changed.json() in scaled.azure.arm("GET", path, version=VERSION).json()["value"]
    assert [scaled.ask("DELETE", "auto").status_code for _ in range(2)] == [200, 204]
    gone = scaled.ask("GET", "auto")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "ResourceNotFound")


def test_a_deployment_takes_one_setting_and_a_setting_one_deployment(scaled: Scaled) -> None:
    assert scaled.ask("PUT", "first", scaled.setting("twin", enabled=False)).status_code == 201
    other = scaled.ask("PUT", "second", scaled.setting("twin", enabled=False))
    assert (other.status_code, other.json()["error"]["code"]) == (409, "Conflict")
    moved = scaled.ask("PUT", "first", scaled.setting("crud", enabled=False))
    assert (moved.status_code, moved.json()["error"]["code"]) == (400, "TargetResourceIdIsImmutable")
    missing = scaled.ask("PUT", "third", scaled.setting("nobody"))
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "TargetResourceNotFound")
    endpoint = setting(target=f"{scaled.azure.workspace}/onlineEndpoints/scaled")
    assert scaled.ask("PUT", "third", endpoint).status_code == 400


def test_refusals_and_roles(scaled: Scaled) -> None:
    assert scaled.ask("PUT", "wrong", {"properties": {}}).json()["error"]["code"] == "LocationRequired"
    assert scaled.ask("PUT", "wrong", {"location": "x"}).json()["error"]["code"] == "UnsupportedRequestContent"
    assert scaled.ask("PATCH", "nobody", {}).status_code == 404
    reader = scaled.azure.token("reader")
    assert scaled.ask("PUT", "wrong", scaled.setting("crud"), token=reader).status_code == 403
    assert scaled.ask("GET", token=reader).status_code == 200


def test_old_versions_switch_a_setting_on_that_says_nothing(scaled: Scaled) -> None:
    body = scaled.setting("crud", profile(capacity="1 5 1"))
    del body["properties"]["enabled"]
    assert scaled.ask("PUT", "silent", body).json()["properties"]["enabled"] is False
    assert scaled.ask("PUT", "silent", body, version="2015-04-01").json()["properties"]["enabled"] is True
    scaled.ask("DELETE", "silent")


def test_the_limits_of_the_profile_count_at_once_and_are_written_down(scaled: Scaled) -> None:
    scaled.ask("PUT", "low", scaled.setting("low", profile(capacity="4 6 4")))
    scaled.ask("PUT", "high", scaled.setting("high", profile(capacity="1 1 1")))
    until(lambda: scaled.instances("low") == 4 and scaled.instances("high") == 1)
    until(lambda: len(scaled.events("low")) >= 3 and len(scaled.events("high")) >= 3)
    for name, word, old, new in (("low", "up", 2, 4), ("high", "down", 2, 1)):
        engine = [each for each in scaled.events(name) if each["category"]["value"] == "Autoscale"]
        begun, ended = engine
        assert begun["operationName"]["value"] == f"Microsoft.Insights/AutoscaleSettings/Scale{word}/Action"
        assert ended["operationName"]["value"] == f"Microsoft.Insights/AutoscaleSettings/Scale{word}Result/Action"
        assert f"from {old} instances count to {new} instances count" in begun["description"]
        assert begun["properties"]["NewInstancesCount"] == str(new)
        assert begun["properties"]["ResourceName"] == scaled.deployment(name)
        assert begun["resourceId"].endswith(f"/microsoft.insights/autoscalesettings/{name}")
        assert begun["resourceProviderName"]["value"] == "microsoft.insights"
        assert {each["correlationId"] for each in scaled.events(name)} == {begun["correlationId"]}
    changed = scaled.azure.arm("GET", scaled.deployment("low")).json()["systemData"]
    assert changed["lastModifiedBy"] == CALLER


def test_slow_answers_scale_out_once_in_a_cooldown(scaled: Scaled) -> None:
    scaled.busy_minutes("latency", 900.0)
    scaled.busy_minutes("steady", 100.0)
    for name in ("latency", "steady"):
        scaled.ask("PUT", name, scaled.setting(name, profile("default", latency(500.0, value="2"))))
    until(lambda: scaled.instances("latency") == 4)
    until(lambda: any("Result" in each["operationName"]["value"] for each in scaled.events("latency")))
    # Ten more evaluations at least: the setting that is put now is followed after them.
    scaled.ask("PUT", "busy", scaled.setting("busy", profile(capacity="3 5 3")))
    until(lambda: scaled.instances("busy") == 3)
    assert scaled.instances("latency") == 4
    assert scaled.instances("steady") == 2


def test_flapping_is_held_back_and_written_down_once(scaled: Scaled) -> None:
    scaled.busy_minutes("flap", 400.0)
    rules = (latency(500.0), latency(450.0, "Decrease"))
    scaled.ask("PUT", "flap", scaled.setting("flap", profile("default", *rules)))
    until(lambda: scaled.events("flap"))
    [event] = scaled.events("flap")
    assert event["operationName"]["value"] == "Microsoft.Insights/AutoscaleSettings/Flapping/Action"
    assert event["eventName"]["value"] == "FlappingOccurred"
    assert "Current instance count: '2', Intended new instance count: '1'" in event["description"]
    assert scaled.instances("flap") == 2


def test_a_setting_that_is_off_or_whose_deployment_is_gone_does_nothing(scaled: Scaled) -> None:
    scaled.ask("PUT", "gone", scaled.setting("gone", profile(capacity="1 5 2")))
    scaled.azure.finish(scaled.azure.arm("DELETE", scaled.deployment("gone")))
    scaled.ask("PUT", "off", scaled.setting("off", profile(capacity="5 5 5"), enabled=False))
    scaled.ask("DELETE", "busy")
    scaled.ask("PUT", "busy", scaled.setting("busy", profile(capacity="5 5 5")))
    until(lambda: scaled.instances("busy") == 5)
    assert scaled.instances("off") == 2
    assert scaled.ask("GET", "gone").status_code == 200
