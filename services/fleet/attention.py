"""What about an endpoint a person should look at. Pure: documents, numbers and the time go in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.azure.endpoints import BUSY_STATES
from services.fleet.fleet import Member
from services.fleet.fleet_numbers import IDLE_HOURS, Numbers
from services.metrics import SUMMARY_MINUTES
from services.model import Deployment, Endpoint

KINDS = ("failed", "stuck", "errors", "mirror", "no traffic", "idle")
"""What may need attention, the most urgent first."""
STUCK_MINUTES = 15
ERROR_PERCENT = 1.0

_Z = 1.96
"""The quantile of the normal distribution for 95 % on both sides."""


@dataclass(frozen=True)
class Need:
    """One reason to look at an endpoint: its kind, and a sentence that says what was seen."""

    kind: str
    words: str


def needs(member: Member, numbers: Numbers | None, now: datetime) -> tuple[Need, ...]:
    """Why ``member`` needs attention, in the order of :data:`KINDS`; nothing that is not known is guessed.

    ``errors``: with 95 % confidence more than one percent of the requests of the last 15 settled minutes failed, so
    that a single failure among many requests does not count, and two of two do. ``stuck``: busy for 15 minutes.
    """
    return (*_of_states(member, now), *_of_numbers(member, numbers), *_of_traffic(member, numbers))


def least_share(hits: float, total: float) -> float:
    """The lower end of the 95 % Wilson interval of ``hits`` in ``total``, 0 to 1.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    if not total:
        return 0.0
    share = hits / total
    middle = share + _Z**2 / (2 * total)
    spread = _Z * math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    return max(0.0, (middle - spread) / (1 + _Z**2 / total))


def _of_states(member: Member, now: datetime) -> Iterator[Need]:
    things: list[tuple[str, Endpoint | Deployment]] = [("the endpoint", member.endpoint)]
    things += [(f"deployment {each.name}", each) for each in member.deployments or ()]
    failed = [what for what, each in things if each.state == "Failed"]
    if failed:
        yield Need("failed", f"The last operation failed: {', '.join(failed)}.")
    stuck = [
        f"{what} ({each.state} for {int((now - each.modified_at) / timedelta(minutes=1))} min)"
        for what, each in things
        if each.state in BUSY_STATES and each.modified_at and now - each.modified_at > timedelta(minutes=STUCK_MINUTES)
    ]
    if stuck:
        yield Need("stuck", f"An operation does not end: {', '.join(stuck)}.")


def _of_numbers(member: Member, numbers: Numbers | None) -> Iterator[Need]:
    if numbers is None:
        return
    summary = numbers.summary
    if summary.error_percent and summary.requests_per_minute:
        requests = summary.requests_per_minute * SUMMARY_MINUTES
        if least_share(requests * summary.error_percent / 100, requests) * 100 > ERROR_PERCENT:
            yield Need(
                "errors",
                f"{summary.error_percent:.1f} % of {requests:.0f} requests failed in the last {SUMMARY_MINUTES} min.",
            )
    split = member.endpoint.split
    if numbers.mirror_arrives is False:
        yield Need(
            "mirror",
            f"{split.mirror_percent} % is mirrored to {split.mirror_target}, whose metrics count no request.",
        )


def _of_traffic(member: Member, numbers: Numbers | None) -> Iterator[Need]:
    if not member.endpoint.split.live and member.endpoint.state not in ("Creating", "Deleting"):
        has_none = member.deployments == ()
        yield Need("no traffic", "It has no deployment." if has_none else "No live traffic is assigned.")
    if numbers is not None and numbers.is_idle and member.deployments != ():
        yield Need("idle", f"No request for {IDLE_HOURS} h.")
