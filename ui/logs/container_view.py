"""What the containers of the endpoint's deployments write."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.azure import endpoints as azure_endpoints
from services.errors import SluiceError
from services.logs import lines
from services.model import Deployment, Endpoint
from ui import problem, readers

CONTAINERS = {"Inference server": "InferenceServer", "Storage initializer": "StorageInitializer"}


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the lines of one or several deployments, by time."""
    if not deployments:
        st.html('<p class="lead">This endpoint has no deployments, so nothing writes a log.</p>')
        return
    names = [each.name for each in deployments]
    row = st.container(horizontal=True, vertical_alignment="bottom")
    wanted = row.multiselect("Deployments", names, default=names, key=f"log_deployments_{endpoint.name}")
    container = row.segmented_control(
        "Container", list(CONTAINERS), default=next(iter(CONTAINERS)), required=True, key="log_container"
    )
    conn, _, _ = readers.key(endpoint.workspace_ref)
    logs = []
    for name in wanted:
        try:
            content = azure_endpoints.logs(conn, endpoint.name, name, container=CONTAINERS[str(container)])
        except SluiceError as error:
            problem.show(error, key=f"log_{name}")
            continue
        logs.append(lines.entries(name, lines.split(content).lines))
    found = lines.interleave(logs)
    if found:
        st.code("\n".join(entry.text for entry in found), language=None, height=480)
    else:
        st.html('<p class="lead">No line has been written.</p>')
