"""What a comparison says: the share of different answers, the fields, the numbers, the times, the examples."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy import stats

from services.replay.noise import FieldNoise, Role, judge_fields
from services.replay.record import Example, Record, Triple

CONFIDENCE = 0.95
_FEWEST_FOR_INTERVAL = 6
"""Below this no two order statistics hold the median with 95 %: 2 / 2^5 is more than 5 %."""


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval; ``low`` and ``high`` are None where there are too few values for one."""

    value: float
    low: float | None
    high: float | None

    def holds(self, value: float) -> bool:
        """Whether ``value`` lies in the interval."""
        return self.low is not None and self.high is not None and self.low <= value <= self.high


@dataclass(frozen=True)
class Shift:
    """By how much the numbers of a field moved from the live deployment to the candidate, in the field's own unit.

    ``median`` is over all ``count`` requests, ``changed_median`` over the ``changed`` ones that moved at all,
    ``largest`` the one farthest from 0. ``by_itself`` is the median distance between the two answers of the live one.
    """

    field: str
    count: int
    changed: int
    median: Interval
    changed_median: float
    largest: float
    by_itself: float


@dataclass(frozen=True)
class Latency:
    """Times of the ``pairs`` that both answered, in milliseconds. ``difference`` is the median of candidate less live;
    ``by_itself`` that of the live deployment's second answer less its first. ``is_model`` says that the model's own
    time was compared, as both report it, and not the whole time as measured here.
    """

    pairs: int
    live: float
    candidate: float
    difference: Interval
    by_itself: Interval
    is_model: bool


@dataclass(frozen=True)
class Report:
    """``different`` of ``compared`` requests got another answer from the candidate, in a field that differs between the
    deployments. Muted fields are in none of the numbers. ``by_itself`` is how many such requests the live deployment
    brings about alone. ``undecided`` is how many requests only the candidate answered otherwise in fields that are not
    named, and in which the live deployment never differed from itself. ``live_errors`` counts errors of twice as many
    answers as ``candidate_errors``; the ``both_failed`` requests, on which every answer was an error, compare nothing.
    """

    compared: int
    different: int
    share: Interval
    by_itself: float
    undecided: int
    fields: tuple[FieldNoise, ...]
    muted: frozenset[str]
    shifts: tuple[Shift, ...]
    latency: tuple[Latency, ...]
    examples: tuple[Example, ...]
    live_errors: int
    candidate_errors: int
    both_failed: int

    @property
    def named(self) -> tuple[FieldNoise, ...]:
        """The fields that differ between the deployments, without the muted ones."""
        return tuple(field for field in self.fields if field.is_named)


def report(record: Record, muted: Iterable[str] = ()) -> Report:
    """What ``record`` says when the fields in ``muted`` are left out. Pure."""
    left_out = frozenset(muted)
    fields = judge_fields(
        _alone(record.triples, left_out),
        _alone(record.again, left_out),
        (each for triple in record.triples for each in triple.unsettled if each not in left_out),
    )
    named = frozenset(field.field for field in fields if field.is_named)
    by_role = Counter(role for triple in record.triples for role in _roles(triple, named))
    both_failed = sum(all(map(_is_error, triple.labels)) for triple in record.triples)
    compared = len(record.triples) - both_failed
    unclear = frozenset(field.field for field in fields if not field.is_named and not field.differs_by_itself)
    good = [triple for triple in record.triples if not triple.is_bad]
    return Report(
        compared=compared,
        different=by_role["candidate"],
        share=proportion(by_role["candidate"], compared),
        by_itself=(by_role["first"] + by_role["second"]) / 2,
        undecided=sum("candidate" in _roles(triple, unclear) for triple in record.triples),
        fields=fields,
        muted=left_out,
        shifts=_shifts(good, left_out),
        latency=tuple(each for each in (_latency(good, is_model=False), _latency(good, is_model=True)) if each),
        examples=_by_difference(record.examples, named),
        live_errors=sum(_is_error(label) for triple in record.triples for label in triple.labels[:2]),
        candidate_errors=sum(_is_error(triple.labels[2]) for triple in record.triples),
        both_failed=both_failed,
    )


