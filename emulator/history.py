"""Request history that never happened, made from a description: the same description gives the same history.

For tests and benchmarks that need more requests than anybody would send. The newest rows are kept as rows; what is
older than the store would keep goes into the roll-ups alone.
"""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from emulator.scoring.telemetry import histogram
from emulator.scoring.telemetry.rows import KEEP_SECONDS, MAX_ROWS, Minute, Row, Telemetry

MAX_REQUESTS = 50_000_000
"""In one call."""
_CHUNK_ROWS = 20_000
_CHUNK_MINUTES = 500
_LARGEST = 1e9


@dataclass(frozen=True)
class Stream:
    """The requests of one deployment.

    `per_minute`: how many. `kind`: live or mirror. `median_ms`, `spread`: their latencies are log-normal with this
    median and this standard deviation of the logarithm. `failing`: the share that ends with `status`, 0 to 1.
    """

    per_minute: float
    kind: str = "live"
    median_ms: float = 20.0
    spread: float = 0.3
    failing: float = 0.0
    status: int = 424
    request_bytes: int = 200
    response_bytes: int = 100


@dataclass(frozen=True)
class History:
    """Requests of one endpoint from `start` (epoch seconds, a whole minute) on, evenly spread over each minute."""

    endpoint: str
    start: int
    minutes: int
    seed: int
    streams: Mapping[str, Stream]


def parse_history(values: Mapping[str, Any]) -> History:
    """A history from untrusted JSON. Raises ValueError with a sentence."""
    names = {"endpoint", "start", "minutes", "seed", "deployments"}
    if set(values) != names:
        raise ValueError(f"A history has the fields {', '.join(sorted(names))}.")
    endpoint, deployments, minutes, seed = (values[name] for name in ("endpoint", "deployments", "minutes", "seed"))
    if not isinstance(endpoint, str) or not endpoint or not isinstance(deployments, dict) or not deployments:
        raise ValueError("A history names an endpoint, and describes its deployments in an object.")
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in (minutes, seed)):
        raise ValueError("minutes and seed of a history are whole numbers.")
    if not 1 <= minutes <= KEEP_SECONDS // 60:
        raise ValueError(f"A history has 1 to {KEEP_SECONDS // 60} minutes.")
    start = datetime.fromisoformat(str(values["start"]))
    if start.tzinfo is None:
        raise ValueError("start of a history is a moment with its time zone.")
    streams = {name: _stream(name, each) for name, each in deployments.items()}
    if sum(each.per_minute for each in streams.values()) * minutes > MAX_REQUESTS:
        raise ValueError(f"A history has at most {MAX_REQUESTS} requests.")
    return History(endpoint.lower(), int(start.timestamp() // 60) * 60, minutes, seed, streams)


def _stream(deployment: str, values: object) -> Stream:
    known = {field.name: str(field.type) for field in fields(Stream)}
    if not isinstance(values, dict) or set(values) - known.keys() or "per_minute" not in values:
        raise ValueError(f"A deployment of a history is an object of per_minute and any of {', '.join(known)}.")
    for name, value in values.items():
        kinds = {"str": (str,), "int": (int,), "float": (int, float)}[known[name]]
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ValueError(f"{name} of {deployment} is a {known[name]}, not {value!r}.")
        if isinstance(value, int | float) and not 0 <= value <= _LARGEST:
            raise ValueError(f"{name} of {deployment} is out of range.")
    found = Stream(**values)
    if found.kind not in ("live", "mirror") or found.median_ms <= 0 or found.spread > 10 or found.failing > 1:
        raise ValueError(f"{deployment}: kind is live or mirror, median_ms above 0, spread up to 10, failing up to 1.")
    return found


def write_history(history: History, telemetry: Telemetry, most_rows: int = MAX_ROWS) -> tuple[int, int]:
    """Write it into the store. Returns how many requests, and how many of them are there as rows."""
    requests = kept = 0
    left = most_rows
    keeping = history.minutes
    while keeping and (left := left - _in_minute(history, keeping - 1)) >= 0:
        keeping -= 1
    folded: list[Minute] = []
    rows: list[Row] = []
    source = random.Random(history.seed)  # noqa: S311 - the same every time is what it is for
    for number in range(history.minutes):
        for deployment, stream in history.streams.items():
            outcomes = _outcomes(stream, _count(stream, number), source)
            requests += sum(len(each) for each in outcomes.values())
            if number < keeping:
                folded += _minutes(history, number, deployment, stream, outcomes)
            else:
                rows += _rows(history, number, deployment, stream, outcomes, source)
        if len(folded) >= _CHUNK_MINUTES or (folded and number >= keeping):
            telemetry.fold(history.endpoint, folded)
            folded = []
        if len(rows) >= _CHUNK_ROWS:
            telemetry.append(rows)
            kept, rows = kept + len(rows), []
    telemetry.fold(history.endpoint, folded)
    telemetry.append(rows)
    return requests, kept + len(rows)


def _count(stream: Stream, number: int) -> int:
    """How many requests fall into one minute, so that the sum is right over any number of minutes."""
    return math.floor((number + 1) * stream.per_minute) - math.floor(number * stream.per_minute)


def _in_minute(history: History, number: int) -> int:
    return sum(_count(stream, number) for stream in history.streams.values())


def _outcomes(stream: Stream, count: int, source: random.Random) -> dict[int, list[float]]:
    """Latencies in milliseconds by status."""
    middle, gauss, exp = math.log(stream.median_ms), source.gauss, math.exp
    drawn = [exp(gauss(middle, stream.spread)) for _ in range(count)]
    failing = sum(source.random() < stream.failing for _ in range(count)) if stream.failing else 0
    found = {200: drawn[failing:], stream.status: drawn[:failing]}
    return {status: latencies for status, latencies in found.items() if latencies}


def _minutes(
    history: History, number: int, deployment: str, stream: Stream, outcomes: Mapping[int, list[float]]
) -> Iterator[Minute]:
    for status, latencies in outcomes.items():
        yield Minute(
            history.start + 60 * number,
            deployment,
            stream.kind,
            status,
            status,
            len(latencies),
            sum(latencies),
            stream.request_bytes * len(latencies),
            stream.response_bytes * len(latencies),
            histogram.encode(histogram.count(latencies)),
        )


def _rows(
    history: History,
    number: int,
    deployment: str,
    stream: Stream,
    outcomes: Mapping[int, list[float]],
    source: random.Random,
) -> Iterator[Row]:
    total = sum(len(each) for each in outcomes.values())
    place = 0
    is_live = stream.kind == "live"
    for status, latencies in outcomes.items():
        for latency in latencies:
            yield Row(
                started_at=history.start + 60 * number + 60 * (place + 0.5) / total,
                endpoint=history.endpoint,
                deployment=deployment,
                kind=stream.kind,
                route="split" if is_live else "mirror",
                status=status,
                model_status=status,
                reason="" if status == 200 else "seeded",
                total_ms=latency,
                model_ms=latency,
                request_bytes=stream.request_bytes,
                response_bytes=stream.response_bytes,
                request_id=str(uuid.UUID(int=source.getrandbits(128))),
                client_request_id="",
                user_agent="history",
                auth="key",
                mirrored=0,
                method="POST",
                path="/score",
                protocol="HTTP/1.1",
                identity="",
                model_reason="",
                request_ms=0.0,
                response_ms=latency,
                request_delay_ms=0.0,
                response_delay_ms=0.0,
            )
            place += 1
