"""Log Analytics of one local Azure: what it knows of endpoints, what it gathers meanwhile, and its answers."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

from emulator.arm.context import Context
from emulator.documents import Document
from emulator.monitor import diagnostics
from emulator.monitor.logs import errors
from emulator.monitor.logs.console import Source
from emulator.monitor.logs.engine import Engine, Result
from emulator.monitor.logs.ingestion import Ingestion, Logged, Sources
from emulator.monitor.logs.request import LogsQuery, Preferences, visualization
from emulator.monitor.logs.tables import CONSOLE, EVENTS, TRAFFIC
from emulator.resources import Place, asset_reference, parse_path
from emulator.scoring.instances.fleet import LogFile

MAX_AT_ONCE = 5
MAX_WAITING = 200
MAX_QUEUE_SECONDS = 180.0
"""Queries at a time, queries that wait, and for how long (Log Analytics limits: user query throttling)."""

_GRACE_SECONDS = 2.0
"""The engine looks whether it is to stop between its steps, and a step may be long."""

FOLLOW_SECONDS = 1.0
"""How often the logs of containers are read while a diagnostic setting wants them."""

_log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What goes over the wire."""

    status: int
    body: bytes


class LogAnalytics:
    """The only Log Analytics workspace there is. Everything public runs on the event loop and never blocks it."""

    def __init__(self, context: Context, engine: Engine | None = None) -> None:
        self._context = context
        self._engine = engine or Engine()
        self._ingestion = Ingestion(self._engine, Sources(context.telemetry, context.events, context.console))
        # Of its own: slow queries must not take the threads that everything else runs on.
        self._threads = ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="logs")
        self._places = asyncio.Semaphore(MAX_AT_ONCE)
        self._waiting = 0
        self._following: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to keep what containers write."""
        self._context.fleet.before_logs_go = self._keep_last_lines
        self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Stop, and end the queries that run."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        self._engine.close()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def query(self, asked: LogsQuery, preferences: Preferences, scope: str) -> Answer:
        """Run a query on the rows of the resources at or below `scope`, an ARM id; on all rows when it is empty."""
        try:
            return Answer(200, await self._run(asked, preferences, scope))
        except errors.LogsError as error:
            return Answer(error.status, json.dumps(error.body).encode())

    async def _run(self, asked: LogsQuery, preferences: Preferences, scope: str) -> bytes:
        if self._waiting >= MAX_WAITING:
            raise errors.throttled("Too many queries are waiting; try again later.")
        self._waiting += 1
        try:
            await asyncio.wait_for(self._places.acquire(), MAX_QUEUE_SECONDS)
        except TimeoutError:
            raise errors.throttled("The query has waited too long for others; try again later.") from None
        finally:
            self._waiting -= 1
        try:
            known = self._sources(), self._logged()
            work = asyncio.get_running_loop().run_in_executor(
                self._threads, self._work, asked, preferences, scope, *known
            )
        except BaseException:
            self._places.release()
            raise
        # The place is taken for as long as the thread is, also when nobody waits for it any more.
        work.add_done_callback(self._leave)
        await asyncio.wait({work}, timeout=preferences.wait_seconds + _GRACE_SECONDS)
        if not work.done():
            raise errors.timed_out()
        return work.result()

    def _leave(self, work: asyncio.Future[bytes]) -> None:
        self._places.release()
        if not work.cancelled():
            # Nobody may be left to take an error from it.
            work.exception()

    def _work(
        self, asked: LogsQuery, preferences: Preferences, scope: str, sources: list[Source], logged: list[Logged]
    ) -> bytes:
        self._context.console.follow(sources, self._shift())
        self._ingestion.catch_up(logged)
        conditions = self._conditions(asked, scope)
        result = self._engine.run(asked.text, conditions, self._context.now(), preferences.wait_seconds)
        return _body(asked, preferences, result)

    def _shift(self) -> float:
        return self._context.settings.current.clock_shift_seconds

    def _conditions(self, asked: LogsQuery, scope: str) -> dict[str, str]:
        """Which rows of each table a query may see."""
        switches = self._context.settings.current
        numbers = ", ".join(str(number) for number in self._ingestion.numbers(scope))
        common = [f"k.resource IN ({numbers})" if numbers else "false"]
        if asked.start is not None:
            common.append(f"k.moment >= {_timestamp(asked.start)}")
        end = asked.end
        if switches.log_delay_seconds > 0:
            shown = self._context.now() - switches.log_delay_seconds
            end = shown if end is None else min(end, shown)
        if end is not None:
            common.append(f"k.moment <= {_timestamp(end)}")
        shadows = {TRAFFIC: switches.shadow_in_traffic_log, CONSOLE: switches.shadow_in_console_log, EVENTS: True}
        return {
            table: " AND ".join([*common, *([] if with_shadow else ["NOT k.shadow"])])
            for table, with_shadow in shadows.items()
        }

    def _logged(self) -> list[Logged]:
        """Every endpoint that a diagnostic setting ever was made for, also those that are gone."""
        context = self._context
        delay = context.settings.current.diagnostics_delay_seconds
        found = []
        for endpoint_id in diagnostics.ever_logged(context.documents):
            path = parse_path(endpoint_id)
            place = context.find_place(path.subscription or "", path.resource_group or "", path.workspace or "")
            place = place or Place(path.subscription or "", path.resource_group or "", path.workspace or "", "")
            wanted = diagnostics.enabled_since(context.documents, endpoint_id, delay)
            name = path.segments[-1]
            document = context.documents.get("endpoint", name) or {}
            found.append(
                Logged(endpoint_id, document.get("name", name), place, context.secrets.log_workspace_id, wanted)
            )
        return found

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            await self._keep(self._sources())

    async def _keep(self, sources: Sequence[Source]) -> None:
        if sources:
            try:
                await asyncio.to_thread(self._context.console.follow, sources, self._shift())
            except sqlite3.Error as error:
                _log.error("The lines of containers could not be kept: %s", error)

    async def _keep_last_lines(self, endpoint: str, deployment: str, files: Sequence[LogFile]) -> None:
        """Keep what was written to files since they were read last, for they are about to be deleted."""
        await self._keep(self._sources({(endpoint.lower(), deployment.lower()): files}))

    def _sources(self, given: Mapping[tuple[str, str], Sequence[LogFile]] | None = None) -> list[Source]:
        """The container logs that a diagnostic setting wants now: the files ``given`` for deployments, or all there
        are."""
        context, found = self._context, []
        for logged in self._logged():
            if not logged.wants(CONSOLE, context.now()):
                continue
            endpoint = context.documents.get("endpoint", logged.endpoint)
            if endpoint is None or context.place_of(logged.endpoint).key != logged.place.key:
                continue
            for key, document in context.documents.all("deployment", f"{logged.endpoint}/"):
                name = key.partition("/")[2]
                files: Sequence[LogFile] = (
                    context.fleet.log_files(logged.endpoint, name)
                    if given is None
                    else given.get((logged.endpoint.lower(), name.lower()), ())
                )
                image, is_shadow = self._image(logged.place, document), _is_shadow(endpoint, name)
                found += [
                    Source(file.path, logged.endpoint, name, file.instance, file.container, image, is_shadow)
                    for file in files
                ]
        return found

    def _image(self, place: Place, deployment: Document) -> str:
        """The image of the environment that a deployment runs in, "" when it names none."""
        reference = deployment["sent"]["properties"].get("environmentId") or ""
        found = asset_reference(str(reference), "environments")
        if found is None:
            return ""
        environment = self._context.documents.get("environments", f"{place.key}/{found[0]}/{found[1]}") or {}
        return str(environment.get("properties", {}).get("image") or "")


def _is_shadow(endpoint: Document, deployment: str) -> bool:
    mirrored: Mapping[str, int] = endpoint["sent"]["properties"].get("mirrorTraffic") or {}
    return any(name.lower() == deployment and percent > 0 for name, percent in mirrored.items())


def _timestamp(seconds: float) -> str:
    return f"TIMESTAMP '{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S.%f}'"


def _body(asked: LogsQuery, preferences: Preferences, result: Result) -> bytes:
    columns = json.dumps([each._asdict() for each in result.columns])
    more: dict[str, object] = {}
    if preferences.statistics:
        more["statistics"] = _statistics(result)
    if preferences.render:
        more["render"] = visualization(asked.text)
    if result.error:
        more["error"] = result.error
    tail = json.dumps(more)[1:-1]
    head = f'{{"tables":[{{"name":"PrimaryResult","columns":{columns},"rows":['.encode()
    return b"".join((head, result.text, b"]}]", b"," if tail else b"", tail.encode(), b"}"))


def _statistics(result: Result) -> dict[str, object]:
    usage = {"cache": {}, "cpu": {"totalCpu": str(time.strftime("%H:%M:%S", time.gmtime(result.seconds)))}}
    return {
        "query": {
            "executionTime": result.seconds,
            "resourceUsage": usage,
            "datasetStatistics": [{"tableRowCount": result.rows, "tableSize": len(result.text)}],
        }
    }
