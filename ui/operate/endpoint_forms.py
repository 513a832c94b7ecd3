"""Forms for an endpoint: its keys in a safe order, how callers sign in, its files, its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

import streamlit as st

from services.azure import endpoints as azure_endpoints
from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.operating import exporting, signing_in
from services.operating.change import DeleteEndpoint, RotateKey, SignIn
from ui import problem, readers, words
from ui.operate import question
from ui.operate.deployment_forms import REVIEW

_ORDER = (
    "Move every caller from the primary key to the secondary one. Both work at the same time.",
    "Make a new primary key. Nobody uses the old one any more, so nobody is refused.",
    "Move the callers to the new primary key.",
    "Make a new secondary key, so that the old one is worth nothing either.",
)
_TOKENS = {
    "aml_token": "Callers use tokens of the workspace. They run out by themselves; there is no key to change.",
    "aad_token": "Callers use Microsoft Entra tokens of their own. Who may call is decided by roles, not by a key.",
}


def keys(endpoint: Endpoint, _deployments: Sequence[Deployment], can: bool) -> None:
    """How callers sign in, and new keys."""
    if endpoint.auth_mode != "key":
        st.html(f'<p class="lead">{escape(_TOKENS.get(endpoint.auth_mode, "This auth mode has no keys."))}</p>')
        _expiry(endpoint)
        return
    st.html(
        '<p class="lead">A key does not expire. Changed in this order, no caller is ever refused:</p>'
        f'<ol class="sentences">{"".join(f"<li>{step}</li>" for step in _ORDER)}</ol>'
    )
    with st.container(horizontal=True):
        for which in ("Primary", "Secondary"):
            st.button(
                f"New {which.lower()} key…",
                key=f"review_{which.lower()}",
                icon=":material/key:",
                disabled=not can,
                on_click=question.review,
                args=(endpoint, RotateKey(which)),
            )
    st.caption("The keys themselves are in the view Keys. Azure does not tell who uses which.")


@st.fragment
def _expiry(endpoint: Endpoint) -> None:
    """When a token that is asked for now runs out. The token itself is not kept."""
    if not st.button("When would a token run out?", key="ask_expiry", icon=":material/schedule:"):
        return
    try:
        secret = azure_endpoints.scoring_secret(readers.key(endpoint.workspace_ref)[0], endpoint)
    except SluiceError as error:
        problem.show(error, key="expiry")
        return
    if secret.expires_at is None:
        st.caption("Azure does not say when it runs out.")
        return
    left = words.elapsed((secret.expires_at - datetime.now(UTC)).total_seconds())
    renewed = f" It can be renewed from {words.moment(secret.refresh_at)} on." if secret.refresh_at else ""
    st.caption(f"A token of now runs out in {left}, at {words.moment(secret.expires_at)}.{renewed}")


def sign_in(endpoint: Endpoint, _deployments: Sequence[Deployment], can: bool) -> None:
    """Another way for callers to sign in, with what it breaks before anything else."""
    now = signing_in.LABELS.get(endpoint.auth_mode, "a way that is not known here")
    mode_now = endpoint.auth_mode or "not said"
    st.html(
        f'<p class="lead">Callers of {escape(endpoint.name)} sign in with {escape(now)}, auth mode '
        f"<code>{escape(mode_now)}</code>. There is one way at a time, "
        "so a change refuses every caller that has not changed too: a second endpoint beside it spares them that.</p>"
    )
    key = f"sign_in:{endpoint.id}:{question.turn()}"
    mode = st.segmented_control(
        "Auth mode",
        signing_in.others(endpoint),
        default=signing_in.others(endpoint)[0],
        required=True,
        key=key,
        wrap=True,
    )
    if mode is not None:
        entries = "".join(f"<li>{escape(each)}</li>" for each in signing_in.what_breaks(endpoint.auth_mode, mode))
        st.html(f'<div class="notice" role="note"><b>What breaks</b><ul>{entries}</ul></div>')
    st.button(
        REVIEW,
        key="review_sign_in",
        type="primary",
        disabled=not can,
        on_click=lambda: question.review(endpoint, SignIn(str(st.session_state[key]))),
    )


def export(endpoint: Endpoint, deployments: Sequence[Deployment], _can: bool) -> None:
    """Everything as files."""
    st.html(
        '<p class="lead">The endpoint and its deployments as YAML for <code>az ml</code>, and the commands that make '
        "them again, the split last. Models, code and environments are named by what is registered; their files are "
        "not in the zip.</p>"
    )
    made = exporting.archive(endpoint, deployments)
    reveal = False
    if made.hidden:
        st.html(
            f'<p class="notice" role="note"><b>Hidden: {escape(", ".join(made.hidden))}.</b> These values look like '
            "secrets. <code>az ml</code> refuses files with hidden values; have them written to apply the files.</p>"
        )
        reveal = st.toggle(f"Write {words.count(len(made.hidden), 'hidden value')} into the files", key="export_hidden")
    if made.left_out:
        entries = "".join(f"<li>{escape(each)}</li>" for each in made.left_out)
        st.html(
            '<div class="notice" role="note"><b>Only in the JSON, because the YAML of az ml has no word for it:</b>'
            f"<ul>{entries}</ul></div>"
        )
    st.download_button(
        f"Download {made.name}",
        (exporting.archive(endpoint, deployments, show_hidden=True) if reveal else made).content,
        file_name=made.name,
        mime="application/zip",
        icon=":material/download:",
        key="download_export",
        type="primary",
        on_click="ignore",
    )


def delete(endpoint: Endpoint, deployments: Sequence[Deployment], can: bool) -> None:
    """The end of the endpoint."""
    count = words.count(len(deployments), "deployment")
    live = " It answers requests now." if endpoint.split.live else ""
    st.html(
        f'<p class="note" role="note"><b>{escape(endpoint.name)} and its {count} would be gone for good</b>, with its '
        f"address and its keys.{live} Export it first if you may want it back.</p>"
    )
    key = f"typed_name:{endpoint.id}:{question.turn()}"
    typed = st.text_input("Type its name", key=key, placeholder=endpoint.name, width=320, live=True)
    st.button(
        "Delete…",
        key="review_delete_endpoint",
        type="primary",
        icon=":material/delete:",
        # As in Azure's portal.
        disabled=not can or typed.strip() != endpoint.name,
        on_click=lambda: question.review(endpoint, DeleteEndpoint(str(st.session_state[key]))),
    )
