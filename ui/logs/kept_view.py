"""What the containers wrote, from the console log that Log Analytics keeps: further back than the live lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

import streamlit as st

from services.azure.diagnostics import CONSOLE
from services.logs import kept
from services.logs.container import Filter, select
from services.logs.kept import Asked, Kept
from services.model import Deployment, Endpoint
from ui import colours, problem, readers, words
from ui.behind import Behind, Look
from ui.components.log_lines import log_lines, read_found
from ui.logs import diagnostics_panel, log_controls, log_window
from ui.turns import Turns

SPANS = {"1 h": timedelta(hours=1), "24 h": timedelta(hours=24), "7 d": timedelta(days=7), "30 d": timedelta(days=30)}
_SPAN = "1 h"
Time = tuple[timedelta, datetime | None, datetime | None]
"""How far back, or from when and until when."""
POLL_SECONDS = 0.5
MAX_AGE_SECONDS = 60.0
KEEP_SECONDS = 600.0
_LINES = "kept_lines"


@dataclass(frozen=True)
class _Shown:
    """What is looked at: the lines that are asked for, and the level of those that are drawn."""

    endpoint: Endpoint
    names: tuple[str, ...]
    asked: Asked
    level: str
    is_sent: bool | None


@st.cache_resource(show_spinner=False)
def _behind() -> Behind[Kept]:
    return Behind()


def show(endpoint: Endpoint, deployments: Sequence[Deployment], time: Time) -> None:
    """Draw whether the console log is sent, the filters, and the lines of ``time``."""
    sent = diagnostics_panel.show(endpoint, CONSOLE)
    wanted = log_controls.show(endpoint, deployments)
    names = tuple(each.name for each in deployments)
    asked = Asked(
        *time,
        # All of those that are there is everybody: a deployment that was deleted has left lines too.
        deployments=() if set(wanted.deployments) == set(names) else wanted.deployments,
        words=tuple(wanted.search.split()),
        is_server=wanted.container == log_controls.SERVER,
    )
    if names and not wanted.deployments:
        st.html('<p class="lead">Choose at least one deployment.</p>')
        return
    shown = _Shown(endpoint, names, asked, wanted.level, None if sent is None else bool(sent.readable))
    if _look(shown).is_reading:
        st.fragment(_follow, run_every=POLL_SECONDS)(shown, Turns())
    else:
        _draw(shown)


def choose_time() -> Time:
    """Draw which time is looked at, and say it."""
    since, until = log_window.show(key="kept_window")
    span = _SPAN
    if since is None and until is None:
        span = str(
            st.segmented_control(
                "Over the last", list(SPANS), key="kept_of", default=_SPAN, required=True, bind="query-params"
            )
        )
    return SPANS.get(span, SPANS[_SPAN]), since, until


def _look(shown: _Shown) -> Look[Kept]:
    conn, generation, _ = readers.key(shown.endpoint.workspace_ref)
    return _behind().look(
        (generation, shown.endpoint.id.lower(), shown.asked),
        lambda: kept.read(conn, shown.endpoint, shown.asked),
        max_age_seconds=MAX_AGE_SECONDS,
        keep_seconds=KEEP_SECONDS,
    )


def _follow(shown: _Shown, turns: Turns) -> None:
    if turns.is_by_itself() and not _look(shown).is_reading:
        st.rerun()
    _draw(shown)


def _draw(shown: _Shown) -> None:
    look = _look(shown)
    if look.problem is not None:
        problem.show(look.problem, key="kept", retry=_behind().forget)
    if look.value is None:
        if look.problem is None:
            st.html('<p class="working">Reading the console log…</p>')
        return
    if look.value.partial:
        st.html(f'<p class="note">Log Analytics left rows out: {escape(look.value.partial)}.</p>')
    found = select(look.value.logs, Filter(level=shown.level))
    drawn = log_controls.bounded(found)
    is_dated = len({entry.at.date() for entry in drawn if entry.at is not None}) > 1
    log_lines(
        f"Kept console log of {shown.endpoint.name}",
        [log_controls.line(entry, is_kept=True, is_dated=is_dated) for entry in drawn],
        key=_LINES,
        colours=colours.of_deployments({*shown.names, *(entry.deployment for entry in found)}),
        words=shown.asked.words,
        nothing=_nothing(shown),
        note=_note(look.value, len(found) - len(drawn)),
        file_name=f"{shown.endpoint.name}-kept",
        on_find=lambda: log_controls.search_for(read_found(_LINES)),
    )


def _nothing(shown: _Shown) -> str:
    said = "The console log has no line like that in this time."
    if shown.is_sent:
        return f"{said} Rows come 3 to 10 minutes late; after the log was switched on the first need up to an hour."
    if shown.is_sent is None:
        return said
    return f"{said} It is not sent to Log Analytics: nothing of now is kept."


def _note(found: Kept, hidden: int) -> str:
    if hidden:
        return f"{words.count(hidden, 'older entry', 'older entries')} not shown: search, or choose a level or a time."
    return f"The newest {kept.MOST_LINES:,} lines. Choose an earlier time for older ones." if found.is_cut else ""
