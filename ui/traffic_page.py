"""What surrounds the controls of the Traffic page: why they are off, what has drifted, and the plan with its button."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.azure.connection import Permissions
from services.errors import RuleBroken
from services.model import Deployment, Endpoint
from services.traffic.plan import Plan, plan
from ui import applying, context, draft, problem, tables
from ui.draft import Draft


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


def show_drift(endpoint: Endpoint, wish: Draft) -> None:
    """Say so when Azure no longer holds the split that the person began with."""
    if not wish.is_touched or wish.base == endpoint.split:
        return
    st.html(
        '<section class="problem" role="alert"><h2>The split was changed meanwhile</h2><dl>'
        f"<dt>You began with</dt><dd>{escape(applying.split_and_mirror(wish.base))}</dd>"
        f"<dt>Azure now holds</dt><dd>{escape(applying.split_and_mirror(endpoint.split))}</dd>"
        "<dt>Next</dt><dd>What you prepared is kept and is compared with the current split below. "
        "Go on with it, or start again.</dd></dl></section>"
    )
    st.button("Start from the current split", key="drift_reset", on_click=draft.drop, args=(endpoint,))


def show_plan(
    endpoint: Endpoint, deployments: list[Deployment], wish: Draft, *, is_off: bool, is_running: bool
) -> None:
    """Draw before and after for every deployment, the notes, and the buttons; say why a button is off."""
    wanted = _plan(endpoint, deployments, wish)
    reason = ""
    if wanted is None:
        reason = "Nothing can be shifted while a rule is broken."
    else:
        applying.plan_table(wanted, deployments, key="plan")
        if is_running:
            reason = "A change is being applied. Wait until it has been read back."
        elif not wanted.changes:
            reason = "Nothing to shift yet. Move a handle, type a percentage, or set a mirror."
    with st.container(horizontal=True, vertical_alignment="center", key="plan_buttons"):
        if st.button("Shift traffic", key="shift", type="primary", disabled=bool(reason) or is_off) and wanted:
            applying.confirm(wanted, deployments)
        if wanted is None or wanted.changes:
            st.button("Reset", key="reset", disabled=is_off, on_click=draft.drop, args=(endpoint,))
        if reason and not (is_off and not is_running):
            st.caption(reason, width="content")


def _plan(endpoint: Endpoint, deployments: list[Deployment], wish: Draft) -> Plan | None:
    try:
        return plan(endpoint, deployments, wish.live, *wish.mirror(endpoint.split))
    except RuleBroken as error:
        problem.show(error, key="rule")
        return None


def show_no_deployments(endpoint: Endpoint) -> None:
    """Say what is missing before there is traffic to shift."""
    st.html(
        f'<p class="lead">{escape(endpoint.name)} has no deployment yet, so there is no traffic to shift. '
        f"Its split is: {escape(tables.split_words(endpoint.split))}.</p>"
    )
    st.page_link(
        context.ROOT / "pages" / "endpoints.py",
        label="See the endpoint",
        icon=":material/lan:",
        query_params={"endpoint": endpoint.name},
    )
