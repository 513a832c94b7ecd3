"""The usual moves of traffic, each as the split that it wishes for. Pure.

A deployment that receives mirrored traffic and is given live traffic loses its copies: Azure allows one or the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.traffic.plan import balance

CANARY_PERCENTS = (1, 5, 10, 25, 50)
"""The shares that a canary usually starts with."""


@dataclass(frozen=True)
class Wish:
    """A wished split: ``live`` has one entry for each deployment of the endpoint, 0 included."""

    live: Mapping[str, int]
    mirror_target: str | None = None
    mirror_percent: int = 0


def all_to(current: Wish, target: str) -> Wish:
    """All live traffic to ``target``."""
    return _with_live(current, {name: 100 if name == target else 0 for name in current.live})


def canary(current: Wish, target: str, percent: int) -> Wish:
    """``percent`` of live traffic to ``target``, the others keep their ratios. Raises RuleBroken as balance does."""
    return _with_live(current, balance(current.live, target, percent))


def even(current: Wish) -> Wish:
    """The same share for every deployment; what cannot be divided goes to the first by name."""
    names = sorted(current.live)
    if not names:
        return current
    share, rest = divmod(100, len(names))
    return _with_live(current, {name: share + (names.index(name) < rest) for name in current.live})


def zero(current: Wish) -> Wish:
    """No traffic at all: without live requests there is nothing to copy, so the mirror ends too."""
    return Wish(dict.fromkeys(current.live, 0))


def swap(current: Wish) -> Wish | None:
    """Exchange the biggest live deployment and its counterpart; doing it twice leads back.

    The counterpart is the mirror target, which then answers while the other gets the copies. Without a mirror it is
    the deployment with the second biggest share. None when it is not clear which two are meant, or they are equal.
    """
    order = sorted(current.live, key=lambda name: (-current.live[name], name))
    shares = [current.live[name] for name in order]
    if not shares or not shares[0] or (len(shares) > 1 and shares[0] == shares[1]):
        return None
    biggest, target = order[0], current.mirror_target
    if target and current.mirror_percent:
        if current.live.get(target) or target not in current.live:
            return None
        live = {**current.live, biggest: 0, target: shares[0]}
        return Wish(live, biggest, current.mirror_percent)
    if len(shares) < 2 or (len(shares) > 2 and shares[1] == shares[2]):
        return None
    return _with_live(current, {**current.live, biggest: shares[1], order[1]: shares[0]})


def _with_live(current: Wish, live: Mapping[str, int]) -> Wish:
    target = current.mirror_target
    if not target or not current.mirror_percent or live.get(target):
        return Wish(live)
    return Wish(live, target, current.mirror_percent)
