"""Measure whether a split arrives: read the requests of settled minutes since the change, and judge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.azure.connection import Connection
from services.metrics import settled_until
from services.model import Deployment, Endpoint, Window
from services.traffic.counting import of_deployments, of_endpoint, total
from services.traffic.shares import (
    ARRIVES,
    DIFFERS,
    NOT_YET_KNOWN,
    Counts,
    MirrorArrival,
    ShareArrival,
    judge_mirror,
    judge_shares,
    notes,
    showing,
)

__all__ = ["ARRIVES", "DIFFERS", "NOT_YET_KNOWN", "Arrival", "MirrorArrival", "ShareArrival", "measure"]

LONGEST = timedelta(hours=6)
"""The newest part of a split that is older is measured: more requests than these tell nothing new."""
CLOCKS = timedelta(seconds=30)
"""How far Azure's clock may be ahead of this machine's: so long after a change its first whole minute may begin."""


@dataclass(frozen=True)
class Arrival:
    """What was measured from ``since`` to ``until``, both whole minutes. ``note`` says what a person must know of it.

    ``shares`` has every deployment with a live share or with live requests. ``mirror`` is None without a mirror.
    """

    since: datetime
    until: datetime
    shares: tuple[ShareArrival, ...]
    mirror: MirrorArrival | None
    note: str


def measure(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], since: datetime, now: datetime
) -> Arrival:
    """Whether the endpoint's split, in effect since ``since``, arrives. Raises SluiceError when metrics cannot be read.

    Only whole settled minutes count, the one of the change left out. Where copies of mirrored requests are visible is
    found out by looking, and remembered for the life of the connection.
    """
    start, end = span(since, now)
    looks = int(max(end - start, end - since) / timedelta(minutes=1))
    counts = Counts(0, {})
    if start < end:
        counts = _counts(conn, endpoint, deployments, Window(start, end, 60), looks)
    key = ("arrival", "copies are shown in")
    shown_in: frozenset[str] = conn.memory.get(key, frozenset())
    mirror = judge_mirror(endpoint.split, counts, shown_in)
    conn.memory[key] = shown_in | showing(mirror)
    shares = judge_shares(endpoint.split, counts)
    return Arrival(start, end, shares, mirror, notes(endpoint.split, shares, mirror, counts.looks))


def span(since: datetime, now: datetime) -> tuple[datetime, datetime]:
    """The whole settled minutes after a change; both are the same moment while there are none. Pure."""
    end = settled_until(now)
    after = since + CLOCKS
    start = after.replace(second=0, microsecond=0)
    start = max(start if start == after else start + timedelta(minutes=1), end - LONGEST)
    return (start, end) if start < end else (start, start)


def _counts(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], window: Window, looks: int
) -> Counts:
    rates = of_endpoint(conn, endpoint, window)
    # Requests that no deployment answered, such as those without a valid key, were never split.
    found = {each.name: total(rates.get(each.name.lower())) for each in deployments}
    live = {name: count for name, count in found.items() if count is not None}
    target = next((each for each in deployments if each.name == endpoint.split.mirror_target), None)
    if target is None:
        return Counts(looks, live)
    own = of_deployments(conn, endpoint, [target], window)
    others = {name: count for name, count in live.items() if name != target.name}
    return Counts(looks, others, total(own.get(target.name.lower())), live.get(target.name))
