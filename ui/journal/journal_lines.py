"""Changes of a split as labelled vertical lines on a chart. Pure: from entries of the journal to plotly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import plotly.graph_objects as go

from services.journal.entry import DRIFT, Entry, applied
from services.model import Split, Window
from ui.journal import entry_words

SAME_LINE = 0.008
"""Changes closer than this share of the time axis are one line: three pixels on a phone, ten on a wide screen."""
LABEL_APART = 0.05
"""Labels closer than this share of the axis would cover each other on a phone; the line stays without one."""
LONGEST_LABEL = 36
"""Letters that fit between the axis and the top of a chart."""
NAMED = 4
"""How many changes of one line are told one by one on hover."""
LIGHT, DARK = "#5b6472", "#9aa4b2"
"""Quiet text of the two themes in .streamlit/config.toml: 5:1 and 7:1 against the page."""
LIGHT_ELSEWHERE, DARK_ELSEWHERE = "#8a4508", "#f2a65e"
"""Orange text of the two themes: 6:1 and 9:1 against the page."""
LIGHT_PAPER, DARK_PAPER = "rgba(255,255,255,0.6)", "rgba(14,17,22,0.6)"
"""Behind labels: the page, thinly. A label stays readable on a series, and the series does not seem to have a gap."""


@dataclass(frozen=True)
class Line:
    """One vertical line: when, its label ("" for none), what hovering tells, and whether Sluice did not make it."""

    at: datetime
    label: str
    hover: str
    is_elsewhere: bool


def lines(entries: Iterable[Entry], window: Window, zone: tzinfo = UTC) -> tuple[Line, ...]:
    """The lines of the changes that took effect within ``window``, oldest first.

    Changes that would share a few pixels share a line, and labels too close to a newer one are left out.
    """
    inside = [each for each in applied(entries) if window.start_at <= entry_words.effective_at(each) < window.end_at]
    span = (window.end_at - window.start_at).total_seconds()
    groups: list[list[Entry]] = []
    for entry in sorted(inside, key=entry_words.effective_at, reverse=True):
        newest = entry_words.effective_at(groups[-1][0]) if groups else None
        if newest and (newest - entry_words.effective_at(entry)).total_seconds() < SAME_LINE * span:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    found: list[Line] = []
    labelled: datetime | None = None
    for group in groups:
        at = entry_words.effective_at(group[0])
        has_room = labelled is None or (labelled - at).total_seconds() >= LABEL_APART * span
        labelled = at if has_room else labelled
        found.append(
            Line(
                at,
                _label(group) if has_room else "",
                _hover(group, zone),
                any(each.kind == DRIFT for each in group),
            )
        )
    return tuple(reversed(found))


def draw(figure: go.Figure, found: Sequence[Line], zone: tzinfo, *, is_dark: bool) -> None:
    """Add the lines to a figure that shows something already. Plotly draws times as they are written."""
    if not found or not figure.data:
        return
    ours, theirs = (DARK, DARK_ELSEWHERE) if is_dark else (LIGHT, LIGHT_ELSEWHERE)
    moments = [each.at.astimezone(zone).replace(tzinfo=None) for each in found]
    tones = [theirs if each.is_elsewhere else ours for each in found]
    strokes = [
        {
            "type": "line",
            "x0": at,
            "x1": at,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "line": {"color": colour, "width": 1, "dash": "dash" if line.is_elsewhere else "solid"},
            "layer": "below",
        }
        for line, at, colour in zip(found, moments, tones, strict=True)
    ]
    labels = [
        {
            "x": at,
            "y": 1,
            "yref": "paper",
            "text": _escaped(line.label),
            "textangle": -90,
            "showarrow": False,
            "xanchor": "right",
            "yanchor": "top",
            "font": {"size": 10, "color": colour},
            "bgcolor": DARK_PAPER if is_dark else LIGHT_PAPER,
            "borderpad": 1,
        }
        for line, at, colour in zip(found, moments, tones, strict=True)
        if line.label
    ]
    # All at once: adding them one by one takes a second for a hundred lines.
    figure.update_layout(shapes=strokes, annotations=labels)
    figure.add_scatter(
        x=moments,
        y=[0] * len(moments),
        name="changes",
        mode="markers",
        marker={
            "symbol": ["diamond-open" if each.is_elsewhere else "triangle-up" for each in found],
            "size": 7,
            "color": tones,
        },
        hovertext=[each.hover for each in found],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
        cliponaxis=False,
    )


def _label(group: Sequence[Entry]) -> str:
    if len(group) > 1:
        return f"{len(group)} changes"
    entry = group[0]
    text = f"{'elsewhere: ' if entry.kind == DRIFT else ''}{_short(entry.after)}"
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def _short(split: Split) -> str:
    mirror = f", mirror {split.mirror_target} {split.mirror_percent} %" if split.mirror_target else ""
    return f"{entry_words.split_words(split)}{mirror}"


def _hover(group: Sequence[Entry], zone: tzinfo) -> str:
    told = [_told(each, zone) for each in group[:NAMED]]
    if len(group) > NAMED:
        told.append(f"and {len(group) - NAMED} more")
    return "<br>".join(told)


def _told(entry: Entry, zone: tzinfo) -> str:
    at = entry_words.effective_at(entry).astimezone(zone)
    kind = "changed elsewhere" if entry.kind == DRIFT else "changed"
    return f"{at:%H:%M:%S} {kind}: {_escaped(entry_words.whole(entry.after))}"


def _escaped(text: str) -> str:
    # Plotly reads a few HTML tags in its texts.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
