"""What the containers of the endpoint's deployments write: live, or as it was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import streamlit as st

from services.azure.connection import Connection
from services.errors import SluiceError
from services.logs.container import MOST_LOGS, TAIL, ContainerLogs, Filter, Place, Reading, select
from services.model import Deployment, Endpoint
from ui import colours, problem, readers, words
from ui.behind import Behind, Look
from ui.components.log_follow import log_follow
from ui.components.log_lines import log_lines, read_found
from ui.logs import kept_view, log_controls, log_window
from ui.logs.log_controls import bounded, line

FOLLOW_SECONDS = 2.0
"""How often somebody who follows asks; how often Azure is asked, however many people follow."""
READING_SECONDS = 0.5
"""How soon to look again while a reading is on its way."""
RETRY_SECONDS = 20.0
"""How long a log that could not be read is left alone."""
KEEP_SECONDS = 600.0
_LINES, _FOLLOW = "log_lines", "log_follow"
LIVE, KEPT = "Live", "Kept"
_READY = ("succeeded", "updating", "scaling")


@dataclass(frozen=True)
class Followed:
    """One followed log: which deployment, and what is known of its log."""

    deployment: str
    look: Look[Reading]


@st.cache_resource(show_spinner=False)
def _behind() -> Behind[Reading]:
    # A log that is followed and forgotten in between would be read again at every look.
    return Behind(most=MOST_LOGS)


@st.cache_resource(show_spinner=False)
def _logs() -> ContainerLogs:
    return ContainerLogs()


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the lines of one or several deployments by time; live ones are followed."""
    row = st.container(horizontal=True, key="log_source")
    with row:
        source = st.segmented_control(
            "Lines",
            [LIVE, KEPT],
            key="lines",
            default=LIVE,
            required=True,
            bind="query-params",
            help="Live: the last lines that Azure has at hand. Kept: the console log in Log Analytics, which goes back "
            "further and is minutes late.",
        )
    if source == KEPT:
        with row:
            time = kept_view.choose_time()
        kept_view.show(endpoint, deployments, time)
        return
    if not deployments:
        st.html('<p class="lead">This endpoint has no deployments, so nothing writes a log.</p>')
        return
    st.fragment(_follow)(endpoint, deployments)


def _follow(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    deployments = _newest(endpoint, deployments)
    wanted = log_controls.show(endpoint, deployments)
    place_to_follow = st.container(key="log_follow_place")
    window = log_window.show(key="container_window")
    conn, generation, workspace = readers.key(endpoint.workspace_ref)
    followed = []
    for name in wanted.deployments:
        place = Place(workspace, endpoint.name, name, wanted.container)
        followed.append(Followed(name, _look(conn, generation, place)))
    for deployment in deployments:
        if deployment.name in wanted.deployments and deployment.state.lower() not in _READY:
            _say_not_ready(deployment)
    for each in followed:
        if each.look.problem:
            problem.show(each.look.problem, key=f"log_{each.deployment}", retry=_behind().forget)
    filtered = Filter(wanted.search, wanted.level, *window)
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
        [line(entry) for entry in shown],
        key=_LINES,
        colours=colours.of_deployments(each.name for each in deployments),
        words=filtered.words.split(),
        nothing=nothing(followed, filtered),
        note=_note(readings, len(found) - len(shown)),
        file_name=endpoint.name,
        on_find=lambda: log_controls.search_for(read_found(_LINES)),
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


def nothing(followed: Sequence[Followed], filtered: Filter) -> str:
    """What to say when there are no lines. Pure."""
    if not followed:
        return "Choose at least one deployment."
    if any(each.look.value is None and each.look.is_reading for each in followed):
        return "Reading the log …"
    if all(each.look.value is None for each in followed):
        return "No log could be read."
    if any(each.look.value and each.look.value.lines for each in followed) and filtered != Filter():
        return "No line matches. What was written before the lines that Azure has at hand may be among the kept ones."
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
