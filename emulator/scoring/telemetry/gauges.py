"""What is measured rather than counted: processor, memory, disk, instances, connections, bytes on the wire.

One row per minute, endpoint, deployment, metric and combination of dimensions, in the telemetry's database. Both the
control process (instances) and the gateway (connections) write.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from emulator.database import connect

KEEP_SECONDS = 93 * 86_400
"""As long as Azure keeps metrics."""

_PRUNE_EVERY = 5_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS gauges (
  endpoint TEXT NOT NULL COLLATE NOCASE, minute INTEGER NOT NULL, deployment TEXT NOT NULL COLLATE NOCASE,
  metric TEXT NOT NULL, dimensions TEXT NOT NULL,
  count INTEGER NOT NULL, total REAL NOT NULL, minimum REAL NOT NULL, maximum REAL NOT NULL,
  PRIMARY KEY (endpoint, minute, deployment, metric, dimensions)
) WITHOUT ROWID;
"""


class Measurement(NamedTuple):
    """One measured value. `metric` and the names of `dimensions` are Azure's; `deployment` is "" for an endpoint's."""

    at: float
    endpoint: str
    deployment: str
    metric: str
    dimensions: Mapping[str, str]
    value: float


class GaugeMinute(NamedTuple):
    """The values of one minute and one combination of dimensions."""

    minute: int
    deployment: str
    metric: str
    dimensions: Mapping[str, str]
    samples: int
    total: float
    minimum: float
    maximum: float


class Gauges:
    """The store. Safe for threads and for several processes on one file."""

    def __init__(self, path: Path) -> None:
        """Open or create the store at ``path``. Raises sqlite3.Error when it cannot be used."""
        self._lock = threading.Lock()
        self._since_prune = 0
        self._connection = connect(path)
        self._connection.executescript(_SCHEMA)

    def append(self, measurements: Sequence[Measurement]) -> None:
        """Fold measurements into their minutes, all or nothing."""
        if not measurements:
            return
        rows = [
            (
                each.endpoint,
                int(each.at // 60) * 60,
                each.deployment,
                each.metric,
                json.dumps(dict(each.dimensions), sort_keys=True),
                each.value,
            )
            for each in measurements
        ]
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "INSERT INTO gauges VALUES (?1,?2,?3,?4,?5,1,?6,?6,?6) ON CONFLICT DO UPDATE SET count=count+1,"
                    " total=total+excluded.total, minimum=min(minimum,excluded.minimum),"
                    " maximum=max(maximum,excluded.maximum)",
                    rows,
                )
                self._prune(len(rows), max(each.at for each in measurements))
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _prune(self, added: int, now: float) -> None:
        self._since_prune += added
        if self._since_prune >= _PRUNE_EVERY:
            self._since_prune = 0
            self._connection.execute("DELETE FROM gauges WHERE minute < ?", (now - KEEP_SECONDS,))

    def minutes(self, endpoint: str, start: float, end: float, deployment: str = "") -> list[GaugeMinute]:
        """Minutes that begin in [start, end) (epoch seconds), in the order of time; of the endpoint itself when no
        deployment is named."""
        with self._lock:
            found = self._connection.execute(
                "SELECT minute, deployment, metric, dimensions, count, total, minimum, maximum FROM gauges"
                " WHERE endpoint = ? AND minute >= ? AND minute < ? AND deployment = ? ORDER BY minute",
                (endpoint, start, end, deployment),
            ).fetchall()
        return [
            GaugeMinute(minute, name, metric, json.loads(dimensions), *figures)
            for minute, name, metric, dimensions, *figures in found
        ]

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._connection.close()
