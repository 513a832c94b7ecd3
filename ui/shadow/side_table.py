"""The numbers of two deployments side by side: each with its interval, its n, its source and what taints it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from services import digits
from services.comparison.bands import QuantileDifference
from services.comparison.describe import QUANTILES, Description, Told
from services.comparison.judge import ERRORS, LATENCY
from services.comparison.taints import REQUESTS, RESOURCES, Taint, cold_minutes
from services.shadow.load import Ground, Loads
from services.shadow.model import Pair, Reading
from ui import words
from ui.components.table import Cell, Column, Row
from ui.metrics.key_table import change

TOO_FEW = "too few requests"
_ALONE = "Below a number is its 95 % interval for one look, as if requests were independent of each other."
_NOTHING = Cell(words.NO_DATA, muted=True)
_NONE = Cell("–", muted=True)


def columns(pair: Pair) -> tuple[Column, ...]:
    """The columns of the table."""
    return (
        Column("Number"),
        Column(pair.live, number=True, id="live", help=_ALONE),
        Column(pair.candidate, number=True, id="candidate", help=_ALONE),
        Column(
            "Difference", number=True, help=f"{pair.candidate} minus {pair.live}, with the 95 % interval of one look."
        ),
        Column("Source", wraps=True),
        Column("Remarks", help="Numbers of the remarks below the table that concern this line."),
    )


def rows(found: Description, reading: Reading, ground: Ground) -> list[Row]:
    """One line for each number. Values have their 95 % interval below them."""
    told = ground.taints
    return [
        _requests(found, reading, told),
        _errors(found, reading, told),
        *(_quantile(found, share, reading, told) for share in QUANTILES),
        _paired(found, reading, told),
        *_resources(ground.loads, told),
        _cold(reading, ground),
    ]


def sentences(taints: Sequence[Taint]) -> list[str]:
    """What is said below the table, in its order: a sentence about two numbers is said once."""
    return list(dict.fromkeys(each.sentence for each in taints))


def marks(number: str, taints: Sequence[Taint]) -> Cell:
    """Which of the :func:`sentences` concern a number: their places below the table, and all of them on hover."""
    told = sentences(taints)
    mine = sorted({told.index(each.sentence) for each in taints if each.concerns(number)})
    if not mine:
        return Cell("")
    return Cell(", ".join(str(place + 1) for place in mine), title=" ".join(told[place] for place in mine))


def _requests(found: Description, reading: Reading, taints: Sequence[Taint]) -> Row:
    both = found.live.requests, found.candidate.requests
    cells = [Cell(f"{number:,}", sort=number) if reading.counts else _NOTHING for number in both]
    return Row("requests", (_head("Requests"), *cells, _NONE, _source(reading.counts), marks(REQUESTS, taints)))


def _errors(found: Description, reading: Reading, taints: Sequence[Taint]) -> Row:
    cells = [_percent_cell(each.error_percent, each.errors) for each in (found.live, found.candidate)]
    number = _counted(found.live.requests, found.candidate.requests) if reading.counts else ""
    difference, source = _difference(found.error_points, "points"), _source(reading.counts, number)
    return Row("errors", (_head("Server errors"), *cells, difference, source, marks(ERRORS, taints)))


def _quantile(found: Description, share: float, reading: Reading, taints: Sequence[Taint]) -> Row:
    name = f"{LATENCY} P{100 * share:.0f}"
    between = next((each for each in found.quantile_differences if each.share == share), None)
    cells = [_ms_cell(each.quantiles[share]) for each in (found.live, found.candidate)]
    number = _counted(found.live.rows, found.candidate.rows) if reading.rows else ""
    source = _source(reading.rows, number)
    return Row(name, (_head(name), *cells, _between(between, found), source, marks(name, taints)))


def _paired(found: Description, reading: Reading, taints: Sequence[Taint]) -> Row:
    number = words.count(len(found.paired), "minute") + " of both"
    source = _source(reading.rows, number if reading.rows else "")
    cells = _head("Latency, same minute", "median request"), _NONE, _NONE, _difference(found.paired_percent, "%")
    return Row("paired", (*cells, source, marks(LATENCY, taints)))


def _resources(loads: Loads, taints: Sequence[Taint]) -> list[Row]:
    both = loads.live, loads.candidate
    source = _source(loads.source, f"{loads.live.minutes:,} and {loads.candidate.minutes:,} minutes")

    mind = marks(RESOURCES, taints)

    def line(label: str, note: str, values: Sequence[float | None], said: Callable[[float], str]) -> Row:
        cells = [_NOTHING if each is None else Cell(said(each), sort=each) for each in values]
        return Row(label, (_head(label, note), *cells, _relative(*values), source, mind))

    return [
        line(
            "Processor per request",
            "what idling uses included",
            [each.processor_ms for each in both],
            words.milliseconds,
        ),
        line(
            "Processor that each request adds",
            "what idling uses left out",
            [each.added_ms for each in both],
            words.milliseconds,
        ),
        line(
            "Memory per request",
            "a minute, of one instance",
            [each.memory_percent_per_request for each in both],
            words.percent,
        ),
        line("Processor", "of an instance", [each.processor_percent for each in both], words.percent),
        line("Memory", "of an instance", [each.memory_percent for each in both], words.percent),
        line(
            "Instances", "ready, on average", [each.instances for each in both], lambda value: digits.rounded(value, 3)
        ),
    ]


def _cold(reading: Reading, ground: Ground) -> Row:
    if not reading.minutes:
        cells = [_NOTHING, _NOTHING]
    else:
        since, until = reading.minutes[0].at, reading.minutes[-1].at + timedelta(minutes=1)
        counted = [
            len(cold_minutes(each.restarts, since, until)) for each in (ground.loads.live, ground.loads.candidate)
        ]
        cells = [Cell(f"{number:,}", sort=number) for number in counted]
    source = _source(ground.loads.source, "starts of instances")
    label = _head("Cold minutes", "after an instance started")
    return Row("cold", (label, *cells, _NONE, source, Cell("")))


def _head(text: str, note: str = "") -> Cell:
    return Cell(text, strong=True, note=note)


def _percent_cell(told: Told | None, errors: int) -> Cell:
    if told is None or told.lower is None or told.upper is None:
        return _NOTHING
    note = f"{words.percent(told.lower)} to {words.percent(told.upper)}"
    return Cell(
        words.percent(told.value), sort=told.value, note=note, title=f"{errors:,} of {told.n:,} requests failed."
    )


def _ms_cell(told: Told | None) -> Cell:
    if told is None:
        return _NOTHING
    text = words.milliseconds(told.value)
    if told.lower is None or told.upper is None:
        return Cell(text, sort=told.value, note=TOO_FEW, title=f"{told.n:,} requests are too few for an interval.")
    note = f"{words.milliseconds(told.lower)} to {words.milliseconds(told.upper)}"
    return Cell(text, sort=told.value, note=note, title=f"From {told.n:,} requests.")


def _difference(told: Told | None, unit: str) -> Cell:
    if told is None:
        return _NOTHING
    text = change(told.value, unit)
    if told.lower is None or told.upper is None:
        return Cell(text, sort=told.value, note=TOO_FEW if unit == "points" else "too few minutes")
    return Cell(text, sort=told.value, note=f"{change(told.lower, unit)} to {change(told.upper, unit)}")


def _between(each: QuantileDifference | None, found: Description) -> Cell:
    if each is not None:
        note = f"{change(each.lower_percent)} to {change(each.upper_percent)}"
        title = f"{change(each.ms, 'ms')}, {change(each.lower_ms, 'ms')} to {change(each.upper_ms, 'ms')}"
        return Cell(change(each.percent), sort=each.percent, note=note, title=title)
    return Cell(TOO_FEW, muted=True) if found.live.rows and found.candidate.rows else _NOTHING


def _relative(live: float | None, candidate: float | None) -> Cell:
    if live is None or candidate is None or not live:
        return _NOTHING
    percent = 100 * (candidate / live - 1)
    return Cell(change(percent), sort=percent, title="No interval: minutes of one instance resemble each other.")


def _source(name: str, note: str = "") -> Cell:
    return Cell(name, note=note) if name else Cell("none", muted=True)


def _counted(live: int, candidate: int) -> str:
    return f"{live:,} and {candidate:,} requests"
