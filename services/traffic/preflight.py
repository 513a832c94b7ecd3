"""Warnings before a split is applied, with numbers. They never block; a broken rule does. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.model import Deployment, Split
from services.traffic.evidence import REQUESTS, DeploymentEvidence, Evidence, Rate
from services.traffic.overload import Room, room
from services.traffic.plan import Plan

KINDS = ("overload", "rate_limit", "bandwidth", "not_ready", "never_answered", "probes", "last_test", "unknown")
"""In the order of what matters more. ``unknown`` says what could not be judged and why."""
MOST_REQUESTS_PER_SECOND = 500
MOST_BYTES_PER_SECOND = 5_000_000
"""Azure's default limits of a managed online endpoint (how-to-manage-quotas); a support request can raise them."""
_LEAST_LOST = 0.01
"""Share of refused requests that is worth a warning."""
_CLOSE = 0.8
"""Share of a limit from which on a busier minute may well reach it."""


@dataclass(frozen=True)
class Finding:
    """One thing to know before applying. ``kind`` is one of KINDS; ``deployment`` is None for the whole endpoint."""

    kind: str
    deployment: str | None
    title: str
    detail: str


def assess(plan: Plan, deployments: Sequence[Deployment], evidence: Evidence) -> tuple[Finding, ...]:
    """What speaks against the plan, in the order of KINDS. Pure.

    Deployments are judged when they get more than before, live or copies.
    """
    growing = [each for each in deployments if _grows(plan, each.name)]
    found: list[Finding] = []
    for each in growing:
        known = evidence.deployments.get(each.name, DeploymentEvidence())
        found += _overload(plan, each, known, evidence.requests)
        found += _not_ready(each, known)
        found += _reputation(plan, each, known)
    found += [*_rate_limit(plan, evidence.requests), *_bandwidth(plan, evidence.bytes)]
    found += _unknown(plan, growing, evidence)
    return tuple(sorted(found, key=lambda finding: KINDS.index(finding.kind)))


def _overload(plan: Plan, deployment: Deployment, known: DeploymentEvidence, rate: Rate | None) -> Iterator[Finding]:
    queue = room(deployment, known)
    if queue is None or known.service is None or rate is None:
        return
    share = _load(plan.after, deployment.name)
    busiest = queue.lost_share(rate.busiest * share)
    if busiest < _LEAST_LOST:
        return
    name, what = deployment.name, "requests" if plan.after.live_percent(deployment.name) else "copies"
    how = "refuse or time out" if queue.times_out_first else "refuse"
    code = "429 or 408" if queue.times_out_first else "429"
    now = queue.lost_share(rate.busiest * _load(plan.before, name))
    sentences = [
        f"{_percent(busiest)} at {_per_minute(rate.busiest * share)}, its part of the last hour's busiest minute"
    ]
    if _load(plan.before, name):
        sentences[0] += f" (now {_percent(now)})"
    if rate.mean is not None:
        mean = queue.lost_share(rate.mean * share)
        sentences[0] += f"; {_percent(mean)} at {_per_minute(rate.mean * share)}, its part of the last 15 minutes' mean"
    sentences[0] += "."
    sentences.append(_computed(deployment, known, queue))
    if queue.times_out_first:
        sentences.append(
            f"A full queue takes longer than its timeout of {_seconds(deployment.request_timeout_ms / 1000)}, so "
            "callers wait that long and get 408. What timed out keeps it busy all the same, so it may lose nearly all."
        )
    if not plan.after.live_percent(name):
        sentences.append("Callers do not notice, but its answers and latencies tell less about it.")
    title = f"{name} would {how} {_percent(busiest)} of its {what} in a busy minute ({code})"
    yield Finding("overload", name, title, " ".join(sentences))


def _computed(deployment: Deployment, known: DeploymentEvidence, queue: Room) -> str:
    ready = "ready " if known.ready_instances is not None else ""
    source = known.service.source if known.service else ""
    return (
        f"It works on {queue.servers} at once ({_count(queue.instances, f'{ready}instance')} × the smaller of "
        f"{deployment.max_concurrent_requests} concurrent and {_count(deployment.worker_count, 'worker')}) and holds "
        f"{queue.places}; one takes {_seconds(queue.service_seconds)} ({source}). "
        f"Predicted by an M/M/{queue.servers}/{queue.places} queue."
    )


def _rate_limit(plan: Plan, rate: Rate | None) -> Iterator[Finding]:
    if rate is None or not plan.after.live or rate.busiest / 60 < _CLOSE * MOST_REQUESTS_PER_SECOND:
        return
    per_second = rate.busiest / 60
    lost = max(0.0, 1 - MOST_REQUESTS_PER_SECOND / per_second)
    title = f"The endpoint gets {per_second:,.0f} requests per second, close to its limit"
    if lost:
        title = f"The endpoint would refuse {_percent(lost)} of all requests: too many per second (429)"
    yield Finding(
        "rate_limit",
        None,
        title,
        f"The busiest minute of the last hour had {per_second:,.0f} requests per second on average; Azure's default "
        f"limit is {MOST_REQUESTS_PER_SECOND} per endpoint, however its traffic is split.",
    )


