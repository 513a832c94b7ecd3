"""The ways to the Deploy page from others, and what it begins with when one comes that way."""

from __future__ import annotations

import streamlit as st

from services.deploying import starter
from services.errors import SluiceError
from services.model import Endpoint
from ui import context, readers, scope

_PARAMETER, _ENDPOINT, _DEPLOYMENT = "new", "endpoint", "deployment"
_ICON = ":material/add:"
NAMES = ("blue", "green", "orange", "purple", "teal")


def endpoint_link() -> None:
    """Draw the link that begins a new endpoint in the workspace that the pages look at."""
    where = scope.workspace()
    query = {_PARAMETER: _ENDPOINT}
    if not where.is_same(scope.home()):
        query["workspace"] = where.address
    st.page_link(context.ROOT / "pages" / "deploy.py", label="New endpoint", icon=_ICON, query_params=query)


def deployment_link(endpoint: Endpoint) -> None:
    """Draw the link that begins a new deployment of ``endpoint``."""
    query = {**scope.link(endpoint.workspace_ref, endpoint.name), _PARAMETER: _DEPLOYMENT}
    st.page_link(context.ROOT / "pages" / "deploy.py", label="New deployment", icon=_ICON, query_params=query)


def look() -> None:
    """Begin a draft with what the address asks for, once."""
    # The services behind a draft are loaded by the Deploy page alone, and not by every page with a link.
    from ui.deploy import draft, sources

    asked = st.query_params.pop(_PARAMETER, "")
    if asked == _ENDPOINT:
        draft.forget()
        draft.new(way=sources.KIT)
    elif asked == _DEPLOYMENT:
        endpoint = st.query_params.get("endpoint", "")
        draft.forget()
        draft.new(text=starter.deployment_yaml(endpoint, free_name(_taken(endpoint))))


def free_name(taken: set[str]) -> str:
    """A name that no deployment of the endpoint has. Pure."""
    return next((name for name in NAMES if name not in taken), f"deployment-{len(taken) + 1}")


def _taken(endpoint: str) -> set[str]:
    try:
        found = next((each for each in readers.endpoints() if each.name == endpoint), None)
        return {each.name for each in readers.deployments(found)} if found else set()
    except SluiceError:
        return set()
