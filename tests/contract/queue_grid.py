"""How many requests a deployment refuses, measured on the local Azure beside what the preflight predicts.

``python -m tests.contract.queue_grid`` measures the full grid, and where the model of a queue is not met, and prints
the tables of docs/preflight.md. It takes about fifteen minutes and wants a machine that does nothing else.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import random
import ssl
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, quantiles

import aiohttp
import requests

from services.azure.connection import Connection, connect
from services.azure.endpoints import get_endpoint, list_deployments, logs, scoring_secret
from services.model import Deployment
from services.settings import Settings
from services.traffic import queueing, server_log
from services.traffic.evidence import LOG_LINES, DeploymentEvidence, service_time
from services.traffic.overload import room
from tests.contract.conftest import SCORE
from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

ENDPOINT = "queue-grid"
SEED = 4
ROUND_SECONDS = 30.0
"""How long each round of the full grid is."""
LATE_SECONDS = 0.015
"""How late 99 % of the requests may be sent. When they are later, the machine was busy with something else: it held up
the deployments too, and the round says nothing about them."""
ATTEMPTS = 4
TOLERANCE = 0.1
"""How far the predicted share may be from the measured one."""

Service = Callable[[random.Random, float], float]
"""Seconds that the model takes for one request, from a source of randomness and the mean."""


def exponential(source: random.Random, mean_seconds: float) -> float:
    """What the formula assumes."""
    return source.expovariate(1 / mean_seconds)


def constant(_source: random.Random, mean_seconds: float) -> float:
    """What many models do."""
    return mean_seconds


@dataclass(frozen=True)
class Cell:
    """A deployment and a load. ``load`` is the arriving work as a share of what all servers can do."""

    max_concurrent: int
    workers: int
    instances: int
    load: float
    service_seconds: float = 0.1
    service: Service = exponential
    timeout_seconds: int = 60

    @property
    def deployment(self) -> str:
        """The deployment that is used for it; the number of workers cannot change while one runs."""
        return f"workers-{self.workers}"

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return self.load * self.instances * min(self.max_concurrent, self.workers) / self.service_seconds


@dataclass(frozen=True)
class Measured:
    """Of one cell: how many requests were sent, and shares of them, 0 to 1: refused (429), too late (408), predicted.

    ``predicted`` uses the time per request of the server's log. ``held_seconds`` is how long a place at an instance was
    really held, which only the gateway knows, None when nothing was answered; ``explained`` is what the formula says
    with that, None also where requests wait at the instance for a worker, which that time includes. ``ideal`` is what a
    queue without any overhead refuses of these very requests: how far it is from ``predicted`` is chance. 99 % of the
    requests were sent less than ``late_seconds`` late.
    """

    cell: Cell
    requests: int
    refused: float
    ideal: float
    timed_out: float
    predicted: float
    explained: float | None
    logged_seconds: float
    held_seconds: float | None
    late_seconds: float

    @property
    def is_on_time(self) -> bool:
        """Whether the machine had the time for the requests, and so for the deployment."""
        return self.late_seconds <= LATE_SECONDS


def full_grid() -> list[tuple[Cell, ...]]:
    """Rounds of cells that are measured at the same time."""
    return [
        tuple(Cell(concurrent, workers, instances, load) for workers in (1, 2, 4))
        for concurrent in (1, 2, 4)
        for instances in (1, 2)
        for load in (0.6, 1.0, 1.6)
    ]


def off_the_model() -> list[tuple[str, Cell]]:
    """What an M/M/s/K queue does not describe, in words and as a cell."""
    return [
        ("every request takes the same time", Cell(1, 1, 1, 1.0, service=constant)),
        ("every request takes the same time", Cell(2, 2, 1, 1.0, service=constant)),
        ("a very quick model, 5 ms", Cell(2, 1, 1, 0.8, service_seconds=0.005)),
        ("a very quick model, 2 ms", Cell(2, 1, 1, 0.6, service_seconds=0.002)),
        ("the timeout comes before a full queue", Cell(8, 1, 1, 1.5, timeout_seconds=1)),
    ]


@dataclass
class Sent:
    """What was sent to one deployment: how many requests got each status, and how late each was sent, in seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)


