"""Where a load test goes: whether it can, and who else it touches."""

from __future__ import annotations

from collections.abc import Sequence

from services.errors import NotFound, RuleBroken
from services.model import Deployment, Endpoint

_NOT_STARTED = "The load test was not started."


def check_target(endpoint: Endpoint, deployments: Sequence[Deployment], deployment: str | None) -> None:
    """Raise when nothing could answer: NotFound for an unknown deployment, RuleBroken when the split is empty."""
    names = [each.name for each in deployments]
    if deployment is not None and deployment not in names:
        why = f"{endpoint.name} has no deployment {deployment}; there {_are(names)}."
        raise NotFound(_NOT_STARTED, why, "Name one of them, or none to go through the split.")
    if deployment is None and not endpoint.split.live:
        why = f"No deployment of {endpoint.name} has live traffic."
        raise RuleBroken(_NOT_STARTED, why, "Choose a deployment, or give one live traffic first.")


def cautions(endpoint: Endpoint, deployment: str | None) -> tuple[str, ...]:
    """Whom the test disturbs, a sentence each; empty when the deployment serves nobody. A person must agree to them."""
    split = endpoint.split
    if deployment is None:
        live = ", ".join(f"{name} {percent} %" for name, percent in split.live.items())
        found = [f"The requests go through the split of {endpoint.name}: {live}. Its callers wait behind them."]
        if split.mirror_target:
            found.append(f"{split.mirror_percent} % of them are copied to {split.mirror_target}.")
        return tuple(found)
    share = split.live_percent(deployment)
    if share:
        return (f"{deployment} answers {share} % of the live traffic, whose callers wait behind the test.",)
    if split.mirror_target == deployment:
        return (f"{deployment} receives mirrored traffic: the test delays those copies, and they delay the test.",)
    return ()


def _are(names: Sequence[str]) -> str:
    return f"are {', '.join(names)}" if len(names) > 1 else f"is {names[0]}" if names else "is none"
