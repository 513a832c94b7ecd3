"""How long does the control plane take for a large workspace, and metrics for a long busy day?

A local Azure of its own is asked for the list of 1,000 seeded endpoints, and for metrics of 12 hours with 10 million
seeded requests, raw over HTTP on a connection that is kept. The peers: a bare server that answers the same bytes, and
pandas on raw rows in memory, which spares it reading them. Then the memory of a server that has nothing to do, and of
an instance of the smallest deployment.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import psutil

from benchmarks.report import Cell, Report, middle, percentile
from benchmarks.scene import ROOT
from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

ENDPOINTS = 1000
REQUESTS = 10_000_000
HOURS = 12
LIST_ROUNDS, METRIC_ROUNDS, PEER_ROUNDS = 20, 20, 3
SHARES = {"blue": 0.9, "green": 0.1}
NAMESPACE = "microsoft.machinelearningservices/workspaces/onlineendpoints/deployments"


class Client:
    """One kept connection."""

    def __init__(self, port: int, bundle: str, headers: dict[str, str]) -> None:
        trust = ssl.create_default_context(cafile=bundle)
        self._connection = http.client.HTTPSConnection("localhost", port, context=trust, timeout=600)
        self._headers = headers

    def get(self, target: str) -> bytes:
        """The body of a GET. Raises RuntimeError when it is not 200."""
        self._connection.request("GET", target, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{target}: {answer.status} {body[:500]!r}")
        return body


def timed(ask: Callable[[], object], rounds: int, process: psutil.Process) -> dict[str, Cell]:
    """Medians over the rounds: milliseconds on the clock, and of the process's processor time."""
    ask()
    clock, processor = [], []
    for _ in range(rounds):
        before, began = sum(process.cpu_times()[:2]), time.perf_counter()
        ask()
        clock.append((time.perf_counter() - began) * 1000)
        processor.append((sum(process.cpu_times()[:2]) - before) * 1000)
    return {"median ms": middle(clock), "95 % ms": percentile(clock, 95), "CPU ms": sum(processor) / rounds}


@contextlib.contextmanager
def bare_server(content: bytes, azure: LocalAzure, folder: Path) -> Iterator[tuple[int, int]]:
    """A bare server that answers these bytes: its process id and its port."""
    path = folder / "answer.json"
    path.write_bytes(content)
    command = [sys.executable, "-m", "benchmarks.bare_answer", str(path), str(azure.state / "tls")]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def megabytes(pid: int) -> float:
    """What a process has for itself, and its part of what it shares with others."""
    memory = psutil.Process(pid).memory_full_info()
    return float(getattr(memory, "pss", memory.uss)) / 1e6


def lists(azure: LocalAzure, client: Client, folder: Path) -> list[dict[str, Cell]]:
    """The list of many endpoints, beside the bare server."""
    entries = [
        {"name": f"shop-{n}", "deployments": ["blue", "green"], "traffic": {"blue": 90, "green": 10}}
        for n in range(ENDPOINTS)
    ]
    azure.control("POST", "seed", {"endpoints": entries}).raise_for_status()
    target = f"{azure.workspace}/onlineEndpoints?api-version=2023-04-01-preview"
    content = client.get(target)
    listed = len(json.loads(content)["value"])
    if listed != ENDPOINTS:
        raise RuntimeError(f"{listed} endpoints were listed")
    what = f"list of {ENDPOINTS:,} endpoints, {len(content) / 1e6:.1f} MB"
    with bare_server(content, azure, folder) as (pid, port):
        bare = Client(port, azure.bundle, {})
        peer = timed(lambda: bare.get("/"), LIST_ROUNDS, psutil.Process(pid))
    ours = timed(lambda: client.get(target), LIST_ROUNDS, psutil.Process(azure.process.pid))
    return [{"what": what, "who": "bare server, same bytes", **peer}, {"what": what, "who": "local Azure", **ours}]


def seed_history(azure: LocalAzure, start: datetime) -> float:
    """Make the long day. Returns the seconds it took."""
    minutes = HOURS * 60
    streams = {name: {"per_minute": share * REQUESTS / minutes} for name, share in SHARES.items()}
    history = {"endpoint": "shop-1", "start": start.isoformat(), "minutes": minutes, "seed": 1, "deployments": streams}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _SEED, azure.bundle, json.dumps({"history": [history]})],
        env=azure.client_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    written = json.loads(done.stdout)["history"]
    if abs(written - REQUESTS) > len(SHARES):
        raise RuntimeError(f"{written} requests were made")
    return time.perf_counter() - began


_SEED = """
import os, sys, requests
answer = requests.post(os.environ["EMULATOR_CONTROL_URL"] + "/seed", data=sys.argv[2], verify=sys.argv[1], timeout=1200,
                       headers={"x-emulator-secret": os.environ["EMULATOR_CONTROL_SECRET"]})
answer.raise_for_status()
print(answer.text)
"""


