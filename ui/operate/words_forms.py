"""Forms for what people write onto an endpoint or a deployment: environment variables, tags, descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from services.errors import RuleBroken
from services.model import Deployment, Endpoint
from services.operating.change import DeploymentSettings, EndpointSettings
from services.resources.masking import looks_secret
from services.resources.resource_fields import own_variables
from ui.operate import question
from ui.operate.deployment_forms import REVIEW


def variables(endpoint: Endpoint, deployment: Deployment, can: bool) -> None:
    """Environment variables: values are written and never shown."""
    names = sorted(own_variables(deployment.raw))
    key = f"{deployment.id}:{question.turn()}"
    st.html(
        '<p class="lead">Values can be replaced here and are not shown. Whoever may read the deployment in Azure can '
        "read them all the same: keep secrets in a key vault.</p>"
    )
    with st.form("operate_variables", border=False):
        for name in names:
            with st.container(horizontal=True, vertical_alignment="bottom"):
                st.text_input(
                    name,
                    key=f"variable:{name}:{key}",
                    type="password",
                    placeholder="Set. Type to replace it.",
                    width=420,
                )
                st.checkbox(f"Take {name} away", key=f"without:{name}:{key}")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("New variable", key=f"new_variable:{key}", placeholder="NAME", width=210)
            st.text_input("Its value", key=f"new_value:{key}", type="password", width=200)
        st.form_submit_button(
            REVIEW,
            key="review_variables",
            type="primary",
            disabled=not can,
            on_click=lambda: question.review(endpoint, lambda: _variables(deployment, names, key)),
        )


def deployment_words(endpoint: Endpoint, deployment: Deployment, can: bool) -> None:
    """Tags and description of a deployment."""
    key = f"{deployment.id}:{question.turn()}"
    _words_form(
        deployment.raw,
        key,
        can,
        lambda: question.review(endpoint, lambda: DeploymentSettings(deployment.name, **_words(deployment.raw, key))),
    )


def endpoint_words(endpoint: Endpoint, _deployments: Sequence[Deployment], can: bool) -> None:
    """Tags and description of the endpoint."""
    key = f"{endpoint.id}:{question.turn()}"
    _words_form(
        endpoint.raw,
        key,
        can,
        lambda: question.review(endpoint, lambda: EndpointSettings(**_words(endpoint.raw, key))),
    )


def read_tags(text: str) -> dict[str, str]:
    """Tags as they were typed: one in a line, ``name=value``. Raises RuleBroken naming the line."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not equals or not name:
            why = f"Line {number} is no tag: {line.strip()[:60]!r}."
            raise RuleBroken("Nothing was changed.", why, "Write name=value, one tag in a line.")
        if name in found:
            raise RuleBroken("Nothing was changed.", f"Line {number} has {name} once more.", "Keep one of them.")
        found[name] = value
    return found


def shown_tags(document: Mapping[str, Any]) -> dict[str, str]:
    """The tags that can be shown and typed: no secrets, no line breaks, no ``=`` in a name."""
    return {
        name: value
        for name, value in (document.get("tags") or {}).items()
        if not looks_secret(name, value) and "=" not in name and len(str(value).splitlines()) <= 1
        if name == name.strip() and str(value) == str(value).strip()
    }


def _words_form(document: Mapping[str, Any], key: str, can: bool, review: Any) -> None:  # noqa: ANN401 - a callback
    shown = shown_tags(document)
    others = sorted(set(document.get("tags") or {}) - set(shown))
    with st.form("operate_words", border=False):
        st.text_area("Description", _description(document), key=f"description:{key}", height=100)
        text = "\n".join(f"{name}={value}" for name, value in sorted(shown.items()))
        st.text_area("Tags, one in a line: name=value", text, key=f"tags:{key}", height=140)
        if others:
            st.html(f'<p class="hint">Not shown, and they stay as they are: {escape(", ".join(others))}.</p>')
        st.form_submit_button(REVIEW, key="review_words", type="primary", disabled=not can, on_click=review)


def _words(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    shown, typed = shown_tags(document), read_tags(st.session_state[f"tags:{key}"])
    tags: dict[str, str | None] = {name: value for name, value in typed.items() if value != shown.get(name)}
    tags |= dict.fromkeys(set(shown) - set(typed))
    description = str(st.session_state[f"description:{key}"])
    return {"tags": tags, "description": None if description == _description(document) else description}


def _description(document: Mapping[str, Any]) -> str:
    return str((document.get("properties") or {}).get("description") or "")


def _variables(deployment: Deployment, names: Sequence[str], key: str) -> DeploymentSettings:
    changes: dict[str, str | None] = {}
    for name in names:
        typed = str(st.session_state.get(f"variable:{name}:{key}") or "")
        if st.session_state.get(f"without:{name}:{key}"):
            changes[name] = None
        elif typed:
            changes[name] = typed
    new = str(st.session_state.get(f"new_variable:{key}") or "").strip()
    if new:
        if new in names:
            why = f"{new} is there already."
            raise RuleBroken("Nothing was changed.", why, "Replace its value in its own field.")
        changes[new] = str(st.session_state.get(f"new_value:{key}") or "")
    return DeploymentSettings(deployment.name, variables=changes)