def proportion(count: int, of: int) -> Interval:
    """A share with its exact interval (Clopper and Pearson, Biometrika 26, 1934)."""
    if not of:
        return Interval(math.nan, None, None)
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if count == 0 else float(stats.beta.ppf(tail, count, of - count + 1))
    high = 1.0 if count == of else float(stats.beta.ppf(1 - tail, count + 1, of - count))
    return Interval(count / of, low, high)


def median(values: Sequence[float]) -> Interval:
    """The median with the interval between two of the values that holds it in at least 95 % of cases, whatever they
    are distributed like (order statistics; Conover, Practical Nonparametric Statistics, 3.2).
    """
    ordered = sorted(values)
    count = len(ordered)
    if not count:
        return Interval(math.nan, None, None)
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    if count < _FEWEST_FOR_INTERVAL:
        return Interval(middle, None, None)
    # The largest k with P(Binomial(count, 1/2) < k) below 2.5 %: the k-th value from each end.
    cut = int(stats.binom.ppf((1 - CONFIDENCE) / 2, count, 0.5))
    return Interval(middle, ordered[cut - 1], ordered[count - cut])


def _alone(triples: Iterable[Triple], muted: frozenset[str]) -> list[dict[str, Role]]:
    return [{field: who for field, who in triple.alone.items() if field not in muted} for triple in triples]


def _roles(triple: Triple, named: frozenset[str]) -> set[Role]:
    return {who for field, who in triple.alone.items() if field in named}


def _is_error(label: str) -> bool:
    return not label.startswith("2")


def _shifts(triples: Sequence[Triple], muted: frozenset[str]) -> tuple[Shift, ...]:
    by_field: dict[str, list[tuple[float, float]]] = {}
    for triple in triples:
        for field, pair in triple.shifts.items():
            if field not in muted:
                by_field.setdefault(field, []).append(pair)
    found = []
    for field, pairs in by_field.items():
        moved = [each for each, _ in pairs if each]
        if moved:
            changed = median(moved).value
            by_itself = median([abs(again) for _, again in pairs]).value
            overall = median([each for each, _ in pairs])
            found.append(Shift(field, len(pairs), len(moved), overall, changed, max(moved, key=abs), by_itself))
    return tuple(sorted(found, key=lambda each: (-each.changed, each.field)))


def _latency(triples: Sequence[Triple], *, is_model: bool) -> Latency | None:
    times = [triple.model_ms if is_model else triple.total_ms for triple in triples]
    known = [(one, again, other) for one, again, other in times if not (one is None or again is None or other is None)]
    if not known:
        return None
    return Latency(
        pairs=len(known),
        live=median([one for one, _, _ in known]).value,
        candidate=median([other for _, _, other in known]).value,
        difference=median([other - one for one, _, other in known]),
        by_itself=median([again - one for one, again, _ in known]),
        is_model=is_model,
    )


def _by_difference(examples: Iterable[Example], named: frozenset[str]) -> tuple[Example, ...]:
    """The examples of the named fields; the one that differs in most places, and there by most, first."""
    shown = [each for each in examples if named & set(each.fields)]
    return tuple(sorted(shown, key=lambda each: _distance(each, named), reverse=True))


def _distance(example: Example, named: frozenset[str]) -> tuple[bool, int, float]:
    own = [each for each in example.differences if each.field in named]
    numbers = [
        abs(each.right - each.left) / max(abs(each.left), abs(each.right), 1e-300)
        for each in own
        if _is_finite(each.left) and _is_finite(each.right)
    ]
    return any(each.field == "status" for each in own), len(own), max(numbers, default=0.0)


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
