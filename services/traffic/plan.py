"""A legal change of a split: what it does to each deployment, and what a person may not expect of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.errors import RuleBroken
from services.model import Deployment, Endpoint, Split, SplitError

if TYPE_CHECKING:
    from services.traffic.evidence import Evidence

_REFUSED = "The split of {} was not changed."
_NOT_BALANCED = "The shares could not be balanced."


@dataclass(frozen=True)
class Change:
    """What a plan does to one deployment, in percent."""

    deployment: str
    live_before: int
    live_after: int
    mirror_before: int
    mirror_after: int


@dataclass(frozen=True)
class Plan:
    """A legal change of an endpoint's split. ``changes`` is empty when the plan changes nothing.

    ``endpoint`` is what the person saw; ``before`` is its split. ``notes`` are sentences about consequences that a
    person may not expect.
    """

    endpoint: Endpoint
    before: Split
    after: Split
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    @property
    def endpoint_name(self) -> str:
        """The name of the endpoint."""
        return self.endpoint.name


def plan(
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    live: Mapping[str, int],
    mirror_target: str | None,
    mirror_percent: int,
) -> Plan:
    """The change from the endpoint's split to the wished one. Pure.

    A deployment that receives mirrored traffic and is given live traffic loses its mirrored traffic in the same write;
    the notes say so. Raises RuleBroken when the result breaks one of Azure's rules.
    """
    before = endpoint.split
    notes: list[str] = []
    if mirror_percent and mirror_target is None:
        raise RuleBroken(
            _REFUSED.format(endpoint.name), "Mirrored traffic has no target.", "Choose the deployment to mirror to."
        )
    mirror = {mirror_target: mirror_percent} if mirror_target and mirror_percent else {}
    promoted = before.mirror_target
    if promoted and live.get(promoted) and mirror_target in (None, promoted):
        mirror = {}
        notes.append(
            f"{promoted} gets live traffic, so its mirrored traffic ({before.mirror_percent} %) ends in the same "
            "write: a deployment is live or mirrored, never both."
        )
    after = Split(live, mirror)
    check_rules(endpoint, deployments, after)
    return Plan(endpoint, before, after, _changes(before, after), (*notes, *_notes(deployments, before, after)))


@dataclass(frozen=True)
class Expected:
    """What a plan does to one deployment: requests per minute that it answers and copies that it gets.

    None is not known. ``for_callers`` is what changes for those who send the requests, in one or two sentences.
    """

    before_per_minute: float | None
    after_per_minute: float | None
    mirrored_before: float | None
    mirrored_after: float | None
    for_callers: str


def expected(plan: Plan, evidence: Evidence) -> dict[str, Expected]:
    """Deployment name → what to expect of it, from the mean of the last minutes, for every deployment. Pure."""
    rate = evidence.requests.mean if evidence.requests else None
    names = sorted({*evidence.deployments, *(change.deployment for change in plan.changes)})
    return {
        name: Expected(
            _of(rate, plan.before.live_percent(name)),
            _of(rate, plan.after.live_percent(name)),
            # Azure copies live requests only.
            _of(rate, plan.before.mirror.get(name, 0) if plan.before.live else 0),
            _of(rate, plan.after.mirror.get(name, 0) if plan.after.live else 0),
            for_callers(plan.before, plan.after, name),
        )
        for name in names
    }


def for_callers(before: Split, after: Split, name: str) -> str:
    """What those who send requests notice of a change of ``name``'s shares. Pure."""
    was, becomes = before.live_percent(name), after.live_percent(name)
    copied, will_copy = before.mirror.get(name, 0), after.mirror.get(name, 0)
    sentences = []
    if was and not becomes:
        sentences.append("Answers only requests that name it.")
    elif becomes and not was:
        sentences.append(f"Begins to answer callers: {becomes} of 100 requests.")
    elif was != becomes:
        sentences.append(f"Answers {becomes} instead of {was} of 100 requests.")
    if will_copy and not copied:
        sentences.append(f"Gets copies of {will_copy} of 100 requests; callers never see its answers.")
    elif copied and not will_copy:
        sentences.append("Gets no more copies; callers do not notice.")
    elif copied != will_copy:
        sentences.append(f"Gets copies of {will_copy} instead of {copied} of 100 requests; callers do not notice.")
    return " ".join(sentences) or "Nothing changes."


def _of(rate: float | None, percent: int) -> float | None:
    return rate * percent / 100 if rate is not None else None


def check_rules(endpoint: Endpoint, deployments: Sequence[Deployment], split: Split) -> None:
    """Raise RuleBroken when ``split`` breaks one of Azure's rules on this endpoint. Pure."""
    try:
        split.check(found.name for found in deployments)
    except SplitError as error:
        raise RuleBroken(_REFUSED.format(endpoint.name), str(error), "Change the shares and try again.") from error
    if endpoint.is_kubernetes and split.mirror:
        raise RuleBroken(
            _REFUSED.format(endpoint.name),
            "Azure mirrors traffic on managed online endpoints only, and this one runs on Kubernetes.",
            "Set mirrored traffic to 0 %.",
        )


def balance(shares: Mapping[str, int], name: str, percent: int) -> dict[str, int]:
    """``shares`` with ``name`` set to ``percent``; the others keep their ratios and everything adds up to 100.

    Others that are all 0 share the rest evenly. A deployment that is alone always has 100. Rounding goes by the
    largest remainder, ties by name. Pure. Raises RuleBroken for an unknown name or a percentage outside 0–100.
    """
    if name not in shares:
        raise RuleBroken(_NOT_BALANCED, f"There is no deployment named {name}.", "Reload the page.")
    if not 0 <= percent <= 100:
        raise RuleBroken(_NOT_BALANCED, f"{percent} % was asked for.", "Choose a share between 0 and 100 %.")
    others = sorted(other for other in shares if other != name)
    if not others:
        return {name: 100}
    weights = {other: shares[other] for other in others}
    if not any(weights.values()):
        weights = dict.fromkeys(others, 1)
    rest, total = 100 - percent, sum(weights.values())
    result = {other: rest * weights[other] // total for other in others}
    by_remainder = sorted(others, key=lambda other: -(rest * weights[other] % total))
    for other in by_remainder[: rest - sum(result.values())]:
        result[other] += 1
    result[name] = percent
    return {each: result[each] for each in shares}


def _changes(before: Split, after: Split) -> tuple[Change, ...]:
    names = sorted({*before.live, *before.mirror, *after.live, *after.mirror})
    changes = (
        Change(
            name,
            before.live_percent(name),
            after.live_percent(name),
            before.mirror.get(name, 0),
            after.mirror.get(name, 0),
        )
        for name in names
    )
    return tuple(
        change
        for change in changes
        if (change.live_before, change.mirror_before) != (change.live_after, change.mirror_after)
    )


def _notes(deployments: Sequence[Deployment], before: Split, after: Split) -> list[str]:
    notes = []
    if before.live and not after.live:
        notes.append("All live traffic stops: requests that name no deployment are answered 404.")
    if after.mirror and not after.live:
        notes.append("Without live traffic there is nothing to mirror.")
    for found in deployments:
        gains = after.live_percent(found.name) > before.live_percent(found.name)
        gains = gains or after.mirror.get(found.name, 0) > before.mirror.get(found.name, 0)
        if gains and found.state != "Succeeded":
            notes.append(f"{found.name} gets traffic while its state is {found.state}; its requests may fail.")
    return notes
