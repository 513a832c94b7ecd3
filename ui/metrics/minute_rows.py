"""The numbers, requests, lines and changes of one minute as rows and sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo

import pandas as pd

from services.azure.activity import Write
from services.azure.autoscale_events import Scaling
from services.journal.entry import DRIFT, Entry, applied
from services.logs.lines import Entry as LogEntry
from services.logs.minute import Requests
from services.metrics import PERCENTILES, DeploymentMetrics
from services.statuses import StatusSets
from ui import words
from ui.components.table import Cell, Column, Row
from ui.journal import entry_words, journal_lines

MOST_LINES = 300
"""Entries of the log that are drawn, the newest."""
_NONE = "none"
"""Of a deployment that was measured: all its requests are told apart by status, so that one unseen was not there."""
LONGEST_LINE = 4_000
"""Characters of one entry that are drawn."""


def number_columns(statuses: Sequence[str], minutes: int) -> tuple[Column, ...]:
    """The columns of :func:`number_rows`."""
    mean = "Mean of the minutes' percentiles, which is no percentile itself." if minutes > 1 else ""
    return (
        Column("Deployment"),
        Column("Requests", number=True),
        *(Column(status, number=True, help=f"Requests that were answered with {status}.") for status in statuses),
        *(Column(name, number=True, help=mean) for name in PERCENTILES),
    )


def seen_statuses(data: DeploymentMetrics) -> list[str]:
    """The statuses that were seen, the errors included."""
    return sorted(str(each) for each in data.requests.loc[data.requests["per_minute"] > 0, "status"].unique())


def number_rows(data: DeploymentMetrics, palette: Mapping[str, str], sets: StatusSets) -> list[Row]:
    """One row per deployment, also for one without data."""
    statuses = seen_statuses(data)
    counts = data.requests.groupby(["deployment", "status"])["per_minute"].sum().to_dict()
    latency = data.latency.groupby(["deployment", "percentile"])["ms"].mean().to_dict()
    measured = set(data.requests["deployment"])
    found = []
    for name, colour in palette.items():
        by_status = [counts.get((name, status)) for status in statuses]
        total = sum(each for each in by_status if each) if name in measured else None
        found.append(
            Row(
                name,
                (
                    Cell(name, colour=colour, strong=True),
                    _count(total, words.NO_DATA),
                    *(
                        _count(value, _NONE if name in measured else words.NO_DATA, is_bad=sets.is_server_error(status))
                        for status, value in zip(statuses, by_status, strict=True)
                    ),
                    *(_duration(latency.get((name, each))) for each in PERCENTILES),
                ),
            )
        )
    return found


def _count(value: float | None, missing: str, *, is_bad: bool = False) -> Cell:
    if value is None or pd.isna(value):
        return Cell(missing, muted=True)
    return Cell(f"{value:,.0f}", sort=float(value), tone="bad" if is_bad and value else "")


def _duration(value: float | None) -> Cell:
    return Cell(words.NO_DATA, muted=True) if value is None else Cell(words.milliseconds(value), sort=float(value))


def request_words(found: Requests, until: datetime, *, late: bool) -> str:
    """How many requests the traffic log has of the minute, and what may be missing. ``late``: rows may still come."""
    if not found.total:
        if found.is_sent is False:
            return "The traffic log is not sent to Log Analytics, so single requests are not known."
        said = "The traffic log has no row of this time."
    else:
        said = f"{words.count(found.total, 'request')} in the traffic log, {found.failed:,} failed."
    if late and (found.newest_at is None or found.newest_at < until):
        said += " Rows come 3 to 10 minutes after their request: there may be more."
    return said


def change_rows(entries: Iterable[Entry], writes: Iterable[Write], scaled: Iterable[Scaling]) -> list[Row]:
    """The changes by time: of the split as the journal knows them, autoscale's, and all writes of the endpoint."""
    found: list[tuple[datetime, str, str]] = []
    for entry in applied(entries):
        what = "Split changed elsewhere" if entry.kind == DRIFT else "Split changed"
        reason = f" “{entry.reason}”" if entry.reason else ""
        found.append((entry_words.effective_at(entry), what, f"{entry_words.whole(entry.after)}.{reason}"))
    found += [(each.at, "Autoscale", journal_lines.scaling_words(each)) for each in scaled]
    for write in writes:
        found.append((write.at, "Endpoint written", f"By {write.caller or 'somebody unknown'}, {write.status}."))
    return [
        Row(
            str(number),
            (Cell(f"{at.astimezone(UTC):%H:%M:%S} UTC", sort=at.timestamp()), Cell(what), Cell(said)),
        )
        for number, (at, what, said) in enumerate(sorted(found))
    ]


def log_text(entries: Sequence[LogEntry], zone: tzinfo, *, with_names: bool) -> str:
    """The newest entries as text: time, deployment if there are several, and what was written."""
    return "\n".join(_entry(each, zone, with_names=with_names) for each in entries[-MOST_LINES:])


def _entry(entry: LogEntry, zone: tzinfo, *, with_names: bool) -> str:
    text = entry.text[entry.stamp :]
    if len(text) > LONGEST_LINE:
        text = f"{text[:LONGEST_LINE]} …"
    at = f"{entry.at.astimezone(zone):%H:%M:%S}" if entry.at else "        "
    return f"{at}  {entry.deployment}  {text}" if with_names else f"{at}  {text}"
