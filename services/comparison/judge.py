"""The verdict of a run: what all its minutes say of every criterion, at any moment. Pure.

A run has a fixed start and fixed criteria. It may be looked at as often as one likes: over all looks, a wrong FAIL of
any criterion has a chance of ALPHA at most, which the criteria share, and so has a wrong PASS of the whole, which needs
every criterion to pass (Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24, 1982).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from services.comparison.criteria import ALPHA, Criteria
from services.comparison.errors import Counts, Evidence, error_evidence, error_interval, share_evidence, share_interval
from services.comparison.histogram import Histogram
from services.comparison.mixtures import Floats
from services.comparison.quantiles import Margin, quantile_evidence, quantile_interval
from services.comparison.ranks import LEAST_MINUTES, SameMinute

ERRORS, LATENCY, ANSWERS = "Errors", "Latency", "Answers"
_GROWTH = 1.05
"""An interval is worked out again when there are 5 % more requests: in between it hardly moves."""
_MOST_TIMES = 1000.0
"""Further ahead than a thousand times what was seen, nothing is foretold."""


class Verdict(Enum):
    """What is known of a criterion, or of a run."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    NEED_MORE = "NEED MORE"


@dataclass(frozen=True)
class Arm:
    """One deployment in one minute: all its requests, how many of them failed, and the latencies in ms of those that
    did not, as far as there are rows of them."""

    requests: int
    errors: int
    latencies_ms: Floats


@dataclass(frozen=True)
class Standing:
    """Where one criterion stands.

    ``estimate``, ``lower``, ``upper`` and ``limit`` are in ``unit``: percentage ``points`` of errors more, a ``factor``
    of latency (1.1 is 10 % longer), or ``percent`` of the answers. The interval holds at every look at once; it is
    empty, ``lower`` above ``upper``, when the difference has changed during the run. ``n`` are the candidate's requests
    that count here, ``live_n`` the live one's. ``more`` is about how many more of the candidate's are needed if all
    goes on as it did, None when that cannot be told or nothing is needed.
    """

    name: str
    verdict: Verdict
    estimate: float | None
    lower: float
    upper: float
    limit: float
    unit: str
    n: int
    live_n: int
    more: int | None
    why: str

    @property
    def has_changed(self) -> bool:
        """Whether no single difference explains the whole run."""
        return self.lower > self.upper


@dataclass
class _Track:
    """One criterion: the strongest evidence so far, and the intersection of its intervals."""

    name: str
    unit: str
    needed_worse: float
    needed_fine: float
    worse: float = 0.0
    fine: float = 0.0
    lower: float = -math.inf
    upper: float = math.inf
    seen: float = 0.0

    def look(self, evidence: Evidence) -> None:
        self.worse, self.fine = max(self.worse, evidence.worse), max(self.fine, evidence.fine)

    def narrow(self, lower: float, upper: float) -> None:
        self.lower, self.upper = max(self.lower, lower), min(self.upper, upper)

    @property
    def verdict(self) -> Verdict:
        is_worse, is_fine = self.worse >= self.needed_worse, self.fine >= self.needed_fine
        if is_worse == is_fine or self.lower > self.upper:
            return Verdict.NEED_MORE
        return Verdict.FAIL if is_worse else Verdict.PASS


