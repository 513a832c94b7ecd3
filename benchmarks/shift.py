"""How soon does a changed split take effect under load, and does a request fail on the way?

Callers keep asking over TLS while all traffic moves from one deployment to the other and back. The time runs from the
moment the change is asked for to the last answer of the deployment that was left. The peer is Envoy, which notices a
changed file.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Awaitable, Callable

import aiohttp

from benchmarks.envoy import NoEnvoyError, envoy
from benchmarks.report import Cell, Report, middle
from benchmarks.scene import ENDPOINT, Scene, child, stage

CALLERS = 8
FLIPS = 12
SETTLE_SECONDS = 0.3
"""How long one split stays: longer than either engine needs to notice it."""
NAMES = ("live", "other")
Route = Callable[[dict[str, int]], Awaitable[None]]


async def flips(url: str, headers: dict[str, str], trust: ssl.SSLContext, route: Route) -> dict[str, Cell]:
    """Move all traffic FLIPS times under load."""
    last = dict.fromkeys(NAMES, 0.0)
    counts = {"asked": 0, "failed": 0}
    over = asyncio.Event()
    connector = aiohttp.TCPConnector(limit=0, ssl=trust)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def caller() -> None:
            while not over.is_set():
                counts["asked"] += 1
                try:
                    async with session.post(url, data=b"{}", headers=headers) as answer:
                        await answer.read()
                        name = answer.headers.get("azureml-model-deployment", "")
                        counts["failed"] += answer.status != 200
                except aiohttp.ClientError:
                    counts["failed"] += 1
                else:
                    last[name] = time.perf_counter()

        await route({NAMES[0]: 100})
        callers = [asyncio.create_task(caller()) for _ in range(CALLERS)]
        taken = []
        for number in range(FLIPS):
            await asyncio.sleep(SETTLE_SECONDS)
            asked = time.perf_counter()
            await route({NAMES[(number + 1) % 2]: 100})
            await asyncio.sleep(SETTLE_SECONDS)
            taken.append(max(0.0, last[NAMES[number % 2]] - asked) * 1000)
        over.set()
        await asyncio.gather(*callers)
    return {
        "effect ms": round(middle(taken), 1),
        "most ms": round(max(taken), 1),
        "requests": counts["asked"],
        "failed": counts["failed"],
    }


async def measure() -> Report:
    """The gateway, then Envoy."""
    began = time.perf_counter()
    rows: list[dict[str, Cell]] = []
    missing: list[str] = []
    async with contextlib.AsyncExitStack() as stack:
        scene = await stack.enter_async_context(stage())
        _, port = await stack.enter_async_context(child("benchmarks.upstream", "fast"))
        urls = dict.fromkeys(NAMES, f"http://127.0.0.1:{port}")
        rows.append({"engine": "gateway", **await gateway(scene, urls)})
        try:
            peer = await stack.enter_async_context(envoy(urls, {NAMES[0]: 100}, scene.state / "tls"))
        except NoEnvoyError as error:
            missing.append(str(error))
        else:

            async def route(live: dict[str, int]) -> None:
                peer.route(live)

            rows.append({"engine": "Envoy", **await flips(peer.url, scene.headers, scene.trust, route)})
    ours = rows[0]
    return Report(
        name="shift",
        question=f"All traffic moves {FLIPS} times under the load of {CALLERS} callers over TLS.",
        rows=rows,
        verdict=f"A change is in effect {ours['effect ms']} ms after it is asked for; {ours['failed']} of"
        f" {ours['requests']} requests failed.",
        notes=("Median and most of the flips; requests that were under way at the change count too.", *missing),
        seconds=time.perf_counter() - began,
    )


async def gateway(scene: Scene, urls: dict[str, str]) -> dict[str, Cell]:
    """The flips through the gateway."""
    for name, url in urls.items():
        await scene.gateway.set_deployment(ENDPOINT, name, (url,), 5000, 10_000)
    return await flips(scene.url, scene.headers, scene.trust, scene.route)


def main() -> Report:
    """Measure, print the table and write the JSON file."""
    done = asyncio.run(measure())
    print(done.table())
    done.write()
    return done


if __name__ == "__main__":
    main()
