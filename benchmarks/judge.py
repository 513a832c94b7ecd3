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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import norm

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
    The candidate's requests take ``slower`` times as long, and a share ``tail`` of them ``tail_slower`` times, of the
    live one's a share ``live_tail``; of the candidate's slowest a share ``beyond`` takes as many times as long.
    ``noise`` is the shared load's spread, ``memory`` how much of it stays until the next minute; ``own`` is the spread
    of what slows each down alone, for ``spell`` minutes. ``bursts`` are minutes in which both fail eight times as
    often. ``quick`` are models of 3 to 5 ms in whole milliseconds.
    """

    name: str
    wrong: tuple[Verdict, ...]
    right: Verdict | None = None
    errors: tuple[float, float] = (0.002, 0.002)
    rates: tuple[float, float] = (30.0, 30.0)
    slower: float = 1.0
    tail: float = 0.0
    live_tail: float = 0.0
    beyond: float = 0.0
    tail_slower: float = 4.0
    noise: float = 0.15
    memory: float = 0.0
    own: float = 0.0
    spell: int = 1
    bursts: bool = False
    quick: bool = False
    criteria: Criteria = DEFAULTS

    def minutes(self, seed: int, count: int) -> Iterator[tuple[Arm, Arm]]:
        """The minutes of a run: live, candidate."""
        rng, load, is_burst, alone = np.random.default_rng(seed), 0.0, False, (0.0, 0.0)
        for place in range(count):
            load = self.memory * load + math.sqrt(1 - self.memory**2) * float(rng.normal(0, self.noise))
            is_burst = self.bursts and bool(rng.random() < (0.8 if is_burst else 0.02))
            failing = 1.0 if not self.bursts else (8.0 if is_burst else 0.3)
            if place % self.spell == 0:
                alone = float(rng.normal(0, self.own)), float(rng.normal(0, self.own))
            yield self._arm(rng, 0, load + alone[0], failing), self._arm(rng, 1, load + alone[1], failing)

    def _arm(self, rng: np.random.Generator, side: int, load: float, failing: float) -> Arm:
        requests = int(rng.poisson(self.rates[side]))
        errors = int(rng.binomial(requests, min(1.0, failing * self.errors[side])))
        middle, spread = (4.0, 0.12) if self.quick else (BASE_MS, SPREAD)
        apart = rng.normal(0, spread, requests - errors)
        ms: Floats = middle * np.exp(load + apart)
        tail = self.tail if side else self.live_tail
        if tail:
            ms = ms * np.where(rng.random(len(ms)) < tail, self.tail_slower, 1.0)
        if side and self.beyond:
            ms = ms * np.where(apart > spread * norm.ppf(1 - self.beyond), self.tail_slower, 1.0)
        if side:
            ms = ms * self.slower
        return Arm(requests, errors, np.round(ms) if self.quick else ms)

    @property
    def p95_ms(self) -> float:
        """The live deployment's P95 in ms, over all minutes."""
        middle, own = (4.0, 0.12) if self.quick else (BASE_MS, SPREAD)
        return middle * math.exp(1.645 * math.hypot(own, self.noise))


BOTH = (Verdict.FAIL, Verdict.PASS)
SECOND_MODE = "a second mode: 8 % take 4 times as long"
NO_ERRORS = Criteria(error_points=None)
SAFETY = (
    World("twin", (Verdict.FAIL,)),
    World("twin, shadow of 10 %", (Verdict.FAIL,), rates=(300, 30)),
    World("twin, load 30 %, slow to change", (Verdict.FAIL,), noise=0.3, memory=0.95),
    World("twin, each with noise of its own of 10 %", (Verdict.FAIL,), own=0.1),
    World("twin, each with noise of its own of 20 %", (Verdict.FAIL,), own=0.2),
    World("twin, bursts of errors", (Verdict.FAIL,), errors=(0.01, 0.01), bursts=True),
    World("twin, 3 to 5 ms in whole ms", (Verdict.FAIL,), quick=True),
    World("twin, both with a second mode", (Verdict.FAIL,), tail=0.08, live_tail=0.08),
    World("P95 +20 %", (Verdict.PASS,), slower=1.2),
    World(SECOND_MODE, (Verdict.PASS,), tail=0.08),
    World("errors +1.8 points", (Verdict.PASS,), errors=(0.002, 0.02)),
    World("latency at the margin", BOTH, slower=1.1, criteria=NO_ERRORS),
    World("latency at the margin, load 30 %", BOTH, slower=1.1, noise=0.3, memory=0.95, criteria=NO_ERRORS),
    World("latency at the margin, noise of its own of 10 %", BOTH, slower=1.1, own=0.1, criteria=NO_ERRORS),
    World("the noise of 10 % at 300 requests/min", BOTH, slower=1.1, own=0.1, rates=(300, 300), criteria=NO_ERRORS),
    World("errors at the margin", BOTH, errors=(0.002, 0.007), criteria=Criteria(latency=None, quantiles=())),
)
BROKEN = (
    World("twin, noise of its own of 10 %, ten minutes each", (Verdict.FAIL,), own=0.1, spell=10),
    World("twin, noise of its own of 20 %, ten minutes each", (Verdict.FAIL,), own=0.2, spell=10),
    World("P95 at the margin, its slowest 3 % 4 times", BOTH, slower=1.1, beyond=0.03, noise=0, criteria=NO_ERRORS),
)
"""What the judge takes for granted does not hold here."""
POWER = (
    World("twin", (Verdict.FAIL,), Verdict.PASS),
    World("errors 0.2 to 2 %", (Verdict.PASS,), Verdict.FAIL, errors=(0.002, 0.02)),
    World("P95 +20 %", (Verdict.PASS,), Verdict.FAIL, slower=1.2),
    World("P95 +30 %", (Verdict.PASS,), Verdict.FAIL, slower=1.3),
    World(SECOND_MODE, (Verdict.PASS,), Verdict.FAIL, tail=0.08),
)
TABLES = (
    ("judge-power", "After how many of the candidate's requests is the right verdict there?", POWER),
    ("judge-safety", "How often is a verdict wrong, with a look each minute?", SAFETY),
    ("judge-broken", "How often is it wrong where what it takes for granted does not hold?", BROKEN),
)


