"""Trials as child processes: started, followed and stopped from here, one at a time."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from services.child import Child, Listener
from services.deploying.model import Bundle, Cause, Document
from services.errors import Conflict, RuleBroken, ServiceFailed, SluiceError
from services.trial.order import Order, Payload, order_for
from services.trial.possible import why_not

PATIENCE_SECONDS = 25.0
"""How long a trial that was told to stop may take to end what it runs, before it is ended the hard way."""
_KEPT_VARIABLES = re.compile(
    "PATH|HOME|USER|LANG|LANGUAGE|LC_.*|TZ|TMPDIR|LD_LIBRARY_PATH|PYTHON.*|VIRTUAL_ENV|XDG_CACHE_HOME"
    "|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|PIP_.*|UV_.*|(HTTPS?|ALL|NO)_PROXY",
    re.IGNORECASE,
)
"""What building an environment and running a model need: the machine, its way out, and where packages come from."""
_ENDED = "The trial broke off."
_log = logging.getLogger("sluice.trial")


@dataclass(frozen=True)
class TrialStep:
    """One phase of a trial, with its moments in epoch seconds. ``ended_at`` is None while it runs, or if it failed."""

    phase: str
    began_at: float
    ended_at: float | None = None


@dataclass(frozen=True)
class TrialAnswer:
    """What the sample request was answered. ``model_ms`` is None when the server did not say it."""

    status: int
    text: str
    is_cut: bool
    content_type: str
    total_ms: float
    model_ms: float | None
    meaning: str

    @property
    def is_good(self) -> bool:
        """Whether the model answered."""
        return 200 <= self.status < 300


class Trial:
    """One process. What it has said so far can be read from any thread."""

    def __init__(self, order: Order, state: Path, environment: Mapping[str, str]) -> None:
        self.order = order
        self.began_at = time.time()
        self.steps: tuple[TrialStep, ...] = ()
        self.log = ""
        self.answer: TrialAnswer | None = None
        self.causes: tuple[Cause, ...] = ()
        self.problem: SluiceError | None = None
        self.is_over = False
        self.ended_at: float | None = None
        self._has_ended_well = False
        self._child = Child(
            "trial",
            [sys.executable, "-m", "services.trial", "--state", str(state)],
            environment,
            order.as_line,
            Listener(self._take, self._ended, self._broke, self._over),
            patience_seconds=PATIENCE_SECONDS,
        )
        self._child.follow()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._child.is_stopping

    @property
    def is_ready(self) -> bool:
        """Whether the deployment came up and, if a request was sent, the model answered it well."""
        answered = self.answer is not None and self.answer.is_good
        return self._has_ended_well and self.problem is None and (answered or not self.order.payload.body)

    def stop(self) -> None:
        """End it. What it runs is ended too, which takes a moment."""
        if not self.is_over:
            self._child.stop()

    def wait(self, seconds: float) -> None:
        """Wait until its process has ended, ``seconds`` at most."""
        self._child.wait(seconds)

    def _broke(self) -> None:
        self.problem = ServiceFailed(_ENDED, "Sluice could not read what its process said.", "Start it again.")

    def _over(self) -> None:
        self.ended_at = time.time()
        self.is_over = True

    def _ended(self, code: int, said: str) -> None:
        self._has_ended_well = code == 0
        if code not in (0, 1) and not self.is_stopping and self.problem is None:
            _log.error("The trial ended with %s: %s", code, said)
            why = f"Its process ended with exit code {code}."
            self.problem = ServiceFailed(_ENDED, why, "Start it again. If it stays, look at the log of Sluice.")

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.pop("event")
        if kind == "phase":
            self._step(event["phase"], event["at"], is_over=event["is_over"])
        elif kind == "log":
            self.log = event["text"]
        elif kind == "answer":
            self.answer = TrialAnswer(**event)
        elif kind == "failed":
            self.causes = tuple(Cause(**each) for each in event["causes"])
            self.problem = SluiceError(event["what"], event["why"], event["next_step"])

    def _step(self, phase: str, at: float, *, is_over: bool) -> None:
        if is_over:
            self.steps = (*self.steps[:-1], replace(self.steps[-1], ended_at=at))
        else:
            self.steps = (*self.steps, TrialStep(phase, at))


class Trials:
    """The newest trial of this process, with the state of its local Azure in ``state``. Thread-safe.

    One at a time: a trial builds environments and runs models on the machine that somebody works on.
    """

    def __init__(self, state: Path) -> None:
        self.state = state.absolute()
        self._lock = threading.Lock()
        self._trial: Trial | None = None

    @property
    def newest(self) -> Trial | None:
        """The newest trial, running or over; None when there was none, or it was put away."""
        with self._lock:
            return self._trial

    def start(
        self,
        bundle: Bundle,
        document: Document,
        payload: Payload,
        *,
        is_loopback: bool,
        environment: Mapping[str, str] = os.environ,
    ) -> Trial:
        """Try ``document`` of ``bundle`` and send it ``payload``. The same again, as by a double click, is the trial
        that goes on already.

        ``is_loopback`` says whether Sluice answers on this machine only: a trial runs the code of whoever asks for it.
        Raises RuleBroken when it cannot be tried, Conflict while another one goes on.
        """
        what = "The trial was not started."
        if not is_loopback:
            raise RuleBroken(
                what,
                "A trial runs the code of the deployment on this machine, and other machines can reach this Sluice.",
                "Start Sluice on 127.0.0.1 to try deployments.",
            )
        reason = why_not(document)
        if reason:
            raise RuleBroken(what, reason, "Then try again.")
        order = order_for(bundle, document, payload)
        with self._lock:
            found = self._trial
            if found is not None and not found.is_over:
                if found.order == order:
                    return found
                raise Conflict(what, f"One of {found.order.deployment_name} goes on.", "Wait for its end, or stop it.")
            self._trial = Trial(order, self.state, without_cloud(environment))
            return self._trial

    def put_away(self, trial: Trial) -> None:
        """Forget a trial that is over."""
        with self._lock:
            if trial.is_over and self._trial is trial:
                self._trial = None

    def close(self) -> None:
        """Stop what runs, and wait for its end a while."""
        trial = self.newest
        if trial is not None and not trial.is_over:
            trial.stop()
            trial.wait(PATIENCE_SECONDS)


def without_cloud(environment: Mapping[str, str]) -> dict[str, str]:
    """Of ``environment`` only what a build needs: the code that is tried runs with it, and nobody can list the names
    under which secrets are kept."""
    return {name: value for name, value in environment.items() if _KEPT_VARIABLES.fullmatch(name)}
