"""How often is the judge of shadow tests wrong, and how soon is it right? Beside two other judges, on the same minutes.

``python -m benchmarks.judge [runs] [--only word] [--minutes n]``. Every run has its own seed, so that a table can be
made again. The worlds are simulated: requests per minute are Poisson, latencies log-normal around 100 ms, and a load
that both share moves them from minute to minute.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.report import Cell, Report, percentile
from benchmarks.rivals import Kayenta, Threshold
from services.comparison.criteria import Criteria
from services.comparison.judge import Arm, Judge, Verdict
from services.comparison.mixtures import Floats

MINUTES = 480
RUNS = 1000
BASE_MS, SPREAD = 100.0, 0.4
OURS, KAYENTA, THRESHOLD = "Sluice", "Kayenta-like", "threshold"
JUDGES = (OURS, KAYENTA, THRESHOLD)
DEFAULTS = Criteria()


@dataclass(frozen=True)
class World:
    """What a simulated pair of deployments does, and which verdict about it would be ``wrong`` or ``right``.

    ``errors`` are the error rates of the live and of the candidate deployment, ``rates`` their requests per minute.
    The candidate's requests take ``slower`` times as long, and a share ``tail`` of them ``tail_slower`` times.
    ``noise`` is the shared load's spread, ``memory`` how much of it stays until the next minute; ``own`` is the spread
    of what slows each down alone. ``bursts`` are minutes in which both fail eight times as often. ``quick`` are models
    of 3 to 5 ms in whole milliseconds.
    """

    name: str
    wrong: tuple[Verdict, ...]
    right: Verdict | None = None
    errors: tuple[float, float] = (0.002, 0.002)
    rates: tuple[float, float] = (30.0, 30.0)
    slower: float = 1.0
    tail: float = 0.0
    tail_slower: float = 4.0
    noise: float = 0.15
    memory: float = 0.0
    own: float = 0.0
    bursts: bool = False
    quick: bool = False
    criteria: Criteria = DEFAULTS

    def minutes(self, seed: int, count: int) -> Iterator[tuple[Arm, Arm]]:
        """The minutes of a run: live, candidate."""
        rng, load, is_burst = np.random.default_rng(seed), 0.0, False
        for _ in range(count):
            load = self.memory * load + math.sqrt(1 - self.memory**2) * float(rng.normal(0, self.noise))
            is_burst = self.bursts and bool(rng.random() < (0.8 if is_burst else 0.02))
            failing = 1.0 if not self.bursts else (8.0 if is_burst else 0.3)
            yield self._arm(rng, 0, load, failing), self._arm(rng, 1, load, failing)

    def _arm(self, rng: np.random.Generator, side: int, load: float, failing: float) -> Arm:
        requests = int(rng.poisson(self.rates[side]))
        errors = int(rng.binomial(requests, min(1.0, failing * self.errors[side])))
        alone = float(rng.normal(0, self.own))
        ms: Floats = (4.0 if self.quick else BASE_MS) * np.exp(
            load + alone + rng.normal(0, 0.12 if self.quick else SPREAD, requests - errors)
        )
        if side:
            ms = ms * self.slower * np.where(rng.random(len(ms)) < self.tail, self.tail_slower, 1.0)
        return Arm(requests, errors, np.round(ms) if self.quick else ms)

    @property
    def p95_ms(self) -> float:
        """The live deployment's P95 in ms, over all minutes."""
        middle, own = (4.0, 0.12) if self.quick else (BASE_MS, SPREAD)
        return middle * math.exp(1.645 * math.hypot(own, self.noise))


BOTH = (Verdict.FAIL, Verdict.PASS)
SAFETY = (
    World("twin", (Verdict.FAIL,)),
    World("twin, shadow of 10 %", (Verdict.FAIL,), rates=(300, 30)),
    World("twin, load 30 %, slow to change", (Verdict.FAIL,), noise=0.3, memory=0.95),
    World("twin, each with noise of its own of 10 %", (Verdict.FAIL,), own=0.1),
    World("twin, each with noise of its own of 20 %", (Verdict.FAIL,), own=0.2),
    World("twin, bursts of errors", (Verdict.FAIL,), errors=(0.01, 0.01), bursts=True),
    World("twin, 3 to 5 ms in whole ms", (Verdict.FAIL,), quick=True),
    World("P95 +20 %", (Verdict.PASS,), slower=1.2),
    World("errors +1.8 points", (Verdict.PASS,), errors=(0.002, 0.02)),
    World("latency at the margin", BOTH, slower=1.1, criteria=Criteria(error_points=None)),
    World("latency at the margin, load 30 %", BOTH, slower=1.1, noise=0.3, memory=0.95, criteria=Criteria(None)),
    World("latency at the margin, noise of its own of 10 %", BOTH, slower=1.1, own=0.1, criteria=Criteria(None)),
    World("same, busy", BOTH, slower=1.1, own=0.1, rates=(300.0, 300.0), criteria=Criteria(None)),
    World("errors at the margin", BOTH, errors=(0.002, 0.007), criteria=Criteria(latency=None, quantiles=())),
)
POWER = (
    World("twin", (Verdict.FAIL,), Verdict.PASS),
    World("errors 0.2 to 2 %", (Verdict.PASS,), Verdict.FAIL, errors=(0.002, 0.02)),
    World("P95 +20 %", (Verdict.PASS,), Verdict.FAIL, slower=1.2),
    World("P95 +30 %", (Verdict.PASS,), Verdict.FAIL, slower=1.3),
    World("a second mode: 8 % take 4 times as long", (Verdict.PASS,), Verdict.FAIL, tail=0.08),
)


