"""What the containers of the endpoint's deployments write, live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import streamlit as st

from services.azure.connection import Connection
from services.errors import SluiceError
from services.logs.container import TAIL, ContainerLogs, Filter, Place, Reading, select
from services.logs.lines import ERROR, INFO, WARNING, Entry
from services.model import Deployment, Endpoint
from ui import colours, problem, readers, words
from ui.behind import Behind, Look
from ui.components.log_follow import log_follow
from ui.components.log_lines import LogLine, log_lines, read_found
from ui.logs import log_window

FOLLOW_SECONDS = 2.0
"""How often somebody who follows asks; how often Azure is asked, however many people follow."""
READING_SECONDS = 0.5
"""How soon to look again while a reading is on its way."""
RETRY_SECONDS = 20.0
"""How long a log that could not be read is left alone."""
KEEP_SECONDS = 600.0
MOST_ENTRIES = 1000
"""Entries that are drawn, the newest."""
MOST_CHARACTERS = 600_000
LONGEST = 20_000
"""Characters of one entry that are drawn."""
CONTAINERS = {"Inference server": "InferenceServer", "Storage initializer": "StorageInitializer"}
LEVELS = {"All": "", "Info": INFO, "Warnings": WARNING, "Errors": ERROR}
_LINES, _FOLLOW, _SEARCH, _LEVEL, _CONTAINER = "log_lines", "log_follow", "log_search", "log_level", "log_container"
_READY = ("succeeded", "updating", "scaling")


@dataclass(frozen=True)
class Followed:
    """One followed log: which deployment, and what is known of its log."""

    deployment: str
    look: Look[Reading]


@st.cache_resource(show_spinner=False)
def _behind() -> Behind[Reading]:
    return Behind()


@st.cache_resource(show_spinner=False)
def _logs() -> ContainerLogs:
    return ContainerLogs()


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the lines of one or several deployments by time, and follow them."""
    if not deployments:
        st.html('<p class="lead">This endpoint has no deployments, so nothing writes a log.</p>')
        return
    st.fragment(_follow)(endpoint, deployments)