class Judge:
    """The evidence of a run. It keeps no request: its size does not grow with their number."""

    def __init__(self, criteria: Criteria, *, with_intervals: bool = True) -> None:
        """``with_intervals`` False leaves the intervals out, for simulations of verdicts."""
        self.criteria = criteria.check()
        self._with_intervals = with_intervals
        self._live, self._candidate = Counts(0, 0), Counts(0, 0)
        empty = Histogram.of(())
        self._live_ms, self._candidate_ms = empty, empty
        self._pairs = SameMinute(criteria.latency or Margin(0.1))
        self._alpha = ALPHA / criteria.count
        self._errors = self._track(ERRORS, "points") if criteria.error_points is not None else None
        has_latency = criteria.latency is not None
        self._minute = self._track(f"{LATENCY} in the same minute", "factor") if has_latency else None
        shares = criteria.quantiles if has_latency else ()
        self._quantiles = {share: self._track(f"{LATENCY} P{100 * share:.0f}", "factor") for share in shares}
        self._compared, self._undecided = Counts(0, 0), 0
        self._answers = self._track(ANSWERS, "percent") if criteria.answer_percent is not None else None

    def add(self, live: Arm, candidate: Arm) -> None:
        """Take in a settled minute, and look."""
        self._live = Counts(self._live.requests + live.requests, self._live.errors + live.errors)
        self._candidate = Counts(
            self._candidate.requests + candidate.requests, self._candidate.errors + candidate.errors
        )
        slow, fast = (one.latencies_ms[np.isfinite(one.latencies_ms)] for one in (candidate, live))
        if len(slow):
            self._candidate_ms = self._candidate_ms.plus(Histogram.of(slow))
        if len(fast):
            self._live_ms = self._live_ms.plus(Histogram.of(fast))
        self._pairs.add(fast, slow)
        self._look()

    def add_answers(self, compared: int, different: int, undecided: int = 0) -> None:
        """Take in payloads that both were asked, and how many of their answers differ; then look.

        ``undecided`` more may differ: they speak against PASS and not for FAIL.
        """
        self._compared = Counts(self._compared.requests + compared, self._compared.errors + different)
        self._undecided += undecided
        if self._answers is not None:
            self._answers.look(self._answer_evidence())
            lower, _ = share_interval(self._compared, self._alpha)
            _, upper = share_interval(self._compared_at_most, self._alpha)
            self._answers.narrow(100 * lower, 100 * upper)

    def standings(self) -> tuple[Standing, ...]:
        """Where every criterion stands now, in the order of the criteria."""
        found = []
        if self._errors is not None:
            self._narrow_errors(self._errors, at_once=True)
            estimate = _rate(self._candidate) - _rate(self._live)
            limit = float(self.criteria.error_points or 0)
            counts = (self._candidate.requests, self._live.requests)
            found.append(self._standing(self._errors, 100 * estimate, limit, counts, self._error_evidence))
        if self._minute is not None:
            shift = self._pairs.shift(self._alpha)
            self._minute.narrow(shift.lower, shift.upper)
            found.append(self._standing(self._minute, shift.estimate, self._limit(), self._rows, self._pairs.evidence))
        for share, track in self._quantiles.items():
            self._narrow_quantile(track, share, at_once=True)
            estimate = self._candidate_ms.quantile(share) / self._live_ms.quantile(share)
            told = _QuantileEvidence(self, share)
            found.append(self._standing(track, estimate, self._limit(share), self._rows, told))
        if self._answers is not None:
            limit, counts = float(self.criteria.answer_percent or 0), (self._compared.requests,) * 2
            estimate = 100 * _rate(self._compared)
            found.append(self._standing(self._answers, estimate, limit, counts, self._answer_evidence))
        return tuple(found)

    @property
    def verdict(self) -> Verdict:
        """The verdict of the run: see :func:`overall`."""
        return overall(track.verdict for track in self._tracks())

    def _track(self, name: str, unit: str) -> _Track:
        return _Track(name, unit, math.log(1 / self._alpha), math.log(1 / ALPHA))

    def _tracks(self) -> list[_Track]:
        tracks = (self._errors, self._minute, *self._quantiles.values(), self._answers)
        return [each for each in tracks if each is not None]

    def _look(self) -> None:
        if self._errors is not None:
            self._errors.look(self._error_evidence())
            self._narrow_errors(self._errors)
        if self._minute is not None:
            self._minute.look(self._pairs.evidence())
            if self._with_intervals:
                shift = self._pairs.shift(self._alpha)
                self._minute.narrow(shift.lower, shift.upper)
        for share, track in self._quantiles.items():
            track.look(self._quantile_evidence(share))
            self._narrow_quantile(track, share)

    def _narrow_errors(self, track: _Track, *, at_once: bool = False) -> None:
        if self._is_due(track, self._candidate.requests, at_once=at_once):
            lower, upper = error_interval(self._live, self._candidate, self._alpha)
            track.narrow(100 * lower, 100 * upper)

    def _narrow_quantile(self, track: _Track, share: float, *, at_once: bool = False) -> None:
        is_early = self._pairs.minutes < LEAST_MINUTES
        if not is_early and self._is_due(track, self._candidate_ms.total, at_once=at_once):
            live, candidate = (each.times(1 / self._pairs.spread) for each in (self._live_ms, self._candidate_ms))
            track.narrow(*quantile_interval(live, candidate, share, self._alpha))

    def _is_due(self, track: _Track, requests: float, *, at_once: bool) -> bool:
        is_due = at_once or (self._with_intervals and requests > _GROWTH * track.seen)
        track.seen = requests if is_due else track.seen
        return is_due

    def _error_evidence(self, factor: float = 1.0) -> Evidence:
        margin = float(self.criteria.error_points or 0) / 100
        return error_evidence(self._live.times(factor), self._candidate.times(factor), margin)

    def _answer_evidence(self, factor: float = 1.0) -> Evidence:
        limit = float(self.criteria.answer_percent or 0) / 100
        least, most = (share_evidence(each.times(factor), limit) for each in (self._compared, self._compared_at_most))
        return Evidence(worse=least.worse, fine=most.fine)

    @property
    def _compared_at_most(self) -> Counts:
        return Counts(self._compared.requests, self._compared.errors + self._undecided)

    def _quantile_evidence(self, share: float, factor: float = 1.0) -> Evidence:
        if self._pairs.minutes * factor < LEAST_MINUTES:
            return Evidence(0.0, 0.0)
        margin, counted = self.criteria.latency or Margin(0.1), factor / self._pairs.spread
        return quantile_evidence(self._live_ms.times(counted), self._candidate_ms.times(counted), share, margin)

    @property
    def _rows(self) -> tuple[float, float]:
        return self._candidate_ms.total, self._live_ms.total

    def _limit(self, share: float = 0.5) -> float:
        """The margin of latency as a factor: what it comes to at the live arm's quantile."""
        margin, at = self.criteria.latency or Margin(0.1), self._live_ms.quantile(share)
        return 1 + margin.ratio if math.isnan(at) or at <= 0 else float(margin.limit(np.array([at]))[0] / at)

    def _standing(
        self,
        track: _Track,
        estimate: float | None,
        limit: float,
        counts: tuple[float, float],
        evidence: Callable[[float], Evidence],
    ) -> Standing:
        n, live_n = counts
        known = estimate if estimate is not None and math.isfinite(estimate) and n and live_n else None
        verdict = track.verdict
        more = None
        if verdict is Verdict.NEED_MORE and track.lower <= track.upper and known is not None:
            more = _more(evidence, track, n)
        why = _why(track, verdict, known, n, live_n, more)
        if track.unit == "factor" and known is not None and self._pairs.minutes < LEAST_MINUTES:
            why = f"Fewer than {LEAST_MINUTES} minutes yet: how much minutes differ by themselves is not known."
        return Standing(
            track.name, verdict, known, track.lower, track.upper, limit, track.unit, int(n), int(live_n), more, why
        )


