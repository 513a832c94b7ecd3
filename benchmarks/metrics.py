"""How many calls, and how long, until a day of twenty deployments is drawn in points of one minute?

A local Azure of its own has one endpoint with twenty deployments and a day of requests to each. Six metrics of every
deployment are read and two charts drawn from them. The peer is the loop that scripts and notebooks have: Microsoft's
azure-mgmt-monitor, one metric of one resource at a time; then the same with all metrics of a resource in as few calls
as it allows. Beside that: what the Metrics page of this endpoint sends to the browser, how long it takes again with
everything at hand, and what a line of 100,000 points costs, thinned and as it is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.monitor import MonitorManagementClient

from benchmarks.pages import answers, free_port, until
from benchmarks.report import Cell, Report, middle
from benchmarks.scene import ROOT
from benchmarks.visitor import Visitor
from services.azure.connection import Connection, connect
from services.azure.endpoints import get_endpoint, list_deployments
from services.azure.monitor import DEPLOYMENT_NAMESPACE, read_metrics
from services.metrics import PERCENTILES, DeploymentMetrics, points
from services.metrics.series import tidy
from services.model import Deployment, Endpoint, Window
from services.settings import Settings
from tests.contract.monitor_clients import monitor_client
from tests.local_azure import LocalAzure
from ui import charts

NAME = "busy"
DEPLOYMENTS = tuple(f"model-{number:02d}" for number in range(20))
MINUTES = 24 * 60
PER_MINUTE = 2
LATENCIES = tuple(f"RequestLatency_{each}" for each in PERCENTILES)
MEMORY, RATE, STATUS = "CpuMemoryUtilizationPercentage", "RequestsPerMinute", "envoy_response_code"
SIX = (*LATENCIES, MEMORY, RATE)
"""The metrics that are read; the last one is split by status, and so it is a question of its own."""
ROUNDS, RERUNS = 3, 30
POINTS, SPIKES, DRAWN = 100_000, 200, 7
LOOK = charts.Look()
Frames = tuple[pd.DataFrame, pd.DataFrame]


@contextmanager
def counted(conn: Connection) -> Iterator[list[str]]:
    """The addresses that a connection asks inside of the ``with``."""
    asked: list[str] = []
    send = conn.transport.send

    def note(request: HttpRequest, **options: object) -> HttpResponse:
        asked.append(request.url)
        return send(request, **options)

    conn.transport.send = note
    try:
        yield asked
    finally:
        del conn.transport.send


def fill(azure: LocalAzure, end: datetime) -> None:
    """A day of requests to each deployment, one in a hundred failed."""
    azure.control(
        "POST",
        "seed",
        {"endpoints": [{"name": NAME, "deployments": list(DEPLOYMENTS), "traffic": {DEPLOYMENTS[0]: 100}}]},
    ).raise_for_status()
    each = {"per_minute": PER_MINUTE, "median_ms": 20.0, "spread": 0.4, "failing": 0.01, "status": 424}
    history = {
        "endpoint": NAME,
        "start": (end - timedelta(minutes=MINUTES)).isoformat(),
        "minutes": MINUTES,
        "seed": 7,
        "deployments": dict.fromkeys(DEPLOYMENTS, each),
    }
    azure.control("POST", "seed", {"history": [history]}).raise_for_status()


def ours(conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], window: Window) -> int:
    """Read the six as Sluice reads, make its frames and draw its two charts. Returns how many requests were counted."""
    names = {each.id.lower(): each.name for each in deployments}
    ask = partial(read_metrics, conn, list(names), DEPLOYMENT_NAMESPACE, window=window, region=endpoint.location)
    with ThreadPoolExecutor(2) as pool:
        whole = pool.submit(ask, metrics=SIX[:-1])
        split = pool.submit(ask, metrics=[RATE], split_by=[STATUS])
        measured, rates = whole.result().series, split.result().series
    latency = tidy(
        ("at", "deployment", "percentile", "ms"),
        (
            (at, names[one.resource_id.lower()], one.metric.rpartition("_")[2].upper(), value)
            for one in measured
            for at, value in points(one)
        ),
    )
    requests = tidy(
        ("at", "deployment", "status", "per_minute"),
        (
            (at, names[one.resource_id.lower()], one.dimensions.get(STATUS, ""), number)
            for one in rates
            for at, number in points(one)
        ),
    )
    data = DeploymentMetrics(latency, requests, window, window.end_at)
    charts.latency(data, list(names.values()), "P95", LOOK).to_json()
    charts.requests(data, list(names.values()), LOOK).to_json()
    return round(float(requests["per_minute"].sum()))


def loop(
    client: MonitorManagementClient, ids: Sequence[str], window: Window, asked: Sequence[Sequence[str]]
) -> tuple[int, int]:
    """Read with azure-mgmt-monitor, ``asked`` metrics of one resource in each call, and draw two charts of it.

    Returns the number of calls, and how many requests were counted.
    """
    timespan = "/".join(f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in (window.start_at, window.end_at))
    latency, requests, calls = go.Figure(), go.Figure(), 0
    total = 0.0
    for resource in ids:
        rows: list[tuple[datetime, str, float]] = []
        for metrics in asked:
            split = {"filter": f"{STATUS} eq '*'"} if RATE in metrics else {}
            found = client.metrics.list(
                resource,
                timespan=timespan,
                interval="PT1M",
                metricnames=",".join(metrics),
                aggregation="Average",
                **split,
            )
            calls += 1
            for metric in found.value:
                for element in metric.timeseries:
                    rows += [
                        (point.time_stamp, metric.name.value, point.average)
                        for point in element.data
                        if point.average is not None
                    ]
        frame = pd.DataFrame(rows, columns=["at", "metric", "value"])
        summed = frame.groupby(["metric", "at"])["value"].sum()
        name = resource.rpartition("/")[2]
        p95, rate = summed["RequestLatency_P95"], summed[RATE]
        latency.add_scatter(x=p95.index, y=p95.to_numpy(), name=name)
        requests.add_scatter(x=rate.index, y=rate.to_numpy(), name=name)
        total += float(rate.sum())
    latency.to_json()
    requests.to_json()
    return calls, round(total)


def seconds_of(act: Callable[[], object], rounds: int) -> float:
    """The median of some rounds of what has been done once before: a token, connections and imports are there."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return middle(taken)


