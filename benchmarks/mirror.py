"""Does a shadow that hangs slow down the clients of the live deployment?

Requests leave at fixed moments whatever happens to earlier ones, and each is timed from the moment it was due, so that
a stall cannot hide the requests it holds up. The peer is the same gateway with the mirror off; rounds alternate.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from random import Random

import aiohttp

from benchmarks.report import Cell, Report, middle, percentile
from benchmarks.scene import ENDPOINT, Scene, child, stage

PER_SECOND = 250
ROUND_SECONDS = 4.0
ROUNDS = 5
MIRROR_PERCENT = 50
"""The most that Azure allows."""
TIMEOUT_MS = 5000
BODY = b'{"data": [[' + b", ".join([b"7"] * 64) + b"]]}"
SHADOWS = ("off", "fast", "slow", "hang", "dead")
UNUSED_PORT_URL = "http://127.0.0.1:9"


async def one_round(session: aiohttp.ClientSession, scene: Scene, random: Random) -> list[float]:
    """Send for ROUND_SECONDS and return the milliseconds of every request, from the moment it was due."""
    taken: list[float] = []
    started = time.perf_counter()

    async def send(due: float) -> None:
        async with session.post(scene.url, data=BODY, headers=scene.headers) as answer:
            await answer.read()
            assert answer.status == 200
        taken.append((time.perf_counter() - due) * 1000)

    async with asyncio.TaskGroup() as sending:
        due = started
        while (due := due + random.expovariate(PER_SECOND)) < started + ROUND_SECONDS:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sending.create_task(send(due))
    return taken


async def measure() -> Report:
    """Run every shadow in every round and compare the medians of the rounds."""
    began = time.perf_counter()
    p50s, p99s, counts = defaultdict(list), defaultdict(list), dict.fromkeys(SHADOWS, 0)
    async with contextlib.AsyncExitStack() as stack:
        scene = await stack.enter_async_context(stage())
        urls = {"dead": UNUSED_PORT_URL}
        for kind in ("fast", "slow", "hang", "live"):
            _, port = await stack.enter_async_context(child("benchmarks.upstream", kind))
            urls[kind] = f"http://127.0.0.1:{port}"
        for name, url in urls.items():
            await scene.gateway.set_deployment(ENDPOINT, name, (url,), TIMEOUT_MS, 10_000)
        connector = aiohttp.TCPConnector(limit=0, ssl=scene.trust)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        await scene.route({"live": 100})
        await one_round(session, scene, Random(0))  # opens connections, warms everything up
        for number in range(ROUNDS):
            # The order turns, so that no shadow always follows the same one.
            for shadow in SHADOWS[number % len(SHADOWS) :] + SHADOWS[: number % len(SHADOWS)]:
                await scene.route({"live": 100}, {} if shadow == "off" else {shadow: MIRROR_PERCENT})
                taken = await one_round(session, scene, Random(number))
                p50s[shadow].append(percentile(taken, 50))
                p99s[shadow].append(percentile(taken, 99))
                counts[shadow] += len(taken)
    rows: list[dict[str, Cell]] = [
        {
            "shadow": shadow,
            "requests": counts[shadow],
            "p50 ms": round(middle(p50s[shadow]), 3),
            "p99 ms": round(middle(p99s[shadow]), 3),
            "p99 least": round(min(p99s[shadow]), 3),
            "p99 most": round(max(p99s[shadow]), 3),
            "p99 to off": round(middle(p99s[shadow]) / middle(p99s["off"]), 2),
        }
        for shadow in SHADOWS
    ]
    hanging, off = p99s["hang"], p99s["off"]
    within = min(hanging) <= max(off) and min(off) <= max(hanging)
    return Report(
        name="mirror",
        question=f"Client latency at {PER_SECOND} requests/s, {MIRROR_PERCENT} % mirrored to each kind of shadow.",
        rows=rows,
        verdict=f"p99 with the shadow hanging is {middle(hanging) / middle(off):.2f} x p99 with the mirror off; "
        f"the rounds {'overlap' if within else 'do not overlap'}.",
        notes=(f"Median of {ROUNDS} alternating rounds; least and most are over the rounds.",),
        seconds=time.perf_counter() - began,
        facts={"overlap": within},
    )


def main() -> Report:
    """Measure, print the table and write the JSON file."""
    report = asyncio.run(measure())
    print(report.table())
    report.write()
    return report


if __name__ == "__main__":
    main()
