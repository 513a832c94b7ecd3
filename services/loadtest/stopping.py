"""When a load test ends by itself: errors that persist tell nothing new and cost the endpoint's other callers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WINDOW_SECONDS = 5
"""Errors persist when they were at least half of the answers over so many whole seconds…"""
FAILING_SHARE = 0.5
FEWEST_ANSWERS = 20
"""…or over more, until there are so many answers: a slow test ends as well."""
REFUSED = frozenset({"401", "403", "404", "413"})
"""Answers that will not change while the test runs: key, right, deployment, size."""
FEWEST_REFUSED = 10
"""So many answers, all of them refusals, end the test."""
FULL_SECONDS = 3
"""So many seconds in a row at the limit of requests in flight end it: the endpoint does not keep up, or hangs."""


@dataclass(frozen=True)
class Moment:
    """What came back in one second of the test. ``failed`` counts what was no 2xx, and what got no answer.

    ``was_full`` says that requests had to wait because too many were in flight.
    """

    answered: int
    failed: int
    was_full: bool = False


def reason_to_stop(seconds: Sequence[Moment], outcomes: dict[str, int]) -> str:
    """Why the test should end now, as a sentence; "" when it should go on.

    ``seconds`` are the whole seconds so far, ``outcomes`` counts all results by status or name of the failure.
    """
    total = sum(outcomes.values())
    refused = {name: count for name, count in outcomes.items() if name in REFUSED and count}
    if total >= FEWEST_REFUSED and sum(refused.values()) == total:
        return f"Every request was refused: {', '.join(f'{count} × {name}' for name, count in refused.items())}."
    length, answered, failed = 0, 0, 0
    for each in reversed(seconds):
        if length >= WINDOW_SECONDS and answered >= FEWEST_ANSWERS:
            break
        length, answered, failed = length + 1, answered + each.answered, failed + each.failed
    if length >= WINDOW_SECONDS and answered >= FEWEST_ANSWERS and failed >= FAILING_SHARE * answered:
        return f"Errors persisted: {failed} of {answered} requests failed within {length} s."
    if len(seconds) >= FULL_SECONDS and all(each.was_full for each in seconds[-FULL_SECONDS:]):
        return f"For {FULL_SECONDS} s as many requests as allowed were waiting for an answer."
    return ""
