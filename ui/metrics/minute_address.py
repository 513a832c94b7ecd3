"""The minute that is looked at closely: ``?minute=2026-03-01T14:05Z`` in the URL, ``&minutes=60`` for a coarser point.

Clicking a point of a chart sets it, and so does the field, which needs no pointer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import pandas as pd
import streamlit as st

from ui.url_time import moment

MINUTE, MINUTES = "minute", "minutes"
MOST_MINUTES = 24 * 60
"""The length of the coarsest point of a chart."""


@dataclass(frozen=True)
class Moment:
    """One point of a chart: the whole minute at which it begins, and how many minutes it is long."""

    at: datetime
    minutes: int = 1

    @property
    def until(self) -> datetime:
        """Where the next point begins."""
        return self.at + timedelta(minutes=self.minutes)


def opened() -> Moment | None:
    """What the URL asks for, None when it asks for nothing or for something that makes no sense."""
    at = moment(st.query_params.get(MINUTE, ""))
    if at is None:
        return None
    said = st.query_params.get(MINUTES, "1")
    minutes = int(said) if said.isascii() and said.isdigit() and len(said) <= len(str(MOST_MINUTES)) else 1
    return Moment(at.replace(second=0, microsecond=0), min(max(minutes, 1), MOST_MINUTES))


def open_at(found: Moment) -> None:
    """Look at ``found`` from the next drawing on. For callbacks."""
    st.query_params[MINUTE] = f"{found.at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
    if found.minutes > 1:
        st.query_params[MINUTES] = str(found.minutes)
    else:
        st.query_params.pop(MINUTES, None)


def close() -> None:
    """Look at no minute any more. For callbacks."""
    for name in (MINUTE, MINUTES):
        st.query_params.pop(name, None)


def clicked(wall: str, zone: tzinfo, grain_seconds: int) -> Moment | None:
    """The point of a chart's axis that holds the time ``wall`` in ``zone``, None when that is no time. Pure."""
    try:
        found = pd.Timestamp(wall)
    except ValueError:
        return None
    if pd.isna(found):
        return None
    at = found.floor("min").to_pydatetime().replace(tzinfo=zone).astimezone(UTC)
    return Moment(at, max(1, grain_seconds // 60))
