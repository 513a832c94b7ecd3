"""What happens to the containers of one deployment, told as Azure tells it.

The events that Azure's event log knows go to the store for Log Analytics; all of them, with the status of each phase,
stand above the container's own lines in the answer of getLogs (the form is that of published logs).
"""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from emulator.scoring.instances.probes import Kind, reason
from emulator.scoring.telemetry.events import Event, EventName, Events

CONTAINER = "inference-server"
SHOWN_EVENTS = 30
"""Events above a log, the newest; a deployment that fails its probes for minutes would fill the page otherwise."""

OtherName = Literal["Pulling", "Downloading", "Downloaded", "DownloadFailed"]
Phase = Literal["SystemSetup", "UserContainerImagePull", "ModelDownload", "UserContainerStart"]
Status = Literal["Waiting", "InProgress", "Succeeded", "Failed"]
_WARNINGS = ("BackOff", "DownloadFailed", "LivenessProbeFailed", "ReadinessProbeFailed")


_log = logging.getLogger(__name__)


class _Entry(NamedTuple):
    at: float
    name: str
    message: str


class Diary:
    """The events of one revision of a deployment."""

    def __init__(self, endpoint: str, deployment: str, events: Events | None, clock: Callable[[], float]) -> None:
        """``events`` None keeps nothing for Log Analytics; ``clock`` gives epoch seconds."""
        self._endpoint = endpoint
        self._deployment = deployment
        self._events = events
        self._clock = clock
        self._entries: deque[_Entry] = deque(maxlen=SHOWN_EVENTS)
        self.writers: dict[Path, str] = {}
        """Which instance wrote which log, the oldest first, also of those that are gone."""
        self._phases: dict[Phase, Status] = dict.fromkeys(get_args(Phase), "Waiting")

    def note(self, name: EventName, message: str, instance: str = "") -> None:
        """Write an event down. ``instance`` is "" for one of the whole deployment."""
        at = self._clock()
        self._entries.append(_Entry(at, name, message))
        if self._events:
            try:
                self._events.append(Event(at, self._endpoint, self._deployment, instance, name, message))
            except sqlite3.Error as error:
                # On a full disk an event is lost, not the instance that it tells of.
                _log.warning("The event %s of %s/%s is lost: %s", name, self._endpoint, self._deployment, error)

    def tell(self, name: OtherName, message: str) -> None:
        """Write down what the event log has no name for."""
        self._entries.append(_Entry(self._clock(), name, message))

    def phase(self, phase: Phase, status: Status) -> None:
        """Say how far a phase has come."""
        self._phases[phase] = status

    def probe_failed(self, kind: Kind, status: int, instance: str) -> None:
        """Write down that a probe got a bad answer."""
        name: EventName = "LivenessProbeFailed" if kind == "Liveness" else "ReadinessProbeFailed"
        self.note(name, reason(kind, status), instance)

    def text(self) -> str:
        """The status of the phases and the newest events, as they stand above a container's log."""
        lines = ["Instance status:", *(f"{phase}: {status}" for phase, status in self._phases.items())]
        lines += ["", "Container events:", *(_line(entry) for entry in self._entries)]
        return "\n".join([*lines, "", "Container logs:", ""])


def _line(entry: _Entry) -> str:
    moment = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    kind = "Warning" if entry.name in _WARNINGS else "Normal"
    return f"Kind: Pod, Name: {entry.name}, Type: {kind}, Time: {moment}, Message: {entry.message}"
