"""The head of the Overview page: what the endpoint is, where it is reached, its deployments, where to go from here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from services.azure import links
from services.azure.connection import Permissions
from services.errors import SluiceError
from services.model import Deployment, Endpoint, Split
from services.resources.masking import looks_secret
from ui import chosen, context, endpoint_notices, problem, readers, scope, strip, tables, words
from ui.components.table import table
from ui.deploy import begin
from ui.facts import Fact, facts
from ui.logs import events_view
from ui.operate import operate_view
from ui.overview import (
    deployment_tables,
    overview_compare,
    overview_files,
    overview_keys,
    overview_snippets,
)

COMPARE, OPERATE, FILES, KEYS, SNIPPETS, EVENTS = "Compare", "Operate", "YAML and JSON", "Keys", "Snippets", "Events"
VIEWS = (COMPARE, OPERATE, FILES, KEYS, SNIPPETS, EVENTS)
_NEXT_PAGES = (
    ("traffic.py", "Shift traffic", ":material/call_split:"),
    ("test.py", "Send a test request", ":material/send:"),
    ("metrics.py", "See metrics", ":material/monitoring:"),
    ("logs.py", "Read logs", ":material/receipt_long:"),
)
_MOST_SHARES = 4


def show_head(endpoint: Endpoint) -> None:
    """Draw the ways on, what is special about the endpoint, and its facts."""
    _ways_on(endpoint)
    if endpoint.description:
        st.text(endpoint.description)
    endpoint_notices.show(endpoint)
    facts(_facts(endpoint))
    _tags(endpoint)
    left, right = st.columns(2)
    with left:
        _address("Scoring URI", endpoint.scoring_uri)
    with right:
        _address("Swagger URI", endpoint.swagger_uri)


def _ways_on(endpoint: Endpoint) -> None:
    query = scope.link(endpoint.workspace_ref, endpoint.name)
    conn = context.connection()
    identity = endpoint.raw.get("identity") or {}
    tenant = conn.settings.tenant_id or identity.get("tenantId")
    outside = (
        ("Open in Azure ML Studio", links.studio(conn.cloud, endpoint, tenant)),
        ("Open in Azure portal", links.portal(conn.cloud, endpoint, tenant)),
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="ways_on"):
        for file, label, icon in _NEXT_PAGES:
            st.page_link(context.ROOT / "pages" / file, label=label, icon=icon, query_params=query)
        begin.deployment_link(endpoint)
        for label, address in outside:
            if address:
                st.page_link(address, label=label, icon=":material/open_in_new:")
        if not any(address for _, address in outside):
            st.caption(f"{conn.cloud_name} has no studio and no portal.", width="content")


def _facts(endpoint: Endpoint) -> list[Fact]:
    system = endpoint.raw.get("systemData") or {}
    changed_by = str(system.get("lastModifiedBy") or "")
    return [
        Fact("State", endpoint.state, tone=tables.state_cell(endpoint.state).tone),
        Fact("Live traffic", _live_words(endpoint.split)),
        Fact("Mirror", tables.mirror_words(endpoint.split)),
        Fact("Auth mode", endpoint.auth_mode or "not said"),
        Fact("Public network access", "on" if endpoint.public_network_access else "off"),
        Fact("Identity", identity_words(endpoint.raw.get("identity"))),
        Fact("Kind", "Kubernetes" if endpoint.is_kubernetes else "managed"),
        Fact("Region", endpoint.location or "not said"),
        Fact("Workspace", endpoint.workspace),
        Fact("Created", f"{words.moment(endpoint.created_at)}{_by(endpoint.created_by)}"),
        Fact("Changed", f"{words.moment(endpoint.modified_at)}{_by(changed_by)}"),
    ]


def _live_words(split: Split) -> str:
    """The live split, or its largest shares: the table below has them all."""
    if len(split.live) <= _MOST_SHARES:
        return tables.split_words(split)
    largest = sorted(split.live.items(), key=lambda item: (-item[1], item[0]))[:_MOST_SHARES]
    return f"{tables.split_words(Split(dict(largest)))}, and {len(split.live) - _MOST_SHARES} more"


def identity_words(identity: Any) -> str:  # noqa: ANN401 - raw JSON
    """The identity with which an endpoint reaches other services of Azure."""
    given = identity if isinstance(identity, dict) else {}
    kind = str(given.get("type") or "none").lower()
    parts = []
    if "systemassigned" in kind:
        principal = given.get("principalId")
        parts.append("system-assigned" + (f", principal {principal}" if principal else ""))
    assigned = given.get("userAssignedIdentities") or {}
    parts.extend(f"user-assigned {str(each).rstrip('/').rsplit('/', 1)[-1]}" for each in assigned)
    return "; ".join(parts) or "none"


def _by(who: str) -> str:
    return f" by {who}" if who else ""


def _tags(endpoint: Endpoint) -> None:
    if not endpoint.tags:
        return
    entries = "".join(
        f"<li><span>{escape(name)}</span> {'(hidden)' if looks_secret(name, value) else escape(value)}</li>"
        for name, value in sorted(endpoint.tags.items())
    )
    st.html(f'<p class="label">Tags</p><ul class="tags">{entries}</ul>')


def _address(label: str, address: str) -> None:
    st.html(f'<p class="label">{escape(label)}</p>')
    st.code(address or "none yet", language=None, wrap_lines=True)


def show_deployments(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the table of deployments, or say that there is none."""
    st.header("Deployments", anchor=False)
    if not deployments:
        st.html(
            '<p class="lead">This endpoint has no deployment yet, so it answers nothing. <b>New deployment</b> above '
            f"makes one, and so does <code>az ml online-deployment create --endpoint {escape(endpoint.name)} "
            "-f deployment.yml</code>.</p>"
        )
        return
    try:
        summaries = readers.deployment_summaries(endpoint)
    except SluiceError as error:
        problem.show(error, key="deployment_summaries", retry=readers.forget)
        summaries = {}
    table(
        f"Deployments of {endpoint.name}",
        deployment_tables.columns(context.settings().statuses),
        deployment_tables.rows(endpoint, deployments, summaries),
        key=f"deployments:{endpoint.name}",
    )


def show_view(endpoint: Endpoint, deployments: Sequence[Deployment], permissions: Permissions) -> None:
    """Draw the choice of what else to look at, and what was chosen."""
    view = st.segmented_control(
        "More about this endpoint",
        VIEWS,
        key="view",
        default=COMPARE,
        required=True,
        wrap=True,
        bind="query-params",
        label_visibility="collapsed",
    )
    if view == KEYS:
        # Reading the page again would hide a key that somebody is about to copy.
        strip.refresh_every(0)
        overview_keys.show(endpoint, permissions)
    elif view == OPERATE:
        # A page that is drawn again would set fields back that somebody is typing into.
        strip.refresh_every(0)
        operate_view.show(endpoint, deployments, permissions)
    elif view == FILES:
        overview_files.show(endpoint, deployments)
    elif view == SNIPPETS:
        overview_snippets.show(endpoint, deployments)
    elif view == EVENTS:
        events_view.show(endpoint, deployments)
    else:
        overview_compare.show(endpoint, deployments)


def show() -> None:
    """Draw the whole page."""
    strip.refresh_every(readers.RESOURCE_SECONDS)
    endpoint = chosen.heading("Overview")
    if endpoint is None:
        return
    show_head(endpoint)
    deployments = readers.deployments(endpoint)
    show_deployments(endpoint, deployments)
    show_view(endpoint, deployments, readers.standing().permissions)