def reading(azure: LocalAzure, conn: Connection, window: Window) -> list[dict[str, Cell]]:
    """The rows of the table: who, calls, seconds."""
    endpoint, deployments = get_endpoint(conn, NAME), list_deployments(conn, NAME)
    ids = [each.id for each in deployments]
    expected = MINUTES * PER_MINUTE * len(DEPLOYMENTS)

    def sluice() -> None:
        check(ours(conn, endpoint, deployments, window), expected)

    sluice()
    with counted(conn) as asked:
        sluice()
    calls = len(asked)
    client = monitor_client(azure)
    found: list[dict[str, Cell]] = []
    for who, questions in (
        ("azure-mgmt-monitor, a metric of a resource a call", [[each] for each in SIX]),
        ("azure-mgmt-monitor, a resource a call", [list(SIX[:-1]), [RATE]]),
    ):
        made, total = loop(client, ids, window, questions)
        check(total, expected)
        rounds = 1 if made > len(ids) * 2 else ROUNDS
        seconds = seconds_of(partial(loop, client, ids, window, questions), rounds)
        found.append({"who": who, "HTTP calls": made, "seconds": seconds})
    found.append({"who": "Sluice", "HTTP calls": calls, "seconds": seconds_of(sluice, ROUNDS)})
    for row in found:
        row["to Sluice"] = round(float(row["seconds"]) / float(found[-1]["seconds"]), 1)
    return found


def check(found: int, expected: int) -> None:
    """Raise RuntimeError when something else was counted than was sent."""
    if abs(found - expected) > expected * 0.001:
        raise RuntimeError(f"{found} instead of {expected}")


