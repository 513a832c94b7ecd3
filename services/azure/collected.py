"""What the data collectors of deployments have stored of requests and answers: payload logging, read from its blobs.

The collector writes JSON lines to modelDataCollector/{endpoint}/{deployment}/{collection}/{yyyy}/{MM}/{dd}/{HH}/ in the
workspace's blob store (learn.microsoft.com/azure/machine-learning/how-to-collect-production-data, "Store collected
data in Blob Storage"). Azure does not join what live deployment and shadow have stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError

from services.azure.cloud import Json
from services.azure.connection import Connection
from services.azure.documents import moment
from services.azure.translation import Call, from_answer, translated, understood
from services.errors import NotFound
from services.json_text import canonical
from services.model import Endpoint

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties

REQUEST, RESPONSE = "request", "response"
MOST_BYTES = 16 << 20
"""Of the lines that are read of one collection at a time; the oldest first."""
_DATASTORE = "workspaceblobstore"
"""The collector's default destination."""
_DATASTORE_API = "2024-10-01"
_ROLE = "Storage Blob Data Reader"
_ROOT = "modelDataCollector"
_MOMENT = re.compile(r"/(\d{4})(?:/(\d\d))?(?:/(\d\d))?(?:/(\d\d))?(?:/(\d\d))?/[^/]+\.jsonl$")
_LATE = timedelta(minutes=10)
"""How much later than it was asked a request may stand in a folder: collectors write in batches."""
_LASTS = {
    1: timedelta(days=366),
    2: timedelta(days=31),
    3: timedelta(days=1),
    4: timedelta(hours=1),
    5: timedelta(minutes=1),
}
"""How long a folder is written to, by the number of parts of its name."""
_MESSAGE = re.compile(r"<Message>([^<\n]*)")


@dataclass(frozen=True)
class Collector:
    """What a deployment's data collector is set to: the share of requests and of responses that is stored, 0 when it is
    off. ``is_elsewhere`` says that a collection names a data asset of its own, which may lie in another place.
    """

    request: float
    response: float
    is_elsewhere: bool

    @property
    def is_on(self) -> bool:
        """Whether requests and their answers are both stored."""
        return self.request > 0 and self.response > 0


@dataclass(frozen=True)
class Event:
    """One stored request or answer. ``text`` is its body as canonical JSON, None when it lies in a blob of its own:
    above 4 MB, or no JSON. ``correlation`` is the id that a request shares with its answer, "" when there is none.
    """

    id: str
    correlation: str
    at: datetime
    text: str | None


@dataclass(frozen=True)
class Found:
    """What was read of a collection, by time. ``until`` is where reading ended because there was too much, else None.
    ``odd`` lines could not be understood. ``blobs`` were read."""

    events: tuple[Event, ...]
    until: datetime | None = None
    odd: int = 0
    blobs: int = 0


@dataclass(frozen=True)
class Span:
    """From ``since`` to before ``until``, by Azure's clock."""

    since: datetime
    until: datetime

    def meets(self, since: datetime, until: datetime) -> bool:
        """Whether any of it lies between the two."""
        return since < self.until and self.since < until


def collector_of(document: Json) -> Collector:
    """The settings in the ARM document of a deployment."""
    settings = (document.get("properties") or {}).get("dataCollector") or {}
    collections = settings.get("collections") or {}
    found = {name: collections.get(name) or {} for name in (REQUEST, RESPONSE)}
    rates = {name: _rate(one) for name, one in found.items()}
    return Collector(rates[REQUEST], rates[RESPONSE], any(one.get("dataId") for one in found.values()))


