"""What the Endpoints page is made of: the list, one endpoint with its deployments, and the empty states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.metrics import Summary
from services.model import Deployment, Endpoint
from ui import chosen, context, problem, readers, tables, words
from ui.components.table import read_opened, table
from ui.facts import Fact, facts

_TABLE = "endpoints"
_PROGRESS_SECONDS = 1.5
_PAGES = context.ROOT / "pages"
NEXT_PAGES = (
    ("traffic.py", "Shift traffic", ":material/call_split:"),
    ("test.py", "Send a test request", ":material/send:"),
    ("metrics.py", "See metrics", ":material/monitoring:"),
)


def title() -> None:
    """Draw the page's title."""
    st.title("Endpoints", anchor=False)


def show(endpoints: Sequence[Endpoint], summaries: Mapping[str, Summary], current: str | None) -> None:
    """Draw the list. A row opens its endpoint below."""
    table(
        f"Online endpoints, {len(endpoints)}",
        tables.ENDPOINT_COLUMNS,
        tables.endpoint_rows(endpoints, summaries),
        key=_TABLE,
        current=current,
        on_open=_open,
    )


def _open() -> None:
    opened = read_opened(_TABLE)
    if opened:
        chosen.choose(opened)


def show_one(endpoint: Endpoint, *, with_numbers: bool) -> None:
    """Draw one endpoint: what it is, where callers reach it, its deployments, and where to go from here.

    Without ``with_numbers`` Azure Monitor is not asked: it has just failed for the list, which has been said.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="endpoint_head"):
        st.header(endpoint.name, anchor=False, width="content")
        for file, label, icon in NEXT_PAGES:
            st.page_link(_PAGES / file, label=label, icon=icon, query_params={"endpoint": endpoint.name})
    if endpoint.description:
        st.text(endpoint.description)
    deployments = readers.deployments(endpoint)
    if deployments:
        _deployments(endpoint, deployments, with_numbers=with_numbers)
    else:
        st.html(
            '<p class="lead">This endpoint has no deployment yet, so it answers nothing. Create one with '
            f"<code>az ml online-deployment create --endpoint {escape(endpoint.name)} -f deployment.yml</code>.</p>"
        )
    facts(
        [
            Fact("State", endpoint.state, tone=tables.state_cell(endpoint.state).tone),
            Fact("Created", f"{words.moment(endpoint.created_at)}{_by(endpoint.created_by)}"),
            Fact("Changed", words.moment(endpoint.modified_at)),
            Fact("Public network access", "on" if endpoint.public_network_access else "off"),
            Fact("Kind", "Kubernetes, read only here" if endpoint.is_kubernetes else "managed"),
        ]
    )
    st.html('<p class="label">Scoring URI</p>')
    st.code(endpoint.scoring_uri or "none", language=None, wrap_lines=True)


def _deployments(endpoint: Endpoint, deployments: Sequence[Deployment], *, with_numbers: bool) -> None:
    try:
        summaries = readers.deployment_summaries(endpoint) if with_numbers else {}
    except SluiceError as error:
        problem.show(error, key="deployment_summaries", retry=readers.forget)
        summaries = {}
    table(
        f"Deployments of {endpoint.name}",
        tables.DEPLOYMENT_COLUMNS,
        tables.deployment_rows(endpoint, deployments, summaries),
        key=f"deployments:{endpoint.name}",
    )


def _by(who: str) -> str:
    return f" by {who}" if who else ""


def show_empty() -> None:
    """Say why the list is empty and what comes next."""
    if show_progress():
        return
    st.html('<p class="lead">This workspace has no online endpoints yet. Create one with the Azure ML CLI:</p>')
    st.code("az ml online-endpoint create -f endpoint.yml", language=None)
    if st.button("Look again", type="primary", icon=":material/refresh:", on_click=readers.forget):
        st.rerun()


def show_progress() -> bool:
    """Say what the deployment of the samples is doing, while it is doing it. Returns whether it is."""
    if not _is_local():
        return False
    failure = context.local_azure().samples_failure()
    if failure is not None:
        problem.show(failure, key="samples")
        return True
    if not sample_work(context.local_azure().progress()):
        return False
    _progress()
    return True


def sample_work(line: str) -> str:
    """What the deployment of the samples is busy with, from the newest line it wrote; "" when it is not."""
    said = line.partition("]")[2].strip() if line.startswith("[") else line
    return "" if said.startswith(("sending", "done")) else said


def _is_local() -> bool:
    try:
        return readers.standing().is_local
    except SluiceError:
        return False


@st.fragment(run_every=_PROGRESS_SECONDS)
def _progress() -> None:
    line = sample_work(context.local_azure().progress())
    if line != st.session_state.get("sample_progress", line):
        st.session_state["sample_progress"] = line
        if line:
            # Every step of the deployment can have added something to the list.
            readers.forget_resources()
        else:
            readers.forget()
        st.rerun()
    st.session_state["sample_progress"] = line
    if line:
        step = escape(line[:1].upper() + line[1:])
        st.html(f'<p class="working" role="status"><b>The samples are being deployed.</b> {step}</p>')
