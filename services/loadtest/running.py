"""Load tests as child processes: started, followed and stopped from here, one at a time for each endpoint."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.child import Child, Listener
from services.errors import Conflict, ServiceFailed, SluiceError
from services.loadtest.command import Payloads, as_line
from services.loadtest.plan import Plan
from services.model import Endpoint

PATIENCE_SECONDS = 10.0
"""How long a process that was told to stop may take to keep its result, before it is ended the hard way."""
_log = logging.getLogger("sluice.loadtest")


@dataclass(frozen=True)
class Wish:
    """What somebody asked for on the page. ``may_disturb`` is their consent to disturb live traffic."""

    endpoint: Endpoint
    deployment: str | None
    plan: Plan
    payloads: Payloads
    timeout_seconds: float
    may_disturb: bool = False

    def arguments(self) -> list[str]:
        """The command line: nothing of the payloads and no key is on it."""
        target = ["--deployment", self.deployment] if self.deployment else []
        return [
            *("--endpoint", self.endpoint.name, "--workspace", self.endpoint.workspace_ref.address, *target),
            *("--ramp", f"{self.plan.start_rate!r}:{self.plan.end_rate!r}", "--duration", repr(self.plan.seconds)),
            *("--timeout", repr(self.timeout_seconds), "--json", "--stdin"),
            *(["--yes"] if self.may_disturb else []),
        ]


class LoadRun:
    """One process. What it has said so far can be read from any thread; ``rows`` only grows."""

    def __init__(self, wish: Wish, environment: Mapping[str, str]) -> None:
        self.wish = wish
        self.began_at = time.time()
        self.rows: list[dict[str, Any]] = []
        self.is_sending = False
        self.is_over = False
        self.result: dict[str, Any] | None = None
        self.result_id = ""
        self.not_kept = ""
        self.problem: SluiceError | None = None
        self._child = Child(
            "load test",
            [sys.executable, "-m", "services.loadtest", *wish.arguments()],
            environment,
            lambda: as_line(wish.payloads),
            Listener(self._take, self._ended, self._broke, self._over),
            patience_seconds=PATIENCE_SECONDS,
        )
        self._child.follow()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._child.is_stopping

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._child.pid

    def stop(self) -> None:
        """Have it stop at once. Its result comes a moment later."""
        if not self.is_over:
            self._child.stop()

    def _broke(self) -> None:
        self.problem = ServiceFailed(
            "The load test was ended.",
            "Sluice could not read what its process said.",
            "Start it again. If it stays, look at the log of Sluice.",
        )

    def _over(self) -> None:
        self.is_over = True

    def _ended(self, code: int, said: str) -> None:
        # One that was stopped before it sent anything has nothing to say.
        if self.result is None and self.problem is None and not (self.is_stopping and not self.rows):
            _log.error("The load test ended with %s: %s", code, said)
            self.problem = ServiceFailed(
                "The load test broke off.",
                f"Its process ended with exit code {code} and left no result.",
                "Start it again. If it stays, look at the log of Sluice.",
            )

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.pop("event")
        if kind == "start":
            self.is_sending = True
        elif kind == "second":
            self.rows.append(event)
        elif kind == "end":
            self.result, self.result_id, self.not_kept = event["result"], event["id"], event["not_kept"]
        else:
            self.problem = SluiceError(
                event["what"], event["why"], event["next_step"], request_id=event.get("request_id")
            )


class LoadRuns:
    """The newest run of each endpoint. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, LoadRun] = {}

    def start(self, wish: Wish, environment: Mapping[str, str] = os.environ) -> LoadRun:
        """Start a process. The same wish again, as by a double click, is the run that goes on already.

        Raises Conflict while another run of the endpoint goes on.
        """
        with self._lock:
            found = self._runs.get(wish.endpoint.id)
            if found is not None and not found.is_over:
                if found.wish == wish:
                    return found
                raise Conflict(
                    "The load test was not started.",
                    f"Another one of {wish.endpoint.name} is still running.",
                    "Wait for its end, or stop it.",
                )
            made = self._runs[wish.endpoint.id] = LoadRun(wish, environment)
            return made

    def of(self, endpoint: Endpoint) -> LoadRun | None:
        """The newest run of an endpoint, running or over; None when there was none, or it was put away."""
        with self._lock:
            return self._runs.get(endpoint.id)

    def put_away(self, run: LoadRun) -> None:
        """Forget a run that is over. Its result stays where it was kept."""
        with self._lock:
            if run.is_over and self._runs.get(run.wish.endpoint.id) is run:
                del self._runs[run.wish.endpoint.id]
