"""Changes of a split, and what autoscale did, as labelled vertical lines on a chart. Pure: from values to plotly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import plotly.graph_objects as go

from services.azure.autoscale_events import Scaling
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
LIGHT_SCALING, DARK_SCALING = "#0b6b62", "#5fd0c5"
"""Teal for autoscale, which no deployment has: 6:1 and 10:1 against the page."""
LIGHT_PAPER, DARK_PAPER = "rgba(255,255,255,0.6)", "rgba(14,17,22,0.6)"
"""Behind labels: the page, thinly. A label stays readable on a series, and the series does not seem to have a gap."""


@dataclass(frozen=True)
class Line:
    """One vertical line: when, its label ("" for none), what hovering tells, and what it stands for.

    ``is_elsewhere``: a change that Sluice did not make. ``is_scaling``: autoscale, and no change of the split.
    """

    at: datetime
    label: str
    hover: str
    is_elsewhere: bool
    is_scaling: bool = False


@dataclass(frozen=True)
class _Mark:
    """What happened at one moment, before those that share a line are put together."""

    at: datetime
    label: str
    told: str
    is_elsewhere: bool = False
    is_scaling: bool = False


def lines(
    entries: Iterable[Entry], window: Window, zone: tzinfo = UTC, scalings: Iterable[Scaling] = ()
) -> tuple[Line, ...]:
    """The lines of the changes that took effect within ``window`` and of what autoscale did in it, oldest first.

    What would share a few pixels shares a line (changes with changes, scalings with scalings), and labels too close to
    a newer one are left out.
    """
    marks = [*(_changed(each, zone) for each in applied(entries)), *(_scaled(each, zone) for each in scalings)]
    inside = [each for each in marks if window.start_at <= each.at < window.end_at]
    span = (window.end_at - window.start_at).total_seconds()
    groups: list[list[_Mark]] = []
    newest: dict[bool, list[_Mark]] = {}
    for mark in sorted(inside, key=lambda each: each.at, reverse=True):
        group = newest.get(mark.is_scaling)
        if group and (group[0].at - mark.at).total_seconds() < SAME_LINE * span:
            group.append(mark)
        else:
            newest[mark.is_scaling] = [mark]
            groups.append(newest[mark.is_scaling])
    found: list[Line] = []
    labelled: datetime | None = None
    for group in groups:
        at = group[0].at
        has_room = labelled is None or (labelled - at).total_seconds() >= LABEL_APART * span
        labelled = at if has_room else labelled
        is_elsewhere = any(each.is_elsewhere for each in group)
        found.append(Line(at, _label(group) if has_room else "", _hover(group), is_elsewhere, group[0].is_scaling))
    return tuple(reversed(found))


def draw(figure: go.Figure, found: Sequence[Line], zone: tzinfo, *, is_dark: bool) -> None:
    """Add the lines to a figure that shows something already. Plotly draws times as they are written."""
    if not found or not figure.data:
        return
    moments = [each.at.astimezone(zone).replace(tzinfo=None) for each in found]
    tones = [_tone(each, is_dark=is_dark) for each in found]
    strokes = [
        {
            "type": "line",
            "x0": at,
            "x1": at,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "line": {"color": colour, "width": 1, "dash": _dash(line)},
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
            "symbol": [_symbol(each) for each in found],
            "size": 7,
            "color": tones,
        },
        hovertext=[each.hover for each in found],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
        cliponaxis=False,
    )


def _tone(line: Line, *, is_dark: bool) -> str:
    if line.is_scaling:
        return DARK_SCALING if is_dark else LIGHT_SCALING
    if line.is_elsewhere:
        return DARK_ELSEWHERE if is_dark else LIGHT_ELSEWHERE
    return DARK if is_dark else LIGHT


def _dash(line: Line) -> str:
    return "dot" if line.is_scaling else "dash" if line.is_elsewhere else "solid"


def _symbol(line: Line) -> str:
    return "square-open" if line.is_scaling else "diamond-open" if line.is_elsewhere else "triangle-up"


def _label(group: Sequence[_Mark]) -> str:
    if len(group) > 1:
        return f"{len(group)} {'scalings' if group[0].is_scaling else 'changes'}"
    text = group[0].label
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def _hover(group: Sequence[_Mark]) -> str:
    told = [each.told for each in group[:NAMED]]
    if len(group) > NAMED:
        told.append(f"and {len(group) - NAMED} more")
    return "<br>".join(told)


def _changed(entry: Entry, zone: tzinfo) -> _Mark:
    at, is_elsewhere = entry_words.effective_at(entry), entry.kind == DRIFT
    kind = "changed elsewhere" if is_elsewhere else "changed"
    told = f"{at.astimezone(zone):%H:%M:%S} {kind}: {_escaped(entry_words.whole(entry.after))}"
    return _Mark(at, f"{'elsewhere: ' if is_elsewhere else ''}{_short(entry.after)}", told, is_elsewhere)


def _short(split: Split) -> str:
    mirror = f", mirror {split.mirror_target} {split.mirror_percent} %" if split.mirror_target else ""
    return f"{entry_words.split_words(split)}{mirror}"


def _scaled(scaling: Scaling, zone: tzinfo) -> _Mark:
    at = f"{scaling.at.astimezone(zone):%H:%M:%S}"
    return _Mark(
        scaling.at,
        f"{scaling.deployment} {_counts(scaling)}{' failed' if scaling.is_failed else ''}",
        f"{at} {_escaped(scaling_words(scaling))}",
        is_scaling=True,
    )


def scaling_words(scaling: Scaling) -> str:
    """What autoscale did, as a sentence without its end."""
    reason = f" ({scaling.reason})" if scaling.reason else ""
    if scaling.is_failed:
        return f"autoscale could not scale {scaling.deployment} {_counts(scaling)}{reason}"
    return f"{scaling.deployment} scaled {_counts(scaling)} by autoscale{reason}"


def _counts(scaling: Scaling) -> str:
    return " → ".join("?" if each is None else str(each) for each in (scaling.old, scaling.new))


def _escaped(text: str) -> str:
    # Plotly reads a few HTML tags in its texts.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
