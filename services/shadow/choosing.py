"""Which sources have the requests of both deployments, mirrored ones included. Pure.

A source that hides mirrored copies still has the requests that name their target. It must never be taken for the
candidate's: so each source is held against those that have more, and against the percentage that is mirrored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.shadow.model import Pair
from services.traffic.counting import Minutes
from services.traffic.shares import wilson
from services.visibility.judging import (
    CONSOLE_LOG,
    DEPLOYMENT_METRICS,
    ENDPOINT_METRICS,
    FEWEST_EXPECTED,
    MOST_MISSING,
    TRAFFIC_LOG,
)

COUNTING = (DEPLOYMENT_METRICS, ENDPOINT_METRICS, TRAFFIC_LOG, CONSOLE_LOG)
"""The sources of requests and errors, the best one first."""
LOGS = (TRAFFIC_LOG, CONSOLE_LOG)
"""The sources that have single requests, the best one first; the container log, read live, comes after them."""
_MINUTE = timedelta(minutes=1)
_SAME, _FEW = 0.05, 3.0
"""Sources that count the same requests may differ by this part and so many."""
_Z = 3.3
"""Of Wilson's interval: wrong in one of a thousand cases."""


@dataclass(frozen=True)
class Survey:
    """How many requests one source has: deployment in lower case → minutes. ``problem`` is why it has none, or "".

    ``is_sent`` is False for a log that no diagnostic setting sends.
    """

    source: str
    requests: Mapping[str, Minutes]
    problem: str = ""
    is_sent: bool = True

    def of(self, name: str) -> Minutes:
        """The minutes of one deployment."""
        return self.requests.get(name.lower(), {})


@dataclass(frozen=True)
class Mirror:
    """How much is mirrored to the candidate, and since when: what was before is not held against it."""

    percent: int
    since: datetime


@dataclass(frozen=True)
class Choice:
    """``refused``: source → why it cannot be used, a sentence. ``notes``: what is odd about those that can."""

    refused: Mapping[str, str]
    notes: tuple[str, ...] = ()


def choose(surveys: Sequence[Survey], pair: Pair, mirror: Mirror | None) -> Choice:
    """Which of the sources have both arms. ``mirror`` is None when the candidate gets no copies."""
    refused = {each.source: why for each in surveys if (why := _why_not(each, surveys, pair, mirror))}
    usable = [each for each in surveys if each.source not in refused]
    unlike = _unlike_the_share(usable[0], pair, mirror) if usable and mirror else ""
    return Choice(refused, (unlike,) if unlike else ())


def _why_not(one: Survey, surveys: Sequence[Survey], pair: Pair, mirror: Mirror | None) -> str:
    if one.problem:
        return one.problem
    of_live, of_candidate = sum(one.of(pair.live).values()), sum(one.of(pair.candidate).values())
    if one.source == DEPLOYMENT_METRICS and not of_live:
        # They have whatever a deployment was sent: nothing in them is no requests, unless another source has some.
        others = [each.source for each in surveys if each.of(pair.live) and each.of(pair.candidate)]
        return f"It has no request of {pair.live}." if others else ""
    if not of_live and not of_candidate:
        return "It has no request of either."
    if not of_live or (not of_candidate and one.source != DEPLOYMENT_METRICS):
        has, lacks = (pair.candidate, pair.live) if not of_live else (pair.live, pair.candidate)
        return f"It has requests of {has} and none of {lacks}."
    span = _span(one, pair)
    for other in surveys:
        if other is not one and other.of(pair.live):
            had, expected = _beside(one, other, surveys, pair, span)
            if had < expected - max(_FEW, _SAME * expected):
                return f"It lacks copies: it has {had:,.0f} requests of {pair.candidate} where others have more."
    if mirror is not None and _hides_copies(one, pair, mirror, span):
        live, copies = _counts(one, pair, max(span[0], mirror.since), span[1])
        return (
            f"It has {copies:,.0f} requests of {pair.candidate}, and {mirror.percent} % of {live:,.0f} would be "
            f"mirrored: it does not show the copies, they do not arrive, or most requests name {pair.live}."
        )
    return ""


def _hides_copies(one: Survey, pair: Pair, mirror: Mirror, span: tuple[datetime, datetime]) -> bool:
    """Whether it has fewer than half of the copies that are to be expected, of all minutes and of the quiet half.

    Requests that name the live deployment are not mirrored: a load test in some minutes must not hide the others.
    """
    minutes = [at for at in sorted(one.of(pair.live), key=one.of(pair.live).__getitem__) if at >= mirror.since]
    for chosen in (minutes, minutes[: (len(minutes) + 1) // 2]):
        each = [_counts(one, pair, at, at + _MINUTE) for at in chosen if span[0] <= at < span[1]]
        live, copies = sum(count for count, _ in each), sum(count for _, count in each)
        is_few = live * mirror.percent / 100 >= FEWEST_EXPECTED and copies < live * mirror.percent / 200
        if not is_few or 100 * wilson(round(copies), round(live), _Z)[1] >= mirror.percent:
            return False
    return True


def _unlike_the_share(one: Survey, pair: Pair, mirror: Mirror) -> str:
    if not one.of(pair.live):
        return ""
    span = _span(one, pair)
    live, got = _counts(one, pair, max(span[0], mirror.since), span[1])
    expected = live * mirror.percent / 100
    if expected < FEWEST_EXPECTED:
        return ""
    told = (
        f"{pair.candidate} had {got:,.0f} requests, and {mirror.percent} % of {live:,.0f} are {expected:,.0f}: about "
    )
    # More than all live requests cannot be a share of them.
    low, high = (1.0, 1.0) if got > live else wilson(round(got), round(live), _Z)
    if 100 * low > mirror.percent:
        return f"{told}{got - expected:,.0f} named it. Azure does not say which ones, so they are counted too."
    if 100 * high < mirror.percent:
        why = f"copies did not arrive, or requests name {pair.live}, which are never mirrored"
        return f"{told}{expected - got:,.0f} are missing: {why}."
    return ""


def _beside(
    one: Survey, other: Survey, surveys: Sequence[Survey], pair: Pair, span: tuple[datetime, datetime]
) -> tuple[float, float]:
    """How many of the candidate's one has, and would have if it had as many as the other for each live request."""
    theirs = _span(other, pair)
    since, until = max(span[0], theirs[0]), min(span[1], theirs[1])
    if since >= until:
        return 0.0, 0.0
    live, had = _counts(one, pair, since, until)
    their_live, their_had = _counts(other, pair, since, until)
    most = max(_counts(each, pair, since, until)[0] for each in surveys)
    # Copies are held against live requests, so that a source that lacks some of these says nothing.
    if not their_live or their_live < most * (1 - MOST_MISSING):
        return had, 0.0
    return had, their_had * min(1.0, live / their_live)


def _counts(one: Survey, pair: Pair, since: datetime, until: datetime) -> tuple[float, float]:
    """What a source has of all others, and of the candidate. What no deployment answered was never mirrored."""
    candidate = pair.candidate.lower()
    others = (minutes for name, minutes in one.requests.items() if name not in ("", candidate))
    return sum(_within(minutes, since, until) for minutes in others), _within(one.of(candidate), since, until)


def _span(one: Survey, pair: Pair) -> tuple[datetime, datetime]:
    """The minutes that a source has in full: the newest one of a log may still be filling."""
    times = one.of(pair.live)
    first, newest = min(times), max(times)
    return first, newest if one.source in LOGS and newest > first else newest + _MINUTE


def _within(minutes: Minutes, since: datetime, until: datetime) -> float:
    return sum(count for at, count in minutes.items() if since <= at < until)
