"""The charts of a report, from its document. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from services.shadow.report_svg import Axis, Bar, Chart, Point, around

MOST_POINTS = 400
"""Of one line; more cannot be told apart at this width."""


def charts(document: Mapping[str, Any]) -> str:
    """All charts that there are numbers for, as figures; "" without any."""
    told, run = document["described"], document["run"]
    found = (
        _distribution(told, run),
        _differences(told, run),
        _errors(told, run),
        _paired(told, run),
        _requests(told, run),
    )
    return "".join(found)


def _distribution(told: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    lines: dict[str, list[Point]] = {}
    for who in ("live", "candidate"):
        lines[who] = [(ms, percent) for ms, percent in told[who]["distribution"] if ms and ms > 0]
    known = [ms for points in lines.values() for ms, _ in points]
    if not known:
        return ""
    low, high = min(known), max(known)
    chart = Chart(
        Axis(low / 1.05, max(high, low * 1.5) * 1.05, "ms", is_log=True),
        Axis(0.0, 100.0, "%"),
        f"Distribution of latency of {run['live']} and {run['candidate']}.",
    )
    for who, points in lines.items():
        chart.line([(points[0][0], 0.0), *points] if points else [], who)
    rows = f"n = {told['live']['rows']:,} and {told['candidate']['rows']:,}"
    return _figure("Latency: requests that took at most so long", rows, chart, run)


def _differences(told: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    found = [each for each in told["quantile_differences"] if _is_whole(each)]
    if len(found) < 2:
        return ""
    at = [100 * each["share"] for each in found]
    low, high = ([each[name] for each in found] for name in ("lower_percent", "upper_percent"))
    middle = [each["percent"] for each in found]
    chart = Chart(
        Axis(0.0, 100.0, "%"),
        around([*low, *high], least=4.0, unit="%"),
        f"By how many percent each quantile of {run['candidate']} is longer than that of {run['live']}.",
    )
    chart.level(0.0, "same")
    chart.band(_pairs(at, low), _pairs(at, high), "candidate")
    chart.line(_pairs(at, middle), "candidate")
    chart.dots(_pairs(at, middle), "candidate")
    return _figure(
        "Latency: difference at each quantile", "band: 95 %, at each quantile by itself", chart, run, is_difference=True
    )


def _errors(told: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    spans = told["error_spans"]
    bars: dict[str, list[Bar]] = {"live": [], "candidate": []}
    for each in spans:
        middle = (_seconds(each["at"]) + _seconds(each["until"])) / 2
        for who, into in bars.items():
            rate = each[who]
            if rate is not None:
                into.append((middle, rate["value"], rate["lower"], rate["upper"]))
    if not any(bars.values()):
        return ""
    values = [end for each in bars.values() for bar in each for end in bar[1:]]
    most = min(100.0, max(1.0, *values))
    chart = Chart(
        _time(spans[0]["at"], spans[-1]["until"]),
        Axis(0.0, most, "%"),
        f"Error rates of {run['live']} and {run['candidate']} over time, with their intervals.",
    )
    chart.bars(bars["live"], "live", -2.5)
    chart.bars(bars["candidate"], "candidate", 2.5)
    counted = f"n = {told['live']['requests']:,} and {told['candidate']['requests']:,}"
    return _figure("Error rate over time", f"{counted}; intervals: Wilson, 95 %", chart, run)


def _paired(told: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    points = [(_seconds(each["at"]), each["percent"]) for each in told["paired_minutes"] if each["percent"] is not None]
    if not points:
        return ""
    ordered = sorted(value for _, value in points)
    # One wild minute must not flatten all others.
    low, high = ordered[int(0.01 * len(ordered))], ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    chart = Chart(
        _time(told["minutes"][0]["at"], told["minutes"][-1]["at"]),
        around([low, high], least=4.0, unit="%"),
        f"By how many percent the median request of {run['candidate']} took longer, by minute.",
    )
    chart.level(0.0, "same")
    chart.dots(_thinned(points), "candidate")
    whole = told["paired_percent"]
    if whole is not None:
        chart.level(whole["value"])
    title, note = "Latency: difference within each minute", f"n = {len(points):,} minutes with both"
    return _figure(title, note, chart, run, is_difference=True)


def _requests(told: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    minutes = told["minutes"]
    if not minutes:
        return ""
    most = max(1, *(each[who]["requests"] for each in minutes for who in ("live", "candidate")))
    chart = Chart(
        _time(minutes[0]["at"], minutes[-1]["at"]),
        Axis(0.0, most * 1.08),
        f"Requests per minute of {run['live']} and {run['candidate']}.",
    )
    for who in ("live", "candidate"):
        chart.line(_thinned([(_seconds(each["at"]), each[who]["requests"]) for each in minutes]), who)
    return _figure("Requests per minute", f"{len(minutes):,} minutes", chart, run)


def _figure(title: str, note: str, chart: Chart, run: Mapping[str, Any], *, is_difference: bool = False) -> str:
    legend = "".join(f'<i class="key {who}"></i>{escape(run[who])} ' for who in ("live", "candidate"))
    if is_difference:
        legend = escape(f"{run['candidate']} minus {run['live']}")
    caption = f"<b>{escape(title)}</b> <span>{legend}</span> <small>{escape(note)}</small>"
    return f"<figure><figcaption>{caption}</figcaption>{chart.svg()}</figure>"


def _time(first: str, last: str) -> Axis:
    low, high = _seconds(first), _seconds(last)
    return Axis(low, max(high, low + 60), is_time=True)


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def _pairs(one: Sequence[float], other: Sequence[float]) -> list[Point]:
    return list(zip(one, other, strict=True))


def _is_whole(found: Mapping[str, float | None]) -> bool:
    return all(value is not None for value in found.values())


def _thinned(points: Sequence[Point]) -> list[Point]:
    """The lowest and the highest of every stretch when there are too many."""
    if len(points) <= MOST_POINTS:
        return list(points)
    length, found = math.ceil(2 * len(points) / MOST_POINTS), []
    for start in range(0, len(points), length):
        part = points[start : start + length]
        found += sorted({min(part, key=lambda each: each[1]), max(part, key=lambda each: each[1])})
    return found
