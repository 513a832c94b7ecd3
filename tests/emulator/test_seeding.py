"""What is seeded: workspaces, endpoints without processes, and history that is the same every time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from emulator.history import History, parse_history, write_history
from emulator.scoring.telemetry import histogram
from emulator.scoring.telemetry.rows import Telemetry
from tests.emulator.test_server import processes_of
from tests.local_azure import LocalAzure

START = 1_767_225_600
DESCRIPTION: dict[str, Any] = {
    "endpoint": "Past",
    "start": "2026-01-01T00:00:30+00:00",
    "minutes": 10,
    "seed": 7,
    "deployments": {
        "blue": {"per_minute": 90.5, "median_ms": 40, "failing": 0.1},
        "green": {"per_minute": 9.5, "kind": "mirror", "median_ms": 80},
    },
}


def store(tmp_path: Path, name: str = "t.db") -> Telemetry:
    return Telemetry(tmp_path / name, clock=lambda: float(START))


def changed(**values: Any) -> dict[str, Any]:
    return {**DESCRIPTION, **values}


def test_a_history_is_the_same_every_time(tmp_path: Path) -> None:
    history = parse_history(DESCRIPTION)
    both = [store(tmp_path, name) for name in ("a.db", "b.db")]
    for telemetry in both:
        assert write_history(history, telemetry) == (1000, 1000)
    first, second = ([*each.rows(None, 0, 10_000)] for each in both)
    assert first == second
    assert len({row["request_id"] for row in first}) == 1000
    assert (first[0]["endpoint"], int(first[0]["started_at"] // 60) * 60) == ("past", START)
    for telemetry in both:
        telemetry.close()


def test_what_is_older_than_the_store_would_keep_is_rolled_up_alone(tmp_path: Path) -> None:
    telemetry = store(tmp_path)
    history = History("past", START, 10, 7, parse_history(DESCRIPTION).streams)
    assert write_history(history, telemetry, most_rows=250) == (1000, 200)
    minutes = telemetry.minutes("past", START, START + 600)
    assert sum(each.requests for each in minutes) == 1000
    assert {each.minute for each in minutes} == {START + 60 * number for number in range(10)}
    live = [each for each in minutes if each.kind == "live"]
    assert 50 < sum(each.requests for each in live if each.status == 424) < 130
    counts: dict[int, int] = {}
    for each in live:
        histogram.merge(counts, histogram.decode(each.histogram))
    (median,) = histogram.percentiles(counts, [50])
    assert math.isclose(median, 40, rel_tol=0.1)
    telemetry.close()


def test_folding_adds_to_what_is_there(tmp_path: Path) -> None:
    telemetry = store(tmp_path)
    history = parse_history(DESCRIPTION)
    write_history(history, telemetry, most_rows=0)
    once = telemetry.minutes("past", START, START + 600)
    write_history(history, telemetry, most_rows=0)
    twice = telemetry.minutes("past", START, START + 600)
    assert [each.requests * 2 for each in once] == [each.requests for each in twice]
    assert histogram.decode(twice[0].histogram) == {
        bucket: 2 * count for bucket, count in histogram.decode(once[0].histogram).items()
    }
    telemetry.close()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"endpoint": ""}, "names an endpoint"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": True}, "whole numbers"),
        ({"start": "2026-01-01T00:00:00"}, "time zone"),
        ({"start": "yesterday"}, "yesterday"),
        ({"deployments": {"blue": {}}}, "per_minute"),
        ({"deployments": {"blue": {"per_minute": -1}}}, "out of range"),
        ({"deployments": {"blue": {"per_minute": 1, "kind": "dead"}}}, "live or mirror"),
        ({"deployments": {"blue": {"per_minute": 1, "status": "x"}}}, "is a int"),
        ({"deployments": {"blue": {"per_minute": 1e9}}}, "at most"),
        ({"speed": 1}, "fields"),
    ],
)
def test_a_history_that_cannot_be_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_history(changed(**values))


@pytest.mark.emulator
def test_workspaces_and_many_endpoints_are_there_without_processes(local_azure: LocalAzure) -> None:
    place = {"subscription": "00000000-0000-0000-0000-00000000beef", "resource_group": "far", "name": "away"}
    workspace = (
        f"/subscriptions/{place['subscription']}/resourceGroups/far"
        "/providers/Microsoft.MachineLearningServices/workspaces/away"
    )
    before = processes_of(local_azure.state)
    names = [f"seeded-{number}" for number in range(200)]
    body = {
        "workspaces": [{**place, "region": "northeurope"}],
        "endpoints": [
            {
                "name": name,
                "workspace": workspace,
                "deployments": ["blue", "green"],
                "traffic": {"blue": 90, "green": 10},
            }
            for name in names
        ],
        "created": [{"id": f"{workspace}/onlineEndpoints/seeded-0", "createdAt": "2026-01-01T00:00:00Z"}],
    }
    made = local_azure.control("POST", "seed", body)
    assert made.json() == {
        "workspaces": 1, "endpoints": 200, "created": 1, "rows": 0, "history": 0, "historyRows": 0
    }  # fmt: skip
    answer = local_azure.arm("GET", f"{workspace}/onlineEndpoints/seeded-0").json()
    assert answer["systemData"]["createdAt"].startswith("2026-01-01")
    untouched = local_azure.arm("GET", f"{workspace}/onlineEndpoints/seeded-1").json()["systemData"]
    assert answer["systemData"]["lastModifiedAt"] == untouched["lastModifiedAt"], "a last write never moves back"
    assert answer["properties"]["traffic"] == {"blue": 90, "green": 10}
    found, page = [], local_azure.arm("GET", f"{workspace}/onlineEndpoints").json()
    found += [each["name"] for each in page["value"]]
    assert set(found) <= set(names)
    # Some of before may have ended meanwhile: other tests have deployments here.
    assert processes_of(local_azure.state) <= before
    # All or nothing: the second one is there already.
    again = {"endpoints": [{"name": "not-yet"}, {"name": "seeded-0"}]}
    assert local_azure.control("POST", "seed", again).status_code == 400
    assert local_azure.arm("GET", "onlineEndpoints/not-yet").status_code == 404
    for name in names:
        local_azure.arm("DELETE", f"{workspace}/onlineEndpoints/{name}")


@pytest.mark.emulator
def test_history_is_seeded_over_the_wire(local_azure: LocalAzure) -> None:
    made = local_azure.control("POST", "seed", {"history": [changed(endpoint="wired")]})
    assert (made.status_code, made.json()["history"], made.json()["historyRows"]) == (200, 1000, 1000)
    rows = local_azure.control("GET", "requests?endpoint=wired").json()["value"]
    assert len(rows) == 1000
    odd: list[dict[str, Any]] = [{"histories": []}, {"rows": {}}, {"history": [{}]}, {"workspaces": [{"name": "x"}]}]
    for body in odd:
        assert local_azure.control("POST", "seed", body).status_code == 400


@pytest.mark.emulator
def test_events_and_instances_can_be_looked_at(shop: LocalAzure) -> None:
    events = shop.control("GET", "events?endpoint=shop").json()["value"]
    assert {event["endpoint"] for event in events} == {"shop"}
    assert {"Created", "Started"} <= {event["name"] for event in events}
    last = events[-1]["id"]
    assert all(event["id"] > last for event in shop.control("GET", f"events?since={last}").json()["value"])
    assert shop.control("GET", "events?since=x").status_code == 400
    instances = [each for each in shop.control("GET", "instances").json()["value"] if each["endpoint"] == "shop"]
    assert [(each["deployment"], each["ready"]) for each in instances] == [("blue", True), ("green", True)]
    assert all(each["pid"] in processes_of(shop.state) for each in instances)
