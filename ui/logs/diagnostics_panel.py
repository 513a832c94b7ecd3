"""Which logs of the endpoint are sent, and where to; and the switches for them, which ask first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

import streamlit as st

from services.azure import diagnostics
from services.azure.connection import Connection
from services.azure.diagnostics import CONSOLE, EVENTS, TRAFFIC, LogWorkspace, Setting
from services.errors import SluiceError
from services.model import Endpoint
from ui import ask, problem, readers
from ui.menus import close, menu

PLACE = "diagnostics"
_MENU = "log_kinds"
CHARGED = "Log Analytics charges for every gigabyte that it takes in and keeps"
LATER = (
    "The first rows come within an hour, later ones 3 to 10 minutes after what they tell of. It begins with what is "
    "new: the past stays unknown."
)
"""How late resource logs are (Azure Monitor, log data ingestion time; a new setting takes up to an hour)."""


@dataclass(frozen=True)
class Kind:
    """A log that an endpoint can send. ``rows`` says what is a row of it and how much they are.

    ``missing`` goes on from "is not sent to Log Analytics, so".
    """

    category: str
    name: str
    rows: str
    missing: str


KINDS = (
    Kind(
        TRAFFIC,
        "traffic log",
        "One row for each request, roughly one kilobyte, so about 1 GB for a million requests.",
        "single requests cannot be shown.",
    ),
    Kind(
        CONSOLE,
        "console log",
        "One row for each line that a container writes. The inference server writes two or three for each request, "
        "roughly one kilobyte each, so it can be more than the traffic log.",
        "lines older than those that Azure keeps at hand are gone.",
    ),
    Kind(
        EVENTS,
        "event log",
        "One row for each start, stop and failed probe of a container: little, unless one restarts for ever.",
        "what happens to its containers is not kept.",
    ),
)
_BY_CATEGORY = {each.category: each for each in KINDS}


@dataclass(frozen=True)
class Sent:
    """Where a log goes. ``readable`` sends it to a Log Analytics workspace, ``elsewhere`` only to other places."""

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


def show(endpoint: Endpoint, category: str = TRAFFIC) -> Sent | None:
    """Draw whether one log is sent, and what can be done about it and the others.

    None when the settings could not be read, which has been said.
    """
    ask.show(PLACE, endpoint.id)
    try:
        found = _settings(*readers.key(endpoint.workspace_ref), endpoint.name, endpoint)
    except SluiceError as error:
        problem.show(error, key="diagnostics", retry=_settings.clear)
        return None
    kind, sent = _BY_CATEGORY[category], where(found, category)
    with st.container(horizontal=True, vertical_alignment="center", key="log_state"):
        if sent.readable:
            said = f"The {kind.name} is sent to {_names(sent)}. Its rows arrive 3 to 10 minutes late."
            st.html(f'<p class="hint">{said}</p>', width="content")
        else:
            st.html(f'<p class="hint">{escape(_missing(kind, sent))}</p>', width="content")
            _on_button(endpoint, kind, "state")
        with menu("Logs that are sent", icon=":material/tune:", key=_MENU):
            # A caption: a menu hangs outside the app, where the colours of our own paragraphs are those of light.
            st.caption(f"{CHARGED}. {LATER}")
            for each in KINDS:
                _row(endpoint, each, where(found, each.category))
    return sent


def where(settings: Sequence[Setting], category: str = TRAFFIC) -> Sent:
    """Which of ``settings`` send a log, by where they send it. Pure."""
    sending = [each for each in settings if each.sends(category)]
    return Sent(
        tuple(each for each in sending if each.workspace_id), tuple(each for each in sending if not each.workspace_id)
    )


def _names(sent: Sent) -> str:
    return " and ".join(f"<b>{escape(each.workspace_id.rpartition('/')[2])}</b>" for each in sent.readable)


def _missing(kind: Kind, sent: Sent) -> str:
    places = sorted({place for each in sent.elsewhere for place in each.other_places})
    if places:
        return f"The {kind.name} of this endpoint goes to a {' and a '.join(places)} only: Sluice cannot read it there."
    return f"The {kind.name} of this endpoint is not sent to Log Analytics, so {kind.missing}"


def _row(endpoint: Endpoint, kind: Kind, sent: Sent) -> None:
    """One log in the list of all: whether it is sent, what it costs, and its switch."""
    state = f"sent to {_names(sent)}" if sent.readable else "not sent to Log Analytics"
    with st.container(border=True, key=f"log_kind_{kind.category}"):
        st.html(f'<p class="lead"><b>{escape(kind.name.capitalize())}</b>: {state}</p>')
        st.caption(kind.rows)
        if not sent.readable:
            _on_button(endpoint, kind, "list")
        for each in sent.readable:
            if each.has_groups:
                st.caption(f"{each.name} sends all logs as one group, which the Azure portal alone can divide.")
                continue
            st.button(
                f"Switch off the {kind.name}" + ("" if len(sent.readable) == 1 else f" of {each.name}"),
                key=f"log_off:{kind.category}:{each.name}",
                type="tertiary",
                on_click=_ask_to_switch_off,
                args=(endpoint, kind, each),
            )


def _on_button(endpoint: Endpoint, kind: Kind, place: str) -> None:
    st.button(
        f"Switch on the {kind.name}",
        key=f"log_on:{kind.category}:{place}",
        icon=":material/toggle_on:",
        type="primary" if kind.category == TRAFFIC and place == "state" else "secondary",
        help="Says what it costs, and asks first.",
        on_click=_ask_to_switch_on,
        args=(endpoint, kind),
    )


def _ask_to_switch_on(endpoint: Endpoint, kind: Kind) -> None:
    close(_MENU)
    try:
        target = _target(endpoint)
    except SluiceError as error:
        ask.fail(PLACE, error)
        return
    kept = f" It keeps rows for {target.retention_days} days." if target.retention_days else ""
    said = (
        f"A diagnostic setting of {endpoint.name} will send {kind.category} to the Log Analytics workspace "
        f"{target.name}{f' in {target.region}' if target.region else ''}.{kept} {CHARGED}. {kind.rows} {LATER}"
    )
    act = partial(_switch_on, endpoint, kind, target)
    ask.begin(ask.Question(PLACE, f"Switch on the {kind.name}?", said, "Switch on", act, endpoint.id))


def _target(endpoint: Endpoint) -> LogWorkspace:
    conn, _, _ = readers.key(endpoint.workspace_ref)
    held = diagnostics.settings(conn, endpoint)
    return diagnostics.configured_workspace(conn, diagnostics.log_workspaces(conn), held)


def _switch_on(endpoint: Endpoint, kind: Kind, target: LogWorkspace) -> None:
    conn, _, _ = readers.key(endpoint.workspace_ref)
    try:
        made = diagnostics.switch_on(conn, endpoint, kind.category, target.id)
    finally:
        _settings.clear()
    st.toast(f"The setting {made.name} sends the {kind.name} now. The first rows come within an hour.")


def _ask_to_switch_off(endpoint: Endpoint, kind: Kind, setting: Setting) -> None:
    close(_MENU)
    places = "".join(f", nor to the {place}" for place in setting.other_places)
    said = (
        f"The setting {setting.name} of {endpoint.name} will not send the {kind.name} to Log Analytics any more"
        f"{places}. Rows that are there stay as long as they are kept; from now on there are no new ones."
    )
    act = partial(_switch_off, endpoint, kind, setting)
    ask.begin(ask.Question(PLACE, f"Switch off the {kind.name}?", said, "Switch off", act, endpoint.id))


def _switch_off(endpoint: Endpoint, kind: Kind, setting: Setting) -> None:
    conn, _, _ = readers.key(endpoint.workspace_ref)
    try:
        diagnostics.switch_off(conn, endpoint, kind.category, setting.name)
    finally:
        _settings.clear()
    st.toast(f"The {kind.name} is not sent any more.")
