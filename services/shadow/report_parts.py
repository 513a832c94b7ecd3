"""Pieces of a report's page: tables, lists, and numbers with their intervals, as HTML. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from services.digits import rounded

Told = Mapping[str, Any]
"""A part of a report's document."""


def with_interval(told: Told | None, unit: str, *, is_signed: bool = False, what: str = "") -> str:
    """A number, and below it its interval and n; or that there is no data."""
    if told is None or told["value"] is None:
        return "no data"

    def said(name: str) -> str:
        return rounded(told[name], 4, signed=is_signed)

    if told["lower"] is None or told["upper"] is None:
        between = "too few for an interval"
    else:
        between = f"{said('lower')} to {said('upper')}"
    counted = f"n = {told['n']:,}{' ' + what if what else ''}"
    return two_lines(f"{said('value')} {unit}", f"{between}, {counted}")


def two_lines(first: str, second: str) -> str:
    """A number with what belongs to it in small letters below. Takes text, gives HTML."""
    first, second = (escape(text).replace("-", "−") for text in (first, second))
    return f"{first}<br><small class=quiet>{second}</small>" if second else first


def latency_difference(told: Told | None) -> str:
    """A difference at one quantile, in percent and in ms."""
    if told is None or told["percent"] is None:
        return "too few requests"
    ends = [told[name] for name in ("lower_percent", "upper_percent")]
    between = "" if None in ends else f"{rounded(ends[0], 3, signed=True)} to {rounded(ends[1], 3, signed=True)} %"
    both = f"{rounded(told['percent'], 3, signed=True)} %, {rounded(told['ms'], 3, signed=True)} ms"
    return two_lines(both, between)


def distorted(sentences: Iterable[str]) -> str:
    """What may distort a number, as lines of their own below it. Takes text, gives HTML."""
    return "".join(f"<br><small><span class=busy>▲</span> {escape(each)}</small>" for each in sentences)


def use_rows(described: Told) -> list[list[str]]:
    """What the instances of both used, a line for each number. HTML; no line when no minute tells."""
    used = described["use"]
    if not any(used.values()):
        return []
    lines = (
        ("Processor per request, idling included", "processor_ms", "ms"),
        ("Processor that each request adds", "added_ms", "ms"),
        ("Memory of an instance", "memory_percent", "%"),
    )
    return [[name, *_use_cells(used, field, unit), escape(described["sources"]["use"])] for name, field, unit in lines]


def _use_cells(used: Told, field: str, unit: str) -> list[str]:
    """A number of both with its n, and by how much the candidate's is more."""
    cells, values = [], []
    for who in ("live", "candidate"):
        told = used[who]
        value = told and told[field]
        values.append(value)
        known = value is not None
        cells.append(two_lines(f"{value:,.4g} {unit}", f"n = {told['minutes']:,} minutes") if known else "no data")
    live, candidate = values
    is_known = live is not None and candidate is not None and live > 0
    return [*cells, two_lines(f"{100 * (candidate / live - 1):+.3g} %", "") if is_known else ""]


def needs(told: Told, what: str) -> str:
    """About how many more are needed, "" when that cannot be told."""
    if told.get("more") is None:
        return ""
    minutes = told.get("minutes_to_go") if what != "minutes" else None
    return f"About {told['more']:,} more {what}" + (f" (≈ {minutes:,} min at this rate)." if minutes else ".")


def table(names: Iterable[str], rows: Sequence[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """A table that scrolls when it is too wide. Names and cells are HTML; ``numbers`` are columns set right."""
    right = set(numbers)

    def cell(tag: str, place: int, content: str) -> str:
        kind = " class=number" if place in right else ""
        return f"<{tag}{kind}>{content}</{tag}>"

    head = "".join(cell("th", place, name) for place, name in enumerate(names))
    body = "".join(
        f"<tr>{''.join(cell('td', place, content) for place, content in enumerate(row))}</tr>" for row in rows
    )
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def bullets(sentences: Iterable[str], nothing: str) -> str:
    """A list of sentences, or ``nothing`` without any."""
    items = "".join(f"<li>{escape(each)}</li>" for each in sentences)
    return f"<ul>{items}</ul>" if items else f"<p>{escape(nothing)}</p>"


def section(title: str, content: str) -> str:
    """A part of the page under its heading."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def key(run: Told, name: str) -> str:
    """The line that stands for a deployment in the charts, "" for another one. HTML."""
    who = {run["live"]: "live", run["candidate"]: "candidate"}.get(name, "")
    return f'<i class="key {who}"></i>' if who else ""


def moment(at: str | None) -> str:
    """An ISO moment as it is read: ``2026-03-01 14:05:09 UTC``."""
    return f"{at[:10]} {at[11:19]} UTC" if at else "not known"


def plural(word: str, number: int) -> str:
    """``word`` as it goes with ``number``."""
    return word if number == 1 else f"{word}s"
