"""The span of time that a URL asks for: ``?from=…&to=…``, ISO 8601, UTC when no zone is said."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

FROM, TO = "from", "to"


def moment(text: str) -> datetime | None:
    """A moment of the URL, None when it makes no sense. One without a zone is UTC. Pure."""
    try:
        # A plus sign that nobody has encoded arrives as a blank.
        found = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def written(at: datetime) -> str:
    """A moment as the URL says it: ``2026-03-01T14:05:00Z``. Pure."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def forget() -> None:
    """Take the span out of the URL."""
    for name in (FROM, TO):
        st.query_params.pop(name, None)
