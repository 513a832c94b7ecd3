"""What does the gateway cost over asking the scoring server directly, and beside Envoy in its place?

All are asked the same, one request after the other over one connection, in alternating rounds; the scoring server is
one process of Microsoft's inference server with the sample model. Gateway and Envoy split 90/10 over two deployments at
that one server and have the header rule, once without TLS, as the scoring server, and once with it, as they are used. A
last row is a server that answers at once without looking, for scale. The processor time is that of the one server named
in the row.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

import psutil

from benchmarks.envoy import NoEnvoyError, envoy
from benchmarks.report import Cell, Report, middle, percentile
from benchmarks.scene import ENDPOINT, ROOT, Scene, child, cpu_seconds, stage
from emulator.scoring.gateway.process import Gateway
from emulator.scoring.instances.fleet import Fleet
from emulator.scoring.model import DeploymentSpec

ROUNDS = 7
REQUESTS = 300
"""Requests in a round."""
DIRECT, GATEWAY, ENVOY = "scoring server, direct", "gateway", "Envoy"
SPLIT = {"live": 90, "other": 10}
SAMPLE = ROOT / "samples" / "model-1"
BODY = (ROOT / "samples" / "sample-request.json").read_bytes()


class Noting:
    """Passes routes on to the gateway and keeps the addresses of the instances."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.urls: tuple[str, ...] = ()

    async def set_deployment(
        self, endpoint: str, deployment: str, urls: tuple[str, ...], timeout_ms: int, max_concurrent: int
    ) -> None:
        """Note the instances."""
        self.urls = urls
        await self._gateway.set_deployment(endpoint, deployment, urls, timeout_ms, max_concurrent)

    async def drained(self, urls: tuple[str, ...], timeout_seconds: float) -> bool:
        """Wait as the gateway does."""
        return await self._gateway.drained(urls, timeout_seconds)


def blue() -> DeploymentSpec:
    """The sample model as a deployment called live."""
    return DeploymentSpec(
        endpoint=ENDPOINT,
        deployment="live",
        instance_count=1,
        code_path=SAMPLE / "onlinescoring",
        scoring_script="score.py",
        model_path=SAMPLE / "model",
        model_name="digits",
        model_version="1",
        conda_yaml=(SAMPLE / "environment" / "conda.yml").read_text(),
        image="mcr.microsoft.com/azureml/minimal-py311-inference:latest",
        environment_variables={},
        request_timeout_ms=5000,
        max_concurrent_requests=10,
    )


def pid_of_instance() -> int:
    """The process id of the one instance that the fleet started."""
    (instance,) = [each for each in psutil.Process().children() if "launcher.py" in " ".join(each.cmdline())]
    return int(instance.pid)


