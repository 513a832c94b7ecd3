"""Two deployments side by side over any window: described, not judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.shadow.model import Pair, Run
from ui import charts, context, problem, url_time, words
from ui.charts import Look
from ui.components.table import table
from ui.shadow import side_charts, side_ends, side_reading, side_table, side_window, standing_cards
from ui.shadow.side_charts import Scene
from ui.shadow.side_reading import Compared
from ui.shadow.side_window import Asked
from ui.turns import Turns

REFRESH_SECONDS = 30
POLL_SECONDS = 0.7
DESCRIBED = (
    "Described, not judged: each interval is right for one look at a window that was chosen beforehand. "
    "A verdict belongs to a shadow test with a fixed start."
)


def show(endpoint: Endpoint, deployments: Sequence[Deployment], run: Run | None = None) -> None:
    """Draw the choice of pair and window, and what is known of them. ``run`` is offered as a window of its own."""
    st.header("Side by side", anchor=False)
    asked = _asked(endpoint, deployments, run)
    if asked is None:
        st.html(f'<p class="lead">{escape(_why_nothing(endpoint, deployments))}</p>')
        return
    look = Look(is_dark=st.context.theme.type == "dark")
    known = side_reading.look(endpoint, deployments, asked, run)
    is_first = known.value is None and known.is_reading
    every = POLL_SECONDS if is_first else REFRESH_SECONDS
    st.fragment(_parts, run_every=every)(endpoint, deployments, asked, run, look, Turns(), is_first=is_first)


def _asked(endpoint: Endpoint, deployments: Sequence[Deployment], run: Run | None) -> Asked | None:
    names = [each.name for each in deployments]
    default = side_window.default_pair(endpoint, names, run)
    if default is None:
        return None
    every = list(dict.fromkeys([*names, default.live, default.candidate]))
    mirror_at = _mirror_set_at(endpoint)
    of_run = f"_{run.id}" if run else ""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="side_controls"):
        live = st.selectbox("Compare with", every, index=every.index(default.live), key=f"side_live{of_run}", width=170)
        candidate = st.selectbox(
            "Candidate", every, index=every.index(default.candidate), key=f"side_candidate{of_run}", width=170
        )
        window = st.segmented_control(
            "Window",
            side_window.windows(run, mirror_at),
            default=side_window.default_window(run, mirror_at),
            key=f"side_window{of_run}",
            required=True,
            wrap=True,
            on_change=url_time.forget,
        )
        side_ends.show()
        st.button(
            "Read again", key="side_again", type="tertiary", icon=":material/refresh:", on_click=side_reading.forget
        )
    side_ends.show_chosen()
    pair, ends = Pair(str(live), str(candidate)), side_ends.ends()
    if ends is not None:
        return Asked(pair, since=ends[0], end=ends[1])
    if run is not None and window == side_window.THE_RUN and pair == run.pair:
        return Asked(pair, run_id=run.id)
    if window == side_window.THE_MIRROR and mirror_at is not None:
        return Asked(pair, since=mirror_at)
    if run is not None and window == side_window.THE_RUN:
        return Asked(pair, since=run.set_at or run.started_at)
    return Asked(pair, hours=side_window.HOURS.get(str(window), side_window.HOURS[side_window.DEFAULT_HOURS]))


def _mirror_set_at(endpoint: Endpoint) -> datetime | None:
    """Since when the mirror is as it is. A journal that fails is no reason to show nothing else."""
    if not endpoint.split.mirror:
        return None
    try:
        entries = context.journal().entries(endpoint_id=endpoint.id, limit=side_reading.MOST_ENTRIES)
    except SluiceError:
        return None
    return side_window.mirror_set_at(endpoint, entries, context.connection().clock)


def _why_nothing(endpoint: Endpoint, deployments: Sequence[Deployment]) -> str:
    if not deployments:
        return f"{endpoint.name} has no deployment, so there is nothing to compare."
    return f"{endpoint.name} has one deployment only, {deployments[0].name}: two can be compared."


def _parts(
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    asked: Asked,
    run: Run | None,
    look: Look,
    turns: Turns,
    *,
    is_first: bool,
) -> None:
    is_by_itself = turns.is_by_itself()
    if asked.pair.live == asked.pair.candidate:
        st.html('<p class="lead">Choose two different deployments.</p>')
        return
    known = side_reading.look(endpoint, deployments, asked, run)
    if is_by_itself and is_first and not known.is_reading:
        # The first answer is here: the page again, so that it is looked for less often.
        st.rerun()
    if known.problem is not None:
        problem.show(known.problem, key="side", retry=side_reading.forget)
    if known.value is not None:
        _described(endpoint, asked, known.value, look)
    elif known.problem is None:
        st.html('<p class="lead" role="status">Reading the requests of both …</p>')
        return


def _described(endpoint: Endpoint, asked: Asked, found: Compared, look: Look) -> None:
    st.html(f'<p class="hint">{escape(_window_words(found, look))} {escape(DESCRIBED)}</p>')
    listed = standing_cards.listed((*found.reading.notes, *found.ground.loads.notes))
    if listed:
        st.html(f'<div role="status">{listed}</div>')
    if found.window is None:
        both = escape(f"{asked.pair.live} and {asked.pair.candidate}")
        st.html(
            f'<p class="lead">Azure has not finished counting any request of {both} in this window yet. Wait a few '
            "minutes, or choose a longer one.</p>"
        )
        return
    table(
        f"{asked.pair.live} and {asked.pair.candidate} side by side",
        side_table.columns(asked.pair),
        side_table.rows(found.described, found.reading, found.ground),
        key="side_table",
        sortable=False,
        searchable=False,
        download=f"{endpoint.name}-side-by-side",
    )
    told = side_table.sentences(found.ground.taints)
    if told:
        items = "".join(f"<li>{escape(each)}</li>" for each in told)
        st.html(f'<ol class="hint remarks">{items}</ol>')
    scene = Scene(endpoint.name, asked.pair, found.described, found.reading, found.window, look, found.ground.cold)
    side_charts.show(scene)


def _window_words(found: Compared, look: Look) -> str:
    if found.window is None:
        return ""
    start, end = (each.astimezone(look.zone) for each in (found.window.start_at, found.window.end_at))
    length = words.elapsed((end - start).total_seconds()).replace(" 0 s", "").replace(" 0 min", "")
    zone = charts.zone_name(look.zone, end)
    return f"Settled minutes from {start:%Y-%m-%d %H:%M} to {end:%H:%M} {zone}, {length}."
