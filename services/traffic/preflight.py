"""Warnings before a split is applied, with numbers. They never block; a broken rule does. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.model import Deployment
from services.traffic.evidence import Evidence
from services.traffic.plan import Plan

KINDS = ("overload", "rate_limit", "bandwidth", "not_ready", "never_answered", "probes", "last_test", "unknown")
"""In the order of what matters more. ``unknown`` says what could not be judged and why."""


@dataclass(frozen=True)
class Finding:
    """One thing to know before applying. ``kind`` is one of KINDS; ``deployment`` is None for the whole endpoint."""

    kind: str
    deployment: str | None
    title: str
    detail: str


def assess(plan: Plan, deployments: Sequence[Deployment], evidence: Evidence) -> tuple[Finding, ...]:
    """What speaks against the plan, in the order of KINDS. Pure."""
    raise NotImplementedError
