"""How often is the judge wrong about processor and memory, how soon is it right, and what does a plain ratio read?

``python -m benchmarks.use [runs] [--only word]``. Minutes of one deployment resemble each other (AR(1)); a look each
minute. The plain ratio is that of processor time by requests, idling included, which is what charts show.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from benchmarks.judge import Outcome
from benchmarks.report import Cell, Report, percentile
from services.comparison.criteria import Criteria
from services.comparison.judge import Arm, Judge, Verdict
from services.comparison.mixtures import Floats
from services.comparison.use import Use

MINUTES, RUNS = 480, 1000
NOTHING: Floats = np.array([])
_MEMORY_PERCENT = 40.0
_PROCESSOR = Criteria(error_points=None, latency=None, quantiles=(), processor_percent=20)
_MEMORY = Criteria(error_points=None, latency=None, quantiles=(), memory_percent=20)
BOTH = (Verdict.FAIL, Verdict.PASS)


@dataclass(frozen=True)
class World:
    """Two simulated deployments, each of one instance, and which verdict would be ``wrong`` or ``right``.

    The candidate uses ``more`` times as much for a request, or holds ``more`` times as much. Requests per minute are
    Poisson around ``rates`` times a load that both share, of spread ``load``. A request takes ``cost_ms`` of a
    processor on average; what an instance uses while idle is ``idle_ms`` for each, with the spread ``noise_ms``, and
    memory has the spread ``held``. Both stay by ``stays`` until the next minute. ``spikes``: idling has jobs of its own
    that are now and then many times as large. ``bends``: a request costs so much more at twice the load.
    """

    name: str
    criteria: Criteria
    more: float
    wrong: tuple[Verdict, ...] = BOTH
    right: Verdict | None = None
    rates: tuple[float, float] = (300.0, 225.0)
    load: float = 0.15
    cost_ms: float = 25.0
    idle_ms: tuple[float, float] = (3000.0, 3000.0)
    noise_ms: float = 300.0
    held: float = 0.03
    stays: float = 0.7
    spikes: bool = False
    bends: float = 0.0

    def minutes(self, seed: int, count: int) -> Iterator[tuple[Arm, Arm]]:
        """The minutes of a run: live, candidate."""
        rng = np.random.default_rng(seed)
        load = np.exp(wandering(rng, count, self.stays) * self.load)
        return zip(self._arm(rng, 0, load), self._arm(rng, 1, load), strict=True)

    def _arm(self, rng: np.random.Generator, side: int, load: Floats) -> list[Arm]:
        count, more = len(load), self.more if side else 1.0
        requests = rng.poisson(self.rates[side] * load)
        noise = wandering(rng, count, self.stays) * self.noise_ms
        if self.spikes:
            noise = np.abs(noise) * np.exp(wandering(rng, count, self.stays) * 1.5)
        # The sum of so many gamma variables of shape 2: a request may cost several times as much as another.
        cost = self.cost_ms * more * (1 + self.bends * (requests / max(self.rates) - 1))
        busy = rng.gamma(np.maximum(2 * requests, 1e-9), cost / 2) + np.maximum(0, self.idle_ms[side] + noise)
        held = _MEMORY_PERCENT * more * np.exp(wandering(rng, count, self.stays) * self.held)
        return [
            Arm(int(number), 0, NOTHING, Use(float(ms), float(percent), 1))
            for number, ms, percent in zip(requests, busy, held, strict=True)
        ]


def wandering(rng: np.random.Generator, count: int, stays: float) -> Floats:
    """An AR(1) process of variance 1."""
    steps = rng.normal(0, math.sqrt(1 - stays**2), count)
    steps[0] = rng.normal()
    found: Floats = lfilter([1.0], [1.0, -stays], steps)
    return found


SAFETY = (
    World("memory at the margin", _MEMORY, 1.2),
    World("memory at the margin, ups and downs of 20 %", _MEMORY, 1.2, held=0.2),
    World("memory at the margin, slow to change (0.9)", _MEMORY, 1.2, stays=0.9),
    World("memory at the margin, very slow to change (0.97)", _MEMORY, 1.2, stays=0.97),
    World("memory, twin, very slow to change (0.97)", _MEMORY, 1.0, (Verdict.FAIL,), held=0.1, stays=0.97),
    World("processor at the margin", _PROCESSOR, 1.2),
    World("processor at the margin, as many requests", _PROCESSOR, 1.2, rates=(300.0, 300.0)),
    World("processor at the margin, few requests", _PROCESSOR, 1.2, rates=(30.0, 30.0)),
    World("processor at the margin, slow to change (0.9)", _PROCESSOR, 1.2, stays=0.9),
    World("processor at the margin, candidate idles at 3 times as much", _PROCESSOR, 1.2, idle_ms=(3000.0, 9000.0)),
    World("processor at the margin, jobs of their own", _PROCESSOR, 1.2, spikes=True),
    World("processor at the margin, a request takes 5 % more at twice the load", _PROCESSOR, 1.2, bends=0.05),
    World("processor at the margin, a request takes 10 % more at twice the load", _PROCESSOR, 1.2, bends=0.1),
    World("processor +50 %, half as many requests", _PROCESSOR, 1.5, BOTH, rates=(300.0, 150.0)),
)
POWER = (
    World("memory, twin", _MEMORY, 1.0, (Verdict.FAIL,), Verdict.PASS),
    World("memory +30 %", _MEMORY, 1.3, (Verdict.PASS,), Verdict.FAIL),
    World("memory +30 %, ups and downs of 10 %", _MEMORY, 1.3, (Verdict.PASS,), Verdict.FAIL, held=0.1),
    World("processor, twin", _PROCESSOR, 1.0, (Verdict.FAIL,), Verdict.PASS),
    World("processor, twin, load 30 %", _PROCESSOR, 1.0, (Verdict.FAIL,), Verdict.PASS, load=0.3),
    World("processor +30 %, load 30 %", _PROCESSOR, 1.3, (Verdict.PASS,), Verdict.FAIL, load=0.3),
    World("processor +50 %", _PROCESSOR, 1.5, (Verdict.PASS,), Verdict.FAIL),
    World("processor +50 %, load 30 %", _PROCESSOR, 1.5, (Verdict.PASS,), Verdict.FAIL, load=0.3),
    World("processor twice", _PROCESSOR, 2.0, (Verdict.PASS,), Verdict.FAIL),
)


def played(world: World, minutes: int, seed: int) -> tuple[Outcome, float]:
    """One run: after how many minutes each verdict came first, and the ratio of what charts show."""
    judge, first = Judge(world.criteria, with_intervals=False), dict[Verdict, int]()
    used, requests = [0.0, 0.0], [0, 0]
    for place, pair in enumerate(world.minutes(seed, minutes), start=1):
        judge.add(*pair)
        if judge.verdict is not Verdict.NEED_MORE:
            first.setdefault(judge.verdict, place)
        for side, arm in enumerate(pair):
            assert arm.use is not None
            is_memory = world.criteria.memory_percent is not None
            used[side] += (arm.use.memory_percent if is_memory else arm.use.processor_ms) or 0.0
            requests[side] += 1 if is_memory else arm.requests
    return Outcome(first), (used[1] / requests[1]) / (used[0] / requests[0])


def row_of(world: World, runs: int, minutes: int) -> dict[str, Cell]:
    """How often the verdict of a world was wrong, when the right one came, and what the plain ratio read."""
    found = [played(world, minutes, seed) for seed in range(runs)]

    def share(verdict: Verdict) -> float:
        return 100 * sum(verdict in outcome.first for outcome, _ in found) / runs

    row: dict[str, Cell] = {"world": world.name, "FAIL %": share(Verdict.FAIL), "PASS %": share(Verdict.PASS)}
    row["wrong %"] = max(share(verdict) for verdict in world.wrong)
    row["plain ratio %"] = 100 * (percentile([plain for _, plain in found], 50) - 1)
    if world.right is not None:
        taken = [float(outcome.first.get(world.right, math.inf)) for outcome, _ in found]
        for name, part in (("median", 50), ("P90", 90)):
            at = percentile(taken, part)
            row[name] = int(at) if math.isfinite(at) else "never"
    return row


def main(arguments: Sequence[str]) -> int:
    """Play all worlds, print the tables and keep them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.use", description="Measure the judge of resource use.")
    parser.add_argument("runs", nargs="?", type=int, default=RUNS, help=f"runs of each world, {RUNS} by default")
    parser.add_argument("--only", default="", help="only worlds whose name has this")
    given = parser.parse_args(arguments)
    for name, question, worlds in (
        ("judge-use-safety", f"How often is a verdict wrong, with {MINUTES} looks in a run?", SAFETY),
        ("judge-use-power", "After how many minutes is the right verdict there?", POWER),
    ):
        begun = time.monotonic()
        rows = [row_of(world, given.runs, MINUTES) for world in worlds if given.only in world.name]
        if rows:
            wrong = max(float(row["wrong %"]) for row in rows)
            verdict = f"wrong in {wrong:.1f} % of {given.runs} runs at most."
            facts: dict[str, Cell] = {"runs": given.runs, "minutes": MINUTES}
            report = Report(name, question, rows, verdict, (), time.monotonic() - begun, facts)
            print(report.table(), end="\n\n", flush=True)
            if not given.only:
                report.write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
