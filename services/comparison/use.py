"""Does one deployment use more of its instances than another, by more than a margin? Pure.

Minutes of one instance resemble each other, so a minute is no observation: blocks of BLOCK minutes are (batch means;
Law and Carson, "A sequential procedure for determining the length of a steady-state simulation", Operations Research
27, 1979). Each block gives one number for each deployment, ``a`` and ``b``, and "a is on average r times b" is the
hypothesis that a − r·b has the mean 0 (Fieller, "Some problems in interval estimation", Journal of the Royal
Statistical Society B 16, 1954). That is tested by the t-test that is valid at every look: the likelihood ratio of what
does not depend on the unknown scale, mixed over effects of one sign (Pérez-Ortiz, Lardy, de Heide and Grünwald,
"E-statistics, group invariance and anytime-valid testing", Annals of Statistics 52, 2024; Wang and Ramdas,
"Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance", Sequential Analysis 44,
2025). A smaller mean makes every one of its t-statistics smaller, so it holds against all of the other sign, too. It
takes the means of blocks for normal and independent; how often it errs where they are not is simulated
(docs/verdict.md).

**Memory** is the mean of an instance: it hardly depends on the load.

**Processor** has a share that is used while idle, and it weighs more on each request of the quieter deployment. So no
ratio of totals is looked at: the number of a block is by how much processor time grows with each request more (least
squares within the block), which idling has no part in. A request may itself take more where an instance is busier, and
no line tells that: blocks in which an instance of one gets over ALIKE times as many as one of the other do not count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from services.comparison.errors import Evidence
from services.comparison.mixtures import Floats

PROCESSOR, MEMORY = "Processor per request", "Memory per instance"
USES = (PROCESSOR, MEMORY)
"""The criteria that count minutes and not requests."""
BLOCK = 20
"""Minutes of a block. If neighbours correlate by 0.7, as AR(1), the means of such blocks do by 0.08."""
LEAST_BLOCKS = 3
"""Before so many blocks nothing is refuted."""
_EFFECTS: Floats = np.array([1.0, 10.0, 100.0])
"""Variances of the effects that are mixed, in those of a block: minutes that hardly differ tell a lot at once."""
_STEP, _MOST = 0.01, 140
RATIOS: Floats = np.exp(_STEP * np.arange(-_MOST, _MOST + 1))
"""The ratios that are told apart, candidate to live: 1 % steps from a quarter to four times."""
_LEAST_SHARE = 1e-9
ALIKE = 1.5
"""Loads of an instance that differ by a larger factor are not compared for the processor that a request takes: at twice
the load, a request that takes 10 % more there passed at the margin in 39 % of the simulated runs."""
_FEWEST = 5
"""A line through fewer minutes describes nothing."""


@dataclass(frozen=True)
class Use:
    """What a deployment used in one minute, as far as it is known: ``processor_ms``, how long one whole instance would
    have been busy with all that its instances did; ``memory_percent`` that an instance held on average; and how many
    ``instances`` that tells of."""

    processor_ms: float | None
    memory_percent: float | None
    instances: int


Load = tuple[float, Use]
"""One deployment in one minute: its requests, and what it used."""


@dataclass
class Ratio:
    """By what factor the candidate uses more, from blocks: six sums, however many there are."""

    _value: Callable[[Use], float | None]
    _of_block: Callable[[Floats, Floats], tuple[float, float] | None]
    _alike: float = math.inf
    blocks: int = 0
    minutes: int = 0
    unlike: int = 0
    """Blocks that do not count because the loads of an instance were too unlike."""
    flat: int = 0
    """Blocks that do not count because no request was more or less in any of their minutes."""
    cut: int = 0
    """Minutes of blocks that another number of instances has ended before they were full."""
    _a: float = 0.0
    _b: float = 0.0
    _aa: float = 0.0
    _ab: float = 0.0
    _bb: float = 0.0
    _instances: tuple[int, int] = (0, 0)
    _block: list[tuple[tuple[float, float], tuple[float, float]]] = field(default_factory=list)

    def add(self, live: Load, candidate: Load) -> bool:
        """Take in a minute; whether it ends a block, so that there is more to tell.

        A minute in which either is not known does not count. One with another number of instances begins a new block:
        what idling uses is another then.
        """
        held, wanted = self._value(live[1]), self._value(candidate[1])
        instances = live[1].instances, candidate[1].instances
        if held is None or wanted is None or not (math.isfinite(held + wanted) and min(instances)):
            return False
        if instances != self._instances:
            self.cut += len(self._block)
            self._instances, self._block = instances, []
        self._block.append(((live[0] / instances[0], held), (candidate[0] / instances[1], wanted)))
        self.minutes += 1
        if len(self._block) < BLOCK:
            return False
        minutes = np.array(self._block, dtype=float)
        self._block = []
        few, many = sorted(minutes[:, :, 0].mean(axis=0))
        if many > few * self._alike:
            self.unlike += 1
            return False
        pair = self._of_block(minutes[:, 0], minutes[:, 1])
        if pair is None:
            self.flat += 1
            return False
        self._take(*pair)
        return True

    @property
    def counted(self) -> int:
        """The minutes of the blocks that count."""
        return self.blocks * BLOCK

    @property
    def waiting(self) -> int:
        """The minutes of the block that is not full yet."""
        return len(self._block)

    @property
    def estimate(self) -> float | None:
        """The factor, None while there is none."""
        return self._a / self._b if self._a > 0 and self._b > 0 else None

    def evidence(self, ratio: float, factor: float = 1.0) -> Evidence:
        """Log e-values against "at most ``ratio``" and "at least", after ``factor`` times as much of the same."""
        worse, fine = self._at(ratio, factor)
        return Evidence(float(worse), float(fine))

    def interval(self, alpha: float) -> tuple[float, float]:
        """The factors that are not refuted, each side at level ``alpha``: a confidence sequence."""
        needed, (worse, fine) = math.log(1 / alpha), self._at(RATIOS)
        # Only what is refuted together with all beyond it: where little is known, evidence need not grow outwards.
        low, high = int((~(worse >= needed)).argmax()), int((~(fine >= needed))[::-1].argmax())
        lower = float(RATIOS[low - 1]) if low else 0.0
        return lower, float(RATIOS[len(RATIOS) - high]) if high else math.inf

    def _take(self, a: float, b: float) -> None:
        self.blocks += 1
        self._a, self._b = self._a + a, self._b + b
        self._aa, self._ab, self._bb = self._aa + a * a, self._ab + a * b, self._bb + b * b

    def _at(self, ratio: ArrayLike, factor: float = 1.0) -> tuple[Floats, Floats]:
        at, number = np.asarray(ratio, dtype=float), self.blocks * factor
        if number < LEAST_BLOCKS:
            return np.zeros(at.shape), np.zeros(at.shape)
        total = factor * (self._a - at * self._b)
        squares = factor * (self._aa - 2 * at * self._ab + at * at * self._bb)
        # Rounding alone must not make blocks that are alike differ from a ratio by nothing.
        size = factor * (self._aa + at * at * self._bb)
        squares = np.maximum(squares, np.maximum(_LEAST_SHARE * size, total * total / number))
        return t_evidence(total, squares, number), t_evidence(-total, squares, number)


@dataclass(frozen=True)
class UseEvidence:
    """The evidence of a ratio at its limit, after so many times as much of the same."""

    ratio: Ratio
    limit: float

    def __call__(self, factor: float) -> Evidence:
        """See :meth:`Ratio.evidence`."""
        return self.ratio.evidence(self.limit, factor)


def memory() -> Ratio:
    """The ratio of the memory that an instance holds."""
    return Ratio(lambda use: use.memory_percent, _held)


def processor() -> Ratio:
    """The ratio of the processor time that each request more takes."""

    def of_instance(use: Use) -> float | None:
        return None if use.processor_ms is None or not use.instances else use.processor_ms / use.instances

    return Ratio(of_instance, _for_each_request, ALIKE)


@dataclass(frozen=True)
class Used:
    """What one deployment used in ``minutes``: ``processor_ms`` of a whole instance for each request, what idling used
    included; ``added_ms``, what each request more added; ``memory_percent`` that an instance held. None is not
    known."""

    minutes: int
    processor_ms: float | None
    added_ms: float | None
    memory_percent: float | None


def described(loads: Sequence[Load]) -> Used:
    """What was used in minutes that follow each other. This describes and judges nothing."""
    busy = [(requests, use.processor_ms) for requests, use in loads if use.processor_ms is not None]
    held = [use.memory_percent for _, use in loads if use.memory_percent is not None]
    number = math.fsum(requests for requests, _ in busy)
    return Used(
        minutes=max(len(busy), len(held)),
        processor_ms=math.fsum(ms for _, ms in busy) / number if number else None,
        added_ms=_added(loads),
        memory_percent=math.fsum(held) / len(held) if held else None,
    )


def left_out(ratio: Ratio) -> str:
    """How many minutes do not count, and why: "" without any."""
    parts = (
        (ratio.unlike * BLOCK, "of unequal load"),
        (ratio.flat * BLOCK, "in which the number of requests never changed"),
        (ratio.cut, "before the number of instances changed"),
        (ratio.waiting, f"of a block of {BLOCK} that is not full"),
    )
    return ", ".join(f"{minutes:,} min {why}" for minutes, why in parts if minutes)


def why_not_yet(name: str, ratio: Ratio, more: int | None) -> str:
    """Why there is no verdict yet, and what would help."""
    if not ratio.minutes:
        return "No minute tells yet what the instances of both use."
    if ratio.minutes < LEAST_BLOCKS * BLOCK:
        return f"Fewer than {LEAST_BLOCKS * BLOCK} minutes yet: minutes of one instance resemble each other."
    if ratio.unlike > ratio.blocks:
        return (
            f"An instance of one gets over {ALIKE:g} times as many requests as one of the other, and what a request "
            "takes may depend on that. Mirror a larger share, or choose instances so that each gets about as many."
        )
    if ratio.blocks < LEAST_BLOCKS and ratio.cut > ratio.flat * BLOCK:
        return (
            f"Instances come and go: every change begins a new block of {BLOCK} minutes. Keep their number for an hour."
        )
    if name == PROCESSOR and (more is None or ratio.blocks < LEAST_BLOCKS):
        return (
            "Requests change too little from minute to minute to tell what they use from what idling uses. Mirror a "
            "larger share, or try it when there is more traffic."
        )
    return "The difference is too close to the limit to tell soon." if more is None else "Too few minutes yet."


def t_evidence(total: ArrayLike, squares: ArrayLike, number: float) -> Floats:
    """Log e-value against "the mean is 0 or less" after ``number`` values with this sum and sum of squares.

    The effect, mean over standard deviation, is half-normal with the variance g; with the right Haar prior over the
    scale the mixture is 2 (1 + ng)^(-1/2) (Q/A)^(n/2) F(S √(gn / ((1 + ng) A))), where A = Q - S² g/(1 + ng) and F is
    Student's distribution with n degrees of freedom.
    """
    total, squares = np.asarray(total, dtype=float)[..., None], np.asarray(squares, dtype=float)[..., None]
    grown = 1 + number * _EFFECTS
    with np.errstate(divide="ignore", invalid="ignore"):
        left = squares - total**2 * _EFFECTS / grown
        at = total * np.sqrt(_EFFECTS * number / (grown * left))
        mixed = math.log(2) - 0.5 * np.log(grown) + number / 2 * np.log(squares / left) + np.log(stdtr(number, at))
    # Values that are all 0 say nothing of a sign.
    mixed = np.where(np.isnan(mixed), 0.0, mixed)
    evidence: Floats = np.logaddexp.reduce(mixed, axis=-1) - math.log(len(_EFFECTS))
    return evidence


def _added(loads: Sequence[Load]) -> float | None:
    """The slopes of all blocks, weighed by how well their requests tell them."""
    products, spread = 0.0, 0.0
    for first in range(0, len(loads), BLOCK):
        block = loads[first : first + BLOCK]
        known = [(requests, use.processor_ms) for requests, use in block if use.processor_ms is not None]
        if len(known) < _FEWEST or len({use.instances for _, use in block}) > 1:
            continue
        requests, busy = np.array(known, dtype=float).T
        apart = requests - requests.mean()
        products, spread = products + float(apart @ busy), spread + float(apart @ apart)
    return products / spread if spread else None


def _held(live: Floats, candidate: Floats) -> tuple[float, float]:
    return float(candidate[:, 1].mean()), float(live[:, 1].mean())


def _for_each_request(live: Floats, candidate: Floats) -> tuple[float, float] | None:
    """The slopes of both, weighed by how well the requests of the block tell them: one block with hardly any change
    must not outweigh the others. The weight is of both and of requests alone, so it changes no ratio."""
    slopes, spreads = [], []
    for arm in (candidate, live):
        apart = arm[:, 0] - arm[:, 0].mean()
        spread = float(apart @ apart)
        if not spread > 0:
            return None
        slopes.append(float(apart @ arm[:, 1]) / spread)
        spreads.append(spread)
    weight = spreads[0] * spreads[1] / (spreads[0] + spreads[1])
    return weight * slopes[0], weight * slopes[1]