@dataclass(frozen=True)
class Outcome:
    """Which verdicts a judge ever gave in a run, and after how many of the candidate's requests each came first."""

    first: dict[Verdict, int]


def played(world: World, minutes: int, seed: int, *, until_right: bool = False) -> dict[str, Outcome]:
    """One simulated run: see :func:`judged`."""
    return judged(world, world.minutes(seed, minutes), minutes, until_right=until_right)


def judged(
    world: World, seen_minutes: Iterable[tuple[Arm, Arm]], minutes: int, *, until_right: bool = False
) -> dict[str, Outcome]:
    """One run: all judges see the same minutes. ``until_right`` ends it when each has given a verdict."""
    ours = Judge(world.criteria, with_intervals=False, with_shift=False)
    live = world.errors[0]
    points = (world.criteria.error_points or 100.0) / 100
    margin = world.criteria.latency
    kayenta = Kayenta((live + points) / live, math.inf if margin is None else 1 + margin.ratio)
    longest = math.inf if margin is None else float(margin.limit(np.array([world.p95_ms]))[0])
    threshold = Threshold(live + points, longest)
    found: dict[str, dict[Verdict, int]] = {name: {} for name in JUDGES}
    seen = 0
    for place, (one, other) in enumerate(seen_minutes):
        seen += other.requests
        ours.add(one, other)
        # The rivals' first verdict is their last.
        if kayenta.verdict is Verdict.NEED_MORE:
            kayenta.add(one, other, is_last=place == minutes - 1)
        if threshold.verdict is Verdict.NEED_MORE:
            threshold.add(other)
        for name, said in zip(JUDGES, (ours.verdict, kayenta.verdict, threshold.verdict), strict=True):
            if said is not Verdict.NEED_MORE:
                found[name].setdefault(said, seen)
        if until_right and all(found.values()):
            break
        if _is_settled(world, found):
            break
    return {name: Outcome(first) for name, first in found.items()}


def _is_settled(world: World, found: Mapping[str, Mapping[Verdict, int]]) -> bool:
    """Whether nothing that comes can be news: every wrong verdict was given by us, and the rivals are done."""
    return set(world.wrong) <= set(found[OURS]) and all(found.values())


def rows_of(world: World, runs: int, minutes: int, pool: ProcessPoolExecutor | None) -> list[dict[str, Cell]]:
    """One row for each judge: how often it was wrong and right, and after how many requests."""
    play = partial(played, world, minutes, until_right=world.right is not None)
    mapped = map(play, range(runs)) if pool is None else pool.map(play, range(runs), chunksize=4)
    outcomes = list(mapped)
    return rows_for(world, outcomes)


def rows_for(world: World, outcomes: Sequence[Mapping[str, Outcome]]) -> list[dict[str, Cell]]:
    """One row for each judge, from its outcomes."""
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


def measure(
    runs: int = RUNS, minutes: int = MINUTES, only: str = "", *, processes: int = 2, keep: bool = False
) -> list[Report]:
    """The tables of errors and of power. With ``keep`` they are written after each world: a full run takes long."""
    reports = []
    with ProcessPoolExecutor(processes) as pool:
        for name, question, worlds in TABLES:
            begun, rows = time.monotonic(), list[dict[str, Cell]]()
            for world in worlds:
                if only in world.name:
                    rows += rows_of(world, runs, minutes, pool)
                    print(*(list(row.values()) for row in rows[-len(JUDGES) :]), sep="\n", flush=True)
                    report = _report(name, question, rows, {"runs": runs, "minutes": minutes}, time.monotonic() - begun)
                    if keep:
                        report.write()
            if rows:
                reports.append(report)
    return reports


def _report(
    name: str, question: str, rows: Sequence[Mapping[str, Cell]], facts: Mapping[str, Cell], seconds: float
) -> Report:
    wrong = max(float(row["wrong %"]) for row in rows if row["judge"] == OURS)
    verdict = f"{OURS} is wrong in {wrong:.1f} % of {facts['runs']} runs at most."
    return Report(name, question, list(rows), verdict, (), seconds, facts)


def _run(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description="Measure the judge.")
    parser.add_argument("runs", nargs="?", type=int, default=RUNS, help=f"runs of each world, {RUNS} by default")
    parser.add_argument("--minutes", type=int, default=MINUTES, help="looks in a run")
    parser.add_argument("--only", default="", help="only worlds whose name has this")
    given = parser.parse_args(arguments)
    reports = measure(given.runs, given.minutes, given.only, keep=not given.only)
    if not given.only:
        speed = million()
        reports.append(
            Report("judge-speed", "A million rows, a look each minute.", [speed], f"{speed['seconds']:.2f} s.")
        )
        reports[-1].write()
    for report in reports:
        print(report.table(), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
