"""Where an endpoint's mirrored requests are visible, and whether its metrics and its traffic log agree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.journal.entry import FIRST_SEEN
from services.model import Deployment, Endpoint
from services.visibility.judging import NOT_VISIBLE, NOT_YET_KNOWN, SOURCES, VISIBLE, Seen
from services.visibility.memory import Memory, Remembered
from services.visibility.probe import Findings, probe
from services.visibility.reconciling import Agreement, Reconciliation
from ui import colours, context, problem, readers, words
from ui.behind import Behind, Look
from ui.components.table import Cell, Column, Row, table
from ui.journal import entry_words
from ui.traffic import arrival_panel

PROBE_SECONDS = 60
KEEP_SECONDS = 300
POLL_SECONDS = 2.0
WRITE_LASTS = timedelta(minutes=2)
"""So long after Azure's time of a change it may take until the split is in effect."""
NO_DEPLOYMENT = "none, refused"
_TONES = {VISIBLE: "good", NOT_VISIBLE: "neutral", NOT_YET_KNOWN: "busy"}
_COMPARED = (
    Column("Deployment"),
    Column("Metrics", number=True, help="Requests that the endpoint's metrics count."),
    Column("Log rows", number=True, help="Rows of AmlOnlineEndpointTrafficLog."),
    Column("Difference", number=True, help="Log rows minus requests in the metrics."),
    Column("Verdict"),
    Column("Likely reason", wraps=True),
)


@dataclass(frozen=True)
class _Asked:
    """What is measured: ``since`` is when the split took effect, None while a change is under way."""

    endpoint: Endpoint
    deployments: tuple[Deployment, ...]
    since: datetime | None