@dataclass(frozen=True)
class _QuantileEvidence:
    judge: Judge
    share: float

    def __call__(self, factor: float) -> Evidence:
        return self.judge._quantile_evidence(self.share, factor)


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """FAIL when one criterion fails, PASS when all pass, NEED MORE otherwise: no data is neither."""
    found = list(verdicts)
    if Verdict.FAIL in found:
        return Verdict.FAIL
    return Verdict.PASS if found and all(each is Verdict.PASS for each in found) else Verdict.NEED_MORE


def slowest(standings: Sequence[Standing]) -> int | None:
    """How many more requests the whole verdict is about to need, None when that cannot be told.

    Answers wait for payloads, and no number of requests brings those.
    """
    waiting = [None if each.name == ANSWERS else each.more for each in standings if each.verdict is Verdict.NEED_MORE]
    known = [more for more in waiting if more is not None]
    return max(known) if waiting and len(known) == len(waiting) else None


def _rate(counts: Counts) -> float:
    return counts.errors / counts.requests if counts.requests else math.nan


def _more(evidence: Callable[[float], Evidence], track: _Track, n: float) -> int | None:
    """Requests until the verdict if what comes is like what came: the evidence of so many times as much."""

    def is_told(factor: float) -> bool:
        told = evidence(factor)
        return told.worse >= track.needed_worse or told.fine >= track.needed_fine

    low, high = 1.0, 2.0
    while not is_told(high):
        low, high = high, 2 * high
        if high > _MOST_TIMES:
            return None
    while high / low > 1.02:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_told(middle) else (middle, high)
    return max(1, math.ceil((high - 1) * n))


def _why(track: _Track, verdict: Verdict, estimate: float | None, n: float, live_n: float, more: int | None) -> str:
    if not n or not live_n:
        return "There are no requests of both to compare."
    if track.lower > track.upper or (track.worse >= track.needed_worse and track.fine >= track.needed_fine):
        return "The difference changed during the run: begin a new one."
    if verdict is Verdict.PASS:
        return "It is shown to be within the limit."
    if verdict is Verdict.FAIL:
        return "It is shown to be beyond the limit."
    if estimate is None:
        return "There is nothing to estimate from yet."
    return "The difference is too close to the limit to tell soon." if more is None else "Too few requests yet."
