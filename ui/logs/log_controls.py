"""Which lines of the containers are wanted, and how an entry of a log is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from services.logs.lines import ERROR, INFO, WARNING, Entry
from services.model import Deployment, Endpoint
from ui.components.log_lines import LogLine

MOST_ENTRIES = 1000
"""Entries that are drawn, the newest."""
MOST_CHARACTERS = 600_000
LONGEST = 20_000
"""Characters of one entry that are drawn."""
SERVER = "InferenceServer"
CONTAINERS = {"Inference server": SERVER, "Storage initializer": "StorageInitializer"}
LEVELS = {"All": "", "Info": INFO, "Warnings": WARNING, "Errors": ERROR}
_SEARCH, _LEVEL, _CONTAINER = "log_search", "log_level", "log_container"


@dataclass(frozen=True)
class Wanted:
    """What is chosen. ``container`` is Azure's name; ``level`` one of services.logs.lines, "" for every one."""

    deployments: tuple[str, ...]
    search: str
    level: str
    container: str


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> Wanted:
    """Draw the controls. The search and the deployments may come with the address."""
    names = [each.name for each in deployments]
    asked = [name for name in st.query_params.get_all("deployment") if name in names]
    # The URL wins: a link that asks for words finds them, whatever was searched before.
    st.session_state[_SEARCH] = st.query_params.get("q", st.session_state.get(_SEARCH, ""))
    with st.container(horizontal=True, vertical_alignment="bottom", key="log_controls"):
        wanted = st.multiselect(
            "Deployments",
            names,
            default=asked or names,
            key=f"log_deployments_{endpoint.name}",
            placeholder="Choose deployments",
            width=320,
        )
        st.text_input(
            "Search",
            key=_SEARCH,
            placeholder="Words or a request id",
            width=260,
            on_change=lambda: search_for(st.session_state[_SEARCH]),
        )
        st.segmented_control(
            "At least",
            list(LEVELS),
            default="All",
            required=True,
            key=_LEVEL,
            help="Lines that say no level, such as a bare print, are shown under All only.",
        )
        container = st.segmented_control(
            "Container", list(CONTAINERS), default=next(iter(CONTAINERS)), required=True, key=_CONTAINER
        )
    search = str(st.session_state.get(_SEARCH) or "").strip()
    level = LEVELS.get(str(st.session_state.get(_LEVEL)), "")
    return Wanted(tuple(wanted), search, level, CONTAINERS[str(container)])


def search_for(search: str) -> None:
    """Search for these words from the next drawing on, and say so in the address. For callbacks."""
    st.session_state[_SEARCH] = search
    if search.strip():
        st.query_params["q"] = search.strip()
    else:
        st.query_params.pop("q", None)


def bounded(found: Sequence[Entry]) -> list[Entry]:
    """The newest entries, as many as a browser draws without effort. Pure."""
    kept, room = 0, MOST_CHARACTERS
    for entry in reversed(found[-MOST_ENTRIES:]):
        room -= min(LONGEST, len(entry.text))
        if room < 0 and kept:
            break
        kept += 1
    return list(found[len(found) - kept :])


def line(entry: Entry, *, is_kept: bool = False, is_dated: bool = False) -> LogLine:
    """An entry as it is drawn. Pure.

    A kept one has a time even where its text says none: that of its row. ``is_dated`` puts the day before the time.
    """
    text = entry.text
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}\n… {len(text) - LONGEST:,} more characters are not shown."
    stamp = entry.stamp
    time = ""
    if entry.at and (stamp or is_kept):
        day = f"{entry.at:%m-%d} " if is_dated else ""
        time = f"{day}{entry.at:%H:%M:%S}.{entry.at.microsecond // 1000:03d}"
    return LogLine(f"{entry.deployment}:{entry.number}", entry.deployment, time, entry.level, text, stamp)
