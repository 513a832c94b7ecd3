"""From what the local Azure remembers to the rows of Log Analytics: only what a diagnostic setting wanted at the time.

Every source is read on from where it was read last; a query never loads again what is there.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from emulator.monitor.logs.console import ConsoleLines, Line
from emulator.monitor.logs.engine import Engine
from emulator.monitor.logs.tables import CONSOLE, EVENTS, RESOURCES, TABLES, TRAFFIC
from emulator.resources import Place
from emulator.scoring.events import Event, Events
from emulator.scoring.telemetry import Telemetry

MAX_USER_AGENT = 70
"""Characters of UserAgent (table reference)."""

_BATCH = 20_000
_AS_THEY_ARE = (
    *("deployment", "method", "path", "protocol", "identity", "reason", "model_reason", "request_id"),
    *("client_request_id", "status", "model_status", "total_ms", "request_ms", "response_ms", "request_delay_ms"),
    *("response_delay_ms", "request_bytes", "response_bytes"),
)
_AUTH_TYPES = {"key": "Key", "aml_token": "AMLToken", "aad_token": "AADToken"}

Interval = tuple[float, float | None]


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
            self._follow(
                TRAFFIC,
                by_endpoint,
                lambda after: telemetry.rows_since(after, _BATCH),
                lambda row: (row["endpoint"], row["started_at"]),
                _traffic,
            )
            self._follow(CONSOLE, by_endpoint, lambda after: console.since(after, _BATCH), _occurred, _lines)
            self._follow(EVENTS, by_endpoint, events.since, _occurred, _events)

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

    def _follow(
        self,
        table: str,
        by_endpoint: Mapping[str, Sequence[Logged]],
        read: Callable[[int], Sequence[tuple[int, Any]]],
        occurred: Callable[[Any], tuple[str, float]],
        columns: Callable[[Sequence[Any]], dict[str, Sequence[object]]],
    ) -> None:
        """Read what a source has had since the last time. `occurred` tells endpoint and moment of an entry."""
        while found := read(self._read_up_to[table]):
            wanted: list[tuple[int, float, int]] = []
            entries: list[Any] = []
            for number, entry in found:
                endpoint, moment = occurred(entry)
                for each in by_endpoint.get(endpoint.lower(), ()):
                    if each.wants(table, moment):
                        wanted.append((number, moment, self._numbers[each.resource_id]))
                        entries.append(entry)
                        break
            if entries:
                ids, moments, resources = zip(*wanted, strict=True)
                keys = {"id": ids, "moment": moments, "resource": resources}
                self._engine.add(table, {**keys, **columns(entries)})
            self._read_up_to[table] = found[-1][0]


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


def _traffic(rows: Sequence[Mapping[str, Any]]) -> dict[str, Sequence[object]]:
    return {
        **{name: [row[name] for row in rows] for name in _AS_THEY_ARE},
        "shadow": [row["kind"] == "mirror" for row in rows],
        "user_agent": [row["user_agent"][:MAX_USER_AGENT] for row in rows],
        "auth": [_AUTH_TYPES.get(row["auth"], "") for row in rows],
    }


def _occurred(entry: Line | Event) -> tuple[str, float]:
    return entry.endpoint, entry.at


def _lines(lines: Sequence[Line]) -> dict[str, Sequence[object]]:
    names = ("deployment", "instance", "container", "image", "message", "shadow")
    return {name: [getattr(line, name) for line in lines] for name in names}


def _events(events: Sequence[Event]) -> dict[str, Sequence[object]]:
    names = ("deployment", "instance", "name", "message")
    return {"shadow": [False] * len(events), **{name: [getattr(event, name) for event in events] for name in names}}