def measure(
    azure: LocalAzure, conn: Connection, cells: Sequence[Cell], seconds: float, attempts: int = ATTEMPTS
) -> list[Measured]:
    """Load all cells at the same time for so long, again when the machine was too busy for it, but not for ever: then
    what was least disturbed counts.

    Their deployments, which must differ, are made as they need.
    """
    tried: list[list[Measured]] = []
    while len(tried) < attempts and not (tried and all(one.is_on_time for one in tried[-1])):
        tried.append(_measure_once(azure, conn, cells, seconds))
    return min(tried, key=lambda found: max(one.late_seconds for one in found))


def _measure_once(azure: LocalAzure, conn: Connection, cells: Sequence[Cell], seconds: float) -> list[Measured]:
    if azure.arm("GET", f"onlineEndpoints/{ENDPOINT}").status_code == 404:
        assert create_endpoint(azure, ENDPOINT).ok
    for answer in [_deploy(azure, cell) for cell in cells]:
        assert azure.finish(answer, 240)["status"] == "Succeeded", azure.output()
    endpoint = get_endpoint(conn, ENDPOINT)
    target = Target(endpoint.scoring_uri, scoring_secret(conn, endpoint).value, azure.bundle)
    began = time.time()
    sent = asyncio.run(_load_all(target, cells, seconds))
    held = _held_seconds(azure, began)
    found = {each.name: each for each in list_deployments(conn, ENDPOINT)}
    return [
        _judged(conn, found[cell.deployment], cell, one, ideal_share(cell, seconds), held.get(cell.deployment))
        for cell, one in zip(cells, sent, strict=True)
    ]


def ideal_share(cell: Cell, seconds: float) -> float:
    """The share of the requests of a cell that a queue without overhead and without timeouts refuses."""
    places = queueing.places(cell.instances, cell.max_concurrent)
    free = [0.0] * queueing.servers(cell.instances, cell.max_concurrent, cell.workers)
    leaving: list[float] = []
    refused = number = 0
    for at, takes in _arrivals(cell, seconds):
        number += 1
        while leaving and leaving[0] <= at:
            heapq.heappop(leaving)
        if len(leaving) >= places:
            refused += 1
            continue
        end = max(at, heapq.heappop(free)) + takes
        heapq.heappush(free, end)
        heapq.heappush(leaving, end)
    return refused / number


@dataclass(frozen=True)
class Target:
    """Where requests go, the key, and the certificates to trust."""

    address: str
    key: str
    bundle: str


def _deploy(azure: LocalAzure, cell: Cell) -> requests.Response:
    return upload_and_put(
        azure,
        ENDPOINT,
        cell.deployment,
        1,
        score=SCORE,
        sku={"name": "Default", "capacity": cell.instances},
        environmentVariables={"WORKER_COUNT": str(cell.workers)},
        requestSettings={
            "maxConcurrentRequestsPerInstance": cell.max_concurrent,
            "requestTimeout": f"PT{cell.timeout_seconds}S",
        },
    )


