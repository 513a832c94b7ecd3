"""The endpoint and its deployments as YAML and JSON on the Overview page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.model import Deployment, Endpoint
from services.resources import resource_yaml
from services.resources.resource_yaml import ResourceFile
from ui import words

YAML, JSON = "YAML for az ml", "JSON of Azure Resource Manager"
_ENDPOINT = "The endpoint"


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the choice of resource and format, the text, and what it lacks."""
    by_name: dict[str, Endpoint | Deployment] = {each.name: each for each in deployments}
    with st.container(horizontal=True, vertical_alignment="top", key="file_choice"):
        which = st.selectbox(
            "Resource", [_ENDPOINT, *by_name], key=f"resource:{endpoint.name}", format_func=_title, width=260
        )
        style = st.segmented_control("Format", [YAML, JSON], key="format", default=YAML, required=True)
    resource = by_name.get(which, endpoint)
    hidden = _file(resource, style, show_hidden=False).hidden
    reveal = False
    if hidden:
        reveal = st.toggle(f"Show {words.count(len(hidden), 'hidden value')}", key="show_hidden")
    file = _file(resource, style, show_hidden=reveal)
    _lacks(file)
    kind = "yaml" if style == YAML else "json"
    st.download_button(
        f"Download {file.name}",
        file.text,
        file_name=file.name,
        mime="application/json" if kind == "json" else "application/yaml",
        icon=":material/download:",
        key="download_resource",
        on_click="ignore",
    )
    st.code(file.text, language=kind, wrap_lines=True)


def _title(name: str) -> str:
    return name if name == _ENDPOINT else f"Deployment {name}"


def _file(resource: Endpoint | Deployment, style: str, *, show_hidden: bool) -> ResourceFile:
    if style == JSON:
        return resource_yaml.resource_json(resource, show_hidden=show_hidden)
    if isinstance(resource, Endpoint):
        return resource_yaml.endpoint_file(resource, show_hidden=show_hidden)
    return resource_yaml.deployment_file(resource, show_hidden=show_hidden)


def _lacks(file: ResourceFile) -> None:
    if file.hidden:
        names = escape(", ".join(file.hidden))
        st.html(
            f'<p class="notice" role="note"><b>Hidden: {names}.</b> These values look like secrets. A YAML file with '
            "hidden values is refused by <code>az ml</code>; show them before you download it to apply it.</p>"
        )
    if file.left_out:
        entries = "".join(f"<li>{escape(each)}</li>" for each in file.left_out)
        st.html(
            '<div class="notice" role="note"><b>Not in the file, because the YAML of az ml has no word for it:</b>'
            f"<ul>{entries}</ul></div>"
        )
