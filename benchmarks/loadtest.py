"""Does the load test tell the truth about a server that stalls, and how fast can it send? Beside hey and wrk.

The server answers in 5 ms and stands still for 300 ms every 3 s. The truth of each of our requests is how long the
server would have held it, had it arrived at the moment at which it was due, and by how much the server itself was late
with it, as it has recorded. All else, ours or the system's, is our error. hey's requests have no moment at which they
are due: it is held against what callers see who come evenly over time. It sends the next request after an answer
(closed loop), so that it leaves out those that would have waited. It is told the rate, with 8 connections.

The closed-loop rate: 16 connections, the same POST, and a server that answers at once.

In both, the sender is pinned to one core and the server to another, and everything runs in alternating rounds.
"""

from __future__ import annotations

import contextlib
import csv
import http.client
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.report import Cell, Report, middle, percentile
from benchmarks.scene import ROOT
from benchmarks.stalling import held
from services.loadtest.engine import Engine, Shot
from services.loadtest.plan import Plan

DELAY, STALL, EVERY = 0.005, 0.3, 3.0
RATES = (200, 500, 1000)
SECONDS, ROUNDS = 6, 3
CONNECTIONS, CLOSED_SECONDS = 16, 3.0
HEY_CONNECTIONS = 8
GOAL_PERCENT = 5.0
BODY = b'{"data":[[1,2,3,4,5,6,7,8]]}'
SHOT = Shot(BODY, (("Content-Type", "application/json"),))
OURS = "python -m services.loadtest"


@dataclass(frozen=True)
class Times:
    """Median and 99th percentile in milliseconds."""

    p50: float
    p99: float

    def error(self, truth: Times) -> tuple[float, float]:
        """How far off both are, in percent of the truth."""
        return 100 * (self.p50 / truth.p50 - 1), 100 * (self.p99 / truth.p99 - 1)


class AllAtOnce(Plan):
    """Every request is due at once: with a limit of requests in flight, that is a closed loop."""

    @property
    def total(self) -> int:
        """More than can be sent."""
        return 1_000_000_000

    def due(self, index: int) -> float:  # noqa: ARG002 - the signature is the plan's
        """At the start."""
        return 0.0


@contextlib.contextmanager
def server(*times: float, module: str = "benchmarks.stalling") -> Iterator[tuple[int, float, int]]:
    """A server in a process of its own: port, moment of its first stall, process id."""
    command = [sys.executable, "-m", module, *map(str, times)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        port, began = process.stdout.readline().split()
        yield int(port), float(began), process.pid
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def ours(port: int, began: float, rate: int) -> tuple[Times, Times, float]:
    """What we report, the truth for just those requests, and the p99 of the send lag."""
    plan = Plan(rate, rate, SECONDS)
    numbered = [Shot(BODY, (*SHOT.headers, ("x-number", f"{number}"))) for number in range(plan.total)]
    engine = Engine(
        f"http://127.0.0.1:{port}/", numbered, plan, timeout_seconds=10, bearer=lambda: "key", most_in_flight=2048
    )
    engine.run()
    late = lateness(port)
    latency, lag = engine.tally.latency(), engine.tally.lag()
    assert latency is not None
    assert lag is not None
    # On Linux, both clocks are one.
    true = [
        (held(engine.began + plan.due(number), began, DELAY, STALL, EVERY) + late[str(number)]) * 1000
        for number in range(plan.total)
    ]
    return (
        Times(latency["p50"], latency["p99"]),
        Times(percentile(true, 50), percentile(true, 99)),
        lag["p99"],
    )


def lateness(port: int) -> dict[str, float]:
    """By how many seconds the server was late with each request since it was asked last."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", "/lateness")
        found: dict[str, float] = json.load(connection.getresponse())
    return found


def truth_at_any_time() -> Times:
    """What callers see who come evenly over time."""
    moments = np.linspace(0, EVERY, 100_000, endpoint=False)
    true = [held(float(at), 0.0, DELAY, STALL, EVERY) * 1000 for at in moments]
    return Times(percentile(true, 50), percentile(true, 99))


def hey(port: int, rate: int) -> Times:
    """What hey reports, from its own list of times."""
    command = ["hey", "-z", f"{SECONDS}s", "-c", str(HEY_CONNECTIONS), "-q", str(rate / HEY_CONNECTIONS), "-o", "csv"]
    command += ["-m", "POST", "-T", "application/json", "-d", BODY.decode(), f"http://127.0.0.1:{port}/score"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    taken = [float(row["response-time"]) * 1000 for row in csv.DictReader(io.StringIO(out))]
    return Times(percentile(taken, 50), percentile(taken, 99))


def closed_ours(port: int) -> tuple[float, float]:
    """Requests per second in a closed loop, and microseconds of processor time for each."""
    engine = Engine(
        f"http://127.0.0.1:{port}/",
        [SHOT],
        AllAtOnce(1, 1, CLOSED_SECONDS + 1),
        timeout_seconds=10,
        bearer=lambda: "key",
        most_in_flight=CONNECTIONS,
    )
    threading.Timer(CLOSED_SECONDS, engine.stop).start()
    before = time.process_time()
    outcome = engine.run()
    done = sum(engine.tally.outcomes.values())
    return done / outcome.seconds, (time.process_time() - before) / done * 1e6


def closed_wrk(port: int) -> float:
    """What wrk reaches with one thread."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{CLOSED_SECONDS:.0f}s"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"wrk.method = 'POST'\nwrk.body = '{BODY.decode()}'\n")
        script.write("wrk.headers['Content-Type'] = 'application/json'\nwrk.headers['Authorization'] = 'Bearer key'\n")
        script.flush()
        command += ["-s", script.name, f"http://127.0.0.1:{port}/"]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert found, out
    return float(found[1])


