"""From what the local Azure remembers to the rows of Log Analytics: only what a diagnostic setting wanted at the time.

Every source is read on from where it was read last; a query never loads again what is there.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from typing import Any, NamedTuple

from emulator.monitor.logs.console import ConsoleLines, Line
from emulator.monitor.logs.engine import Engine
from emulator.monitor.logs.tables import CONSOLE, EVENTS, RESOURCES, TABLES, TRAFFIC
from emulator.resources import Place
from emulator.scoring.telemetry.events import Event, Events
from emulator.scoring.telemetry.rows import Telemetry

MAX_USER_AGENT = 70
"""Characters of UserAgent (table reference)."""

_BATCH = 20_000
_AUTH_TYPES = {"key": "Key", "aml_token": "AMLToken", "aad_token": "AADToken"}

Interval = tuple[float, float | None]
Columns = Mapping[str, Sequence[Any]]
"""The values of rows by column: `id`, `endpoint` and `at` (epoch seconds) among them. Empty when there are no rows."""


class Logged(NamedTuple):
    """An endpoint that has, or once had, diagnostic settings, and when each table was wanted. The id is lower case."""

    resource_id: str
    endpoint: str
    place: Place
    tenant: str
    wanted: Mapping[str, Sequence[Interval]]

    def wants(self, table: str, at: float) -> bool:
        """Whether rows of a moment (epoch seconds) go into a table."""
        return any(start <= at and (end is None or at < end) for start, end in self.wanted.get(table, ()))


class Sources(NamedTuple):
    """Where rows come from."""

    telemetry: Telemetry
    events: Events
    console: ConsoleLines


class Ingestion:
    """Keeps an engine up to date. Safe for threads."""

    def __init__(self, engine: Engine, sources: Sources) -> None:
        self._engine = engine
        self._sources = sources
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._read_up_to = dict.fromkeys(TABLES, 0)

    def catch_up(self, logged: Sequence[Logged]) -> None:
        """Read what has come since the last time. Does nothing while no endpoint has ever had a diagnostic setting."""
        if not logged:
            return
        with self._lock:
            self._number(logged)
            by_endpoint: dict[str, list[Logged]] = {}
            for each in logged:
                by_endpoint.setdefault(each.endpoint.lower(), []).append(each)
            telemetry, events, console = self._sources
            self._follow(TRAFFIC, by_endpoint, lambda after: _traffic(telemetry.columns_since(after, _BATCH)))
            self._follow(CONSOLE, by_endpoint, lambda after: _transposed(console.since(after, _BATCH)))
            self._follow(EVENTS, by_endpoint, lambda after: _transposed(events.since(after)))

    def numbers(self, scope: str) -> list[int]:
        """The numbers of the resources at or below an ARM id; of all when it is empty."""
        wanted = scope.lower().rstrip("/")
        return [
            number
            for resource, number in list(self._numbers.items())
            if not wanted or resource == wanted or resource.startswith(f"{wanted}/")
        ]

    def _number(self, logged: Iterable[Logged]) -> None:
        new = [each for each in logged if each.resource_id not in self._numbers]
        if not new:
            return
        first = len(self._numbers)
        rows = [_resource(first + number, each) for number, each in enumerate(new)]
        self._engine.add("resources", {name: [row[name] for row in rows] for name, _ in RESOURCES})
        self._numbers.update({str(row["resource_id"]): int(row["resource"]) for row in rows})

    def _follow(self, table: str, by_endpoint: Mapping[str, Sequence[Logged]], read: Callable[[int], Columns]) -> None:
        """Read what a source has had since the last time, and keep what was wanted of it."""
        while found := read(self._read_up_to[table]):
            resources = self._wanted(table, by_endpoint, found)
            kept = {**found, "moment": found["at"], "resource": resources}
            if min(resources) < 0:
                kept = {
                    name: list(compress(values, (number >= 0 for number in resources))) for name, values in kept.items()
                }
            if kept["id"]:
                self._engine.add(table, kept)
            self._read_up_to[table] = found["id"][-1]

    def _wanted(self, table: str, by_endpoint: Mapping[str, Sequence[Logged]], found: Columns) -> list[int]:
        """For each row the number of the resource that wants it in a table, -1 where none does."""
        # Here, because a server that nobody asks for logs does well without it.
        import numpy as np

        endpoints, moments = np.array(found["endpoint"], dtype=object), np.array(found["at"])
        numbers = np.full(len(moments), -1)
        for endpoint in set(found["endpoint"]):
            its = endpoints == endpoint
            # The first of several that want a row has it.
            for each in reversed(by_endpoint.get(endpoint.lower(), ())):
                for start, end in each.wanted.get(table, ()):
                    within = (moments >= start) & (moments < (np.inf if end is None else end))
                    numbers[its & within] = self._numbers[each.resource_id]
        answer: list[int] = numbers.tolist()
        return answer


def _resource(number: int, logged: Logged) -> dict[str, Any]:
    return {
        "resource": number,
        "resource_id": logged.resource_id,
        "tenant": logged.tenant,
        "subscription": logged.place.subscription,
        "workspace_guid": str(uuid.uuid5(uuid.NAMESPACE_URL, logged.place.key)),
        "workspace": logged.place.workspace,
        "location": logged.place.region,
        "endpoint": logged.endpoint,
    }


def _traffic(rows: Columns) -> Columns:
    if not rows:
        return {}
    return {
        **rows,
        "at": rows["started_at"],
        "shadow": [kind == "mirror" for kind in rows["kind"]],
        "user_agent": [agent[:MAX_USER_AGENT] for agent in rows["user_agent"]],
        "auth": [_AUTH_TYPES.get(auth, "") for auth in rows["auth"]],
    }


def _transposed(found: Sequence[tuple[int, Line | Event]]) -> Columns:
    if not found:
        return {}
    names, values = found[0][1]._fields, zip(*(entry for _, entry in found), strict=True)
    columns: Columns = dict(zip(names, values, strict=True))
    # An event has no such column: it tells of an instance, whoever sends it requests.
    return {"shadow": [False] * len(found), **columns, "id": [number for number, _ in found]}