def raw_rows(start: datetime) -> pd.DataFrame:
    """The same day as raw rows."""
    source = np.random.default_rng(1)
    times = start.timestamp() + np.sort(source.random(REQUESTS)) * HOURS * 3600
    return pd.DataFrame(
        {
            "minute": (times // 60).astype("int64"),
            "deployment": pd.Categorical(source.choice([*SHARES], REQUESTS, p=[*SHARES.values()])),
            "latency": np.exp(source.normal(np.log(20), 0.3, REQUESTS)),
        }
    )


def metrics(azure: LocalAzure, client: Client, start: datetime) -> list[dict[str, Cell]]:
    """Counts and a percentile of the long day, beside pandas."""
    end = start + timedelta(hours=HOURS)
    span = quote(f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}")
    rows: list[dict[str, Cell]] = []
    process = psutil.Process(azure.process.pid)

    def ask(resource: str, names: str, aggregation: str, grain: str, split: str = "") -> Callable[[], bytes]:
        target = (
            f"{azure.workspace}/onlineEndpoints/{resource}/providers/Microsoft.Insights/metrics?api-version=2023-10-01"
            f"&metricnames={names}&aggregation={aggregation}&interval={grain}&timespan={span}"
        ) + (f"&$filter={quote(split)}" if split else "")
        return lambda: client.get(target)

    frame = raw_rows(start)
    here = psutil.Process()

    def counted() -> object:
        return frame.groupby(["minute", "deployment"], observed=True).size()

    def percentiles() -> object:
        return frame.groupby(frame["minute"])["latency"].quantile(0.99)

    for what, peer, ours in (
        (
            "requests by deployment, 12 h by minute",
            counted,
            ask("shop-1", "RequestsPerMinute", "Average", "PT1M", "deployment eq '*'"),
        ),
        ("99th percentile, 12 h by minute", percentiles, ask("shop-1", "RequestLatency_P99", "Average", "PT1M")),
        (
            "99th percentile of a deployment, by 5 minutes",
            percentiles,
            ask("shop-1/deployments/blue", "RequestLatency_P99", "Average", "PT5M"),
        ),
    ):
        rows.append({"what": what, "who": "pandas, raw rows in memory", **timed(peer, PEER_ROUNDS, here)})
        rows.append({"what": what, "who": "local Azure", **timed(ours, METRIC_ROUNDS, process)})
    return rows


def memory(folder: Path) -> dict[str, Cell]:
    """Megabytes of a server that has nothing to do, of its gateway, of an instance, and of a bare server."""
    with LocalAzure(folder / "idle") as azure:
        server = psutil.Process(azure.process.pid)
        (gateway,) = [each for each in server.children() if "emulator.scoring.gateway" in each.cmdline()]
        found: dict[str, Any] = {"idle server MB": megabytes(server.pid), "idle gateway MB": megabytes(gateway.pid)}
        with bare_server(b"{}", azure, folder) as (pid, _):
            found["bare server MB"] = megabytes(pid)
        create_endpoint(azure, "one")
        status = azure.finish(upload_and_put(azure, "one", "blue", 2), 600)
        if status["status"] != "Succeeded":
            raise RuntimeError(status)
        (instance,) = azure.control("GET", "instances").json()["value"]
        tree = psutil.Process(instance["pid"])
        found["instance MB"] = sum(megabytes(each.pid) for each in [tree, *tree.children(recursive=True)])
    return {name: round(value, 1) for name, value in found.items()}


def main() -> Report:
    """Measure, print and write."""
    began = time.perf_counter()
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=HOURS + 1)
    with TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with LocalAzure(folder / "state") as azure:
            headers = {"Authorization": f"Bearer {azure.token()}"}
            client = Client(azure.port, azure.bundle, headers)
            rows = lists(azure, client, folder)
            seeding = seed_history(azure, start)
            rows += metrics(azure, client, start)
        facts = memory(folder)
    slowest = max(float(row["median ms"]) for row in rows[2:] if row["who"] == "local Azure")
    report = Report(
        name="control",
        question="The control plane's list of a large workspace, and the metrics of a long busy day.",
        rows=rows,
        verdict=f"The list takes {rows[1]['median ms']:.0f} ms, the slowest of the metrics queries {slowest:.0f} ms.",
        notes=(
            f"{REQUESTS:,} requests in {HOURS} hours were seeded in {seeding:.0f} s. Medians of {LIST_ROUNDS} lists,",
            f"{METRIC_ROUNDS} queries and {PEER_ROUNDS} runs of pandas. CPU is the server's, or pandas' own.",
            "Memory: " + ", ".join(f"{name} {value}" for name, value in facts.items()) + ".",
        ),
        seconds=time.perf_counter() - began,
        facts={**facts, "seeding seconds": round(seeding, 1)},
    )
    print(report.table(), flush=True)
    report.write()
    return report


if __name__ == "__main__":
    main()