def closed_hey(port: int) -> float:
    """What hey reaches on one core."""
    command = ["hey", "-z", f"{CLOSED_SECONDS:.0f}s", "-c", str(CONNECTIONS), "-cpus", "1", "-m", "POST"]
    command += ["-T", "application/json", "-H", "Authorization: Bearer key", "-d", BODY.decode()]
    command.append(f"http://127.0.0.1:{port}/")
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert found, out
    return float(found[1])


@contextlib.contextmanager
def pinned(server_pid: int) -> Iterator[None]:
    """This process and what it starts on one core, the server on another, where the system can do that."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        yield
        return
    cores = os.sched_getaffinity(0)
    first, second = sorted(cores)[:2]
    os.sched_setaffinity(server_pid, {first})
    os.sched_setaffinity(0, {second})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def closed_loop(missing: Sequence[str]) -> tuple[dict[str, float], float]:
    """The highest rates, medians of the rounds, and our processor time for a request."""
    rates: dict[str, list[float]] = {}
    costs = []
    with server(module="benchmarks.instant") as (port, _, pid), pinned(pid):
        for _ in range(ROUNDS):
            rate, cost = closed_ours(port)
            rates.setdefault(OURS, []).append(rate)
            costs.append(cost)
            for name, ask in (("wrk", closed_wrk), ("hey", closed_hey)):
                if name not in missing:
                    rates.setdefault(name, []).append(ask(port))
    return {name: middle(values) for name, values in rates.items()}, middle(costs)


def stalled(missing: Sequence[str]) -> tuple[list[dict[str, Cell]], list[float]]:
    """A row for each rate and sender, and our errors in percent, medians of the rounds."""
    rows: list[dict[str, Cell]] = []
    worst: list[float] = []
    at_any_time = truth_at_any_time()
    with server(DELAY, STALL, EVERY) as (port, began, pid), pinned(pid):
        for rate in RATES:
            found = []
            theirs = []
            for _ in range(ROUNDS):
                found.append(ours(port, began, rate))
                if "hey" not in missing:
                    theirs.append(hey(port, rate))
            if theirs:
                errors = [each.error(at_any_time) for each in theirs]
                rows.append(row("hey", rate, theirs, [at_any_time], errors, "-"))
            errors = [told.error(true) for told, true, _ in found]
            lag = round(middle([each[2] for each in found]), 2)
            rows.append(row(OURS, rate, [each[0] for each in found], [each[1] for each in found], errors, lag))
            worst += [abs(middle([each[place] for each in errors])) for place in (0, 1)]
    return rows, worst


def row(
    sender: str,
    rate: int,
    told: Sequence[Times],
    true: Sequence[Times],
    errors: Sequence[tuple[float, float]],
    lag: Cell,
) -> dict[str, Cell]:
    """One row of the table."""
    off = [round(middle([each[place] for each in errors]), 1) for place in (0, 1)]
    return {
        "sender": sender,
        "requests/s": rate,
        "p50 ms": round(middle([each.p50 for each in told]), 2),
        "true p50": round(middle([each.p50 for each in true]), 2),
        "p50 error %": off[0],
        "p99 ms": round(middle([each.p99 for each in told]), 1),
        "true p99": round(middle([each.p99 for each in true]), 1),
        "p99 error %": off[1],
        "lag p99 ms": lag,
        f"within {GOAL_PERCENT:g} %": "pass" if max(abs(each) for each in off) <= GOAL_PERCENT else "FAIL",
    }


def measure() -> Report:
    """Measure both."""
    began = time.perf_counter()
    missing = [name for name in ("hey", "wrk") if shutil.which(name) is None]
    rows, errors = stalled(missing)
    rates, cost = closed_loop(missing)
    told = ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())
    passed = "PASS" if max(errors) <= GOAL_PERCENT else "FAIL"
    return Report(
        name="loadtest",
        question="A server that takes 5 ms and stands still for 300 ms every 3 s: is that what is reported?",
        rows=rows,
        verdict=(
            f"{passed}: the p50 and p99 of the load test are off by at most {max(errors):.1f} %"
            f" (goal: {GOAL_PERCENT:g} %)."
            f" Highest closed-loop rate on one core, requests/s: {told}."
        ),
        notes=(
            f"Medians of {ROUNDS} alternating rounds of {SECONDS} s.",
            f"A request of ours costs {cost:.0f} µs of processor time.",
            *(f"{name} is not installed, so it is left out." for name in missing),
        ),
        seconds=time.perf_counter() - began,
        facts={**{f"closed loop, {name}": round(rate) for name, rate in rates.items()}, "CPU µs": round(cost, 1)},
    )


def main() -> Report:
    """Measure, print the table and write the JSON file."""
    done = measure()
    print(done.table())
    done.write()
    return done


if __name__ == "__main__":
    main()
