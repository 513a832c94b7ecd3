"""The numbers of two deployments side by side: each with its interval, its n, its source and what taints it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from services.comparison.bands import QuantileDifference
from services.comparison.describe import QUANTILES, Description, Side, Told
from services.comparison.judge import ERRORS, LATENCY
from services.comparison.taints import REQUESTS, Taint
from services.shadow.model import Pair, Reading
from ui import colours, words
from ui.components.table import Cell, Column, Row
from ui.metrics.key_table import change

TOO_FEW = "too few requests"
_NOTHING = Cell(words.NO_DATA, muted=True)
_NONE = Cell("–", muted=True)


def columns(pair: Pair) -> tuple[Column, ...]:
    """The columns of the table."""
    return (
        Column("Number"),
        Column(pair.live, number=True, id="live"),
        Column(pair.candidate, number=True, id="candidate"),
        Column(
            "Difference", number=True, help=f"{pair.candidate} minus {pair.live}, with the 95 % interval of one look."
        ),
        Column("Source", wraps=True),
        Column("Mind", help="Numbers of the remarks below the table that concern this line."),
    )


def rows(found: Description, reading: Reading, taints: Sequence[Taint]) -> list[Row]:
    """One line for each number. Values have their 95 % interval below them."""
    return [
        _requests(found, reading, taints),
        _errors(found, reading, taints),
        *(_quantile(found, share, reading, taints) for share in QUANTILES),
        _paired(found, reading, taints),
    ]


def marks(number: str, taints: Sequence[Taint]) -> Cell:
    """Which of ``taints`` concern a number: their places in the list below the table, and all of them on hover."""
    mine = [(place, each) for place, each in enumerate(taints, 1) if each.concerns(number)]
    if not mine:
        return Cell("")
    return Cell(", ".join(str(place) for place, _ in mine), title=" ".join(each.sentence for _, each in mine))


def _requests(found: Description, reading: Reading, taints: Sequence[Taint]) -> Row:
    both = found.live.requests, found.candidate.requests
    cells = [Cell(f"{number:,}", sort=number) if reading.counts else _NOTHING for number in both]
    return Row("requests", (_head("Requests"), *cells, _NONE, _source(reading.counts, ""), marks(REQUESTS, taints)))


def _errors(found: Description, reading: Reading, taints: Sequence[Taint]) -> Row:
    cells = [_percent_cell(each.error_percent, each.errors) for each in (found.live, found.candidate)]
    difference = _difference(found.error_points, "points")
    source = _source(reading.counts, "")
    return Row("errors", (_head("Server errors"), *cells, difference, source, marks(ERRORS, taints)))


def _quantile(found: Description, share: float, reading: Reading, taints: Sequence[Taint]) -> Row:
    name = f"{LATENCY} P{100 * share:.0f}"
    between = next((each for each in found.quantile_differences if each.share == share), None)
    cells = [_ms_cell(each.quantiles[share]) for each in (found.live, found.candidate)]
    source = _source(reading.rows, _counted(found.live.rows, found.candidate.rows, "requests"))
    return Row(name, (_head(name), *cells, _between(between, found), source, marks(name, taints)))


def _paired(found: Description, reading: Reading, taints: Sequence[Taint]) -> Row:
    number = words.count(len(found.paired), "minute") + " with requests of both"
    source = _source(reading.rows, number if reading.rows else "")
    cells = _head("Latency, same minute", "median request"), _NONE, _NONE, _difference(found.paired_percent, "%")
    return Row("paired", (*cells, source, marks(LATENCY, taints)))


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


def _source(name: str, note: str) -> Cell:
    return Cell(name, note=note) if name else Cell("none", muted=True)


def _counted(live: int, candidate: int, many: str) -> str:
    return f"{live:,} and {candidate:,} {many}" if live or candidate else ""


def sides(found: Description, pair: Pair) -> tuple[tuple[str, str, Side], ...]:
    """Name, colour and numbers of both, live first."""
    palette = colours.of_deployments((pair.live, pair.candidate))
    return (pair.live, palette[pair.live], found.live), (pair.candidate, palette[pair.candidate], found.candidate)
