"""Which sources count mirrored requests, from what each counted in the same minutes. Pure.

Every source counts the requests that name the mirror's target, and those that show copies count these too. So two
sources that differ prove that copies came: the one with more shows them. When all say the same, only the share can
tell: as many requests as are mirrored are copies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.traffic.counting import Minutes
from services.traffic.shares import wilson

DEPLOYMENT_METRICS, ENDPOINT_METRICS = "Deployment metrics", "Endpoint metrics"
TRAFFIC_LOG, CONSOLE_LOG, CONTAINER_LOG = "Traffic log", "Console log", "Container log, read live"
SOURCES = (DEPLOYMENT_METRICS, ENDPOINT_METRICS, TRAFFIC_LOG, CONSOLE_LOG, CONTAINER_LOG)
VISIBLE, NOT_VISIBLE, NOT_YET_KNOWN = "visible", "not visible", "not yet known"

FEWEST_EXPECTED = 10
"""Copies that must be expected before their absence means anything: with a share p of n requests, none come by chance
with (1 - p)^n < e^-10."""
MOST_MISSING = 0.1
"""A source that lacks more than this part of the live requests is not complete enough to be judged."""
_MINUTE = timedelta(minutes=1)
_SAME, _FEW = 0.02, 3.0
"""Sources that count the same requests may differ by this part and so many: their minutes begin and end differently."""
_NEAR = 0.25
"""What lies within this part of the difference of one side belongs to it."""
_Z = 3.3
"""Of Wilson's interval: wrong in one of a thousand cases."""


@dataclass(frozen=True)
class Source:
    """What one source counted, minute by minute: ``target`` of the mirror's target, ``live`` of all others.

    ``live`` is None where the source tells nothing of the others, and then it may have fewer than all. ``problem`` is
    why it could not be read, a sentence; "" when it could.
    """

    name: str
    target: Minutes
    live: Minutes | None
    problem: str = ""


@dataclass(frozen=True)
class Seen:
    """Whether one source shows copies. Counts are from ``since`` to ``until``; None: the source told nothing.

    ``why`` says how it is known, or why it is not.
    """

    source: str
    verdict: str
    target: int | None
    live: int | None
    since: datetime
    until: datetime
    why: str


def judge(percent: int, sources: Sequence[Source], since: datetime, until: datetime) -> tuple[Seen, ...]:
    """Each source's verdict, in the order given, from the minutes that all readable sources have in full.

    ``percent`` is how much is mirrored. Minutes before the first one and after the newest one of any source are left
    out: logs come late, and begin with the setting that sends them.
    """
    if since >= until:
        why = "No minute since the split was changed has settled."
        return tuple(Seen(each.name, NOT_YET_KNOWN, None, None, since, since, each.problem or why) for each in sources)
    working = [each for each in sources if each.live and any(since <= at < until for at in each.live)]
    if working:
        within = [[at for at in each.live or () if since <= at < until] for each in working]
        newest = {max(times) for times in within}
        since = max(since, *(min(times) for times in within))
        # Where some know later minutes than others, the newest one of these may not be whole.
        until = min(until, min(newest) + (_MINUTE if len(newest) == 1 else timedelta(0)))
    counted = {each.name: _Counted.of(each, since, until) for each in sources}
    live = max((one.live for one in counted.values() if one.live is not None), default=0.0)
    usable = {
        each.name: counted[each.name]
        for each in working
        if since < until and (counted[each.name].live or 0) >= live * (1 - MOST_MISSING)
    }
    witness = next((counted[each.name].target for each in sources if each.live is None and not each.problem), 0.0)
    verdicts = _verdicts(percent, live, usable, witness)
    hiding = (counted[name].target for name, (verdict, _) in verdicts.items() if verdict == NOT_VISIBLE)
    without_copies = max(hiding, default=0.0)
    found = []
    for each in sources:
        one = counted[each.name]
        verdict, why = verdicts.get(each.name) or _left_out(each, one, live, witness, without_copies, verdicts)
        told = not each.problem
        found.append(
            Seen(
                each.name,
                verdict,
                round(one.target) if told else None,
                round(one.live) if told and one.live is not None else None,
                since,
                max(since, until),
                why,
            )
        )
    return tuple(found)


@dataclass(frozen=True)
class _Counted:
    target: float
    live: float | None

    @staticmethod
    def of(source: Source, since: datetime, until: datetime) -> _Counted:
        def within(minutes: Minutes) -> float:
            return sum(count for at, count in minutes.items() if since <= at < until)

        return _Counted(within(source.target), None if source.live is None else within(source.live))


def _verdicts(percent: int, live: float, usable: Mapping[str, _Counted], witness: float) -> dict[str, tuple[str, str]]:
    """Source → verdict and reason, for those that are complete. ``witness`` is what the container itself wrote."""
    if not usable:
        return {}
    expected = live * percent / 100
    if expected < FEWEST_EXPECTED:
        why = f"About {math.floor(expected)} copies are expected so far: too few to tell."
        return dict.fromkeys(usable, (NOT_YET_KNOWN, why))
    low = min(one.target for one in usable.values())
    high = max(witness, *(one.target for one in usable.values()))
    short = max(1 - (one.live or 0) / live for one in usable.values())
    if high - low > _FEW + high * max(_SAME, short):
        return {name: _beside(one.target, low, high) for name, one in usable.items()}
    if high <= _FEW:
        why = "No source has any: copies do not arrive, or none of these sources shows them."
        return dict.fromkeys(usable, (NOT_YET_KNOWN, why))
    from_part, to_part = wilson(round(min(high, live)), round(live), _Z)
    if from_part * 100 <= percent <= to_part * 100:
        why = "As many as are mirrored."
        return dict.fromkeys(usable, (VISIBLE, why))
    why = f"They are not {percent} % of the live requests, and may be requests that name the deployment."
    return dict.fromkeys(usable, (NOT_YET_KNOWN, why))


def _beside(count: float, low: float, high: float) -> tuple[str, str]:
    more, fewer = high - count, count - low
    if more <= _NEAR * (high - low):
        return VISIBLE, f"{fewer:,.0f} more than where copies are not counted."
    if fewer <= _NEAR * (high - low):
        return NOT_VISIBLE, f"{more:,.0f} fewer than where copies are counted."
    return NOT_YET_KNOWN, "It has a part of the copies only."


def _left_out(
    source: Source,
    one: _Counted,
    live: float,
    witness: float,
    without_copies: float,
    verdicts: Mapping[str, tuple[str, str]],
) -> tuple[str, str]:
    """Verdict and reason of a source that could not be judged beside the others."""
    if source.problem:
        return NOT_YET_KNOWN, source.problem
    if source.live is None:
        judged = any(verdict != NOT_YET_KNOWN for verdict, _ in verdicts.values())
        if judged and witness > _FEW + without_copies * (1 + _SAME):
            return VISIBLE, "The container writes a line for each request that it has answered."
        return NOT_YET_KNOWN, "It is one instance's newest lines: what is missing in it says nothing."
    if not live:
        return NOT_YET_KNOWN, "No live request in these minutes."
    if not one.live:
        return NOT_YET_KNOWN, f"It has none of the {live:,.0f} live requests of these minutes."
    return NOT_YET_KNOWN, f"It has {one.live:,.0f} of {live:,.0f} live requests of these minutes: it is not complete."
