"""What the Connect page is made of: start the local Azure at a click, or name a workspace of your own."""

from __future__ import annotations

import time
from html import escape

import streamlit as st

from ui import context, problem, readers, words

_POLL_SECONDS = 1.0
_ENDPOINTS = context.ROOT / "pages" / "endpoints.py"

VARIABLES = """export AZURE_SUBSCRIPTION_ID=00000000-0000-0000-0000-000000000000
export AZURE_RESOURCE_GROUP=my-resource-group
export AZUREML_WORKSPACE_NAME=my-workspace
az login
streamlit run app.py"""

ENV_FILE = """AZURE_SUBSCRIPTION_ID=00000000-0000-0000-0000-000000000000
AZURE_RESOURCE_GROUP=my-resource-group
AZUREML_WORKSPACE_NAME=my-workspace"""

CONFIG_FILE = """{
  "subscription_id": "00000000-0000-0000-0000-000000000000",
  "resource_group": "my-resource-group",
  "workspace_name": "my-workspace"
}"""


def title() -> None:
    """Draw the page's title, where Sluice is connected to now, and what is wrong with the settings."""
    st.title("Connect", anchor=False)
    wrong = context.settings_problem()
    if wrong is not None:
        problem.show(wrong, key="settings")
        return
    settings = context.settings()
    if settings.is_configured:
        st.html(
            f'<p class="lead">Sluice is connected to workspace <b>{escape(settings.workspace_name or "")}</b> in '
            f"resource group <b>{escape(settings.resource_group or '')}</b>.</p>"
        )
        st.page_link(_ENDPOINTS, label="See its endpoints", icon=":material/lan:")
    else:
        st.html(
            '<p class="lead">Sluice shows and shifts the traffic of Azure Machine Learning online endpoints. '
            "No workspace is configured yet. Try it without an Azure account, or connect your own workspace.</p>"
        )


def local() -> None:
    """Offer to start the local Azure, or say how far its start is; nothing while settings name a workspace or fail."""
    if context.settings_problem() is not None or context.is_configured():
        return
    with st.container(border=True, key="connect_local"):
        st.header("Try it on this machine", anchor=False)
        st.html(
            "<p>The local Azure runs on this machine and needs no account. It serves Azure's own protocols, runs real "
            "scoring scripts, and comes with two sample endpoints that receive real requests. Nothing leaves this "
            "machine, except that Python packages of the samples are fetched once from the package index.</p>"
        )
        start = context.local_start()
        if start is not None and start.error is None:
            _starting()
            return
        if start is not None and start.error is not None:
            problem.show(start.error, key="local_start")
        if st.button("Start the local Azure", key="start_local", type="primary", icon=":material/play_arrow:"):
            context.start_local_azure()
            st.rerun()


@st.fragment(run_every=_POLL_SECONDS)
def _starting() -> None:
    start = context.local_start()
    if start is None or start.done.is_set():
        readers.forget()
        if start is not None and start.error is None:
            # The menu changes with the connection: a full run draws it.
            st.session_state["go_to_endpoints"] = True
        st.rerun()
    st.html(
        '<p class="working" role="status"><b>Starting the local Azure.</b> '
        f"{words.elapsed(time.monotonic() - start.began_at)} so far, usually 2 to 20 s.</p>"
    )


def workspace() -> None:
    """Explain the three ways to name a workspace of one's own, with text to paste."""
    st.header("Connect your own workspace", anchor=False)
    st.html(
        "<p>Name the workspace in one of these ways, then start Sluice again. The environment wins over "
        "<code>.env</code>, which wins over <code>config.json</code>. Sluice signs in as "
        "<code>DefaultAzureCredential</code> does: <code>az login</code>, a managed identity, or a service "
        "principal in the environment.</p>"
    )
    for heading, text, language in (
        ("Environment variables", VARIABLES, None),
        ("A file named .env in the folder of app.py", ENV_FILE, None),
        ("config.json, as downloaded from the workspace's page in the Azure portal", CONFIG_FILE, "json"),
    ):
        st.html(f'<p class="label">{escape(heading)}</p>')
        st.code(text, language=language, wrap_lines=True)
    st.html(
        '<p class="hint">To see endpoints, the role Reader on the workspace is enough. To shift traffic and to send '
        "test requests with a key, AzureML Data Scientist is.</p>"
    )