async def _load_all(target: Target, cells: Sequence[Cell], seconds: float) -> list[Sent]:
    trust = ssl.create_default_context(cafile=target.bundle)
    headers = {"Authorization": f"Bearer {target.key}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust, limit=0), headers=headers) as session:
        return list(await asyncio.gather(*(_load(session, target, cell, seconds) for cell in cells)))


async def _load(session: aiohttp.ClientSession, target: Target, cell: Cell, seconds: float) -> Sent:
    """Send requests at random moments, whether or not the earlier ones are answered."""
    sent = Sent()
    headers = {"azureml-model-deployment": cell.deployment}

    async def send(sleep: float) -> None:
        body = {"sleep": sleep, "data": [1]}
        async with session.post(target.address, json=body, headers=headers) as answer:
            await answer.read()
            sent.statuses[answer.status] += 1

    began = time.perf_counter()
    async with asyncio.TaskGroup() as under_way:
        for at, sleep in _arrivals(cell, seconds):
            await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
            sent.late.append(time.perf_counter() - began - at)
            under_way.create_task(send(sleep))
    return sent


def _arrivals(cell: Cell, seconds: float) -> Iterator[tuple[float, float]]:
    """When each request is sent, and how long the model takes for it; the same for the same cell."""
    source, at = random.Random(SEED + cell.workers), 0.0
    while (at := at + source.expovariate(cell.per_second)) < seconds:
        yield at, cell.service(source, cell.service_seconds)


def _held_seconds(azure: LocalAzure, since: float) -> dict[str, float]:
    """Deployment → the mean time between sending a request to an instance and having read its answer."""
    rows = azure.control("GET", f"requests?endpoint={ENDPOINT}&since={since}&limit=100000").json()["value"]
    times: dict[str, list[float]] = {}
    for row in rows:
        if row["status"] == 200:
            times.setdefault(row["deployment"], []).append(row["model_ms"] / 1000)
    return {name: fmean(found) for name, found in times.items()}


def _judged(
    conn: Connection, deployment: Deployment, cell: Cell, sent: Sent, ideal: float, held: float | None
) -> Measured:
    """The time per request comes from the log, as it does before a change of traffic; the rate is the intended one."""
    worked = server_log.worked(logs(conn, ENDPOINT, deployment.name, LOG_LINES))
    queue = room(deployment, DeploymentEvidence(service=service_time(worked, None, None)))
    assert queue is not None
    statuses, rate = sent.statuses, cell.per_second
    number = statuses.total()
    return Measured(
        cell=cell,
        requests=number,
        refused=statuses[429] / number,
        ideal=ideal,
        timed_out=statuses[408] / number,
        predicted=queue.lost_share(60 * rate),
        explained=(
            queueing.rejected_share(rate, held, queue.servers, queue.places)
            if held is not None and cell.max_concurrent <= cell.workers
            else None
        ),
        logged_seconds=queue.service_seconds,
        held_seconds=held,
        late_seconds=quantiles(sent.late, n=100)[98],
    )


def main() -> None:
    """Measure everything and print it as Markdown."""
    with tempfile.TemporaryDirectory() as folder, LocalAzure(Path(folder) / "state") as azure:
        azure.control("POST", "settings", {"cores_quota": 1000}).raise_for_status()
        os.environ.update(azure.environment)
        conn = connect(Settings.read(azure.environment, Path(folder)))
        write = sys.stdout.write
        write(
            "| max concurrent | workers | instances | load | requests/s | time in the log | predicted | measured "
            "| place held | predicted with that | sent late (P99) |\n"
        )
        write("|---:" * 11 + "|\n")
        for cells in full_grid():
            for one in measure(azure, conn, cells, ROUND_SECONDS):
                write(_row(one))
                sys.stdout.flush()
        write("\n| what is different | settings | requests/s | time in the log | predicted | 429 | 408 |\n")
        write("|---|---|---:|---:|---:|---:|---:|\n")
        for words, cell in off_the_model():
            write(_odd_row(words, measure(azure, conn, [cell], ROUND_SECONDS)[0]))
            sys.stdout.flush()


def _row(one: Measured) -> str:
    cell = one.cell
    held = "– | –"
    if one.explained is not None and one.held_seconds is not None:
        held = f"{1000 * one.held_seconds:.0f} ms | {100 * one.explained:.1f} %"
    return (
        f"| {cell.max_concurrent} | {cell.workers} | {cell.instances} | {cell.load} | {cell.per_second:.0f} | "
        f"{1000 * one.logged_seconds:.0f} ms | {100 * one.predicted:.1f} % | {100 * one.refused:.1f} % | "
        f"{held} | {1000 * one.late_seconds:.0f} ms |\n"
    )


def _odd_row(words: str, one: Measured) -> str:
    cell = one.cell
    settings = f"{cell.max_concurrent} concurrent, workers {cell.workers}, load {cell.load}"
    return (
        f"| {words} | {settings} | {cell.per_second:.0f} | {1000 * one.logged_seconds:.1f} ms | "
        f"{100 * one.predicted:.1f} % | {100 * one.refused:.1f} % | {100 * one.timed_out:.1f} % |\n"
    )


if __name__ == "__main__":
    main()
