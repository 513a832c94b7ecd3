"""Whether the split arrives: what share of the requests each deployment really answered since the last change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.journal.entry import APPLIED, CHANGE, DRIFT, FIRST_SEEN, Entry
from services.metrics import SETTLE_SECONDS
from services.model import Deployment, Endpoint
from services.traffic import arrival
from services.traffic.arrival import ARRIVES, DIFFERS, Arrival, MirrorArrival, ShareArrival
from ui import colours, context, problem, readers, words
from ui.behind import Behind, Look
from ui.components.table import Cell, Column, Row, table
from ui.journal import entry_words

MEASURE_SECONDS = 30
KEEP_SECONDS = 90
"""A measurement is not shown for longer: a page that is looked at makes the next one well before."""
POLL_SECONDS = 1.0
LOOK_BACK = 20
"""So many refused or cancelled changes may follow the last one that took effect."""
COLUMNS = (
    Column("Deployment"),
    Column("Verdict"),
    Column("Set", number=True, help="The share that Azure holds."),
    Column("Measured", number=True, help="Its share of the live requests in the settled minutes since the change."),
    Column(
        "Between",
        number=True,
        help="Wilson's interval, widened for looking every minute: at most one change in a hundred is called different "
        "by chance.",
    ),
    Column("Requests", number=True),
)
_TONES = {ARRIVES: "good", DIFFERS: "bad"}


@st.cache_resource(show_spinner=False)
def _measured() -> Behind[Arrival]:
    return Behind()


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw what was measured since the last change of ``endpoint``. The page never waits for it."""
    st.header("What arrives", anchor=False)
    try:
        change = last_change(endpoint)
    except SluiceError as error:
        problem.show(error, key="arrival_change")
        return
    if change is None:
        _say("Not yet known: the change is still under way, or has only just been made elsewhere.")
    elif not endpoint.split.live:
        _say("No deployment has live traffic, so there is nothing to measure.")
    else:
        look = _look(endpoint, deployments, change)
        if look.is_reading or look.value is None:
            _follow(endpoint, deployments, change)
        else:
            _draw(look, change)


def rows(found: Arrival) -> list[Row]:
    """One row per deployment, the mirror's target last. Pure."""
    names = [share.deployment for share in found.shares]
    palette = colours.of_deployments([*names, *([found.mirror.target] if found.mirror else [])])
    made = [
        Row(share.deployment, _cells(share, Cell(share.deployment, colour=palette[share.deployment], strong=True)))
        for share in found.shares
    ]
    if found.mirror:
        name = Cell(found.mirror.target, colour=palette[found.mirror.target], strong=True, note="copies")
        made.append(Row(f"mirror {found.mirror.target}", _cells(found.mirror, name)))
    return made


def _cells(share: ShareArrival | MirrorArrival, name: Cell) -> tuple[Cell, ...]:
    count = share.requests if isinstance(share, ShareArrival) else share.copies
    is_counted = isinstance(share, ShareArrival) or bool(share.source)
    low, high = share.low_percent, share.high_percent
    between = f"{low:.1f} to {high:.1f} %" if low is not None and high is not None else ""
    return (
        name,
        Cell(share.verdict, tone=_TONES.get(share.verdict, "neutral")),
        Cell(f"{share.configured_percent} %", sort=share.configured_percent),
        _known("" if share.share_percent is None else f"{share.share_percent:.1f} %", share.share_percent),
        _known(between, low),
        _known(f"{count:,}" if is_counted else "", count),
    )


def _known(text: str, sort: float | None) -> Cell:
    return Cell(text, sort=sort) if text else Cell(words.NO_DATA, muted=True)


def last_change(endpoint: Endpoint) -> Entry | None:
    """The entry since which ``endpoint`` holds its split. None while a change runs, or was not noticed yet."""
    entries = context.journal().entries(endpoint_id=endpoint.id, limit=LOOK_BACK)
    if any(each.kind == CHANGE and not each.outcome for each in entries[:1]):
        return None
    held = next((each for each in entries if each.kind in (DRIFT, FIRST_SEEN) or each.outcome == APPLIED), None)
    return held if held is not None and held.after == endpoint.split else None


def _look(endpoint: Endpoint, deployments: Sequence[Deployment], change: Entry) -> Look[Arrival]:
    conn, generation, _ = readers.key(endpoint.workspace_ref)
    since = entry_words.effective_at(change, conn.clock)
    return _measured().look(
        (generation, change.id, since),
        lambda: arrival.measure(conn, endpoint, deployments, since, conn.now()),
        max_age_seconds=MEASURE_SECONDS,
        keep_seconds=KEEP_SECONDS,
    )


@st.fragment(run_every=POLL_SECONDS)
def _follow(endpoint: Endpoint, deployments: Sequence[Deployment], change: Entry) -> None:
    """Draw what is there, and what comes: without drawing the page again, which would close a dialog on it."""
    _draw(_look(endpoint, deployments, change), change)


def _draw(look: Look[Arrival], change: Entry) -> None:
    found = look.value
    if found is not None and found.since == found.until:
        first = found.since + timedelta(minutes=1, seconds=SETTLE_SECONDS)
        _say(f"Not yet known. {found.note} The first one can be read at {first.astimezone(UTC):%H:%M} UTC.")
    elif found is not None:
        _say(measured_words(found, change))
        table("Set and measured shares", COLUMNS, rows(found), key="arrival", sortable=False, compact=True)
        if found.note:
            _say(found.note)
    elif look.problem is None:
        _say("Measuring the settled minutes since the change…")
    if look.problem is not None:
        problem.show(look.problem, key="arrival")


def measured_words(found: Arrival, change: Entry) -> str:
    """Which minutes were measured, and since when the split holds, as far as that is known. Pure."""
    holds = "Sluice has seen this split since" if change.kind == FIRST_SEEN else "The split holds since"
    return (
        f"Requests from {found.since.astimezone(UTC):%H:%M} to {found.until.astimezone(UTC):%H:%M} UTC, in settled "
        f"minutes. {holds} {entry_words.when(entry_words.effective_at(change))}."
    )


def _say(text: str) -> None:
    st.html(f'<p class="hint">{escape(text)}</p>')
