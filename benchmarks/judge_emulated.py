"""The judge and its rivals on requests that were really sent: through the gateway of the local Azure, with its mirror.

``python -m benchmarks.judge_emulated [runs]``. A stand-in for a model takes as long as it is told to, and the shadow
gets copies of half of the live requests. The rows of the gateway's log are judged. A minute lasts a second here,
so that a run takes less than one; latencies are not shortened, only more requests are under way at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence

import aiohttp
import numpy as np

from benchmarks.judge import BASE_MS, POWER, SECOND_MODE, SPREAD, Outcome, World, judged, rows_for
from benchmarks.report import Cell, Report
from benchmarks.scene import ENDPOINT, Scene, child, stage
from benchmarks.upstream import Event, serve
from emulator.scoring.telemetry.rows import Row, Telemetry
from services.comparison.judge import Arm

RUNS, MINUTES, MINUTE_SECONDS = 4, 40, 1.0
PER_MINUTE, MIRROR_PERCENT = 60, 50
_SETTLING_SECONDS = 4.0
"""For the last answers and their rows."""
NAMES = ("twin", "errors 0.2 to 2 %", "P95 +30 %", SECOND_MODE)
WORLDS = tuple(each for each in POWER if each.name in NAMES)


def model(slower: float, tail: float, failing: float, seed: int) -> Callable[..., Awaitable[None]]:
    """An ASGI application that takes as long as the world says, times the load in the request's body."""
    rng = np.random.default_rng(seed)

    async def answer(
        _scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
    ) -> None:
        body = bytearray()
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        load = float(json.loads(bytes(body))["load"])
        longer = slower * (4.0 if rng.random() < tail else 1.0)
        await asyncio.sleep(BASE_MS / 1000 * load * longer * math.exp(rng.normal(0, SPREAD)))
        status = 500 if rng.random() < failing else 200
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    return answer


async def one_run(session: aiohttp.ClientSession, scene: Scene, world: World, seed: int) -> float:
    """Send a run's requests, each at its moment, and return when the first was due."""
    rng = np.random.default_rng(seed)

    async def send(due: float, body: bytes) -> None:
        await asyncio.sleep(max(0.0, due - time.time()))
        async with session.post(scene.url, data=body, headers=scene.headers) as answer:
            await answer.read()

    async with asyncio.TaskGroup() as sending:
        began = time.time() + 0.2
        for minute in range(MINUTES):
            body = json.dumps({"load": math.exp(rng.normal(0, world.noise))}).encode()
            for offset in rng.random(rng.poisson(PER_MINUTE)):
                sending.create_task(send(began + (minute + offset) * MINUTE_SECONDS, body))
    return began


def minutes_of(rows: Sequence[Row], began: float) -> list[tuple[Arm, Arm]]:
    """The rows of one run, minute by minute: live, candidate."""
    kept: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in rows:
        kept[int((row["started_at"] - began) / MINUTE_SECONDS), row["deployment"]].append(row)

    def arm(minute: int, name: str) -> Arm:
        found = kept[minute, name]
        good = [row["model_ms"] for row in found if row["model_status"] == 200]
        return Arm(len(found), len(found) - len(good), np.array(good))

    return [(arm(minute, "live"), arm(minute, "candidate")) for minute in range(MINUTES)]


async def outcomes_of(world: World, number: int) -> Mapping[str, Outcome]:
    """Send one run, and let all judges see its minutes."""
    async with contextlib.AsyncExitStack() as stack:
        scene = await stack.enter_async_context(stage())
        arms = (("live", 1.0, 0.0, world.errors[0]), ("candidate", world.slower, world.tail, world.errors[1]))
        for place, (name, *said) in enumerate(arms):
            told = (str(each) for each in (*said, 2 * number + place))
            _, port = await stack.enter_async_context(child("benchmarks.judge_emulated", "--model", *told))
            await scene.gateway.set_deployment(ENDPOINT, name, (f"http://127.0.0.1:{port}",), 5000, 10_000)
        await scene.route({"live": 100}, {"candidate": MIRROR_PERCENT})
        connector = aiohttp.TCPConnector(limit=0, ssl=scene.trust)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        began = await one_run(session, scene, world, number)
        await asyncio.sleep(_SETTLING_SECONDS)
        with contextlib.closing(Telemetry(scene.state / "telemetry.db")) as telemetry:
            rows = telemetry.rows(ENDPOINT, began, 10**6)
    return judged(world, minutes_of(rows, began), MINUTES)


async def measure(runs: int = RUNS) -> Report:
    """The table of all worlds."""
    begun, rows = time.monotonic(), list[dict[str, Cell]]()
    for world in WORLDS:
        rows += rows_for(world, [await outcomes_of(world, number) for number in range(runs)])
        print(*(list(row.values()) for row in rows[-3:]), sep="\n", flush=True)
    question = "What do the judges say of requests that went through the local Azure's gateway and its mirror?"
    facts: dict[str, Cell] = {"runs": runs, "minutes": MINUTES}
    return Report("judge-emulated", question, rows, "", (), time.monotonic() - begun, facts)


def _run(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge_emulated", description="Measure the judge.")
    parser.add_argument("runs", nargs="?", type=int, default=RUNS, help=f"runs of each world, {RUNS} by default")
    parser.add_argument("--model", nargs=4, type=float, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.model:
        slower, tail, failing, seed = given.model
        asyncio.run(serve(model(slower, tail, failing, int(seed))))
        return 0
    report = asyncio.run(measure(given.runs))
    print(report.table())
    report.write()
    return 0


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