def page(azure: LocalAzure, folder: Path, window: Window) -> dict[str, Cell]:
    """What the Metrics page of a day costs: the first time, and again with everything at hand."""
    port = free_port()
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("SLUICE_", "EMULATOR_"))}
    environment = {**kept, **azure.environment, "SLUICE_DATA_DIR": str(folder / "data"), "AZURE_CONFIG_DIR": os.devnull}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--server.headless", "true"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            until(answers(f"http://localhost:{port}/readyz"), "the dashboard")
            ends = "&".join(
                f"{name}={at:%Y-%m-%dT%H:%MZ}" for name, at in (("from", window.start_at), ("to", window.end_at))
            )
            query = f"endpoint={NAME}&{ends}&grain=1min"
            with Visitor(port) as visitor:
                first = visitor.run("metrics", query)
                visitor.run("metrics", query)
                runs = [visitor.run("metrics", query) for _ in range(RERUNS)]
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
    if any(each.failed for each in (first, *runs)):
        raise RuntimeError("The page shows an exception.")
    return {
        "page first ms": round(first.milliseconds),
        "page first KiB": round(first.kibibytes),
        "page again ms": round(middle([each.milliseconds for each in runs]), 1),
        "page again KiB": round(middle([each.kibibytes for each in runs])),
    }


def long_line() -> dict[str, Cell]:
    """What a line of 100,000 points costs with and without thinning, and how many of its spikes are still there."""
    random = np.random.default_rng(7)
    values = random.lognormal(3.0, 0.2, POINTS)
    spikes = random.choice(POINTS, SPIKES, replace=False)
    values[spikes] = 1000.0 + np.arange(SPIKES)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    window = Window(start, start + timedelta(minutes=POINTS), 60)
    line = pd.Series(values, index=pd.date_range(start, periods=POINTS, freq="min"))
    drawn: list[go.Figure] = []

    def thinned() -> str:
        figure = charts.figure_of(window, LOOK, "ms")
        charts.add_line(figure, window.end_at, line, "blue", "#123456", "%{y} ms", LOOK)
        drawn.append(figure)
        return str(figure.to_json())

    def plain() -> str:
        figure = charts.figure_of(window, LOOK, "ms")
        figure.add_scatter(x=charts.wall(pd.DatetimeIndex(line.index), LOOK.zone), y=line.to_numpy(), name="blue")
        return str(figure.to_json())

    found: dict[str, Cell] = {}
    for name, make in (("plain", plain), ("thinned", thinned)):
        found[f"{name} KiB"] = round(len(make()) / 1024)
        found[f"{name} ms"] = round(seconds_of(make, DRAWN) * 1000, 1)
    shown = np.asarray(drawn[-1].data[0].y)
    found["spikes"] = SPIKES
    # Two spikes in one stretch of a hundred minutes are one pixel: the higher one is what is seen.
    stretches = {place * 1000 // POINTS for place in spikes}
    found["stretches with a spike"] = len(stretches)
    spikes_drawn = found["spikes drawn"] = int((shown >= 1000).sum())
    if spikes_drawn < len(stretches):
        raise RuntimeError(f"{spikes_drawn} spikes are drawn, of {len(stretches)} stretches that have one")
    return found


def main() -> Report:
    """Measure, print and write."""
    began = time.perf_counter()
    before = dict(os.environ)
    end = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
    window = Window(end - timedelta(minutes=MINUTES), end, 60)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        azure = stack.enter_context(LocalAzure(folder / "state"))
        # azure-identity and requests read these from the environment of the process and from nowhere else.
        os.environ.update(azure.environment)
        try:
            fill(azure, end)
            rows = reading(azure, connect(Settings.read({**azure.environment}, folder)), window)
            facts = {**page(azure, folder, window), **long_line()}
        finally:
            os.environ.clear()
            os.environ.update(before)
    loops, sluice = rows[0], rows[-1]
    report = Report(
        name="metrics",
        question=f"{len(SIX)} metrics of {len(DEPLOYMENTS)} deployments over 24 h in points of 1 min, read and drawn.",
        rows=rows,
        verdict=f"{sluice['HTTP calls']} calls instead of {loops['HTTP calls']}, drawn {loops['to Sluice']} times as "
        f"fast. The page again: {facts['page again ms']} ms. {POINTS:,} points: {facts['thinned KiB']} KiB instead of "
        f"{facts['plain KiB']}, no spike lost.",
        notes=(
            f"Medians of {ROUNDS} rounds (1 of the loop), {RERUNS} reruns, {DRAWN} drawings, each after one more.",
            "Most of the seconds are the local Azure's own work on these numbers, the same for all.",
            "Besides: " + ", ".join(f"{name} {value}" for name, value in facts.items()) + ".",
        ),
        seconds=time.perf_counter() - began,
        facts=facts,
    )
    print(report.table(), flush=True)
    report.write()
    return report


if __name__ == "__main__":
    main()
