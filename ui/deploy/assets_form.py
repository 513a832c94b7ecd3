"""A deployment of what is registered already: names are chosen, and become YAML that can be changed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from services.azure import asset_versions
from services.azure.connection import Connection
from services.deploying import starter
from ui import chosen, problem, readers, scope
from ui.behind import Behind
from ui.deploy import choices
from ui.deploy.draft import Draft
from ui.turns import Turns

_POLL_SECONDS, _MAX_AGE_SECONDS = 0.5, 60.0
_BY_CONTENT = re.compile(r"[0-9a-f]{32,64}|[0-9a-f-]{36}|CliV2AnonymousEnvironment")
_NO_ENVIRONMENT = "None: an MLflow model brings its own"


@dataclass(frozen=True)
class Registered:
    """The names of what is registered in a workspace."""

    models: tuple[str, ...]
    environments: tuple[str, ...]


@st.cache_resource(show_spinner=False)
def _behind() -> Behind[Registered]:
    return Behind()


def _read(conn: Connection) -> Registered:
    return Registered(*(named(asset_versions.names_of(conn, each)) for each in ("models", "environments")))


def named(names: Iterable[str]) -> tuple[str, ...]:
    """Those that a person has named: azure-ai-ml names by their content what a file brings along. Pure."""
    return tuple(sorted(name for name in names if not _BY_CONTENT.fullmatch(name)))


def show(made: Draft, files_way: str) -> None:
    """Draw the form. Its YAML is put into ``made``, and the page goes on to ``files_way``."""
    conn, generation, workspace = readers.key(scope.workspace())
    look = _behind().look((generation, workspace), lambda: _read(conn), max_age_seconds=_MAX_AGE_SECONDS)
    if look.value is None and look.problem is not None:
        problem.show(look.problem, key="registered", retry=_behind().forget)
    elif look.value is None:
        st.fragment(run_every=_POLL_SECONDS)(_waiting)(generation, workspace, conn, Turns())
    elif not look.value.models:
        st.html(
            '<p class="lead">No model is registered in this workspace. Bring its files instead, or register it with '
            "<code>az ml model create</code>.</p>"
        )
    else:
        _form(made, look.value, files_way)


def _waiting(generation: int, workspace: str, conn: Connection, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    look = _behind().look((generation, workspace), lambda: _read(conn), max_age_seconds=_MAX_AGE_SECONDS)
    if (look.value is not None or look.problem is not None) and is_by_itself:
        st.rerun()
    st.html('<p class="working" role="status"><b>Reading what is registered.</b></p>')


def _form(made: Draft, found: Registered, files_way: str) -> None:
    st.html(
        '<p class="hint">The newest versions are named, as <code>@latest</code>. The YAML can be changed afterwards.'
        "</p>"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Endpoint", width=260, **choices.control(made, "asset_endpoint", chosen.carried() or ""))
        st.text_input("Name of the deployment", width=200, **choices.control(made, "asset_deployment", "blue"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        models, environments = found.models, [_NO_ENVIRONMENT, *found.environments]
        st.selectbox("Model", models, width=320, **choices.control(made, "asset_model", options=models))
        st.selectbox(
            "Environment", environments, width=320, **choices.control(made, "asset_environment", options=environments)
        )
    st.button("Write the YAML", key="write_yaml", type="primary", on_click=_write, args=(made, files_way))


def _write(made: Draft, files_way: str) -> None:
    said = st.session_state
    environment = "" if said["asset_environment"] == _NO_ENVIRONMENT else f"azureml:{said['asset_environment']}@latest"
    made.text = starter.deployment_yaml(
        str(said["asset_endpoint"]).strip(),
        str(said["asset_deployment"]).strip(),
        model=f"azureml:{said['asset_model']}@latest",
        environment=environment,
        code="./code" if environment else "",
    )
    made.way = files_way
