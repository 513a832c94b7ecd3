"""A comparison as files: JSON that holds everything, CSV with one row for each request."""

from __future__ import annotations

import csv
import io
import json

from services.replay.record import Record, Triple, to_document

_COLUMNS = (
    "request",
    "different_fields",
    "differs_by_itself_fields",
    "live_status",
    "live_again_status",
    "candidate_status",
    "live_ms",
    "live_again_ms",
    "candidate_ms",
)


def to_json(record: Record) -> str:
    """Everything, as :func:`~services.replay.record.from_document` reads it."""
    return json.dumps(to_document(record), ensure_ascii=False, indent=1) + "\n"


def to_csv(record: Record, named: frozenset[str]) -> str:
    """One row for each request, in the order of the set; ``named`` are the fields that differ between the two."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for triple in sorted(record.triples, key=lambda each: each.item):
        writer.writerow([_harmless(f"{value}") for value in _row(record, triple, named)])
    return file.getvalue()


def _row(record: Record, triple: Triple, named: frozenset[str]) -> list[object]:
    different = [field for field, who in triple.alone.items() if who == "candidate" and field in named]
    by_itself = [field for field, who in triple.alone.items() if who != "candidate"]
    times = ["" if each is None else f"{each:.3f}" for each in triple.total_ms]
    return [
        record.names[triple.item],
        " ".join(different),
        " ".join(sorted([*by_itself, *triple.unsettled])),
        *triple.labels,
        *times,
    ]


def _harmless(text: str) -> str:
    """A spreadsheet takes some first letters for the start of a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
