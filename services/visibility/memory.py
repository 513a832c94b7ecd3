"""What was found out about where mirrored requests are visible, kept on disk: it holds when traffic has gone quiet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.store import VISIBILITY, Store
from services.visibility.judging import NOT_YET_KNOWN, Seen


@dataclass(frozen=True)
class Remembered:
    """A verdict and when it was reached; ``deployment`` was the mirror's target then."""

    seen: Seen
    deployment: str
    at: datetime


class Memory:
    """What is known of the endpoints of one cloud. Thread-safe. ``cloud`` is its ARM host."""

    def __init__(self, store: Store, cloud: str) -> None:
        self._store = store
        self._cloud = cloud

    def remember(self, endpoint_id: str, deployment: str, found: Iterable[Seen], at: datetime) -> None:
        """Keep the verdicts that are known, each in place of the source's last one. Raises StoreFailed."""
        rows = [
            {
                "cloud": self._cloud,
                "endpoint_id": endpoint_id.lower(),
                "source": seen.source,
                "at": at.isoformat(),
                "content": json.dumps(_content(seen, deployment)),
            }
            for seen in found
            if seen.verdict != NOT_YET_KNOWN
        ]
        if not rows:
            return
        with self._store.writing() as connection:
            sources = [row["source"] for row in rows]
            mine = sa.and_(*self._of(endpoint_id), VISIBILITY.c.source.in_(sources))
            connection.execute(sa.delete(VISIBILITY).where(mine))
            connection.execute(sa.insert(VISIBILITY), rows)

    def recall(self, endpoint_id: str) -> Mapping[str, Remembered]:
        """Source → the last verdict that was reached for it. Raises StoreFailed."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(VISIBILITY).where(*self._of(endpoint_id))).all()
        return {row.source: _remembered(row) for row in rows}

    def _of(self, endpoint_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        # Azure compares ids without case.
        return VISIBILITY.c.cloud == self._cloud, VISIBILITY.c.endpoint_id == endpoint_id.lower()


def _content(seen: Seen, deployment: str) -> dict[str, object]:
    return {
        "deployment": deployment,
        "verdict": seen.verdict,
        "target": seen.target,
        "live": seen.live,
        "since": seen.since.isoformat(),
        "until": seen.until.isoformat(),
        "why": seen.why,
    }


def _remembered(row: sa.Row[tuple[str, str, str, str, str]]) -> Remembered:
    content = json.loads(row.content)
    seen = Seen(
        row.source,
        content["verdict"],
        content["target"],
        content["live"],
        datetime.fromisoformat(content["since"]),
        datetime.fromisoformat(content["until"]),
        content["why"],
    )
    return Remembered(seen, content["deployment"], datetime.fromisoformat(row.at))
