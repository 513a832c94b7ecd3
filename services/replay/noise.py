"""Which fields differ between two deployments, and which differ by themselves.

Each request is put to the live deployment twice and to the candidate once. In a field, one of the three answers may
stand alone: it differs from the two others, which agree. If the candidate were one more copy of the live deployment,
the three would be exchangeable: whichever stands alone, it is the candidate's in one case of three. So the number of
times that the candidate stands alone, out of all the times that one answer does, is Binomial(n, 1/3) at most, and its
upper tail is an exact test. It asks for no model of the noise: timestamps and ids (nobody agrees, nobody stands alone),
random outputs and rare random labels (everybody stands alone equally often) pass it by construction.

A field in which too few differed to tell is asked again: the same requests, three new answers each. Only the new
answers count in that second test. The smaller of the two p-values is doubled for having looked twice, and Holm's method
(Scand. J. Statist. 6, 1979) keeps the chance of naming any field wrongly below ``ALPHA``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from scipy import stats

Role = Literal["first", "second", "candidate"]

ALPHA = 0.0001
"""The chance that a comparison of two equal deployments names any field at all."""
MOST_FIELDS = 100
"""Fields that are tested: those in which one answer stood alone most often. Who stood alone does not choose them."""
AGAIN_FOR_FIELD = 18
"""How often a field is asked again, spread over its requests. Twelve would do for a clean one: (1/3)^12 is 2e-6."""
MOST_ITEMS_OF_FIELD = 6
MOST_ASKED_AGAIN = 150
"""Times that requests are asked again in one comparison."""


@dataclass(frozen=True)
class FieldNoise:
    """How often one answer stood alone in a field, and whether that makes it a difference between the deployments.

    ``candidate_alone`` of ``alone`` in the requests as planned, ``again_candidate_alone`` of ``again_alone`` in those
    asked again. ``unsettled`` counts the requests where all three answers differed. ``p`` is the doubled p-value.
    """

    field: str
    alone: int
    candidate_alone: int
    again_alone: int
    again_candidate_alone: int
    unsettled: int
    p: float
    is_named: bool

    @property
    def live_alone(self) -> float:
        """How often an answer of the live deployment stood alone, per asking: what differs by itself."""
        return (self.alone - self.candidate_alone) / 2

    @property
    def differs_by_itself(self) -> bool:
        """Whether the live deployment ever disagreed with itself here."""
        return bool(self.alone > self.candidate_alone or self.unsettled)


def standing_alone(
    first_second: frozenset[str], first_candidate: frozenset[str], second_candidate: frozenset[str]
) -> tuple[dict[str, Role], tuple[str, ...]]:
    """Who stands alone in which field, and the fields where no two answers agree; from the fields that differ in each
    pair of the three answers.
    """
    alone: dict[str, Role] = {}
    for field in sorted((first_candidate & second_candidate) - first_second):
        alone[field] = "candidate"
    for field in sorted((first_second & first_candidate) - second_candidate):
        alone[field] = "first"
    for field in sorted((first_second & second_candidate) - first_candidate):
        alone[field] = "second"
    return alone, tuple(sorted(first_second & first_candidate & second_candidate))


def judge_fields(
    planned: Iterable[Mapping[str, Role]], again: Iterable[Mapping[str, Role]], unsettled: Iterable[str]
) -> tuple[FieldNoise, ...]:
    """The fields in which answers differed, from who stood alone in each request; the clearest difference first."""
    alone, candidate = _counts(planned)
    again_alone, again_candidate = _counts(again)
    nobody = Counter(unsettled)
    both = alone + again_alone
    # Those that were asked again must not be preferred: they were, because the candidate stood alone.
    tested = sorted(both, key=lambda field: (-alone[field], field))[:MOST_FIELDS]
    p_values = {
        field: min(1.0, 2 * min(_p(candidate[field], alone[field]), _p(again_candidate[field], again_alone[field])))
        for field in tested
    }
    named = _holm(p_values)
    fields = (
        FieldNoise(
            field,
            alone[field],
            candidate[field],
            again_alone[field],
            again_candidate[field],
            nobody[field],
            p_values.get(field, 1.0),
            field in named,
        )
        for field in [*tested, *sorted(set(nobody) - set(tested))[:MOST_FIELDS]]
    )
    return tuple(sorted(fields, key=lambda each: (not each.is_named, each.p, -each.candidate_alone, each.field)))


def to_ask_again(planned: Mapping[int, Mapping[str, Role]], named: frozenset[str]) -> dict[int, int]:
    """The requests to ask again, and how many times each: some of those where the candidate stood alone, for each field
    that is not ``named``. The clearest field comes first; those that the limit leaves no room for stay unnamed.
    """
    alone_in, candidate_in = _counts(planned.values())
    by_field: dict[str, list[int]] = {}
    for item, alone in planned.items():
        for field, who in alone.items():
            if who == "candidate" and field not in named:
                by_field.setdefault(field, []).append(item)
    chosen: dict[int, int] = {}
    for field in sorted(by_field, key=lambda each: (_p(candidate_in[each], alone_in[each]), each)):
        items = by_field[field][:MOST_ITEMS_OF_FIELD]
        wanted = dict.fromkeys(items, math.ceil(AGAIN_FOR_FIELD / len(items)))
        together = chosen | {item: max(times, chosen.get(item, 0)) for item, times in wanted.items()}
        if sum(together.values()) <= MOST_ASKED_AGAIN:
            chosen = together
    return chosen


def _counts(triples: Iterable[Mapping[str, Role]]) -> tuple[Counter[str], Counter[str]]:
    alone: Counter[str] = Counter()
    candidate: Counter[str] = Counter()
    for triple in triples:
        for field, who in triple.items():
            alone[field] += 1
            candidate[field] += who == "candidate"
    return alone, candidate


def _p(candidate: int, alone: int) -> float:
    """P(Binomial(alone, 1/3) >= candidate)."""
    return float(stats.binom.sf(candidate - 1, alone, 1 / 3)) if candidate else 1.0


def _holm(p_values: Mapping[str, float]) -> frozenset[str]:
    named = []
    for place, field in enumerate(sorted(p_values, key=lambda each: p_values[each])):
        if p_values[field] > ALPHA / (len(p_values) - place):
            break
        named.append(field)
    return frozenset(named)