def _follow(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    deployments = _newest(endpoint, deployments)
    wanted, container = _controls(endpoint, deployments)
    place_to_follow = st.container(key="log_follow_place")
    window = log_window.show(key="container_window")
    conn, generation, workspace = readers.key(endpoint.workspace_ref)
    followed = []
    for name in wanted:
        place = Place(workspace, endpoint.name, name, container)
        followed.append(Followed(name, _look(conn, generation, place)))
    for deployment in deployments:
        if deployment.name in wanted and deployment.state.lower() not in _READY:
            _say_not_ready(deployment)
    for each in followed:
        if each.look.problem:
            problem.show(each.look.problem, key=f"log_{each.deployment}", retry=_behind().forget)
    search = str(st.session_state.get(_SEARCH) or "").strip()
    filtered = Filter(search, LEVELS.get(str(st.session_state.get(_LEVEL)), ""), *window)
    _draw(endpoint, deployments, followed, filtered)
    with place_to_follow:
        _keep_following(followed)
    _heads(followed)


def _newest(endpoint: Endpoint, known: Sequence[Deployment]) -> Sequence[Deployment]:
    # Somebody may follow for hours without drawing the page: deployments come, get ready and go.
    try:
        return readers.deployments(endpoint)
    except SluiceError:
        return known


def _controls(endpoint: Endpoint, deployments: Sequence[Deployment]) -> tuple[list[str], str]:
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
            on_change=lambda: _remember_search(st.session_state[_SEARCH]),
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
    return list(wanted), CONTAINERS[str(container)]


def _remember_search(search: str) -> None:
    st.session_state[_SEARCH] = search
    if search.strip():
        st.query_params["q"] = search.strip()
    else:
        st.query_params.pop("q", None)


def _look(conn: Connection, generation: int, place: Place) -> Look[Reading]:
    logs, behind = _logs(), _behind()
    key = (generation, place)

    def look(seconds: float) -> Look[Reading]:
        return behind.look(key, lambda: logs.read(conn, place), max_age_seconds=seconds, keep_seconds=KEEP_SECONDS)

    known = look(RETRY_SECONDS)
    return known if known.problem or known.is_reading else look(FOLLOW_SECONDS * 0.9)


def _draw(
    endpoint: Endpoint, deployments: Sequence[Deployment], followed: Sequence[Followed], filtered: Filter
) -> None:
    readings = {each.deployment: each.look.value for each in followed if each.look.value is not None}
    found = select((reading.entries for reading in readings.values()), filtered)
    shown = bounded(found)
    log_lines(
        f"Container log of {endpoint.name}",
        [_line(entry) for entry in shown],
        key=_LINES,
        colours=colours.of_deployments(each.name for each in deployments),
        words=filtered.words.split(),
        nothing=nothing(followed, filtered),
        note=_note(readings, len(found) - len(shown)),
        file_name=endpoint.name,
        on_find=lambda: _remember_search(read_found(_LINES)),
    )


def _keep_following(followed: Sequence[Followed]) -> None:
    now = datetime.now(UTC)
    ages = [(now - each.look.value.read_at).total_seconds() for each in followed if each.look.value]
    is_first = any(each.look.is_reading and each.look.value is None for each in followed)
    is_reading = any(each.look.is_reading for each in followed)
    log_follow(
        key=_FOLLOW,
        token=now.timestamp(),
        age_seconds=None if is_first or not ages else max(ages),
        every_seconds=READING_SECONDS if is_reading else FOLLOW_SECONDS,
    )


def bounded(found: Sequence[Entry]) -> list[Entry]:
    """The newest entries, as many as a browser draws without effort. Pure."""
    kept, room = 0, MOST_CHARACTERS
    for entry in reversed(found[-MOST_ENTRIES:]):
        room -= min(LONGEST, len(entry.text))
        if room < 0 and kept:
            break
        kept += 1
    return list(found[len(found) - kept :])


def _line(entry: Entry) -> LogLine:
    text = entry.text
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}\n… {len(text) - LONGEST:,} more characters are not shown."
    stamp = entry.stamp
    time = f"{entry.at:%H:%M:%S}.{entry.at.microsecond // 1000:03d}" if entry.at and stamp else ""
    return LogLine(f"{entry.deployment}:{entry.number}", entry.deployment, time, entry.level, text, stamp)


def nothing(followed: Sequence[Followed], filtered: Filter) -> str:
    """What to say when there are no lines. Pure."""
    if not followed:
        return "Choose at least one deployment."
    if any(each.look.value is None and each.look.is_reading for each in followed):
        return "Reading the log …"
    if all(each.look.value is None for each in followed):
        return "No log could be read."
    if any(each.look.value and each.look.value.lines for each in followed) and filtered != Filter():
        return "No line matches. What was written before the lines that Azure keeps at hand is not searched."
    return "Nothing has been written yet."


def _note(readings: Mapping[str, Reading], hidden: int) -> str:
    said = []
    if hidden:
        said.append(f"{words.count(hidden, 'older entry', 'older entries')} not shown: search, or choose a level.")
    cut = [name for name, reading in readings.items() if reading.is_cut]
    if cut and not hidden:
        said.append(f"Older lines of {', '.join(cut)} are not read: one reading gets the last {TAIL:,} lines.")
    return " ".join(said)


def _say_not_ready(deployment: Deployment) -> None:
    st.html(
        f'<p class="hint">The state of <b>{escape(deployment.name)}</b> is {escape(deployment.state or "not said")}. '
        "Its log begins when its container does; until then the instance's states are below.</p>"
    )


def _heads(followed: Sequence[Followed]) -> None:
    for each in followed:
        if each.look.value and each.look.value.head:
            with st.expander(f"States and events of the instances of {each.deployment}"):
                st.code(each.look.value.head, language=None)
