"""Whether the traffic log of the endpoint is sent, and where to; and the switch for it, which asks first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

import streamlit as st

from services.azure import diagnostics
from services.azure.connection import Connection
from services.azure.diagnostics import TRAFFIC, LogWorkspace, Setting
from services.errors import SluiceError
from services.model import Endpoint
from ui import ask, problem, readers

PLACE = "diagnostics"
COSTS = (
    "Log Analytics charges for every gigabyte that it takes in and keeps: one row for each request, roughly one "
    "kilobyte, so about 1 GB for a million requests. The first rows come within an hour, later ones 3 to 10 minutes "
    "after their request. It begins with new requests: those of the past stay unknown."
)


@dataclass(frozen=True)
class Sent:
    """Where the traffic log goes. ``readable`` sends it to a Log Analytics workspace, ``elsewhere`` only to others."""

    readable: tuple[Setting, ...]
    elsewhere: tuple[Setting, ...]


@st.cache_data(ttl=60, max_entries=200, show_spinner=False)
def _settings(
    _conn: Connection,
    generation: int,  # noqa: ARG001 - part of the key
    workspace: str,  # noqa: ARG001
    name: str,  # noqa: ARG001
    _endpoint: Endpoint,
) -> tuple[Setting, ...]:
    return diagnostics.settings(_conn, _endpoint)


def show(endpoint: Endpoint) -> Sent | None:
    """Draw it, and what can be done about it. None when the settings could not be read, which has been said."""
    ask.show(PLACE)
    try:
        sent = where(_settings(*readers.key(endpoint.workspace_ref), endpoint.name, endpoint))
    except SluiceError as error:
        problem.show(error, key="diagnostics", retry=_settings.clear)
        return None
    if sent.readable:
        _on(endpoint, sent)
    else:
        _off(endpoint, sent)
    return sent


def where(settings: Sequence[Setting]) -> Sent:
    """Which of ``settings`` send the traffic log, by where they send it. Pure."""
    sending = [each for each in settings if each.sends(TRAFFIC)]
    return Sent(
        tuple(each for each in sending if each.workspace_id), tuple(each for each in sending if not each.workspace_id)
    )


def _on(endpoint: Endpoint, sent: Sent) -> None:
    names = " and ".join(f"<b>{escape(each.workspace_id.rpartition('/')[2])}</b>" for each in sent.readable)
    with st.container(horizontal=True, vertical_alignment="center", key="traffic_log_state"):
        st.html(
            f'<p class="hint">The traffic log is sent to {names}. A row arrives 3 to 10 minutes after its request.</p>',
            width="content",
        )
        for each in sent.readable:
            if not each.has_groups:
                st.button(
                    "Switch off" if len(sent.readable) == 1 else f"Switch off {each.name}",
                    key=f"traffic_log_off:{each.name}",
                    type="tertiary",
                    on_click=_ask_to_switch_off,
                    args=(endpoint, each),
                )


def _off(endpoint: Endpoint, sent: Sent) -> None:
    said = "The traffic log of this endpoint is not sent to Log Analytics, so single requests cannot be shown."
    places = sorted({place for each in sent.elsewhere for place in each.other_places})
    if places:
        said = f"The traffic log of this endpoint goes to a {' and a '.join(places)} only, where Sluice cannot read it."
    with st.container(key="traffic_log_state"):
        st.html(f'<p class="lead">{escape(said)}</p>')
        st.button(
            "Switch on the traffic log",
            key="traffic_log_on",
            icon=":material/toggle_on:",
            type="primary",
            help="Says what it costs, and asks first.",
            on_click=_ask_to_switch_on,
            args=(endpoint,),
        )


def _ask_to_switch_on(endpoint: Endpoint) -> None:
    try:
        target = _target(endpoint)
    except SluiceError as error:
        ask.fail(PLACE, error)
        return
    kept = f" It keeps rows for {target.retention_days} days." if target.retention_days else ""
    said = (
        f"A diagnostic setting of {endpoint.name} will send {TRAFFIC} to the Log Analytics workspace {target.name}"
        f"{f' in {target.region}' if target.region else ''}.{kept} {COSTS}"
    )
    act = partial(_switch_on, endpoint, target)
    ask.begin(ask.Question(PLACE, "Switch on the traffic log?", said, "Switch on", act))


def _target(endpoint: Endpoint) -> LogWorkspace:
    conn, _, _ = readers.key(endpoint.workspace_ref)
    return diagnostics.configured_workspace(conn, diagnostics.log_workspaces(conn))


def _switch_on(endpoint: Endpoint, target: LogWorkspace) -> None:
    conn, _, _ = readers.key(endpoint.workspace_ref)
    try:
        made = diagnostics.switch_on(conn, endpoint, TRAFFIC, target.id)
    finally:
        _settings.clear()
    st.toast(f"The setting {made.name} sends the traffic log now. The first rows come within an hour.")


def _ask_to_switch_off(endpoint: Endpoint, setting: Setting) -> None:
    said = (
        f"The setting {setting.name} of {endpoint.name} will not send the traffic log any more. Rows that are in Log "
        "Analytics stay there as long as it keeps them; requests from now on leave none."
    )
    act = partial(_switch_off, endpoint, setting)
    ask.begin(ask.Question(PLACE, "Switch off the traffic log?", said, "Switch off", act))


def _switch_off(endpoint: Endpoint, setting: Setting) -> None:
    conn, _, _ = readers.key(endpoint.workspace_ref)
    try:
        diagnostics.switch_off(conn, endpoint, TRAFFIC, setting.name)
    finally:
        _settings.clear()
    st.toast("The traffic log is not sent any more.")
