"""The first lines of the Quota page: what is free, what is idle, what has failed. Everything below explains them."""

from __future__ import annotations

from collections.abc import Sequence

from services.quota.idle import Use
from services.quota.ledger import Family, Holding
from services.quota.reading import Overview
from ui import words
from ui.facts import Fact, facts

_MOST_FAMILIES = 3
_MOST_NAMES = 2


def show(overview: Overview) -> None:
    """Draw them."""
    facts([*free(overview), idle(overview), *failed(overview)])


def free(overview: Overview) -> list[Fact]:
    """The cores that are free of each family of which some are used, the fullest first, and of all together. Pure."""
    if not overview.has_quota:
        return [Fact("Cores free", "not known")]
    busy = [each for each in overview.families if each.usage.used or each.holdings]
    counted = sorted(busy, key=lambda each: (_share(each) is None, -(_share(each) or 0.0), each.usage.family))
    limited = [each for each in (overview.total,) if each is not None and each.usage.limit is not None]
    found = [_fact(each) for each in (*limited, *counted[:_MOST_FAMILIES])]
    more = len(counted) - _MOST_FAMILIES
    if more > 0:
        found.append(Fact("More families", f"{more}, with more room"))
    return found or [Fact("Cores free", "all: none is used")]


def idle(overview: Overview) -> Fact:
    """The deployments that nobody uses. What is not known is told, and never taken for used. Pure."""
    found = [each for each in overview.holdings if overview.evidence_of(each).use is Use.IDLE]
    unknown = sum(overview.evidence_of(each).use is Use.NOT_KNOWN for each in overview.holdings)
    if not overview.holdings and not overview.has_all_deployments:
        return Fact("Idle", "not known")
    beside = f"; {unknown} not known" if unknown else ""
    beside += "" if overview.has_all_deployments else "; not all deployments could be read"
    return Fact("Idle", f"{_named(found) if found else 'none'}{beside}", tone="bad" if found else "")


def failed(overview: Overview) -> list[Fact]:
    """Those that answer nothing and hold their cores; none when there is none. Pure."""
    found = [each for each in overview.holdings if each.has_failed]
    return [Fact("Failed", _named(found), tone="bad")] if found else []


def _named(found: Sequence[Holding]) -> str:
    """The first names, how many more there are, and the cores of all that are known."""
    names = ", ".join(each.name for each in found[:_MOST_NAMES])
    rest = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    cores = sum(each.cores or 0 for each in found)
    return f"{names}{rest} ({words.count(cores, 'core')})" if cores else f"{names}{rest}"


def _share(family: Family) -> float | None:
    usage = family.usage
    if usage.limit is None:
        return None
    return usage.used / usage.limit if usage.limit else 1.0


def _fact(family: Family) -> Fact:
    usage = family.usage
    name = "all families" if usage.is_total else usage.family
    if usage.free is None:
        return Fact(f"Free, {name}", "no limit")
    return Fact(f"Free, {name}", f"{usage.free} of {usage.limit} cores", tone="" if usage.free else "bad")