@st.cache_resource(show_spinner=False)
def _found() -> Behind[Findings]:
    return Behind()


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw what is known. The page never waits for it; what was found out is remembered on disk."""
    try:
        memory = Memory(context.store(), context.connection().arm_host)
        asked = _Asked(endpoint, tuple(deployments), _since(endpoint))
        look = _look(asked, memory)
        if look.value is None or look.is_reading:
            _follow(asked, memory)
        else:
            _draw(asked, look, memory.recall(endpoint.id))
    except SluiceError as error:
        problem.show(error, key="visibility")


def _since(endpoint: Endpoint) -> datetime | None:
    """When the split took effect: as the journal knows it, else from Azure's time of the endpoint's last change."""
    if not context.journal().entries(endpoint_id=endpoint.id, limit=1):
        return None if endpoint.modified_at is None else endpoint.modified_at + WRITE_LASTS
    change = arrival_panel.last_change(endpoint)
    if change is None:
        return None
    held = entry_words.effective_at(change, context.connection().clock)
    if change.kind == FIRST_SEEN and endpoint.modified_at is not None:
        # It was there before Sluice saw it: nothing of the endpoint has changed since Azure's time of its last change.
        return min(held, endpoint.modified_at + WRITE_LASTS)
    return held


def _look(asked: _Asked, memory: Memory, max_age_seconds: float = PROBE_SECONDS) -> Look[Findings]:
    conn, generation, _ = readers.key(asked.endpoint.workspace_ref)

    def read() -> Findings:
        endpoint = asked.endpoint
        before = {source: each.seen.verdict for source, each in memory.recall(endpoint.id).items()}
        found = probe(conn, endpoint, asked.deployments, asked.since, conn.now(), before)
        if found.target is not None:
            memory.remember(endpoint.id, found.target, found.seen, found.at)
        return found

    key = (generation, asked.endpoint.id.lower(), asked.endpoint.split.mirror_target, asked.since)
    return _found().look(key, read, max_age_seconds=max_age_seconds, keep_seconds=KEEP_SECONDS)


@st.fragment(run_every=POLL_SECONDS)
def _follow(asked: _Asked, memory: Memory) -> None:
    """Draw what is there, and what comes, without drawing the charts again.

    It asks Azure once: a page that is left open, and is not drawn again, costs nothing.
    """
    try:
        _draw(asked, _look(asked, memory, math.inf), memory.recall(asked.endpoint.id))
    except SluiceError as error:
        problem.show(error, key="visibility")


def _draw(asked: _Asked, look: Look[Findings], remembered: Mapping[str, Remembered]) -> None:
    found, split = look.value, asked.endpoint.split
    target = split.mirror_target
    if target is not None or remembered:
        st.header("Where mirrored requests are visible", anchor=False)
        _say(_intro(target, split.mirror_percent, asked.since))
        seen = found.seen if found is not None else ()
        if seen or remembered:
            columns = _columns(target or next(iter(remembered.values())).deployment)
            rows = visibility_rows(seen, remembered)
            table("Sources and mirrored requests", columns, rows, key="visibility", sortable=False, compact=True)
    st.header("Metrics beside the traffic log", anchor=False)
    if found is not None:
        _reconciliation(found.reconciliation)
    elif look.problem is None:
        _say("Reading both sources…")
    if look.problem is not None:
        problem.show(look.problem, key="visibility_reading")


def _intro(target: str | None, percent: int, since: datetime | None) -> str:
    if target is None:
        return "Nothing is mirrored now. This is what was found out when there was a mirror."
    held = f"Counted since {words.moment(since)}." if since else "The split is being changed: nothing is counted yet."
    return (
        f"{percent} % of the live requests are copied to {target}. Azure does not say which of its sources count them, "
        "so Sluice finds it out: of two sources that count the same minutes, the one with more has the copies. " + held
    )


def _columns(target: str) -> tuple[Column, ...]:
    return (
        Column("Source"),
        Column("Mirrored requests"),
        Column(f"Requests of {target}", number=True, help="Copies, where they count, and requests that name it."),
        Column("Live requests", number=True, help="Requests of the other deployments in the same minutes."),
        Column("Minutes", help="In which these were counted. Logs settle later than metrics."),
        Column("How it is known", wraps=True),
    )


def visibility_rows(seen: Sequence[Seen], remembered: Mapping[str, Remembered]) -> list[Row]:
    """One row per source: what is known now, else what was found out before. Pure."""
    now = {each.source: each for each in seen}
    rows = []
    for source in SOURCES:
        current, before = now.get(source), remembered.get(source)
        if before is not None and (current is None or current.verdict == NOT_YET_KNOWN):
            rows.append(_row(before.seen, f"found out {words.moment(before.at)}", current))
        elif current is not None:
            rows.append(_row(current))
    return rows


def _row(seen: Seen, note: str = "", current: Seen | None = None) -> Row:
    why = seen.why if current is None else f"{seen.why} Now: {current.why}"
    span = f"{_clock(seen.since)} to {_clock(seen.until)} UTC" if seen.until > seen.since else ""
    return Row(
        seen.source,
        (
            Cell(seen.source, strong=True),
            Cell(seen.verdict, tone=_TONES[seen.verdict], note=note),
            _number(seen.target if span else None),
            _number(seen.live if span else None),
            Cell(span, title=words.moment(seen.since)) if span else Cell("none yet", muted=True),
            Cell(why),
        ),
    )


def _reconciliation(found: Reconciliation) -> None:
    span = f"{_clock(found.since)} to {_clock(found.until)} UTC"
    if found.problem:
        _say(f"They cannot be compared from {span}. {found.problem}")
        return
    _say(f"Requests from {span}: the last hour that has settled in logs too, which are up to ten minutes late.")
    table(
        "Requests by metrics and by rows of the traffic log",
        _COMPARED,
        comparison_rows(found.agreements),
        key="reconciliation",
        sortable=False,
        compact=True,
    )


def comparison_rows(agreements: Sequence[Agreement]) -> list[Row]:
    """One row per deployment, what no deployment answered last. Pure."""
    palette = colours.of_deployments([each.deployment for each in agreements if each.deployment])
    return [
        Row(
            each.deployment or NO_DEPLOYMENT,
            (
                Cell(each.deployment, colour=palette[each.deployment], strong=True)
                if each.deployment
                else Cell(NO_DEPLOYMENT, muted=True),
                Cell(f"{each.metrics:,}", sort=each.metrics),
                Cell(f"{each.rows:,}", sort=each.rows),
                Cell(
                    f"{each.rows - each.metrics:+,}".replace("-", "\N{MINUS SIGN}")
                    if each.rows != each.metrics
                    else "0"
                ),
                Cell("agree", tone="good") if each.agrees else Cell("differ", tone="bad"),
                Cell(each.reason),
            ),
        )
        for each in agreements
    ]


def _number(value: int | None) -> Cell:
    return Cell(words.NO_DATA, muted=True) if value is None else Cell(f"{value:,}", sort=value)


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M}"


def _say(text: str) -> None:
    st.html(f'<p class="hint">{escape(text)}</p>')
