"""Which instance gets the next request, and who waits. No network."""

from __future__ import annotations

import asyncio

import pytest

from emulator.scoring.gateway.admission import NotReadyError, Occupancy, OverloadedError, Pool

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pool(*urls: str, max_concurrent: int = 1) -> Pool:
    made = Pool(Occupancy())
    made.configure(urls, 1000, max_concurrent)
    return made


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_requests_spread_over_the_instances() -> None:
    here = pool("a", "b", max_concurrent=2)
    assert sorted([await here.acquire() for _ in range(4)]) == ["a", "a", "b", "b"]


async def test_those_who_wait_are_served_in_order() -> None:
    here = pool("a")
    assert await here.acquire() == "a"
    order: list[int] = []

    async def wait(number: int) -> None:
        await here.acquire()
        order.append(number)

    tasks = [asyncio.create_task(wait(number)) for number in range(3)]
    for expected in ([0], [0, 1], [0, 1, 2]):
        await settle()
        here.release("a")
        await settle()
        assert order == expected
    await asyncio.gather(*tasks)


async def test_one_who_gives_up_loses_no_place() -> None:
    here = pool("a")
    await here.acquire()
    first, second = asyncio.create_task(here.acquire()), asyncio.create_task(here.acquire())
    await settle()
    here.release("a")
    first.cancel()
    assert await asyncio.wait_for(second, 60) == "a"


async def test_twice_the_concurrency_of_all_instances_is_the_limit() -> None:
    here = pool("a", "b", max_concurrent=3)
    for _ in range(12):
        here.enter()
    with pytest.raises(OverloadedError):
        here.enter()
    here.leave()
    here.enter()


async def test_without_instances_nobody_waits() -> None:
    here = pool("a")
    await here.acquire()
    waiting = asyncio.create_task(here.acquire())
    await settle()
    here.configure((), 0, 1)
    with pytest.raises(NotReadyError):
        await waiting
    with pytest.raises(NotReadyError):
        here.enter()
    with pytest.raises(NotReadyError):
        await here.acquire()


async def test_those_who_wait_move_to_new_instances() -> None:
    here = pool("old")
    await here.acquire()
    waiting = asyncio.create_task(here.acquire())
    await settle()
    here.configure(("new",), 1000, 1)
    assert await waiting == "new"


async def test_another_instance_is_found_when_one_is_to_be_avoided() -> None:
    here = pool("a", "b")
    assert await here.acquire(avoid="a") == "b"
    assert await pool("a").acquire(avoid=None) == "a"


async def test_old_instances_are_idle_once_their_last_request_ends() -> None:
    occupancy = Occupancy()
    here = Pool(occupancy)
    here.configure(("old",), 1000, 2)
    await here.acquire()
    await here.acquire()
    here.configure(("new",), 1000, 2)
    idle = asyncio.create_task(occupancy.idle(frozenset({"old"})))
    await settle()
    here.release("old")
    await settle()
    assert not idle.done()
    here.release("old")
    await asyncio.wait_for(idle, 60)
    await asyncio.wait_for(occupancy.idle(frozenset({"old", "new"})), 60)
