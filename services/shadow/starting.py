"""What a shadow test needs to begin, and the change of the split that it begins with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.errors import RuleBroken
from services.model import Deployment, Endpoint, Split
from services.shadow.model import Asked, Run, Setup
from services.statuses import StatusSets
from services.traffic.plan import Plan, plan

SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=7)
_WHAT = "The shadow test was not started."


def plan_of(endpoint: Endpoint, deployments: Sequence[Deployment], asked: Asked) -> Plan:
    """The change that sets the mirror; one without changes when the endpoint mirrors like this already.

    Raises RuleBroken when the test cannot be run on this endpoint.
    """
    live, candidate, split = asked.pair.live, asked.pair.candidate, endpoint.split
    if endpoint.is_kubernetes:
        why = "Azure mirrors traffic on managed online endpoints only, and this one runs on Kubernetes."
        raise RuleBroken(_WHAT, why, "Choose a managed online endpoint.")
    if live == candidate:
        raise RuleBroken(_WHAT, f"{live} would be compared with itself.", "Choose another candidate.")
    known = {each.name for each in deployments}
    for name in (live, candidate):
        if name not in known:
            raise RuleBroken(_WHAT, f"There is no deployment named {name} on this endpoint.", "Reload the page.")
    if not split.live_percent(live):
        why = f"{live} answers no callers, so there is nothing to compare with."
        raise RuleBroken(_WHAT, why, "Choose a deployment that has live traffic.")
    if split.live_percent(candidate):
        why = f"{candidate} has live traffic, and a deployment is live or mirrored, never both."
        raise RuleBroken(_WHAT, why, "Choose a candidate without live traffic.")
    if isinstance(asked.percent, bool) or not isinstance(asked.percent, int) or not 1 <= asked.percent <= 50:
        raise RuleBroken(_WHAT, f"{asked.percent} % was asked for.", "Choose a whole share between 1 and 50 %.")
    if not SHORTEST <= asked.duration <= LONGEST:
        raise RuleBroken(
            _WHAT,
            f"It would last {asked.duration.total_seconds() / 60:,.0f} minutes.",
            "Choose between five minutes and seven days.",
        )
    asked.criteria.check()
    return plan(endpoint, deployments, split.live, candidate, asked.percent)


def new_run(
    run_id: str,
    wanted: Plan,
    deployments: Sequence[Deployment],
    asked: Asked,
    now: datetime,
    statuses: StatusSets | None = None,
) -> Run:
    """The run that ``asked`` begins at ``now``. ``statuses`` say which answers are errors in it."""
    is_set = not wanted.changes
    by_name = {each.name: each for each in deployments}
    return Run(
        id=run_id,
        endpoint_id=wanted.endpoint.id,
        pair=asked.pair,
        percent=asked.percent,
        criteria=asked.criteria,
        started_at=now,
        ends_at=now + asked.duration,
        person=asked.person,
        principal=asked.principal,
        prepares_promotion=asked.prepares_promotion,
        split=Split(wanted.after.live, wanted.after.mirror),
        setup=tuple(setup_of(by_name[name]) for name in (asked.pair.live, asked.pair.candidate)),
        set_at=now if is_set else None,
        statuses=statuses,
    )


def setup_of(found: Deployment) -> Setup:
    """What of a deployment must stay as it is."""
    return Setup(
        found.name, found.model, found.environment, found.instance_type, found.instance_count, found.modified_at
    )
