"""Whether a split is really so: what share of the requests each deployment answered since the change. Pure.

The interval is Wilson's. It may be looked at again with every settled minute, and many looks would sooner or later find
a difference where there is none. Each look therefore gets a part of one level (``LEVEL``) that shrinks with the square
of the number of minutes, so that all looks and all deployments together raise a false alarm in at most one of a hundred
changes (6/π² · Σ 1/m² = 1, and the union bound). A difference also has to pass the exact binomial test: Wilson's
interval is too narrow for small shares of few requests.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import binom, norm

from services.model import Split

ARRIVES, DIFFERS, NOT_YET_KNOWN = "arrives", "differs", "not yet known"
LEVEL = 0.01
"""How likely a share that arrives is ever called different, over all looks and deployments of one change."""
ENDPOINT_METRICS, DEPLOYMENT_METRICS = "endpoint metrics", "deployment metrics"

_BROAD_POINTS = 10.0
_NARROW_POINTS = 0.5
_SAME = 0.02
"""Two sources that count the same requests may differ by this part."""


@dataclass(frozen=True)
class Counts:
    """Requests in whole settled minutes. None in a source means that it has no data, which is not 0.

    ``looks`` is how many settled minutes there were since the change: so often it may have been looked at.
    ``live`` is what the endpoint's metrics count for each deployment. ``target`` and ``target_live`` are what the
    metrics of the mirror's target and those of the endpoint count for that target.
    """

    looks: int
    live: Mapping[str, float]
    target: float | None = None
    target_live: float | None = None


@dataclass(frozen=True)
class ShareArrival:
    """One deployment's measured share of the live requests, with the interval that holds at every look."""

    deployment: str
    configured_percent: int
    requests: int
    share_percent: float | None
    low_percent: float | None
    high_percent: float | None
    verdict: str


@dataclass(frozen=True)
class MirrorArrival:
    """Copies that reached the mirror's target, as a share of the live requests.

    ``source`` names where they are visible, "" when nowhere.
    """

    target: str
    configured_percent: int
    live_requests: int
    copies: int
    share_percent: float | None
    low_percent: float | None
    high_percent: float | None
    source: str
    verdict: str


def wilson(hits: int, of: int, z: float) -> tuple[float, float]:
    """Wilson's score interval of a share, as parts of one. The whole range when nothing was counted."""
    if of <= 0:
        return 0.0, 1.0
    share, spread = hits / of, z * z / of
    middle = share + spread / 2
    reach = z * math.sqrt(share * (1 - share) / of + spread / of / 4)
    low, high = (middle - reach) / (1 + spread), (middle + reach) / (1 + spread)
    return (0.0 if hits == 0 else max(0.0, low)), (1.0 if hits == of else min(1.0, high))


def level_of(looks: int, comparisons: int) -> float:
    """The part of ``LEVEL`` for one comparison at this look."""
    return LEVEL * 6 / math.pi**2 / max(1, looks) ** 2 / max(1, comparisons)


def judge_shares(split: Split, counts: Counts) -> tuple[ShareArrival, ...]:
    """Each deployment's share of the live requests against the configured one. A mirror's target is never among them.

    Requests that name a deployment bypass the split and cannot be told apart: they count for the deployment they name.
    """
    numbers = {
        name: round(count) for name, count in counts.live.items() if name not in split.mirror and round(count) > 0
    }
    names = sorted({*split.live, *numbers})
    total = sum(numbers.values())
    level = level_of(counts.looks, len(names) + len(split.mirror))
    return tuple(_share(name, split.live_percent(name), numbers.get(name, 0), total, level) for name in names)


