"""What does the gateway cost over asking the scoring server directly?

Both are asked the same over plain HTTP, one request after the other, in alternating rounds; the scoring server is one
process of Microsoft's inference server with the sample model. A third row is the gateway as it is shipped, with TLS on
a connection that is kept alive, and a fourth a server that answers at once without looking, for scale. The processor
time is that of the one server named in the row.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

import psutil

from benchmarks.report import Cell, Report, middle, percentile
from benchmarks.scene import ENDPOINT, ROOT, child, cpu_seconds, stage
from emulator.scoring.fleet import Fleet
from emulator.scoring.gateway_process import Gateway
from emulator.scoring.model import DeploymentSpec

ROUNDS = 7
REQUESTS = 300
"""Requests in a round."""
DIRECT = "scoring server, direct"
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


async def measure() -> Report:
    """Alternate between the paths and compare the medians of the rounds."""
    began = time.perf_counter()
    async with contextlib.AsyncExitStack() as stack:
        scene = await stack.enter_async_context(stage())
        noting = Noting(scene.gateway)
        fleet = Fleet(scene.state, os.environ, noting)
        stack.push_async_callback(fleet.close)
        await fleet.deploy(blue())
        await scene.route({"live": 100})
        (direct,) = noting.urls
        plain_pid, plain_port = await stack.enter_async_context(
            child("benchmarks.plain_gateway", str(scene.state), direct)
        )
        assert scene.gateway.pid
        plain = f"http://127.0.0.1:{plain_port}{urlsplit(scene.url).path}"
        empty_pid, empty_port = await stack.enter_async_context(child("benchmarks.upstream", "fast"))
        empty = f"http://127.0.0.1:{empty_port}/"
        paths = {
            DIRECT: (asking(f"{direct}/score", scene.headers, None), pid_of_instance()),
            "gateway": (asking(plain, scene.headers, None), plain_pid),
            "gateway with TLS": (asking(scene.url, scene.headers, scene.trust), scene.gateway.pid),
            "constant answer": (asking(empty, scene.headers, None), empty_pid),
        }
        p50s: dict[str, list[float]] = {name: [] for name in paths}
        p99s: dict[str, list[float]] = {name: [] for name in paths}
        cpu: dict[str, list[float]] = {name: [] for name in paths}
        for ask, _ in paths.values():
            await asyncio.to_thread(ask, REQUESTS)
        for _ in range(ROUNDS):
            for name, (ask, pid) in paths.items():
                before = cpu_seconds(pid)
                taken = await asyncio.to_thread(ask, REQUESTS)
                p50s[name].append(percentile(taken, 50))
                p99s[name].append(percentile(taken, 99))
                cpu[name].append((cpu_seconds(pid) - before) / REQUESTS * 1e6)
    return report(p50s, p99s, cpu, time.perf_counter() - began)


def report(
    p50s: Mapping[str, list[float]], p99s: Mapping[str, list[float]], cpu: Mapping[str, list[float]], seconds: float
) -> Report:
    """Put the medians of the rounds side by side."""
    peer, peer_cpu = middle(p50s[DIRECT]), middle(cpu[DIRECT])
    rows: list[dict[str, Cell]] = [
        {
            "path": name,
            "p50 ms": round(middle(values), 3),
            "p99 ms": round(middle(p99s[name]), 3),
            "p50 to direct": round(middle(values) / peer, 2),
            "added p50 ms": round(middle(values) - peer, 3),
            "CPU µs": round(middle(cpu[name])),
            "CPU to direct": round(middle(cpu[name]) / peer_cpu, 2),
        }
        for name, values in p50s.items()
    ]
    return Report(
        name="gateway",
        question="One request at a time to the sample model, directly and through the gateway.",
        rows=rows,
        verdict=f"The gateway adds {middle(p50s['gateway']) - peer:.2f} ms to {peer:.2f} ms "
        f"({middle(p50s['gateway']) / peer:.2f} x) "
        f"and uses {middle(cpu['gateway']):.0f} µs of processor time, the scoring server {peer_cpu:.0f} µs.",
        notes=(
            f"Medians of {ROUNDS} alternating rounds of {REQUESTS} requests. The scoring server closes every",
            "connection: the client of the direct path opens a new one each time, as the gateway has to.",
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
