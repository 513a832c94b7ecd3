"""What a body lacks by the endpoint's own schema, said before it is sent. A warning, never a lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from services.model import Deployment, Endpoint
from services.payloads.shape import is_mlflow, shape_problem
from services.payloads.swagger import KEEP_SECONDS, swagger_of
from ui import readers
from ui.behind import Behind
from ui.test.send.draft import Draft


def words(endpoint: Endpoint, deployments: Sequence[Deployment], made: Draft) -> str:
    """What is likely wrong with the draft's body, "" when nothing is known to be."""
    if made.file is not None or not made.is_json:
        return ""
    return shape_problem(made.body, _schema(endpoint), needs_input_data=is_mlflow(deployments)) or ""


def ask(endpoint: Endpoint) -> None:
    """Look at the endpoint's schema from now on: the templates have just read it."""
    st.session_state[_asked(endpoint)] = True


def _asked(endpoint: Endpoint) -> str:
    return f"schema_asked:{endpoint.id}"


def _schema(endpoint: Endpoint) -> Mapping[str, Any] | None:
    """The endpoint's swagger.json, once this session has asked for it: reading it is a request to a deployment, which
    counts in its metrics, and takes the key."""
    if not st.session_state.get(_asked(endpoint)):
        return None
    conn, generation, _ = readers.key(endpoint.workspace_ref)
    return (
        _schemas()
        .look((generation, endpoint.id), lambda: swagger_of(conn, endpoint), max_age_seconds=KEEP_SECONDS)
        .value
    )


@st.cache_resource(show_spinner=False)
def _schemas() -> Behind[Mapping[str, Any]]:
    return Behind()
