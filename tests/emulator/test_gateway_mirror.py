"""Shadow traffic: copies that never touch the live answer."""

from __future__ import annotations

import asyncio

import pytest
from scipy import stats

from emulator.scoring.gateway.admission import Occupancy, Pool
from emulator.scoring.gateway.forwarding import Forwarder
from emulator.scoring.gateway.message import Answer, Message
from emulator.scoring.gateway.mirror import CAP, COPIED, DROPPED, FAILURES_BEFORE_PAUSE, PAUSE_SECONDS, Mirror
from tests.emulator.scoring_rig import Rig, eventually
from tests.local_azure import three_free_ports

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]

MESSAGE = Message("POST", "/score", (), b"{}")
TARGET = ("shop", "green")


def pool_at(port: int, max_concurrent: int = 1000) -> Pool:
    pool = Pool(Occupancy())
    pool.configure((f"http://127.0.0.1:{port}",), 60_000, max_concurrent)
    return pool


async def test_a_share_of_the_unpinned_requests_is_copied_and_leaves_rows(rig: Rig) -> None:
    await rig.deploy("blue", "green", max_concurrent_requests=1000)
    await rig.route({"blue": 100}, {"green": 20})
    replies = await asyncio.gather(*(rig.send({"n": n}) for n in range(400)))
    assert {reply.json()["version"] for reply in replies} == {"blue"}
    pinned = await asyncio.gather(*(rig.send(headers={"azureml-model-deployment": "blue"}) for _ in range(20)))
    assert {reply.status for reply in pinned} == {200}
    live = await rig.rows(420, lambda row: row["kind"] == "live")
    assert {row["mirrored"] for row in live if row["route"] == "pinned"} == {0}
    copied = [row for row in live if row["mirrored"] == COPIED]
    assert stats.binomtest(len(copied), 400, 0.2).pvalue > 1e-7
    copies = await rig.rows(len(copied), lambda row: row["kind"] == "mirror")
    started = {row["request_id"]: row["started_at"] for row in copied}
    assert {row["request_id"] for row in copies} == started.keys()
    assert all(row["started_at"] >= started[row["request_id"]] for row in copies)
    assert {(row["deployment"], row["route"], row["status"], row["mirrored"]) for row in copies} == {
        ("green", "mirror", 200, 0)
    }


async def test_a_hanging_shadow_fills_its_cap_and_the_rest_is_dropped(rig: Rig) -> None:
    slow = "import time\ndef init(): pass\ndef run(raw): time.sleep(60)\n"
    await rig.deploy("blue")
    (rig.code / "score.py").write_text(slow)
    await rig.deploy("green", max_concurrent_requests=1000, request_timeout_ms=5_000)
    await rig.route({"blue": 100}, {"green": 100})
    statuses = [(await rig.send({"n": n})).status for n in range(CAP + 20)]
    assert set(statuses) == {200}
    live = await rig.rows(CAP + 20, lambda row: row["kind"] == "live")
    assert [row["mirrored"] for row in live].count(DROPPED) > 0
    copied = [row["mirrored"] for row in live].count(COPIED)
    copies = await rig.rows(copied, lambda row: row["kind"] == "mirror")
    assert {(row["status"], row["reason"]) for row in copies} == {(408, "timeout")}


async def test_a_shadow_without_instances_costs_nothing_but_is_counted(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100}, {"gone": 50})
    replies = [await rig.send({"n": n}) for n in range(20)]
    assert {reply.status for reply in replies} == {200}
    rows = await rig.rows(20)
    assert {row["kind"] for row in rows} == {"live"}
    assert {row["mirrored"] for row in rows} <= {0, DROPPED}


async def test_at_most_the_cap_is_under_way() -> None:
    over = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    forwarder = Forwarder()
    mirror = Mirror(forwarder)
    pool = pool_at(server.sockets[0].getsockname()[1])
    told = [mirror.offer(TARGET, pool, MESSAGE, lambda _answer, _ms: None) for _ in range(CAP + 10)]
    assert told == [COPIED] * CAP + [DROPPED] * 10
    shadow = mirror.shadows[TARGET]
    assert (shadow.in_flight, shadow.copied, shadow.dropped) == (CAP, CAP, 10)
    mirror.forget("another")
    assert mirror.shadows
    mirror.forget(TARGET[0])
    assert not mirror.shadows
    await mirror.close()
    await asyncio.sleep(0)
    assert shadow.in_flight == 0
    await forwarder.close()
    over.set()
    server.close()
    await server.wait_closed()


async def test_a_dead_shadow_is_left_alone_for_a_moment(unused_tcp_port: int) -> None:
    now = 1000.0
    answers: list[Answer] = []
    forwarder = Forwarder()
    mirror = Mirror(forwarder, lambda: now)
    pool = pool_at(unused_tcp_port)

    async def failed(count: int) -> None:
        async def counted() -> bool | None:
            return True if len(answers) >= count else None

        await eventually(counted)

    for number in range(FAILURES_BEFORE_PAUSE):
        assert mirror.offer(TARGET, pool, MESSAGE, lambda answer, _ms: answers.append(answer)) == COPIED
        await failed(number + 1)
    assert {answer.reason for answer in answers} == {"model_not_ready"}
    assert mirror.offer(TARGET, pool, MESSAGE, lambda _answer, _ms: None) == DROPPED
    now += PAUSE_SECONDS
    assert mirror.offer(TARGET, pool, MESSAGE, lambda answer, _ms: answers.append(answer)) == COPIED
    await failed(FAILURES_BEFORE_PAUSE + 1)
    assert mirror.offer(TARGET, pool, MESSAGE, lambda _answer, _ms: None) == DROPPED
    await mirror.close()
    await forwarder.close()


@pytest.fixture
def unused_tcp_port() -> int:
    """A port on which nothing listens."""
    return three_free_ports()