def asking(url: str, headers: Mapping[str, str], trust: ssl.SSLContext | None) -> Callable[[int], list[float]]:
    """A function that sends so many requests over one connection and returns the milliseconds of each."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = HTTPSConnection(host, port, context=trust) if trust else HTTPConnection(host, port)

    def ask(count: int) -> list[float]:
        taken = []
        for _ in range(count):
            started = time.perf_counter()
            connection.request("POST", parts.path, BODY, dict(headers))
            answer = connection.getresponse()
            answer.read()
            taken.append((time.perf_counter() - started) * 1000)
            assert answer.status == 200, answer.status
        return taken

    return ask


@dataclass
class Way:
    """One way to the model, and what its rounds took."""

    ask: Callable[[int], list[float]]
    pid: int
    p50s: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """One round."""
        before = cpu_seconds(self.pid)
        taken = await asyncio.to_thread(self.ask, REQUESTS)
        self.cpu.append((cpu_seconds(self.pid) - before) / REQUESTS * 1e6)
        self.p50s.append(percentile(taken, 50))
        self.p99s.append(percentile(taken, 99))
        self.rates.append(REQUESTS / sum(taken) * 1000)


async def measure() -> Report:
    """Alternate between the paths and compare the medians of the rounds."""
    began = time.perf_counter()
    async with contextlib.AsyncExitStack() as stack:
        scene = await stack.enter_async_context(stage())
        noting = Noting(scene.gateway)
        fleet = Fleet(scene.state, os.environ, noting)
        stack.push_async_callback(fleet.close)
        await fleet.deploy(blue())
        (direct,) = noting.urls
        await scene.gateway.set_deployment(ENDPOINT, "other", (direct,), 5000, 1000)
        await scene.route(SPLIT)
        paths, missing = await ways(stack, scene, direct)
        for path in paths.values():
            await asyncio.to_thread(path.ask, REQUESTS)
        for _ in range(ROUNDS):
            for path in paths.values():
                await path.run()
    return report(paths, missing, time.perf_counter() - began)


async def ways(stack: contextlib.AsyncExitStack, scene: Scene, direct: str) -> tuple[dict[str, Way], list[str]]:
    """Every way to the model, and sentences about those that cannot be had."""
    plain_pid, plain_port = await stack.enter_async_context(child("benchmarks.plain_gateway", str(scene.state), direct))
    empty_pid, empty_port = await stack.enter_async_context(child("benchmarks.upstream", "fast"))
    assert scene.gateway.pid
    plain = f"http://127.0.0.1:{plain_port}{urlsplit(scene.url).path}"
    found = {
        DIRECT: Way(asking(f"{direct}/score", scene.headers, None), pid_of_instance()),
        GATEWAY: Way(asking(plain, scene.headers, None), plain_pid),
        f"{GATEWAY} with TLS": Way(asking(scene.url, scene.headers, scene.trust), scene.gateway.pid),
        "constant answer": Way(asking(f"http://127.0.0.1:{empty_port}/", scene.headers, None), empty_pid),
    }
    missing = []
    for name, tls in ((ENVOY, None), (f"{ENVOY} with TLS", scene.state / "tls")):
        try:
            peer = await stack.enter_async_context(envoy({"live": direct, "other": direct}, SPLIT, tls))
        except NoEnvoyError as error:
            missing = [str(error)]
        else:
            found[name] = Way(asking(peer.url, scene.headers, scene.trust if tls else None), peer.pid)
    return found, missing


def report(paths: Mapping[str, Way], missing: Sequence[str], seconds: float) -> Report:
    """Put the medians of the rounds side by side."""
    peer, peer_cpu = middle(paths[DIRECT].p50s), middle(paths[DIRECT].cpu)
    rows: list[dict[str, Cell]] = [
        {
            "path": name,
            "p50 ms": round(middle(path.p50s), 3),
            "p99 ms": round(middle(path.p99s), 3),
            "p50 to direct": round(middle(path.p50s) / peer, 2),
            "requests/s": round(middle(path.rates)),
            "CPU µs": round(middle(path.cpu)),
            "CPU to direct": round(middle(path.cpu) / peer_cpu, 2),
        }
        for name, path in paths.items()
    ]
    ours, ours_cpu = middle(paths[GATEWAY].p50s), middle(paths[GATEWAY].cpu)
    verdict = (
        f"The gateway adds {ours - peer:.2f} ms to {peer:.2f} ms ({ours / peer:.2f} x) and uses {ours_cpu:.0f} µs of"
        f" processor time, the scoring server {peer_cpu:.0f} µs."
    )
    if ENVOY in paths:
        theirs, theirs_cpu = middle(paths[ENVOY].p50s), middle(paths[ENVOY].cpu)
        verdict += f" To Envoy: p50 {ours / theirs:.2f} x, processor time {ours_cpu / theirs_cpu:.2f} x."
    return Report(
        name="gateway",
        question="One request at a time to the sample model: directly, through the gateway, through Envoy.",
        rows=rows,
        verdict=verdict,
        notes=(
            f"Medians of {ROUNDS} alternating rounds of {REQUESTS} requests. The scoring server closes every",
            "connection: the client of the direct path opens a new one each time, as gateway and Envoy have to.",
            *missing,
        ),
        seconds=seconds,
    )


def main() -> Report:
    """Measure, print the table and write the JSON file."""
    done = asyncio.run(measure())
    print(done.table())
    done.write()
    return done


if __name__ == "__main__":
    main()
