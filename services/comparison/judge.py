"""The verdict of a run: what all its minutes say of every criterion, at any moment. Pure.

A run has a fixed start and fixed criteria. It may be looked at as often as one likes: the criteria are judged so that
over all looks a wrong FAIL of any has a chance of ALPHA at most, which they share, and so has a wrong PASS of the
whole, which needs every criterion to pass (Berger, "Multiparameter hypothesis testing and acceptance sampling",
Technometrics 24, 1982). For errors and answers that is proven, for latency it is simulated (docs/verdict.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from services.comparison.criteria import ALPHA, Criteria
from services.comparison.errors import (
    NEEDED_ANY,
    Counts,
    Evidence,
    error_evidence,
    error_interval,
    share_evidence,
    share_interval,
)
from services.comparison.latencies import Latencies
from services.comparison.mixtures import Floats
from services.comparison.quantiles import Margin
from services.comparison.ranks import LEAST_MINUTES
from services.comparison.track import Track
from services.comparison.use import (
    MEMORY,
    PROCESSOR,
    USES,
    Ratio,
    Use,
    UseEvidence,
    left_out,
    memory,
    processor,
    why_not_yet,
)

ERRORS, LATENCY, ANSWERS = "Errors", "Latency", "Answers"
_CHANGED = "The difference changed during the run: begin a new one."


class Verdict(Enum):
    """What is known of a criterion, or of a run."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    NEED_MORE = "NEED MORE"


@dataclass(frozen=True)
class Arm:
    """One deployment in one minute: all its requests, how many of them failed, and the latencies in ms of those that
    did not, as far as there are rows of them. ``use`` is what it used, None when that is not known."""

    requests: int
    errors: int
    latencies_ms: Floats
    use: Use | None = None


