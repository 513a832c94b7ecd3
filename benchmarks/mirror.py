"""Does a shadow that hangs slow down the clients of the live deployment?

Requests leave at fixed moments whatever happens to earlier ones, and each is timed from the moment it was due, so that
a stall cannot hide the requests it holds up. The peers are the same gateway with the mirror off, and Envoy with the
same shadows and the same cap of copies under way; rounds alternate.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from random import Random

import aiohttp

from benchmarks.envoy import NoEnvoyError, envoy
from benchmarks.report import Cell, Report, middle, percentile
from benchmarks.scene import ENDPOINT, Scene, child, stage

PER_SECOND = 250
ROUND_SECONDS = 3.0
ROUNDS = 4
MIRROR_PERCENT = 50
"""The most that Azure allows."""
TIMEOUT_MS = 5000
BODY = b'{"data": [[' + b", ".join([b"7"] * 64) + b"]]}"
SHADOWS = ("off", "fast", "slow", "hang", "dead")
NOTICE_SECONDS = 0.5
"""How long Envoy gets to notice a changed file."""
UNUSED_PORT_URL = "http://127.0.0.1:9"


async def one_round(session: aiohttp.ClientSession, url: str, headers: dict[str, str], random: Random) -> list[float]:
    """Send for ROUND_SECONDS and return the milliseconds of every request, from the moment it was due."""
    taken: list[float] = []
    started = time.perf_counter()

    async def send(due: float) -> None:
        async with session.post(url, data=BODY, headers=headers) as answer:
            await answer.read()
            assert answer.status == 200
        taken.append((time.perf_counter() - due) * 1000)

    async with asyncio.TaskGroup() as sending:
        due = started
        while (due := due + random.expovariate(PER_SECOND)) < started + ROUND_SECONDS:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sending.create_task(send(due))
    return taken


class Engine:
    """What is measured: an address, how its mirror is set, and the rounds of each shadow."""

    def __init__(self, url: str, route: Callable[[dict[str, int], dict[str, int]], Awaitable[None]]) -> None:
        self.url = url
        self.route = route
        self.p50s: dict[str, list[float]] = defaultdict(list)
        self.p99s: dict[str, list[float]] = defaultdict(list)
        self.counts: Counter[str] = Counter()

    async def run(self, session: aiohttp.ClientSession, scene: Scene, shadow: str, number: int) -> None:
        """One round with one shadow."""
        await self.route({"live": 100}, {} if shadow == "off" else {shadow: MIRROR_PERCENT})
        taken = await one_round(session, self.url, scene.headers, Random(number))
        self.p50s[shadow].append(percentile(taken, 50))
        self.p99s[shadow].append(percentile(taken, 99))
        self.counts[shadow] += len(taken)

    def rows(self, name: str) -> list[dict[str, Cell]]:
        """The medians of the rounds."""
        return [
            {
                "engine and shadow": f"{name}, {shadow}",
                "requests": self.counts[shadow],
                "p50 ms": round(middle(self.p50s[shadow]), 3),
                "p99 ms": round(middle(self.p99s[shadow]), 3),
                "p99 least": round(min(self.p99s[shadow]), 3),
                "p99 most": round(max(self.p99s[shadow]), 3),
                "p99 to off": round(middle(self.p99s[shadow]) / middle(self.p99s["off"]), 2),
            }
            for shadow in SHADOWS
        ]


async def engines(
    stack: contextlib.AsyncExitStack, scene: Scene, urls: dict[str, str]
) -> tuple[dict[str, Engine], list[str]]:
    """The gateway, and Envoy where it can be had; else a sentence that says why not."""
    for name, url in urls.items():
        await scene.gateway.set_deployment(ENDPOINT, name, (url,), TIMEOUT_MS, 10_000)
    found = {"gateway": Engine(scene.url, scene.route)}
    try:
        peer = await stack.enter_async_context(envoy(urls, {"live": 100}, scene.state / "tls"))
    except NoEnvoyError as error:
        return found, [str(error)]

    async def route(live: dict[str, int], mirror: dict[str, int]) -> None:
        peer.route(live, mirror)
        await asyncio.sleep(NOTICE_SECONDS)

    return found | {"Envoy": Engine(peer.url, route)}, []


async def measure() -> Report:
    """Run every shadow in every round and compare the medians of the rounds."""
    began = time.perf_counter()
    async with contextlib.AsyncExitStack() as stack:
        scene = await stack.enter_async_context(stage())
        urls = {"dead": UNUSED_PORT_URL}
        for kind in ("fast", "slow", "hang", "live"):
            _, port = await stack.enter_async_context(child("benchmarks.upstream", kind))
            urls[kind] = f"http://127.0.0.1:{port}"
        found, missing = await engines(stack, scene, urls)
        connector = aiohttp.TCPConnector(limit=0, ssl=scene.trust)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        for engine in found.values():
            await engine.route({"live": 100}, {})
            # Opens connections, warms everything up.
            await one_round(session, engine.url, scene.headers, Random(0))
        for number in range(ROUNDS):
            # The order turns, so that no shadow always follows the same one.
            for shadow in SHADOWS[number % len(SHADOWS) :] + SHADOWS[: number % len(SHADOWS)]:
                for engine in found.values():
                    await engine.run(session, scene, shadow, number)
    hanging, off = found["gateway"].p99s["hang"], found["gateway"].p99s["off"]
    within = min(hanging) <= max(off) and min(off) <= max(hanging)
    return Report(
        name="mirror",
        question=f"Client latency at {PER_SECOND} requests/s over TLS, {MIRROR_PERCENT} % mirrored to each shadow.",
        rows=[row for name, engine in found.items() for row in engine.rows(name)],
        verdict=f"p99 with the shadow hanging is {middle(hanging) / middle(off):.2f} x p99 with the mirror off; "
        f"the rounds {'overlap' if within else 'do not overlap'}.",
        notes=(f"Median of {ROUNDS} alternating rounds; least and most are over the rounds.", *missing),
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
