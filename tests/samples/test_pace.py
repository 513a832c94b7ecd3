"""When the demo's requests come and where they go."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples.demo_parts.pace import PEAK, Phase, Planned, arrivals, choose, dated, phase_at, plan, rise, wave
from samples.demo_parts.payloads import BAD_SHARE, Payloads

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NOON = 1_800_000_000.0
STORY = (
    Phase(0.0, {"blue": 100}),
    Phase(0.4, {"blue": 90, "green": 10}),
    Phase(0.7, {"blue": 100}, {"green": 20}),
)


@given(st.floats(0, 4e9))
def test_traffic_swells_and_ebbs_and_never_stops(at: float) -> None:
    assert 0.5 < wave(at) <= PEAK


def test_a_day_of_waves_averages_one() -> None:
    assert math.isclose(sum(wave(NOON + second) for second in range(0, 86_400, 10)) / 8640, 1, abs_tol=0.01)


def test_the_history_starts_small_and_ends_where_the_stream_goes_on() -> None:
    levels = [rise(step / 100) for step in range(101)]
    assert levels == sorted(levels)
    assert levels[0] < 0.2
    assert levels[-1] == 1


def test_requests_arrive_in_order_and_as_often_as_asked() -> None:
    moments = list(arrivals(10_000, lambda at: 2.0 if at < 5000 else 1.0, 2.0, Random(1)))
    assert moments == sorted(moments)
    assert 0 <= moments[0] <= moments[-1] < 10_000
    early = sum(moment < 5000 for moment in moments)
    # Five standard deviations of a Poisson count.
    assert abs(early - 10_000) < 5 * 100
    assert abs(len(moments) - early - 5000) < 5 * 71


def test_nothing_arrives_at_a_rate_of_zero() -> None:
    assert list(arrivals(1000, lambda _: 0.0, 0.0, Random(1))) == []


def test_a_choice_follows_the_percentages_and_leaves_the_rest_out() -> None:
    random = Random(2)
    got = Counter(choose({"blue": 70, "green": 20}, random) for _ in range(20_000))
    assert got["blue"] / 20_000 == pytest.approx(0.7, abs=0.02)
    assert got["green"] / 20_000 == pytest.approx(0.2, abs=0.02)
    assert got[None] / 20_000 == pytest.approx(0.1, abs=0.02)


def test_a_phase_lasts_until_the_next_begins() -> None:
    assert [phase_at(STORY, done) for done in (0.0, 0.39, 0.4, 0.7, 1.0)] == [STORY[i] for i in (0, 0, 1, 2, 2)]


def test_a_planned_history_follows_the_split_of_its_time() -> None:
    hour = 3600.0
    planned = plan(STORY, 3 * hour, 1.0, NOON, Random(3))
    live = [request for request in planned if request.copy_of is None]
    first = [request for request in live if request.at < 0.4 * 3 * hour]
    trial = [request for request in live if 0.4 * 3 * hour <= request.at < 0.7 * 3 * hour]
    last = [request for request in live if request.at >= 0.7 * 3 * hour]
    assert {request.deployment for request in (*first, *last)} == {"blue"}
    assert sum(request.deployment == "green" for request in trial) / len(trial) == pytest.approx(0.1, abs=0.05)
    assert not any(request.copied for request in (*first, *trial))
    assert sum(request.copied for request in last) / len(last) == pytest.approx(0.2, abs=0.04)


def test_every_copy_stands_behind_its_original_and_goes_to_the_shadow() -> None:
    planned = plan(STORY, 7200, 1.0, NOON, Random(4))
    copies = [(place, request) for place, request in enumerate(planned) if request.copy_of is not None]
    assert copies
    for place, request in copies:
        assert request.copy_of == place - 1
        assert planned[place - 1].copied
        assert (request.at, request.deployment) == (planned[place - 1].at, "green")


def test_times_and_routes_are_assigned_and_what_was_measured_is_kept() -> None:
    planned = [Planned(5.0, "blue", copied=True), Planned(5.0, "green", copy_of=0), Planned(9.0, "green")]
    measured = [
        {
            "started_at": 1.0,
            "deployment": deployment,
            "kind": "live",
            "route": "pinned",
            "status": status,
            "total_ms": total,
            "request_id": request_id,
            "mirrored": 0,
        }
        for deployment, status, total, request_id in (
            ("blue", 200, 2.5, "a"),
            ("green", 200, 9.5, "b"),
            ("green", 424, 3.0, "c"),
        )
    ]
    rows = dated(measured, planned, NOON)
    assert [row["started_at"] for row in rows] == [NOON + 5, NOON + 5, NOON + 9]
    assert [(row["kind"], row["route"], row["mirrored"]) for row in rows] == [
        ("live", "split", 1),
        ("mirror", "mirror", 0),
        ("live", "split", 0),
    ]
    assert [(row["deployment"], row["status"], row["total_ms"]) for row in rows] == [
        ("blue", 200, 2.5),
        ("green", 200, 9.5),
        ("green", 424, 3.0),
    ]
    assert [row["request_id"] for row in rows] == ["a", "a", "c"]  # a copy carries the id of its original
    assert measured[0]["started_at"] == 1.0


@pytest.mark.parametrize("folder", [SAMPLES, SAMPLES / "wine"], ids=["digits", "wine"])
def test_a_small_share_of_the_requests_is_broken(folder: Path) -> None:
    payloads, random = Payloads(folder, ("reader/1.0",)), Random(5)

    def is_good(body: bytes) -> bool:
        try:
            rows = json.loads(body)["data"]
        except json.JSONDecodeError:
            return False
        first = rows[0]
        values = first if isinstance(first, list) else list(first.values())
        return len(values) in (64, 13) and all(isinstance(value, int | float) for value in values)

    bodies = [payloads.body(random) for _ in range(5000)]
    assert sum(not is_good(body) for body in bodies) / 5000 == pytest.approx(BAD_SHARE, abs=0.008)


def test_a_request_says_who_asks_and_carries_an_id_azure_accepts() -> None:
    headers = Payloads(SAMPLES, ("reader/1.0", "reader/2.0")).headers(Random(6))
    assert headers["User-Agent"] in ("reader/1.0", "reader/2.0")
    assert len(headers["x-ms-client-request-id"]) <= 40
    assert headers["Content-Type"] == "application/json"