@dataclass(frozen=True)
class Outcome:
    """Which verdicts a judge ever gave in a run, and after how many of the candidate's requests each came first."""

    first: dict[Verdict, int]


def played(world: World, minutes: int, seed: int, *, until_right: bool = False) -> dict[str, Outcome]:
    """One run: all judges see the same minutes. ``until_right`` ends it when each has given a verdict."""
    ours = Judge(world.criteria, with_intervals=False)
    live = world.errors[0]
    points = (world.criteria.error_points or 100.0) / 100
    margin = world.criteria.latency
    kayenta = Kayenta((live + points) / live, math.inf if margin is None else 1 + margin.ratio)
    longest = math.inf if margin is None else float(margin.limit(np.array([world.p95_ms]))[0])
    threshold = Threshold(live + points, longest)
    found: dict[str, dict[Verdict, int]] = {name: {} for name in JUDGES}
    seen = 0
    for place, (one, other) in enumerate(world.minutes(seed, minutes)):
        seen += other.requests
        ours.add(one, other)
        kayenta.add(one, other, is_last=place == minutes - 1)
        threshold.add(other)
        for name, said in zip(JUDGES, (ours.verdict, kayenta.verdict, threshold.verdict), strict=True):
            if said is not Verdict.NEED_MORE:
                found[name].setdefault(said, seen)
        if until_right and all(found.values()):
            break
    return {name: Outcome(first) for name, first in found.items()}


def rows_of(world: World, runs: int, minutes: int, pool: ProcessPoolExecutor | None) -> list[dict[str, Cell]]:
    """One row for each judge: how often it was wrong and right, and after how many requests."""
    play = partial(played, world, minutes, until_right=world.right is not None)
    mapped = map(play, range(runs)) if pool is None else pool.map(play, range(runs), chunksize=4)
    outcomes = list(mapped)
    return [_row(world, name, [each[name] for each in outcomes]) for name in JUDGES]


def _row(world: World, name: str, outcomes: Sequence[Outcome]) -> dict[str, Cell]:
    def share(verdict: Verdict) -> float:
        return 100 * sum(verdict in each.first for each in outcomes) / len(outcomes)

    row: dict[str, Cell] = {"world": world.name, "judge": name, "FAIL %": share(Verdict.FAIL)}
    row["PASS %"] = share(Verdict.PASS)
    row["wrong %"] = max(share(verdict) for verdict in world.wrong)
    if world.right is not None:
        taken = [_taken(each, world.right) for each in outcomes]
        row["median"] = _requests(percentile(taken, 50))
        row["P90"] = _requests(percentile(taken, 90))
    return row


def _taken(outcome: Outcome, right: Verdict) -> float:
    """Requests until the verdict when the first one was right, for ever otherwise."""
    first = min(outcome.first, key=lambda each: outcome.first[each], default=None)
    return outcome.first[right] if first is right else math.inf


def _requests(count: float) -> Cell:
    return int(count) if math.isfinite(count) else "never"


def million() -> dict[str, Cell]:
    """A million rows in 480 minutes, a look at each: seconds, and the most memory that the judge holds."""
    rng = np.random.default_rng(1)
    kept = [tuple(Arm(1042, 2, 100 * np.exp(rng.normal(0, 0.4, 1040))) for _ in range(2)) for _ in range(MINUTES)]
    Judge(Criteria()).add(*kept[0])
    begun, used = time.perf_counter(), time.process_time()
    _judge_all(kept)
    taken, used = time.perf_counter() - begun, time.process_time() - used
    tracemalloc.start()
    _judge_all(kept)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {"rows": 2 * 1042 * MINUTES, "seconds": taken, "of the processor": used, "peak MB": peak / 1e6}


def _judge_all(kept: Sequence[tuple[Arm, ...]]) -> None:
    judge = Judge(Criteria())
    for live, candidate in kept:
        judge.add(live, candidate)
    judge.standings()


def measure(runs: int = RUNS, minutes: int = MINUTES, only: str = "", *, processes: int = 2) -> list[Report]:
    """The tables of errors and of power."""
    reports = []
    with ProcessPoolExecutor(processes) as pool:
        for name, question, worlds in (
            ("judge-safety", f"How often is a verdict wrong, with {minutes} looks in a run?", SAFETY),
            ("judge-power", "After how many of the candidate's requests is the right verdict there?", POWER),
        ):
            begun, rows = time.monotonic(), []
            for world in worlds:
                if only in world.name:
                    rows += rows_of(world, runs, minutes, pool)
                    print(*(list(row.values()) for row in rows[-len(JUDGES) :]), sep="\n", flush=True)
            if rows:
                wrong = max(float(row["wrong %"]) for row in rows if row["judge"] == OURS)
                verdict = f"{OURS} is wrong in {wrong:.1f} % of {runs} runs at most."
                facts: dict[str, Cell] = {"runs": runs, "minutes": minutes}
                reports.append(Report(name, question, rows, verdict, (), time.monotonic() - begun, facts))
    return reports


def _run(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description="Measure the judge.")
    parser.add_argument("runs", nargs="?", type=int, default=RUNS, help=f"runs of each world, {RUNS} by default")
    parser.add_argument("--minutes", type=int, default=MINUTES, help="looks in a run")
    parser.add_argument("--only", default="", help="only worlds whose name has this")
    given = parser.parse_args(arguments)
    reports = measure(given.runs, given.minutes, given.only)
    if not given.only:
        speed = million()
        reports.append(
            Report("judge-speed", "A million rows, a look each minute.", [speed], f"{speed['seconds']:.2f} s.")
        )
    for report in reports:
        print(report.table(), end="\n\n")
        if not given.only:
            report.write()
    return 0


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