@dataclass(frozen=True)
class Standing:
    """Where one criterion stands.

    ``estimate``, ``lower``, ``upper`` and ``limit`` are in ``unit``: percentage ``points`` of errors more, a ``factor``
    of latency, processor or memory (1.1 is 10 % more), or ``percent`` of the answers. The interval holds at every look
    at once; it is empty, ``lower`` above ``upper``, when the difference has changed during the run. ``n`` are the
    candidate's requests that count here, ``live_n`` the live one's. ``more`` is about how many more of the candidate's
    are needed if all goes on as it did, None when that cannot be told or nothing is needed. Criteria of :data:`USES`
    count minutes; ``left_out`` says how many more were seen that do not count, and why.
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
    left_out: str = ""

    @property
    def has_data(self) -> bool:
        """Whether anything of both was seen."""
        return bool((self.n and self.live_n) or self.left_out)

    @property
    def has_changed(self) -> bool:
        """Whether no single difference explains the whole run."""
        return self.lower > self.upper


class Judge:
    """The evidence of a run. It keeps no request: its size does not grow with their number."""

    def __init__(self, criteria: Criteria, *, with_intervals: bool = True, with_shift: bool = True) -> None:
        """``with_intervals`` False leaves the intervals out, ``with_shift`` False the estimate of latency in the same
        minute as well: for simulations of verdicts."""
        self.criteria = criteria.check()
        self._with_intervals = with_intervals
        self._live, self._candidate = Counts(0, 0), Counts(0, 0)
        self._alpha = ALPHA / criteria.count
        self._errors = self._track(ERRORS, "points") if criteria.error_points is not None else None
        has_latency = criteria.latency is not None
        self._minute = self._track(f"{LATENCY} in the same minute", "factor") if has_latency else None
        shares = criteria.quantiles if has_latency else ()
        self._quantiles = {share: self._track(f"{LATENCY} P{100 * share:.0f}", "factor") for share in shares}
        self._latencies = Latencies(criteria.latency or Margin(0.1), shares, with_shift=with_shift)
        self._compared, self._undecided = Counts(0, 0), 0
        self._answers = self._track(ANSWERS, "percent") if criteria.answer_percent is not None else None
        asked = ((PROCESSOR, criteria.processor_percent, processor), (MEMORY, criteria.memory_percent, memory))
        self._uses = [
            (self._track(name, "factor"), 1 + percent / 100, ratio())
            for name, percent, ratio in asked
            if percent is not None
        ]

    def add(self, live: Arm, candidate: Arm) -> None:
        """Take in a settled minute, and look."""
        self._live = Counts(self._live.requests + live.requests, self._live.errors + live.errors)
        self._candidate = Counts(
            self._candidate.requests + candidate.requests, self._candidate.errors + candidate.errors
        )
        slow, fast = (one.latencies_ms[np.isfinite(one.latencies_ms)] for one in (candidate, live))
        self._latencies.add(fast, slow)
        self._look()
        if live.use is not None and candidate.use is not None:
            for track, limit, ratio in self._uses:
                if ratio.add((live.requests, live.use), (candidate.requests, candidate.use)):
                    track.look(ratio.evidence(limit))
                    if self._with_intervals:
                        track.narrow(*ratio.interval(self._alpha))

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
        seen = self._latencies
        if self._minute is not None:
            shift = seen.shift(self._alpha)
            self._minute.narrow(shift.lower, shift.upper)
            found.append(self._standing(self._minute, shift.estimate, seen.limit(0.5), seen.counts, seen.same_minute))
        for share, track in self._quantiles.items():
            self._narrow_quantile(track, share, at_once=True)
            found.append(self._standing(track, seen.ratio(share), seen.limit(share), seen.counts, seen.of(share)))
        if self._answers is not None:
            limit, counts = float(self.criteria.answer_percent or 0), (self._compared.requests,) * 2
            estimate = 100 * _rate(self._compared)
            found.append(self._standing(self._answers, estimate, limit, counts, self._answer_evidence))
        found += [self._standing_of_use(*each) for each in self._uses]
        return tuple(found)

    @property
    def verdict(self) -> Verdict:
        """The verdict of the run: see :func:`overall`."""
        return overall(map(_verdict, self._tracks()))

    def _track(self, name: str, unit: str) -> Track:
        return Track(name, unit, math.log(1 / self._alpha), math.log(1 / ALPHA))

    def _tracks(self) -> list[Track]:
        uses = (track for track, _, _ in self._uses)
        tracks = (self._errors, self._minute, *self._quantiles.values(), self._answers, *uses)
        return [each for each in tracks if each is not None]

    def _look(self) -> None:
        if self._errors is not None:
            self._errors.look(self._error_evidence(needed=self._errors.needed))
            self._narrow_errors(self._errors)
        if self._minute is not None:
            self._minute.look(self._latencies.same_minute())
            if self._with_intervals:
                shift = self._latencies.shift(self._alpha)
                self._minute.narrow(shift.lower, shift.upper)
        for share, track in self._quantiles.items():
            track.look(self._latencies.quantile(share, needed=track.needed))
            self._narrow_quantile(track, share)

    def _narrow_errors(self, track: Track, *, at_once: bool = False) -> None:
        if (at_once or self._with_intervals) and track.is_due(self._candidate.requests, at_once=at_once):
            lower, upper = error_interval(self._live, self._candidate, self._alpha)
            track.narrow(100 * lower, 100 * upper)

    def _narrow_quantile(self, track: Track, share: float, *, at_once: bool = False) -> None:
        if self._latencies.is_early or not (at_once or self._with_intervals):
            return
        if track.is_due(self._latencies.counts[0], at_once=at_once):
            track.narrow(*self._latencies.interval(share, self._alpha))

    def _error_evidence(self, factor: float = 1.0, needed: Evidence = NEEDED_ANY) -> Evidence:
        margin = float(self.criteria.error_points or 0) / 100
        return error_evidence(self._live.times(factor), self._candidate.times(factor), margin, needed)

    def _answer_evidence(self, factor: float = 1.0) -> Evidence:
        limit = float(self.criteria.answer_percent or 0) / 100
        least, most = (share_evidence(each.times(factor), limit) for each in (self._compared, self._compared_at_most))
        return Evidence(worse=least.worse, fine=most.fine)

    @property
    def _compared_at_most(self) -> Counts:
        return Counts(self._compared.requests, self._compared.errors + self._undecided)

    def _standing(
        self,
        track: Track,
        estimate: float | None,
        limit: float,
        counts: tuple[float, float],
        evidence: Callable[[float], Evidence],
    ) -> Standing:
        n, live_n = counts
        known = estimate if estimate is not None and math.isfinite(estimate) and n and live_n else None
        verdict = _verdict(track)
        is_open = verdict is Verdict.NEED_MORE and not track.has_changed and known is not None
        more = track.more(evidence, n) if is_open else None
        lower = track.lower if verdict is not Verdict.FAIL else max(track.lower, min(limit, track.upper))
        upper = track.upper if verdict is not Verdict.PASS else min(track.upper, max(limit, track.lower))
        if track.has_changed:
            # What speaks against both sides leaves no difference at all.
            lower, upper = max(lower, limit), min(upper, math.nextafter(limit, -math.inf))
        why = _why(track, verdict, known, n, live_n, more)
        if track.name.startswith(LATENCY) and known is not None and self._latencies.is_early:
            why = f"Fewer than {LEAST_MINUTES} minutes yet: how much minutes differ by themselves is not known."
        return Standing(track.name, verdict, known, lower, upper, limit, track.unit, int(n), int(live_n), more, why)

    def _standing_of_use(self, track: Track, limit: float, ratio: Ratio) -> Standing:
        if not self._with_intervals:
            track.narrow(*ratio.interval(self._alpha))
        counts = (ratio.minutes, ratio.minutes)
        told = self._standing(track, ratio.estimate, limit, counts, UseEvidence(ratio, limit))
        is_open = told.verdict is Verdict.NEED_MORE and not told.why.startswith(_CHANGED)
        why = why_not_yet(track.name, ratio, told.more) if is_open else told.why
        return replace(told, why=why, n=ratio.counted, live_n=ratio.counted, left_out=left_out(ratio))


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """FAIL when one criterion fails, PASS when all pass, NEED MORE otherwise: no data is neither."""
    found = list(verdicts)
    if Verdict.FAIL in found:
        return Verdict.FAIL
    return Verdict.PASS if found and all(each is Verdict.PASS for each in found) else Verdict.NEED_MORE


def slowest(standings: Sequence[Standing], per_minute: float | None = None) -> int | None:
    """How many more requests the whole verdict is about to need, None when that cannot be told.

    ``per_minute`` are the candidate's: criteria that count minutes need as many as come in these. Answers wait for
    payloads, and no number of requests brings those.
    """

    def requests(standing: Standing) -> int | None:
        if standing.name in USES and standing.more is not None:
            return math.ceil(standing.more * per_minute) if per_minute else None
        return None if standing.name == ANSWERS else standing.more

    waiting = [requests(each) for each in standings if each.verdict is Verdict.NEED_MORE]
    known = [more for more in waiting if more is not None]
    return max(known) if waiting and len(known) == len(waiting) else None


def _rate(counts: Counts) -> float:
    return counts.errors / counts.requests if counts.requests else math.nan


def _verdict(track: Track) -> Verdict:
    if track.has_changed or track.is_worse == track.is_fine:
        return Verdict.NEED_MORE
    return Verdict.FAIL if track.is_worse else Verdict.PASS


def _why(track: Track, verdict: Verdict, estimate: float | None, n: float, live_n: float, more: int | None) -> str:
    counted = "payloads" if track.name == ANSWERS else "requests"
    if not n or not live_n:
        return f"There are no {counted} of both to compare."
    if track.has_changed:
        return _CHANGED
    if verdict is Verdict.PASS:
        return "It is shown to be within the limit."
    if verdict is Verdict.FAIL:
        return "It is shown to be beyond the limit."
    if estimate is None:
        return "There is nothing to estimate from yet."
    return "The difference is too close to the limit to tell soon." if more is None else f"Too few {counted} yet."
