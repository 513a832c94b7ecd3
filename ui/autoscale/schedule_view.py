"""The profiles of a setting: which one is looked at, when each is in force, and new ones for other times."""

from __future__ import annotations

from datetime import time, timedelta
from html import escape

import streamlit as st

from services.autoscale import editing, words
from services.autoscale.settings import Profile, Setting
from services.autoscale.zones import NAMES
from services.model import Deployment
from ui import readers
from ui.autoscale import draft
from ui.menus import close, menu

_WEEKLY, _DATES = "autoscale_weekly", "autoscale_dates"
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UTC = NAMES.index("UTC")


def choose(deployment: Deployment, setting: Setting) -> int | None:
    """Draw the choice of a profile when there are several, and return its index; None when there is none."""
    count = len(setting.profiles)
    if count < 2:
        return 0 if count else None
    labels = [words.title(each.name) or f"profile {number}" for number, each in enumerate(setting.profiles, 1)]
    found = st.segmented_control(
        "Profile",
        range(count),
        format_func=lambda number: labels[number],
        default=0,
        required=True,
        wrap=True,
        key=f"autoscale_profile:{deployment.name}:{count}",
        persist_state="session",
    )
    return int(found) if found is not None and found < count else 0


def show(deployment: Deployment, made: draft.Draft, setting: Setting) -> None:
    """Draw the schedules, and the ways to add and delete some."""
    st.header("Schedule", anchor=False)
    if len(setting.profiles) < 2:
        st.html('<p class="hint">The same limits and rules hold at all times.</p>')
    for number, profile in enumerate(setting.profiles):
        if len(setting.profiles) > 1:
            _row(deployment, made, number, profile, words.when(profile, setting.profiles))
    if not setting.profiles:
        return
    with st.container(horizontal=True, key="autoscale_schedule"):
        with menu("Add a weekly time", icon=":material/event_repeat:", key=_WEEKLY):
            _weekly(deployment, made, setting.profiles[0])
        with menu("Add dates", icon=":material/event:", key=_DATES):
            _dates(deployment, made, setting.profiles[0])


def _row(deployment: Deployment, made: draft.Draft, number: int, profile: Profile, holds: str) -> None:
    title = words.title(profile.name)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"autoscale_time:{number}"):
        said = f"{holds}; {words.limits(profile)}, {words.rule_count(profile)}"
        st.html(f'<p class="rule"><b>{escape(title)}</b>: {escape(said)}</p>', width="stretch")
        st.button(
            f"Remove {title}",
            key=f"autoscale_drop:{deployment.name}:{made.revision}:{number}",
            icon=":material/close:",
            type="tertiary",
            on_click=_drop,
            args=(deployment, made, number),
        )


def _weekly(deployment: Deployment, made: draft.Draft, usual: Profile) -> None:
    st.text_input("Name", "weekend", key="autoscale_w_name", max_chars=60)
    st.multiselect("Days", _DAYS, default=["Saturday", "Sunday"], key="autoscale_w_days")
    with st.container(horizontal=True):
        st.time_input("From", time(6), key="autoscale_w_from", width=130)
        st.time_input("Until", time(22), key="autoscale_w_until", width=130)
    st.selectbox("Time zone", NAMES, index=_UTC, key="autoscale_w_zone")
    _counts("autoscale_w", usual)
    st.checkbox("With the usual rules", True, key="autoscale_w_rules")
    st.caption(
        "From and until are on each of these days; an end that is not after the beginning is on the next day. Azure "
        "has no end for a weekly time: it ends when another weekly profile begins. That one, with the usual limits and "
        "rules, is written too."
    )
    st.button(
        "Add the weekly time", key="autoscale_w_add", type="primary", on_click=_add_weekly, args=(deployment, made)
    )


def _dates(deployment: Deployment, made: draft.Draft, usual: Profile) -> None:
    today = readers.azure_now().date()
    st.text_input("Name", "special", key="autoscale_d_name", max_chars=60)
    with st.container(horizontal=True):
        st.date_input("From", today + timedelta(days=1), key="autoscale_d_from", width=160)
        st.date_input("Until the end of", today + timedelta(days=1), key="autoscale_d_until", width=160)
    st.selectbox("Time zone", NAMES, index=_UTC, key="autoscale_d_zone")
    _counts("autoscale_d", usual)
    st.button("Add the dates", key="autoscale_d_add", type="primary", on_click=_add_dates, args=(deployment, made))


def _counts(key: str, usual: Profile) -> None:
    least = max(1, usual.minimum or 1)
    with st.container(horizontal=True):
        st.number_input("Minimum", 1, 50, min(50, least), key=f"{key}_least", width=110)
        st.number_input("Maximum", 1, 50, min(50, max(least, usual.maximum or 1)), key=f"{key}_most", width=110)


def _given(key: str) -> tuple[int, int, int]:
    least = int(st.session_state[f"{key}_least"])
    return least, max(least, int(st.session_state[f"{key}_most"])), least


def _add_weekly(deployment: Deployment, made: draft.Draft) -> None:
    state = st.session_state
    days = tuple(day for day in _DAYS if day in state["autoscale_w_days"])
    start, end = state["autoscale_w_from"], state["autoscale_w_until"]
    if not days or (start == end and len(days) == len(_DAYS)):
        st.toast("Choose one day at least, and an end before it begins again.", icon=":material/error:")
        return
    close(_WEEKLY)
    made = draft.now(deployment, made)
    assert made.document is not None
    weekly = editing.Weekly(days, (start.hour, start.minute), (end.hour, end.minute), state["autoscale_w_zone"])
    name = str(state["autoscale_w_name"]).strip() or "weekly"
    counts = _given("autoscale_w")
    document = editing.with_weekly(made.document, name, weekly, counts, rules=bool(state["autoscale_w_rules"]))
    draft.change(deployment, document)


def _add_dates(deployment: Deployment, made: draft.Draft) -> None:
    close(_DATES)
    state = st.session_state
    start, end = state["autoscale_d_from"], state["autoscale_d_until"] + timedelta(days=1)
    name = str(state["autoscale_d_name"]).strip() or "special"
    dates = (f"{start.isoformat()}T00:00:00", f"{end.isoformat()}T00:00:00", state["autoscale_d_zone"])
    made = draft.now(deployment, made)
    assert made.document is not None
    draft.change(deployment, editing.with_dates(made.document, name, dates, _given("autoscale_d")))


def _drop(deployment: Deployment, made: draft.Draft, number: int) -> None:
    made = draft.now(deployment, made)
    assert made.document is not None
    draft.change(deployment, editing.without_profile(made.document, number))
