"""Many requests: who answers them, that every caller gets their own answer, and what a dying gateway leaves."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from scipy import stats

from tests.emulator.gateway_rig import KEY, GatewayRig, Model, gateway_rig, model
from tests.emulator.scoring_rig import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]

REQUESTS = 10_000 if os.environ.get("SLUICE_TEST_COUNTS") == "full" else 1_000
CALLERS = 16
UNLIKELY = 1e-7
"""A right split fails a check at this level once in ten million runs."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayRig]:
    async with gateway_rig(tmp_path_factory.mktemp("gateway")) as started:
        yield started


@pytest.fixture(scope="module")
async def models() -> AsyncIterator[list[Model]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(model(name)) for name in ("blue", "green", "red")]


async def ask_often(rig: GatewayRig, name: str, count: int) -> Counter[str]:
    """Who answered how often, over connections that are kept."""
    answered: Counter[str] = Counter()
    left = iter(range(count))

    async def caller() -> None:
        for number in left:
            reply = await rig.send(name, {"n": number})
            assert reply.status == 200
            assert reply.json()["echo"]["n"] == number
            assert reply.json()["model"] == reply.headers["azureml-model-deployment"]
            answered[reply.headers["azureml-model-deployment"]] += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return answered


@pytest.mark.long
@pytest.mark.parametrize(
    "live", [{"blue": 90, "green": 10}, {"blue": 99, "green": 1}, {"blue": 34, "green": 33, "red": 33}]
)
async def test_the_split_is_what_was_asked_for(rig: GatewayRig, models: list[Model], live: Mapping[str, int]) -> None:
    name = await rig.endpoint(*models)
    await rig.route(name, live)
    answered = await ask_often(rig, name, REQUESTS)
    assert set(answered) <= set(live)
    for each, percent in live.items():
        assert stats.binomtest(answered[each], REQUESTS, percent / 100).pvalue > UNLIKELY, answered


@pytest.mark.long
async def test_a_share_of_the_requests_is_copied_and_the_rest_is_not(rig: GatewayRig, models: list[Model]) -> None:
    name = await rig.endpoint(*models, mirror={"green": 20})
    await ask_often(rig, name, REQUESTS)
    rows = await rig.rows(name, REQUESTS)
    copied = [row["request_id"] for row in rows if row["mirrored"] == 1]
    assert {row["mirrored"] for row in rows} == {0, 1}
    assert stats.binomtest(len(copied), REQUESTS, 0.2).pvalue > UNLIKELY
    copies = await rig.rows(name, len(copied), "mirror")
    assert sorted(row["request_id"] for row in copies) == sorted(copied)
    assert {(row["deployment"], row["status"]) for row in copies} == {("green", 200)}


async def test_200_callers_at_once_each_get_their_own_answer(rig: GatewayRig, models: list[Model]) -> None:
    name = await rig.endpoint(*models, mirror={"red": 50})
    await rig.route(name, {"blue": 50, "green": 50}, {"red": 50})
    sizes = [n * 37 % 5_000 for n in range(200)]
    replies = await asyncio.gather(
        *(
            rig.send(
                name,
                {"n": n, "pad": "x" * size, "sleep": n % 7 / 100},
                headers={"x-ms-client-request-id": f"caller-{n}"},
            )
            for n, size in enumerate(sizes)
        )
    )
    assert [reply.json()["echo"]["n"] for reply in replies] == list(range(200))
    assert [reply.headers["x-ms-client-request-id"] for reply in replies] == [f"caller-{n}" for n in range(200)]
    assert len({reply.headers["x-request-id"] for reply in replies}) == 200
    rows = {row["client_request_id"]: row for row in await rig.rows(name, 200)}
    for n, reply in enumerate(replies):
        row = rows[f"caller-{n}"]
        assert row["request_id"] == reply.headers["x-request-id"]
        assert row["deployment"] == reply.json()["model"]
        assert row["response_bytes"] == len(reply.body)


async def test_callers_who_leave_do_not_leave_their_answers_to_others(rig: GatewayRig) -> None:
    arrived: set[int] = set()
    all_left = asyncio.Event()

    async def answer(_: web.BaseRequest, asked: Any) -> None:
        if asked["n"] < 0:
            arrived.add(asked["n"])
            await asyncio.wait_for(all_left.wait(), 60)

    async with model("blue", answer) as patient:
        name = await rig.endpoint(patient)
        leaving = {n: asyncio.create_task(rig.send(name, {"n": n})) for n in range(-50, 0)}

        async def staying(number: int) -> int:
            return int((await rig.send(name, {"n": number, "sleep": number % 10 / 50})).json()["echo"]["n"])

        async def all_arrived() -> bool | None:
            return True if arrived == leaving.keys() else None

        early = [asyncio.create_task(staying(n)) for n in range(25)]
        await eventually(all_arrived)
        for each in leaving.values():
            each.cancel()
        assert await asyncio.gather(*early) == list(range(25))
        # Only now are there answers to those who have left.
        all_left.set()
        assert await asyncio.gather(*(staying(n) for n in range(25, 50))) == list(range(25, 50))
        left = await asyncio.gather(*leaving.values(), return_exceptions=True)
        assert {type(each) for each in left} == {asyncio.CancelledError}
        rows = await rig.rows(name, 100)
    assert Counter(row["status"] for row in rows) == {200: 50, 499: 50}


async def test_a_gateway_killed_under_load_comes_back_and_answers_are_whole(
    rig: GatewayRig, models: list[Model]
) -> None:
    name = await rig.endpoint(*models[:2])
    await rig.route(name, {"blue": 50, "green": 50})
    stop = asyncio.Event()
    statuses: Counter[int] = Counter()
    acknowledged: list[str] = []

    async def caller(number: int) -> None:
        while not stop.is_set():
            try:
                reply = await rig.send(name, {"n": number})
            except aiohttp.ClientError:
                statuses[0] += 1
                await asyncio.sleep(0.01)
            else:
                assert reply.json()["echo"]["n"] == number
                statuses[reply.status] += 1

    async def operator() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            await rig.route(f"{name}-{number}", {"blue": 100})
            await rig.deploy(f"{name}-{number}", models[0])
            acknowledged.append(f"{name}-{number}")

    work = [asyncio.create_task(caller(n)) for n in range(8)] + [asyncio.create_task(operator())]
    for _ in range(2):
        before, pid = statuses[200], rig.gateway.pid

        async def busy(before: int = before) -> bool | None:
            return True if statuses[200] > before + 100 else None

        await eventually(busy)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        async def back(before: int = statuses[200], pid: int = pid) -> bool | None:
            return True if rig.gateway.pid != pid and statuses[200] > before + 100 else None

        await eventually(back)
    stop.set()
    await asyncio.gather(*work)
    assert set(statuses) == {0, 200}
    assert acknowledged
    for each in (acknowledged[0], acknowledged[len(acknowledged) // 2], acknowledged[-1]):
        assert (await rig.send(each, {"n": 1}, key=KEY)).status == 200
