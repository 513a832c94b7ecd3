"""What surrounds the controls of the Traffic page: what is now, why they are off, and the plan with its one button."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.azure.connection import Permissions
from services.errors import RuleBroken
from services.model import Deployment, Endpoint, Split
from services.traffic.evidence import Evidence
from services.traffic.plan import Plan, expected, plan
from services.traffic.preflight import assess
from ui import context, problem, scope, words
from ui.behind import Look
from ui.facts import Fact, facts
from ui.journal import entry_words
from ui.tables import mirror_words, state_cell
from ui.traffic import confirm, draft, plan_view, preflight_view
from ui.traffic.draft import Draft

NAMED = 4
"""So many deployments are named in what is now; the others are counted."""


def why_off(endpoint: Endpoint, permissions: Permissions) -> str:
    """Why traffic cannot be changed here, "" when it can."""
    if not permissions.can_change_traffic:
        return (
            "You can look, not change: your role in this workspace may not write online endpoints. "
            "The AzureML Data Scientist role, or another with "
            "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write, allows it."
        )
    if endpoint.is_kubernetes:
        return "This is a Kubernetes endpoint. Sluice shows its traffic and does not change it."
    return ""


def show_why_off(reason: str) -> None:
    """Say why the controls below are off."""
    st.html(f'<p class="notice" role="note"><b>Read only.</b> {escape(reason)}</p>')


def show_now(endpoint: Endpoint, known: Look[Evidence] | None) -> None:
    """Draw what Azure holds now."""
    rate = known.value.requests if known and known.value else None
    now = [
        Fact("Live now", _live_words(endpoint)),
        Fact("Mirror now", mirror_words(endpoint.split)),
        Fact("State", endpoint.state, tone=state_cell(endpoint.state).tone),
    ]
    if rate:
        now.append(Fact("Requests", words.rate(rate.mean)))
    facts(now)


def _live_words(endpoint: Endpoint) -> str:
    live = endpoint.split.live
    if len(live) <= NAMED:
        return entry_words.split_words(endpoint.split)
    biggest = sorted(live, key=lambda name: (-live[name], name))[:NAMED]
    rest = 100 - sum(live[name] for name in biggest)
    named = entry_words.split_words(Split({name: live[name] for name in biggest}))
    return f"{named}, {words.count(len(live) - NAMED, 'other')} {rest} %"


def show_plan(
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    wish: Draft,
    known: Look[Evidence],
    *,
    is_off: bool,
    why_not: str,
) -> None:
    """Draw before and after, what speaks against it, and the button; say why the button is off.

    ``why_not`` is why nothing can be applied now although the person may, "" when it can.
    """
    wanted = _plan(endpoint, deployments, wish)
    if wanted is None:
        why_not = "Nothing can be shifted while a rule is broken."
    else:
        if wanted.changes:
            plan_view.show(wanted, deployments, expected(wanted, known.value) if known.value else {}, key="plan")
            st.header("What speaks against it", anchor=False)
            findings = assess(wanted, deployments, known.value) if known.value else ()
            preflight_view.show(endpoint, deployments, known, findings)
        else:
            why_not = why_not or _first_step(endpoint, deployments)
    with st.container(horizontal=True, vertical_alignment="center", key="plan_buttons"):
        if st.button("Shift traffic", key="shift", type="primary", disabled=bool(why_not) or is_off) and wanted:
            confirm.begin(wanted, wish.restoring)
        if wanted is None or wanted.changes:
            st.button("Reset", key="reset", disabled=is_off, on_click=draft.drop, args=(endpoint,))
        if why_not and not is_off:
            st.caption(why_not, width="content")
    confirm.show(endpoint, deployments, known)


def _first_step(endpoint: Endpoint, deployments: Sequence[Deployment]) -> str:
    """What to do while nothing is changed: there are handles for two or more deployments only."""
    if len(deployments) > 1:
        return "Nothing to shift yet. Move a handle, type a percentage, or set a mirror."
    if not deployments:
        return "Nothing to shift: there is no deployment."
    if endpoint.split.live:
        return f"Nothing to shift: {deployments[0].name} has all requests, and there is no other deployment."
    return f"Nothing to shift yet. Press Start traffic: {deployments[0].name} gets all requests."


def _plan(endpoint: Endpoint, deployments: Sequence[Deployment], wish: Draft) -> Plan | None:
    try:
        return plan(endpoint, deployments, wish.live, *wish.mirror(endpoint.split))
    except RuleBroken as error:
        problem.show(error, key="rule")
        return None


def show_no_deployments(endpoint: Endpoint) -> None:
    """Say what is missing before there is traffic to shift."""
    st.html(f'<p class="lead">{escape(endpoint.name)} has no deployment yet, so there is no traffic to shift.</p>')
    st.page_link(
        context.ROOT / "pages" / "overview.py",
        label="See the endpoint",
        icon=":material/lan:",
        query_params=scope.link(endpoint.workspace_ref, endpoint.name),
    )
