"""What speaks against a plan: the findings of the preflight, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from html import escape

import streamlit as st

from services.model import Deployment, Endpoint
from services.traffic.evidence import Evidence
from services.traffic.preflight import Finding
from ui import problem
from ui.behind import Look
from ui.traffic import known_evidence
from ui.turns import Turns

POLL_SECONDS = 0.5
UNKNOWN = "unknown"
_READING = "Reading what is known about load, service times, probes and tests…"
_NOTHING = "Nothing that Sluice can see speaks against it."


def show(
    endpoint: Endpoint, deployments: Sequence[Deployment], known: Look[Evidence], findings: Sequence[Finding]
) -> None:
    """Draw the findings; while their evidence is still being read, say so and come back by itself."""
    if known.value is None and known.problem is not None:
        problem.show(known.problem, key="evidence", retry=known_evidence.forget)
    elif known.value is None:
        _wait(endpoint, deployments, Turns())
    else:
        read_at = known.value.read_at
        when = f" Judged from what was read at {read_at.astimezone(UTC):%H:%M:%S} UTC." if read_at else ""
        st.html(listed(findings, when))


def listed(findings: Sequence[Finding], when: str = "") -> str:
    """The findings as a list, what could not be judged apart from the warnings. Pure."""
    warnings = [each for each in findings if each.kind != UNKNOWN]
    unknown = [each for each in findings if each.kind == UNKNOWN]
    parts = []
    if warnings:
        parts.append(f'<ul class="findings">{"".join(map(_item, warnings))}</ul>')
    else:
        parts.append(f'<p class="clear">{_NOTHING}{escape(when) if not unknown else ""}</p>')
    if unknown:
        title = f"Not judged: {len(unknown)}"
        parts.append(
            f'<details class="unknown"><summary>{title}</summary>'
            f'<ul class="findings">{"".join(map(_item, unknown))}</ul></details>'
        )
    if when and (warnings or unknown):
        parts.append(f'<p class="hint">{escape(when.strip())} Warnings do not stop you.</p>')
    return f'<div class="preflight">{"".join(parts)}</div>'


def _item(finding: Finding) -> str:
    return (
        f'<li class="{escape(finding.kind)}"><b>{escape(finding.title)}</b> <span>{escape(finding.detail)}</span></li>'
    )


@st.fragment(run_every=POLL_SECONDS)
def _wait(endpoint: Endpoint, deployments: Sequence[Deployment], turns: Turns) -> None:
    known = known_evidence.of(endpoint, deployments)
    if turns.is_by_itself() and (known.value is not None or known.problem is not None):
        st.rerun()
    st.html(f'<p class="working" role="status">{_READING}</p>')
