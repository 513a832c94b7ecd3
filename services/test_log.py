"""The newest test request to each deployment, kept on disk so that a change of traffic can look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.store import TESTS, Store


@dataclass(frozen=True)
class TestResult:
    """How a deployment answered a test request. ``model_ms`` is None when the answer did not tell it."""

    __test__ = False

    at: datetime
    status: int
    total_ms: float
    model_ms: float | None

    @property
    def is_good(self) -> bool:
        """Whether the model answered."""
        return 200 <= self.status < 300


class TestLog:
    """The test requests of one cloud, the newest of each deployment. Thread-safe. ``cloud`` is its ARM host."""

    __test__ = False

    def __init__(self, store: Store, cloud: str) -> None:
        self._store = store
        self._cloud = cloud

    def record(self, deployment_id: str, at: datetime, status: int, total_ms: float, model_ms: float | None) -> None:
        """Keep an answer, unless a newer one is kept already. Raises StoreFailed."""
        row = {
            "cloud": self._cloud,
            "deployment_id": deployment_id.lower(),
            "at": at.isoformat(),
            "status": status,
            "total_ms": total_ms,
            "model_ms": model_ms,
        }
        with self._store.writing() as connection:
            kept = connection.execute(self._select(deployment_id)).one_or_none()
            if kept is not None and datetime.fromisoformat(kept.at) > at:
                return
            connection.execute(sa.delete(TESTS).where(*self._is(deployment_id)))
            connection.execute(sa.insert(TESTS).values(row))

    def last(self, deployment_id: str) -> TestResult | None:
        """The newest answer to a test request, None when there was none. Raises StoreFailed."""
        with self._store.reading() as connection:
            row = connection.execute(self._select(deployment_id)).one_or_none()
        if row is None:
            return None
        return TestResult(datetime.fromisoformat(row.at), row.status, row.total_ms, row.model_ms)

    def _select(self, deployment_id: str) -> sa.Select[tuple[str, int, float, float | None]]:
        columns = (TESTS.c.at, TESTS.c.status, TESTS.c.total_ms, TESTS.c.model_ms)
        return sa.select(*columns).where(*self._is(deployment_id))

    def _is(self, deployment_id: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
        # Azure compares ids without case.
        return TESTS.c.cloud == self._cloud, TESTS.c.deployment_id == deployment_id.lower()