def judge_mirror(split: Split, counts: Counts, shown_in: Collection[str]) -> MirrorArrival | None:
    """Copies at the mirror's target against the configured share. None when nothing is mirrored.

    ``shown_in`` names the sources in which copies have been seen on this cloud. Azure does not say which of its metrics
    count mirrored requests, so that seeing none is "not yet known" until one of them has shown some.
    """
    target, configured = split.mirror_target, split.mirror_percent
    if target is None:
        return None
    live = sum(round(count) for name, count in counts.live.items() if name != target)
    copies, sources = _copies(counts, shown_in)
    level = level_of(counts.looks, len({*split.live, *counts.live} - {target}) + 1)
    share = _share(target, configured, min(copies, live), live, level)
    verdict = DIFFERS if live and copies > live * (1 + _SAME) else share.verdict
    if not shown_in and round(counts.target or 0) and round(counts.target_live or 0) and verdict == DIFFERS:
        # While it is not known which source counts copies, what both count may be requests that name the target.
        verdict = NOT_YET_KNOWN
    if not sources:
        return MirrorArrival(target, configured, live, 0, None, None, None, "", NOT_YET_KNOWN)
    named = " and ".join(sources)
    measured = (share.share_percent, share.low_percent, share.high_percent)
    return MirrorArrival(target, configured, live, copies, *measured, named, verdict)


def showing(mirror: MirrorArrival | None) -> frozenset[str]:
    """The sources that have been shown to count copies."""
    if mirror is None or not mirror.copies or mirror.verdict == NOT_YET_KNOWN:
        return frozenset()
    return frozenset(mirror.source.split(" and "))


def _copies(counts: Counts, shown_in: Collection[str]) -> tuple[int, tuple[str, ...]]:
    """Copies of the target, and the sources they are counted in.

    A request that names the target is in both sources. Copies are in one of them, and then it counts more than the
    other; or they are in both.
    """
    own, seen = round(counts.target or 0), round(counts.target_live or 0)
    if len(shown_in) == 2 or (not shown_in and own and abs(own - seen) <= max(own, seen) * _SAME):
        return max(own, seen), (DEPLOYMENT_METRICS, ENDPOINT_METRICS)
    if DEPLOYMENT_METRICS in shown_in or (not shown_in and own > seen):
        return max(0, own - seen), (DEPLOYMENT_METRICS,)
    if ENDPOINT_METRICS in shown_in or (not shown_in and seen > own):
        return max(0, seen - own), (ENDPOINT_METRICS,)
    return 0, ()


def _share(name: str, configured: int, hits: int, total: int, level: float) -> ShareArrival:
    if not total:
        return ShareArrival(name, configured, hits, None, None, None, NOT_YET_KNOWN)
    low, high = (100 * each for each in wilson(hits, total, float(norm.isf(level / 2))))
    verdict = NOT_YET_KNOWN
    if not low <= configured <= high and _p_value(hits, total, configured / 100) < level:
        verdict = DIFFERS
    elif low <= configured <= high and (high - low) / 2 <= _near_enough(configured):
        verdict = ARRIVES
    return ShareArrival(name, configured, hits, 100 * hits / total, low, high, verdict)


def _near_enough(configured: int) -> float:
    """Half of the widest interval, in points, that still shows that a share arrives: 1 % and 3 % must be told apart."""
    smaller = min(configured, 100 - configured)
    return _BROAD_POINTS if not smaller else min(_BROAD_POINTS, max(_NARROW_POINTS, smaller / 2))


def _p_value(hits: int, total: int, share: float) -> float:
    """Twice the smaller exact tail of the binomial distribution."""
    lower, upper = binom.cdf(hits, total, share), binom.sf(hits - 1, total, share)
    return min(1.0, 2 * float(min(lower, upper)))


def notes(split: Split, shares: Sequence[ShareArrival], mirror: MirrorArrival | None, looks: int) -> str:
    """What a person must know to read the numbers."""
    if looks < 1:
        return "No whole minute has settled since the change: metrics are two minutes behind."
    sentences = []
    if not any(share.requests for share in shares):
        sentences.append("No request was answered in these minutes, as far as the metrics show.")
    if len(split.live) > 1 or any(not share.configured_percent for share in shares):
        sentences.append(
            "Requests that name a deployment bypass the split and are counted for the deployment they name."
        )
    if mirror is not None and not mirror.source:
        sentences.append(
            f"Copies for {mirror.target} are not visible in the metrics of the deployment or of the endpoint. Azure "
            "does not say whether these count mirrored requests, so this does not mean that they do not arrive."
        )
    if mirror is not None and mirror.source:
        sentences.append(f"Mirrored requests are counted in the {mirror.source}.")
    return " ".join(sentences)
