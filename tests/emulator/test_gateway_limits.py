"""Limits of an endpoint: requests, connections and bytes per second, connections at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.scoring.gateway.limits import (
    TOO_MANY_CONNECTIONS,
    TOO_MANY_NEW_CONNECTIONS,
    TOO_MANY_REQUESTS,
    Bucket,
    EndpointLimits,
    Usage,
)
from emulator.scoring.gateway.meters import Meters
from emulator.scoring.model import Conditions
from emulator.scoring.telemetry.gauges import GaugeMinute
from tests.emulator.gateway_rig import (
    UNLIMITED,
    GatewayRig,
    Model,
    gateway_rig,
    head,
    model,
    read_answer,
)
from tests.emulator.scoring_rig import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayRig]:
    async with gateway_rig(tmp_path_factory.mktemp("gateway")) as started:
        yield started


@pytest.fixture
async def rig(plane: GatewayRig) -> AsyncIterator[GatewayRig]:
    yield plane
    await plane.gateway.set_conditions(UNLIMITED)


@pytest.fixture(scope="module")
async def blue() -> AsyncIterator[Model]:
    async with model("blue") as served:
        yield served


@pytest.mark.parametrize(
    ("moments", "taken"),
    [
        ([0, 0, 0, 0], [True, True, False, False]),
        ([0, 0, 0.4, 0.5, 0.6], [True, True, False, True, False]),
        ([0, 0, 10, 10, 10], [True, True, True, True, False]),
        ([10, 10, 5, 10, 10.5], [True, True, False, False, True]),
    ],
)
def test_a_bucket_of_two_per_second(moments: list[float], taken: list[bool]) -> None:
    bucket = Bucket(2, moments[0])
    assert [bucket.take(moment) for moment in moments] == taken


@given(
    rate=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=200),
)
def test_no_second_gets_more_than_two_seconds_worth_and_any_time_its_rate_and_one_more(
    rate: int, gaps: list[float]
) -> None:
    bucket, now = Bucket(rate, 0.0), 0.0
    taken: list[float] = []
    for gap in gaps:
        now += gap
        if bucket.take(now):
            taken.append(now)
    assert len(taken) <= rate + now * rate + 1e-6
    for start in taken:
        assert sum(start <= moment < start + 1 for moment in taken) <= 2 * rate


@given(rate=st.integers(1, 1000), sizes=st.lists(st.tuples(st.floats(0, 3), st.integers(0, 5000)), max_size=50))
def test_bytes_are_held_back_until_they_are_paid_for(rate: int, sizes: list[tuple[float, int]]) -> None:
    bucket, now, total = Bucket(rate, 0.0), 0.0, 0
    for gap, size in sizes:
        now += gap
        total += size
        delay = bucket.spend(now, size)
        assert delay >= 0
        # By the time they may go, all bytes so far fit into what the rate allowed since the beginning.
        assert total <= rate + (now + delay) * rate + 1e-3 or delay == 0
    assert bucket.spend(now + 1e9, 0) == 0


def test_a_new_rate_takes_effect_at_once() -> None:
    bucket = Bucket(1, 0)
    assert [bucket.take(0), bucket.take(0)] == [True, False]
    bucket.set_rate(3, 0)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    bucket.set_rate(10, 0)
    bucket.set_rate(1, 0)
    assert [bucket.take(0), bucket.take(0)] == [True, False]


def test_each_limit_has_its_own_name_and_count() -> None:
    limits = EndpointLimits(Conditions(0, 3, 2, 2, 100), 0)
    assert [limits.connect(0), limits.connect(0), limits.connect(0)] == ["", "", TOO_MANY_CONNECTIONS]
    limits.disconnect()
    assert limits.connect(0) == TOO_MANY_NEW_CONNECTIONS
    assert limits.connect(1) == ""
    assert [limits.request(0) for _ in range(4)] == ["", "", "", TOO_MANY_REQUESTS]
    assert [limits.transfer(0, 100), limits.transfer(0, 50), limits.transfer(0, 50)] == [0, 0.5, 1.0]
    assert limits.used() == Usage(2, 3, 200)
    assert limits.used() == Usage(2, 0, 0)


class _Connection:
    def __init__(self) -> None:
        self.counted: dict[str, EndpointLimits] = {}
        self.when_lost: object = None


def test_a_connection_counts_for_every_endpoint_it_is_used_for() -> None:
    now = 0.0
    meters = Meters(lambda: now)
    first, second = _Connection(), _Connection()
    for connection, endpoint in ((first, "a"), (first, "b"), (second, "a"), (second, "a")):
        assert meters.arrive(endpoint, connection) == ""  # type: ignore[arg-type]  # the callback is never called here
    now = 10.0
    found = {(each.endpoint, each.metric): each.value for each in meters.measure(5.0)}
    assert found["a", "ConnectionsActive"] == 2
    assert found["b", "ConnectionsActive"] == 1
    assert found["a", "NewConnectionsPerSecond"] == pytest.approx(0.2)
    meters.closed(first)  # type: ignore[arg-type]  # as above
    meters.forget("a")
    assert meters.arrive("a", second) == ""  # type: ignore[arg-type]  # as above
    meters.closed(second)  # type: ignore[arg-type]  # as above
    meters.forget("a")
    assert meters.transfer("a", 10) == 0
    assert {each.endpoint for each in meters.measure(6.0)} == {"b"}
    assert {each.value for each in meters.measure(6.0) if each.metric == "ConnectionsActive"} == {0}


async def test_requests_beyond_the_rate_are_429(rig: GatewayRig, blue: Model) -> None:
    name, other = await rig.endpoint(blue), await rig.endpoint(blue)
    await rig.gateway.set_conditions(replace(UNLIMITED, requests_per_second=1))
    replies = await asyncio.gather(*(rig.send(name, {"n": n}) for n in range(40)))
    counts = Counter(reply.status for reply in replies)
    assert set(counts) == {200, 429}
    assert counts[200] >= 1
    refused = [reply for reply in replies if reply.status == 429]
    assert {(reply.body, reply.headers["content-type"]) for reply in refused} == {(b"", "text/plain")}
    assert (await rig.send(other)).status == 200
    rows = await rig.rows(name, 40)
    assert {(row["reason"], row["deployment"]) for row in rows if row["status"] == 429} == {("rate_limiting", "")}
    assert {row["reason"] for row in rows if row["status"] == 200} == {""}


async def test_connections_beyond_the_limit_are_429_and_closed(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    await rig.gateway.set_conditions(replace(UNLIMITED, active_connections=2))
    asking = head(name, "content-length: 2") + b"{}"
    async with AsyncExitStack() as stack:
        taken = []
        for _ in range(2):
            reader, writer = await stack.enter_async_context(rig.connection())
            writer.write(asking)
            assert (await read_answer(reader))[0] == 200
            taken.append((reader, writer))
        async with rig.connection() as (reader, writer):
            writer.write(asking)
            status, headers, _ = await read_answer(reader)
            assert (status, headers["connection"]) == (429, "close")
            assert await reader.read() == b""
        for reader, writer in taken:
            writer.write(asking)
            assert (await read_answer(reader))[0] == 200
        taken[0][1].close()

        async def accepted() -> bool | None:
            async with rig.connection() as (reader, writer):
                writer.write(asking)
                return True if (await read_answer(reader))[0] == 200 else None

        assert await eventually(accepted)
    reasons = {row["reason"] for row in await rig.rows(name, 6)}
    assert reasons == {"", "too_many_connections"}


async def test_new_connections_beyond_the_rate_are_429(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    await rig.gateway.set_conditions(replace(UNLIMITED, connections_per_second=1))

    async def ask() -> int:
        async with rig.connection() as (reader, writer):
            writer.write(head(name, "content-length: 2") + b"{}")
            return (await read_answer(reader))[0]

    statuses = Counter(await asyncio.gather(*(ask() for _ in range(30))))
    assert set(statuses) == {200, 429}
    rows = await rig.rows(name, 30)
    assert {row["reason"] for row in rows if row["status"] == 429} == {"connection_rate_limiting"}


async def test_bytes_beyond_the_bandwidth_are_delayed_not_refused(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    await rig.gateway.set_conditions(replace(UNLIMITED, bytes_per_second=100_000))
    assert (await rig.send(name, {"size": 200_000})).body == b"x" * 200_000
    assert (await rig.send(name, {"pad": "y" * 100_000})).status == 200
    first, second = await rig.rows(name, 2)
    assert first["request_delay_ms"] == 0
    # What passes meanwhile, on a slow machine, is paid for already.
    assert 0 < first["response_delay_ms"] < 1100
    assert second["request_delay_ms"] > 0
    for row in (first, second):
        assert row["total_ms"] >= row["request_delay_ms"] + row["response_delay_ms"] - 1
        assert row["request_ms"] <= row["response_ms"] <= row["total_ms"]


async def test_copies_use_up_the_bandwidth_too(rig: GatewayRig, blue: Model) -> None:
    async with model("green") as green:
        name = await rig.endpoint(blue, green, mirror={"green": 100})
        await rig.gateway.set_conditions(replace(UNLIMITED, bytes_per_second=610_000))
        assert (await rig.send(name, {"size": 600_000})).status == 200
        [copy] = await rig.rows(name, 1, "mirror")
        assert (copy["response_bytes"], copy["response_delay_ms"]) == (600_000, 0)
        assert (await rig.send(name)).status == 200
        rows = await rig.rows(name, 2)
        assert rows[1]["request_delay_ms"] > 0 or rows[0]["response_delay_ms"] > 0


async def test_connections_and_bytes_are_measured(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    async with rig.connection() as (reader, writer):
        writer.write(head(name, "content-length: 2") + b"{}")
        assert (await read_answer(reader))[0] == 200

        async def measured() -> list[GaugeMinute] | None:
            return rig.gauges.minutes(name, 0, 1e12) or None

        found = {each.metric: each for each in await eventually(measured)}
    assert found.keys() == {"ConnectionsActive", "NewConnectionsPerSecond", "NetworkBytes"}
    assert found["ConnectionsActive"].maximum == 1
    assert 0 < found["NewConnectionsPerSecond"].total < 1
    assert found["NetworkBytes"].total > 0
    assert {(each.deployment, tuple(each.dimensions)) for each in found.values()} == {("", ())}
