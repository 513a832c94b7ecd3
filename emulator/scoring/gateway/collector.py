"""The data collector: what deployments were asked and answered, on its way to the workspace's blobs.

Payload logging of how-to-collect-production-data: a JSON line in the form of CloudEvents for each request and each
response, below modelDataCollector/{endpoint}/{deployment}/{collection}/{yyyy}/{MM}/{dd}/{HH}/. A body above 4 MB, and
one that is no JSON, becomes a blob of its own, and its line has the address. Lines wait in memory for about a second,
then in files of the state folder, from which the control process takes them into blobs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulator.scoring.gateway.message import Answer, Message
from emulator.scoring.model import Collecting

FOLDER = "collected"
"""Below the state folder: where the files wait for the control process."""
LARGEST_INLINE = 4 << 20
"""Bytes of a body that a line holds ("Store large payloads")."""
FLUSH_SECONDS = 1.0
MOST_WAITING_BYTES = 64 << 20
"""Of bodies in memory. What comes on top is lost, and it is logged: a live request never waits for the collector."""
ROLLING = {"year": "%Y", "month": "%Y/%m", "day": "%Y/%m/%d", "hour": "%Y/%m/%d/%H", "minute": "%Y/%m/%d/%H/%M"}
_JSON, _TEXT = "application/json", "text/plain"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Event:
    """One request or response that is to be kept."""

    to: Collecting
    place: tuple[str, str]
    collection: str
    request_id: str
    at: float
    body: bytes
    more: tuple[tuple[str, str], ...]


class Collector:
    """Takes what is to be collected and writes it to files. ``take`` never blocks and never fails."""

    def __init__(self, folder: Path, source: random.Random, clock: Callable[[], float]) -> None:
        """``folder`` is made when there is something to write; ``clock`` is epoch seconds."""
        self._folder = folder
        self._random = source
        self._clock = clock
        self._settings: dict[tuple[str, str], Collecting] = {}
        self._waiting: list[_Event] = []
        self._bytes = 0
        self._lost = 0
        self._ended = asyncio.Event()

    def set(self, endpoint: str, deployment: str, to: Collecting | None) -> None:
        """Collect for a deployment from now on; None ends it."""
        if to is None:
            self._settings.pop((endpoint, deployment), None)
        else:
            self._settings[endpoint, deployment] = to

    def take(self, endpoint: str, deployment: str, request_id: str, message: Message, answer: Answer) -> None:
        """What a container was asked and answered. An answer of the gateway's own is none of the container's."""
        to = self._settings.get((endpoint, deployment))
        if to is None or not answer.model_status:
            return
        # One draw for both, so that equal rates keep request and response together.
        drawn, at, place = self._random.random(), self._clock(), (endpoint, deployment)
        asked = (("path", message.target), ("method", message.method))
        for collection, body, more in (("request", message.body, asked), ("response", answer.body, ())):
            if drawn >= to.rates.get(collection, 0.0):
                continue
            if self._bytes + len(body) > MOST_WAITING_BYTES:
                self._lost += 1
                continue
            self._bytes += len(body)
            self._waiting.append(_Event(to, place, collection, request_id, at, body, more))

    async def run(self) -> None:
        """Write until :meth:`end`, and then what is left."""
        while not self._ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), FLUSH_SECONDS)
            await self._flush()

    def end(self) -> None:
        """Let :meth:`run` come to its end. Nothing may be taken afterwards."""
        self._ended.set()

    async def _flush(self) -> None:
        events, self._waiting, self._bytes = self._waiting, [], 0
        if self._lost:
            _log.error("The data collector lost %d bodies: too much was waiting.", self._lost)
            self._lost = 0
        if not events:
            return
        try:
            await asyncio.to_thread(self._write, events)
        except OSError as error:
            _log.error("The data collector lost %d bodies: %s", len(events), error)

    def _write(self, events: list[_Event]) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        lines: dict[tuple[str, str], list[bytes]] = {}
        for event in events:
            folder = folder_of(event.place, event.collection, event.at, event.to.rolling)
            line, is_inside = _line(event, folder)
            lines.setdefault((event.to.container, folder), []).append(line)
            if not is_inside:
                self._put({"container": event.to.container, "blob": f"{folder}/{_id_of(line)}"}, event.body)
        for (container, folder), found in lines.items():
            self._put({"container": container, "folder": folder}, b"\n".join(found) + b"\n")

    def _put(self, head: dict[str, str], content: bytes) -> None:
        """Write a file in one step. The first line says where the rest belongs; names are in the order of time."""
        name = f"{self._clock():020.6f}-{uuid.uuid4().hex}"
        draft = self._folder / f".{name}"
        draft.write_bytes(json.dumps(head).encode() + b"\n" + content)
        draft.chmod(0o600)
        draft.replace(self._folder / name)


def folder_of(place: tuple[str, str], collection: str, at: float, rolling: str) -> str:
    """The folder of what is collected at the epoch second ``at``, for endpoint and deployment in ``place``."""
    moment = datetime.fromtimestamp(at, UTC).strftime(ROLLING[rolling])
    return f"modelDataCollector/{place[0]}/{place[1]}/{collection}/{moment}"


def _line(event: _Event, folder: str) -> tuple[bytes, bool]:
    """The line of an event, and whether it holds the body itself."""
    known_as = str(uuid.uuid4())
    line: dict[str, Any] = {
        "specversion": "1.0",
        "id": known_as,
        "source": event.to.source,
        "type": f"azureml.inference.{event.collection}",
        "datacontenttype": _JSON,
        "time": datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    ids = {"correlationid": event.request_id, "xrequestid": event.request_id}
    size = len(event.body)
    more = dict(event.more) | {"contentrange": f"bytes 0-{max(0, size - 1)}/{size}"} | ids
    is_inside, data = (False, None) if size > LARGEST_INLINE else _parsed(event.body)
    if is_inside:
        return json.dumps(line | {"data": data} | more).encode(), True
    address = f"{event.to.address}/{folder}/{known_as}"
    line |= {"datacontenttype": _TEXT, "data": address}
    return json.dumps(line | more | {"datainblob": "true"}).encode(), False


def _parsed(body: bytes) -> tuple[bool, Any]:
    try:
        return True, json.loads(body)
    except (ValueError, RecursionError):
        return False, None


def _id_of(line: bytes) -> str:
    return str(json.loads(line)["id"])
