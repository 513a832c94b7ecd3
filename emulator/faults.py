"""Faults on demand: what shall go wrong, on which requests or operations, how often.

A fault for a request is matched by the name of its operation, as Azure's role definitions write it, or by method and
path. A fault for a long-running operation (`outcome`) is matched when the operation begins, and ends it as Failed.
Patterns compare without case, and `*` stands for any text, slashes included.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

SCORING_PATHS = "/endpoints"
"""Paths that begin so are served by the scoring gateway, every other path by the control plane's process."""
CONNECTIONS = ("", "reset", "lost", "half")
MAX_SECONDS = 3600.0
MAX_TIMES = 1_000_000_000
MAX_BODY_BYTES = 1 << 20
_METHOD = re.compile(r"\*|[A-Za-z]{1,16}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,4096}")


class FaultError(ValueError):
    """A fault that cannot be. `str()` is one clear sentence."""


@dataclass(frozen=True)
class Outcome:
    """How a long-running operation fails: Azure's error code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True)
class Fault:
    """One fault.

    `operation`: pattern of operation names, such as `Microsoft.MachineLearningServices/*/deployments/write`.
    `method`, `path`: pattern of the method and of the path. A path that begins with /endpoints is one of the scoring
    gateway's.
    `target`: for an `outcome`, pattern of what the operation changes: an endpoint, or endpoint/deployment.
    `status`, `code`, `message`: the answer instead of the real one, in the error shape of the surface that is asked.
    `body`: the body of that answer instead of an error; text as it is, anything else as JSON.
    `headers`: headers of that answer. `retry_after`: seconds in its Retry-After; None sends no such header.
    `delay_seconds`: for how long the answer is held back. The work is done at once.
    `connection`: reset (before anything is done), lost (the work is done, its answer never comes) or half (half of the
    answer's body, then the end).
    `outcome`: how the long-running operation ends.
    `times`: how many requests or operations it hits; None for any number. `probability`: how likely each one is hit.
    """

    operation: str = ""
    method: str = "*"
    path: str = ""
    target: str = "*"
    status: int | None = None
    code: str = ""
    message: str = ""
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: int | None = None
    delay_seconds: float = 0.0
    connection: str = ""
    outcome: Outcome | None = None
    times: int | None = None
    probability: float = 1.0

    @property
    def is_for_scoring(self) -> bool:
        """Whether it belongs to the scoring gateway."""
        return self.path.lower().startswith(SCORING_PATHS)

    def matches(self, method: str, path: str, operation: str) -> bool:
        """Whether a request is one of those it is for. `operation` is "" where there are no names of operations."""
        if self.outcome is not None:
            return False
        return (
            _like(self.method, method)
            and (not self.path or _like(self.path, path))
            and (not self.operation or _like(self.operation, operation))
        )

    def ends(self, operation: str, target: str) -> bool:
        """Whether a long-running operation is one of those it lets fail."""
        return self.outcome is not None and _like(self.operation, operation) and _like(self.target, target)


@dataclass(frozen=True)
class KeptFault:
    """A fault in the book. `remaining` is None when it has no end; `hits` counts what it has hit so far."""

    id: str
    fault: Fault
    remaining: int | None
    hits: int = 0

    def as_json(self) -> dict[str, Any]:
        """What is shown of it. A scoring fault counts in the gateway's process, and shows no counts here."""
        counts = (None, None) if self.fault.is_for_scoring else (self.remaining, self.hits)
        return {"id": self.id, **asdict(self.fault), "remaining": counts[0], "hits": counts[1]}


def parse_fault(values: Mapping[str, Any]) -> Fault:
    """A fault from untrusted JSON. Raises :class:`FaultError` with a sentence that says what is wrong."""
    known = [each.name for each in fields(Fault)]
    for name in values:
        if name not in known:
            raise FaultError(f"A fault has no field {name}; there are {', '.join(known)}.")
    given = {name: value for name, value in values.items() if value is not None and (value != "" or name == "body")}
    for name, is_right, wanted in _CHECKS:
        if name in given and not is_right(given[name]):
            raise FaultError(f"{name} is {wanted}, not {given[name]!r}.")
    if "outcome" in given:
        given["outcome"] = _outcome(given["outcome"])
    fault = Fault(**{**given, **{name: float(given[name]) for name in _FLOATS & given.keys()}})
    _check_sense(fault)
    return fault


def _outcome(values: Mapping[str, Any]) -> Outcome:
    if set(values) != {"code", "message"} or not all(isinstance(each, str) and each for each in values.values()):
        raise FaultError("outcome is an object of two texts, code and message.")
    return Outcome(values["code"], values["message"])


def _check_sense(fault: Fault) -> None:
    answers = fault.status is not None
    if fault.outcome is not None:
        others = replace(Fault(), operation=fault.operation, target=fault.target, outcome=fault.outcome)
        if not fault.operation:
            raise FaultError("An outcome needs operation: the name of the operation that shall fail.")
        if replace(fault, times=None, probability=1.0) != others:
            raise FaultError("A fault with an outcome takes operation, target, times and probability besides.")
        return
    if fault.target != "*":
        raise FaultError("target belongs to a fault with an outcome; use operation or path for requests.")
    if not fault.operation and not fault.path:
        raise FaultError("A fault needs operation or path: it has to say which requests it is for.")
    if fault.operation and fault.is_for_scoring:
        raise FaultError("Scoring requests have no operation; a fault for them takes method and path.")
    if not answers and any((fault.code, fault.message, fault.body is not None, fault.headers)):
        raise FaultError("code, message, body and headers belong to an answer: give its status too.")
    if not answers and fault.retry_after is not None:
        raise FaultError("retry_after belongs to an answer: give its status too.")
    if fault.connection in ("reset", "lost") and answers:
        raise FaultError(f"With connection {fault.connection} no answer is sent; leave out status.")
    if not answers and not fault.connection and not fault.delay_seconds:
        raise FaultError("A fault does something: give status, delay_seconds, connection or outcome.")


def _is_number(value: object, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 2048


def _are_headers(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        _HEADER_NAME.fullmatch(name)
        and name.lower() not in ("content-length", "transfer-encoding", "connection")
        and isinstance(text, str)
        and _HEADER_VALUE.fullmatch(text)
        for name, text in value.items()
    )


_FLOATS = {"delay_seconds", "probability"}
_CHECKS: Sequence[tuple[str, Callable[[Any], object], str]] = (
    ("operation", _is_pattern, "the name of an operation, with * for any text"),
    ("method", lambda value: isinstance(value, str) and _METHOD.fullmatch(value), "a method such as GET, or *"),
    ("path", lambda value: _is_pattern(value) and value.startswith("/"), "a path that begins with /, * for any text"),
    ("target", _is_pattern, "an endpoint or endpoint/deployment, with * for any text"),
    ("status", lambda value: _is_whole(value, 200, 599), "a whole number from 200 to 599"),
    ("code", lambda value: isinstance(value, str), "a text"),
    ("message", lambda value: isinstance(value, str), "a text"),
    ("headers", _are_headers, "an object of header names and texts, without those that frame the body"),
    ("retry_after", lambda value: _is_whole(value, 0, 86_400), "a whole number of seconds from 0 to 86400"),
    ("delay_seconds", lambda value: _is_number(value, 0, MAX_SECONDS), f"a number of seconds up to {MAX_SECONDS:g}"),
    ("connection", lambda value: value in CONNECTIONS, "reset, lost or half"),
    ("outcome", lambda value: isinstance(value, Mapping), "an object of code and message"),
    ("times", lambda value: _is_whole(value, 1, MAX_TIMES), "a whole number from 1"),
    ("probability", lambda value: _is_number(value, 0, 1), "a number from 0 to 1"),
)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.IGNORECASE | re.DOTALL)


def _like(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


class FaultBook:
    """The faults of one process, in the order in which they were added. Safe for threads.

    Of several faults that match, the first one that hits counts. They end with the process: nothing is kept.
    """

    def __init__(self, source: random.Random) -> None:
        """`source` decides about faults that hit with a probability."""
        self._random = source
        self._lock = threading.Lock()
        self._kept: dict[str, KeptFault] = {}
        self._next = 1

    def __bool__(self) -> bool:
        """Whether there is any fault."""
        return bool(self._kept)

    def add(self, fault: Fault) -> KeptFault:
        """Add a fault; its id is new."""
        with self._lock:
            kept = KeptFault(str(self._next), fault, fault.times)
            self._next += 1
            self._kept[kept.id] = kept
            return kept

    def remove(self, fault_id: str) -> bool:
        """Remove one fault. False when there is none of this id."""
        with self._lock:
            return self._kept.pop(fault_id, None) is not None

    def clear(self) -> int:
        """Remove all. Returns how many there were."""
        with self._lock:
            count = len(self._kept)
            self._kept.clear()
            return count

    def listing(self) -> list[KeptFault]:
        """All faults, spent ones included, oldest first."""
        with self._lock:
            return list(self._kept.values())

    def for_scoring(self) -> list[dict[str, Any]]:
        """What the gateway's book gets with :meth:`replace`."""
        return [{"id": each.id, **asdict(each.fault)} for each in self.listing() if each.fault.is_for_scoring]

    def replace(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Hold just these faults, each with its `id`. One that is here already goes on counting.

        Raises :class:`FaultError`.
        """
        wanted = {str(each["id"]): parse_fault({k: v for k, v in each.items() if k != "id"}) for each in faults}
        with self._lock:
            self._kept = {
                fault_id: self._kept.get(fault_id) or KeptFault(fault_id, fault, fault.times)
                for fault_id, fault in wanted.items()
            }

    def take(self, method: str, path: str, operation: str = "") -> Fault | None:
        """The fault that this request meets, counted; None when it meets none."""
        return self._hit(lambda fault: fault.matches(method, path, operation)) if self._kept else None

    def outcome(self, operation: str, target: str) -> Outcome | None:
        """How this long-running operation has to fail, counted; None when it is left alone."""
        found = self._hit(lambda fault: fault.ends(operation, target)) if self._kept else None
        return found.outcome if found else None

    def _hit(self, matches: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            for kept in self._kept.values():
                if kept.remaining == 0 or not matches(kept.fault):
                    continue
                if self._random.random() >= kept.fault.probability:
                    continue
                remaining = None if kept.remaining is None else kept.remaining - 1
                self._kept[kept.id] = replace(kept, remaining=remaining, hits=kept.hits + 1)
                return kept.fault
        return None
