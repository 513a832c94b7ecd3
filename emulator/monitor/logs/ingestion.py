"""From what the local Azure remembers to the rows of Log Analytics: only what a diagnostic setting wanted at the time.

Every source is read on from where it was read last; a query never loads again what is there.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from emulator.monitor.logs.console import ConsoleLines, Line
from emulator.monitor.logs.engine import Engine
from emulator.monitor.logs.tables import CONSOLE, EVENTS, RESOURCES, TABLES, TRAFFIC
from emulator.resources import Place
from emulator.scoring.events import Event, Events
from emulator.scoring.telemetry import Row, Telemetry

MAX_USER_AGENT = 70
"""Characters of UserAgent (table reference)."""

_BATCH = 20_000
_LARGEST_INT = 2**31 - 1
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
            self._follow(TRAFFIC, by_endpoint, lambda after: telemetry.rows_since(after, _BATCH), _traffic)
            self._follow(CONSOLE, by_endpoint, lambda after: console.since(after, _BATCH), _line)
            self._follow(EVENTS, by_endpoint, events.since, _event)

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
        convert: Callable[[Any], tuple[str, float, dict[str, object]]],
    ) -> None:
        while found := read(self._read_up_to[table]):
            rows = list(self._wanted(table, by_endpoint, found, convert))
            if rows:
                columns = {name: [row[name] for row in rows] for name, _ in TABLES[table].kept}
                self._engine.add(table, columns)
            self._read_up_to[table] = found[-1][0]

    def _wanted(
        self,
        table: str,
        by_endpoint: Mapping[str, Sequence[Logged]],
        found: Sequence[tuple[int, Any]],
        convert: Callable[[Any], tuple[str, float, dict[str, object]]],
    ) -> Iterator[dict[str, object]]:
        for number, entry in found:
            endpoint, at, values = convert(entry)
            for each in by_endpoint.get(endpoint.lower(), ()):
                if each.wants(table, at):
                    yield {"id": number, "moment": at, "resource": self._numbers[each.resource_id], **values}
                    break


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


def _traffic(row: Row) -> tuple[str, float, dict[str, object]]:
    texts: dict[str, object] = {
        name: row[name]
        for name in ("deployment", "method", "path", "protocol", "identity", "reason", "model_reason", "request_id")
    }
    numbers = {
        name: max(-_LARGEST_INT, min(round(row[name]), _LARGEST_INT))
        for name in (
            *("status", "model_status", "total_ms", "request_ms", "response_ms", "request_delay_ms"),
            *("response_delay_ms", "request_bytes", "response_bytes"),
        )
    }
    values = {
        **texts,
        **numbers,
        "shadow": row["kind"] == "mirror",
        "user_agent": row["user_agent"][:MAX_USER_AGENT],
        "auth": _AUTH_TYPES.get(row["auth"], ""),
        "client_request_id": row["client_request_id"],
    }
    return row["endpoint"], row["started_at"], values


def _line(line: Line) -> tuple[str, float, dict[str, object]]:
    values = {
        name: getattr(line, name) for name in ("deployment", "instance", "container", "image", "message", "shadow")
    }
    return line.endpoint, line.at, values


def _event(event: Event) -> tuple[str, float, dict[str, object]]:
    values = {name: getattr(event, name) for name in ("deployment", "instance", "name", "message")}
    return event.endpoint, event.at, {**values, "shadow": False}