class Shelf:
    """The blobs of a workspace's collectors. One request finds out where they are; nothing is written.

    Every method raises AccessDenied when the identity may not read the blobs, and the other SluiceErrors.
    """

    def __init__(self, conn: Connection) -> None:
        # Its import takes a quarter of a second, and few look for what collectors store.
        from azure.storage.blob import ContainerClient

        call = conn.call("Where collected data is stored could not be read.")
        path = f"{conn.workspace_path}/datastores/{_DATASTORE}"
        reply = conn.send("GET", path, call, api_version=_DATASTORE_API)
        with understood(call, reply.headers):
            store = reply.body["properties"]
            account, container = str(store["accountName"]), str(store["containerName"])
            address = f"{store.get('protocol') or 'https'}://{account}.blob.{store['endpoint']}"
        self.account = account
        what = f"What data collectors have stored in {container} of the storage account {account} could not be read."
        self._call = Call(what, _ROLE, account, conn.is_local, conn.settings.tenant_id)
        self._client = ContainerClient(address, container, credential=conn.credential, **conn.client_options)

    def read(self, endpoint: Endpoint, deployment: str, collection: str, span: Span) -> Found:
        """The events of a collection in ``span``, at most MOST_BYTES of lines."""
        prefix = f"{_ROOT}/{endpoint.name}/{deployment}/{collection}/"
        events: dict[str, Event] = {}
        odd, left, until, count = 0, MOST_BYTES, None, 0
        with self._translated():
            for blob in self._blobs(prefix, span):
                size = int(blob.size or 0)
                if not size:
                    continue
                if left <= 0 or (size > left and events):
                    until = max((each.at for each in events.values()), default=span.since)
                    break
                text = self._client.download_blob(blob.name, offset=0, length=min(size, left)).readall()
                left -= size
                count += 1
                # Of a blob that is read in part, the last line is none.
                lines = text.split(b"\n") if size <= len(text) else text.split(b"\n")[:-1]
                for line in filter(None, lines):
                    event = _event(line)
                    odd += event is None
                    if event is not None and span.since <= event.at < span.until:
                        # The collector writes at least once: what it wrote twice has one id.
                        events[event.id] = event
        return Found(tuple(sorted(events.values(), key=lambda each: each.at)), until, odd, count)

    def _blobs(self, prefix: str, span: Span) -> list[BlobProperties]:
        """The blobs whose folder may hold something of ``span``, the oldest first, whatever the rolling rate."""
        found: dict[str, tuple[datetime, datetime, BlobProperties]] = {}
        for blob in self._listed(prefix, span):
            folder = _span_of(blob.name)
            if folder is not None and span.meets(*folder):
                found[blob.name] = (folder[0], blob.last_modified or span.until, blob)
        return [each[2] for each in sorted(found.values(), key=lambda each: each[:2])]

    def _listed(self, prefix: str, span: Span) -> Iterator[BlobProperties]:
        day, last = (span.since - _LATE).date(), (span.until + _LATE).date()
        above: set[str] = set()
        while day <= last:
            # Folders of days hold those of hours and minutes; those of months and years only what lies in them.
            above |= {f"{prefix}{day:%Y}/", f"{prefix}{day:%Y/%m}/"}
            yield from self._client.list_blobs(name_starts_with=f"{prefix}{day:%Y/%m/%d}/")
            day += timedelta(days=1)
        for name in sorted(above):
            listed = self._client.walk_blobs(name_starts_with=name, delimiter="/")
            # Folders are listed beside blobs, and have no size.
            yield from (each for each in listed if getattr(each, "size", None) is not None)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Azure Storage writes its errors as XML."""
        with translated(self._call), understood(self._call):
            try:
                yield
            except HttpResponseError as error:
                if error.response is None:
                    raise
                code = str(getattr(error, "error_code", None) or "")
                text = _MESSAGE.search(str(error.response.text() or ""))
                said = {"error": {"code": code, "message": text[1] if text else code}}
                headers = error.response.headers
                raise from_answer(int(error.response.status_code), headers, json.dumps(said), self._call) from error


def shelf(conn: Connection) -> Shelf | None:
    """Where the collectors of the workspace write; None when it has no such datastore. Raises SluiceError."""
    try:
        return Shelf(conn)
    except NotFound:
        return None


def _rate(one: Json) -> float:
    if str(one.get("dataCollectionMode") or "").lower() != "enabled":
        return 0.0
    rate = one.get("samplingRate")
    return float(rate) if isinstance(rate, int | float) else 1.0


def _event(line: bytes) -> Event | None:
    """A line as an event, None when it is none."""
    try:
        said = json.loads(line)
        at = moment(said["time"])
        is_outside = str(said.get("datainblob") or "").lower() == "true"
        text = None if is_outside else canonical(said["data"])
        known_as, correlation = str(said["id"]), str(said.get("correlationid") or said.get("xrequestid") or "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return None if at is None else Event(known_as, correlation, at, text)


def _span_of(name: str) -> tuple[datetime, datetime] | None:
    """What a folder's name says of the times of what lies in it, with room for what was written late."""
    found = _MOMENT.search(name)
    if found is None:
        return None
    parts = [int(each) for each in found.groups() if each is not None]
    year, month, day, hour, minute = (*parts, *(1, 1, 1, 0, 0)[len(parts) :])
    try:
        begin = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None
    return begin - _LATE, begin + _LASTS[len(parts)] + _LATE
