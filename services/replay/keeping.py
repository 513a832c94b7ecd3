"""Comparisons that are kept among the results."""

from __future__ import annotations

from datetime import datetime

from services.errors import RuleBroken
from services.replay.record import Record, to_document
from services.results import Results

KIND = "compare"
"""The kind under which results are kept."""


def keep(results: Results, endpoint_id: str, record: Record, *, keeps_bodies: bool, at: datetime) -> str:
    """Keep a comparison and return its id. Bodies are left out unless ``keeps_bodies``, and where they are too large:
    what was found is worth more than the examples. Raises RuleBroken, StoreFailed."""
    bare = to_document(record.without_bodies())
    if not keeps_bodies:
        return results.save(endpoint_id, KIND, bare, at=at)
    try:
        return results.save(endpoint_id, KIND, to_document(record), at=at)
    except RuleBroken:
        return results.save(endpoint_id, KIND, bare, at=at)
