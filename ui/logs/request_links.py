"""The ways from one request to what the logs have of it: its row, the container's lines of its time, those with its id.

They are buttons and no links, because the endpoint's address is only asked for when one is pressed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from services.model import Endpoint
from ui import context, scope
from ui.url_time import FROM, TO, written

CLOCKS = timedelta(seconds=2)
"""How far the container's clock may be from the one that timed the request."""


@dataclass(frozen=True)
class Told:
    """What is known of a request: when it began and how long it took, who answered it, and its id ("" for none)."""

    at: datetime | None
    total_ms: float | None
    deployment: str
    request_id: str


def show(endpoint: Endpoint, told: Told, *, key: str, with_row: bool = True) -> None:
    """Draw the ways that there are. ``with_row``: also to the row in the traffic log."""
    ways = []
    if with_row and told.request_id:
        ways.append(("In the traffic log", ":material/list_alt:", to_row(told), "Its row comes 3 to 10 minutes later."))
    if told.at is not None:
        by = f"What {told.deployment} wrote" if told.deployment else "What all deployments wrote"
        query = to_lines(told.at, told.total_ms or 0, told.deployment)
        ways.append(("Container lines of its time", ":material/article:", query, f"{by} meanwhile."))
    if told.request_id:
        only = "Only a script that writes the id leaves such lines; Microsoft's inference server does not."
        ways.append(("Lines with its id", ":material/search:", to_id(told), only))
    if not ways:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"request_links_{key}"):
        for number, (label, icon, query, told_more) in enumerate(ways):
            if st.button(label, key=f"request_link_{key}_{number}", type="tertiary", icon=icon, help=told_more):
                st.switch_page(
                    context.ROOT / "pages" / "logs.py",
                    query_params={**scope.link(endpoint.workspace_ref, endpoint.name), **query},
                )


def to_row(told: Told) -> dict[str, str]:
    """The query string of the Logs page that opens the request in full. Pure."""
    return {"view": "traffic", "request": told.request_id}


def to_lines(at: datetime, total_ms: float, deployment: str) -> dict[str, str]:
    """The query string of the Logs page with the lines of a request's time, whole seconds. Pure."""
    until = at + timedelta(milliseconds=total_ms) + CLOCKS + timedelta(seconds=1)
    query = {"view": "containers", FROM: written(at - CLOCKS), TO: written(until)}
    return {**query, "deployment": deployment} if deployment else query


def to_id(told: Told) -> dict[str, str]:
    """The query string of the Logs page with the lines that name the request. Pure."""
    query = {"view": "containers", "q": told.request_id}
    return {**query, "deployment": told.deployment} if told.deployment else query
