"""One trial from its beginning to its end, inside a process of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from enum import StrEnum

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, logs
from services.azure.trying import DeploymentFailed, deploy, make_endpoint
from services.deploying.diagnosis import diagnose
from services.deploying.model import Evidence, Phase
from services.errors import ServiceFailed, SluiceError, Stopped
from services.scoring.answer import Answer
from services.scoring.request import ScoringRequest
from services.scoring.sending import send
from services.trial.order import Order

LOG_LINES = 400
"""Newest lines of the log that are shown."""
LOG_SECONDS = 1.0
POLL_SECONDS = 0.2
REQUEST_SECONDS = 190.0
MOST_ANSWER = 200_000
"""Characters of an answer that are handed on."""


class TrialPhase(StrEnum):
    """What a trial does, in this order."""

    START = "Start the local Azure"
    ENDPOINT = "Make the endpoint"
    UPLOAD = "Upload and register the files"
    DEPLOY = "Build the environment and start"
    REQUEST = "Send the sample request"


class Telling:
    """Says what happens, as events that :mod:`services.trial.trial` reads. ``say`` writes one."""

    def __init__(self, say: Callable[..., None], clock: Callable[[], float] = time.time) -> None:
        self._say = say
        self._clock = clock
        self._log = ""

    @contextmanager
    def phase(self, phase: TrialPhase) -> Iterator[None]:
        """Around the work of a phase."""
        self.began(phase)
        yield
        self.ended(phase)

    def began(self, phase: TrialPhase) -> None:
        """The phase begins."""
        self._say("phase", phase=phase.value, at=self._clock(), is_over=False)

    def ended(self, phase: TrialPhase) -> None:
        """The phase is over, and went well."""
        self._say("phase", phase=phase.value, at=self._clock(), is_over=True)

    def log(self, text: str) -> None:
        """What the container's log says now."""
        if text and text != self._log:
            self._log = text
            self._say("log", text=text)

    def answer(self, answer: Answer) -> None:
        """What the sample request was answered."""
        self._say(
            "answer",
            status=answer.status,
            text=answer.text[:MOST_ANSWER],
            is_cut=answer.is_cut or len(answer.text) > MOST_ANSWER,
            content_type=answer.content_type,
            total_ms=answer.total_ms,
            model_ms=answer.model_ms,
            meaning=answer.meaning,
        )

    def failed(self, error: SluiceError, evidence: Evidence | None = None) -> None:
        """It did not work; with ``evidence`` the likely causes are told too."""
        causes = [asdict(each) for each in diagnose(evidence)] if evidence is not None else []
        self._say("failed", what=error.what, why=error.why, next_step=error.next_step, causes=causes)


def perform(conn: Connection, order: Order, telling: Telling, is_stopped: threading.Event) -> bool:
    """Deploy what ``order`` says to the local Azure behind ``conn``, send the sample request and tell everything.

    Returns whether the deployment came up and the model answered. Raises ServiceFailed, and does nothing, when ``conn``
    leads to anything else than a local Azure; Stopped when ``is_stopped`` was set meanwhile.
    """
    if not conn.is_local:
        raise ServiceFailed(
            "The trial was not started.", f"{conn.arm_host} is not on this machine.", "Start Sluice again."
        )
    log = _Log(conn, order, telling, is_stopped)
    try:
        with telling.phase(TrialPhase.ENDPOINT):
            make_endpoint(conn, order.endpoint, log.wait)
        _deploy(conn, order, telling, log)
        log.read()
        if order.payload.body:
            return _request(conn, order, telling, log, is_stopped)
    except Stopped:
        raise
    except SluiceError as error:
        log.read()
        telling.failed(error, log.evidence(error) if isinstance(error, DeploymentFailed) else None)
        return False
    return True


def _deploy(conn: Connection, order: Order, telling: Telling, log: _Log) -> None:
    def accepted() -> None:
        telling.ended(TrialPhase.UPLOAD)
        telling.began(TrialPhase.DEPLOY)
        log.is_there = True

    telling.began(TrialPhase.UPLOAD)
    deploy(conn, order.deployment, order.folder / order.file, accepted=accepted, wait=log.wait)
    telling.ended(TrialPhase.DEPLOY)


def _request(conn: Connection, order: Order, telling: Telling, log: _Log, is_stopped: threading.Event) -> bool:
    request = ScoringRequest(
        order.payload.body,
        order.payload.content_type,
        deployment=order.deployment_name.lower(),
        timeout_seconds=REQUEST_SECONDS,
    )
    with telling.phase(TrialPhase.REQUEST):
        answer = send(conn, get_endpoint(conn, order.endpoint_name), request, is_stopped=is_stopped.is_set)
    telling.answer(answer)
    log.read()
    return answer.is_good


class _Log:
    """The log of the deployment, read while it is waited for."""

    def __init__(self, conn: Connection, order: Order, telling: Telling, is_stopped: threading.Event) -> None:
        self._conn, self._order, self._telling, self._is_stopped = conn, order, telling, is_stopped
        self._next = 0.0
        self.is_there = False

    def wait(self) -> None:
        """Wait a little, and read the log when it is time. Raises Stopped."""
        if self._is_stopped.wait(POLL_SECONDS):
            raise Stopped("The trial was stopped.", "It was stopped by hand.", "Start it again.")
        if time.monotonic() >= self._next:
            self.read()

    def read(self) -> None:
        """Tell what the log says, if there is one yet."""
        if self.is_there:
            self._telling.log(self._text())
            self._next = time.monotonic() + LOG_SECONDS

    def evidence(self, error: DeploymentFailed) -> Evidence:
        """What is known of why it failed."""
        storage = self._text("StorageInitializer") if self.is_there else ""
        log = self._text() if self.is_there else ""
        return Evidence(error.code, error.message, log, storage, Phase.PROVISION if self.is_there else Phase.REGISTER)

    def _text(self, container: str = "InferenceServer") -> str:
        order = self._order
        # A log that cannot be read must not hide why the deployment failed.
        with suppress(SluiceError):
            return logs(self._conn, order.endpoint_name, order.deployment_name.lower(), LOG_LINES, container)
        return ""