def _bandwidth(plan: Plan, rate: Rate | None) -> Iterator[Finding]:
    """Copies count against the bandwidth (how-to-safely-rollout-online-endpoints)."""
    if rate is None or not plan.before.live or not plan.after.live:
        return
    busiest = rate.busiest * (100 + plan.after.mirror_percent) / (100 + plan.before.mirror_percent)
    if busiest < _CLOSE * MOST_BYTES_PER_SECOND:
        return
    over = busiest > MOST_BYTES_PER_SECOND
    mirrored = f", {plan.after.mirror_percent} % copies included" if plan.after.mirror_percent else ""
    yield Finding(
        "bandwidth",
        None,
        f"The endpoint's bandwidth would {'not be enough' if over else 'be almost used up'}: "
        f"{busiest / 1e6:.1f} of {MOST_BYTES_PER_SECOND / 1e6:.0f} MB per second",
        f"The busiest minute of the last hour had {rate.busiest / 1e6:.1f} MB per second; with this split it would be "
        f"{busiest / 1e6:.1f}{mirrored}. Above Azure's default limit requests and answers are delayed.",
    )


def _not_ready(deployment: Deployment, known: DeploymentEvidence) -> Iterator[Finding]:
    name, ready, wanted = deployment.name, known.ready_instances, deployment.instance_count
    if deployment.state != "Succeeded":
        title = f"{name} is not ready: its state is {deployment.state}"
        yield Finding("not_ready", name, title, "Its requests may fail until the state is Succeeded.")
    elif wanted < 1:
        yield Finding("not_ready", name, f"{name} has no instance", "Nothing would answer its requests.")
    elif ready == 0:
        yield Finding("not_ready", name, f"No instance of {name} is ready", "Its requests would be answered 424.")
    elif ready is not None and ready < wanted:
        title = f"{ready} of {wanted} instances of {name} {'is' if ready == 1 else 'are'} ready"
        yield Finding("not_ready", name, title, "The others take no requests now.")


def _reputation(plan: Plan, deployment: Deployment, known: DeploymentEvidence) -> Iterator[Finding]:
    name = deployment.name
    if known.has_answered is False and plan.after.live_percent(name):
        title = f"{name} has not answered any request in the last 7 days"
        yield Finding("never_answered", name, title, "Send it a test request, or mirror to it first.")
    for probe in known.failing_probes:
        title = f"{name} has a failing probe: {probe.name}, {_count(probe.times, 'time')} in the last 30 minutes"
        yield Finding("probes", name, title, f"The last one at {probe.last_at:%H:%M} UTC: {probe.message or 'no text'}")
    test = known.last_test
    if test and not test.is_good:
        when = f"{test.at:%Y-%m-%d %H:%M} UTC"
        changed = deployment.modified_at is not None and deployment.modified_at > test.at
        later = " It was changed since; test it again." if changed else " Test it again before callers do."
        title = f"The last test request to {name} failed: status {test.status}"
        yield Finding("last_test", name, title, f"It was sent at {when}.{later}")


def _unknown(plan: Plan, growing: Sequence[Deployment], evidence: Evidence) -> Iterator[Finding]:
    names = {each.name for each in growing}
    for each in growing:
        known = evidence.deployments.get(each.name, DeploymentEvidence())
        if known.service is None:
            yield Finding(
                "unknown",
                each.name,
                f"How long {each.name} takes for a request is not known",
                "So nobody can say whether it keeps up. Send it a few test requests.",
            )
    if growing and evidence.requests is None and not any(gap.what == REQUESTS for gap in evidence.gaps):
        why = "Azure Monitor has no data of the last hour, so no load can be predicted."
        yield Finding("unknown", None, "How many requests come in is not known", why)
    for gap in evidence.gaps:
        if plan.changes and (gap.deployment is None or gap.deployment in names):
            of = f" of {gap.deployment}" if gap.deployment else ""
            yield Finding("unknown", gap.deployment, f"Not known{of}: {gap.what}", gap.why)


def _grows(plan: Plan, name: str) -> bool:
    before, after = plan.before, plan.after
    return after.live_percent(name) > before.live_percent(name) or _copies(after, name) > _copies(before, name)


def _copies(split: Split, name: str) -> int:
    # Without live traffic there is nothing to copy.
    return split.mirror.get(name, 0) if split.live else 0


def _load(split: Split, name: str) -> float:
    """The share of what comes in, 0 to 1, that reaches the deployment."""
    return (split.live_percent(name) + _copies(split, name)) / 100


def _percent(share: float) -> str:
    if share < 0.005:
        return "0 %" if share < 0.0005 else "less than 1 %"
    return "more than 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _per_minute(rate: float) -> str:
    return f"{rate:,.0f} requests/min" if rate >= 10 else f"{rate:.1f} requests/min"


def _seconds(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
