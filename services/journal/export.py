"""The journal as CSV, one line per entry. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from services.journal.entry import Entry, from_split
from services.model import Split

HEADER = (
    "entry_id",
    "kind",
    "outcome",
    "subscription_id",
    "resource_group",
    "workspace",
    "endpoint",
    "before",
    "after",
    "held",
    "person",
    "principal",
    "last_modified_by",
    "reason",
    "restores",
    "began_at",
    "sent_at",
    "changed_at",
    "ended_at",
    "seconds",
    "what_failed",
    "why_it_failed",
    "overwrote",
    "request_ids",
)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(entries: Iterable[Entry]) -> str:
    """The entries in the order given, with a header. Moments are ISO 8601 in UTC, splits are JSON.

    A text that a spreadsheet would run as a formula is led by an apostrophe, as OWASP advises against CSV injection.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for entry in entries:
        writer.writerow([_harmless(cell) for cell in _cells(entry)])
    return out.getvalue()


def _cells(entry: Entry) -> list[str]:
    place, failure = entry.workspace, entry.failure
    return [
        entry.id,
        entry.kind,
        entry.outcome,
        place.subscription_id,
        place.resource_group,
        place.name,
        entry.endpoint_name,
        _split(entry.before),
        _split(entry.after),
        _split(entry.held),
        entry.who.person,
        entry.who.principal,
        entry.last_modified_by,
        entry.reason,
        entry.restores,
        _moment(entry.began_at),
        _moment(entry.sent_at),
        _moment(entry.changed_at),
        _moment(entry.ended_at),
        "" if entry.seconds is None else f"{entry.seconds:.1f}",
        failure.what if failure else "",
        failure.why if failure else "",
        " ".join(entry.overwrote),
        " ".join(entry.request_ids),
    ]


def _split(split: Split | None) -> str:
    return "" if split is None else json.dumps(from_split(split))


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at else ""


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULAS) else text
