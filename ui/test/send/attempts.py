"""Requests on their way, in threads of the process: no page has to wait for them, and none can lose them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from services.azure.connection import Connection
from services.errors import AccessDenied, NotFound, RuleBroken, ServiceFailed, SignInFailed, SluiceError
from services.model import Deployment, Endpoint
from services.scoring.answer import Answer
from services.scoring.explanation import Explanation, explain
from services.scoring.request import ScoringRequest
from services.scoring.sending import send

MOST_REPEATS = 100
KEPT_BYTES = 32 * 1024 * 1024
"""Bytes of answers that one series keeps. Of what comes after them only status, headers and times are kept."""
MOST_EXPLAINED = 5
"""So many different failures of one target are explained, each by its first request."""
_HOPELESS = (RuleBroken, AccessDenied, SignInFailed, NotFound)
"""Nothing was sent, and the next one would fail in the same way."""
_log = logging.getLogger("sluice.ui")


@dataclass
class Attempt:
    """One request. ``request`` is what was really sent. ``is_whole`` is False when the answer's body was not kept."""

    number: int
    at: datetime
    request: ScoringRequest
    outcome: Answer | SluiceError | None = None
    explanation: Explanation | None = None
    is_whole: bool = True


@dataclass(frozen=True)
class Surroundings:
    """What sending needs besides the request. ``fill`` puts the variables in, ``keep`` notes what came of it."""

    conn: Connection
    endpoint: Endpoint
    deployments: Sequence[Deployment]
    fill: Callable[[ScoringRequest], ScoringRequest]
    keep: Callable[[Attempt], None]


@dataclass
class Series:
    """What one press of Send has begun: ``repeat`` requests to each of one or two targets.

    ``attempts`` has one list for each target, in the order of ``requests``. Any page run of the session may draw it,
    also one that began while it was waiting. ``over`` is set when nothing is on its way any more. ``problem`` is why
    something could not be kept.
    """

    targets: tuple[str, ...]
    requests: tuple[ScoringRequest, ...]
    repeat: int
    attempts: tuple[list[Attempt], ...] = ()
    problem: SluiceError | None = None
    is_shown: bool = False
    over: threading.Event = field(default_factory=threading.Event, repr=False)
    _stopped: threading.Event = field(default_factory=threading.Event, repr=False)
    _running: int = 0
    _kept: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def is_over(self) -> bool:
        """Whether nothing is on its way any more."""
        return self.over.is_set()

    @property
    def is_stopped(self) -> bool:
        """Whether somebody has stopped it."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Send nothing more, and give up what is on its way."""
        self._stopped.set()

    def start(self, around: Surroundings) -> None:
        """Begin to send: one after the other to each target, to two targets at the same time."""
        self.attempts = tuple([] for _ in self.requests)
        self._running = len(self.requests)
        for request, attempts in zip(self.requests, self.attempts, strict=True):
            threading.Thread(target=self._run, args=(around, request, attempts), name="send", daemon=True).start()

    def _run(self, around: Surroundings, request: ScoringRequest, attempts: list[Attempt]) -> None:
        try:
            for number in range(1, self.repeat + 1):
                if self.is_stopped:
                    break
                attempt = Attempt(number, datetime.now(UTC), request)
                attempts.append(attempt)
                self._send(around, attempt)
                if isinstance(attempt.outcome, _HOPELESS):
                    break
            self._explain(around, attempts)
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self.over.set()

    def _send(self, around: Surroundings, attempt: Attempt) -> None:
        try:
            attempt.request = around.fill(attempt.request)
            answer = send(around.conn, around.endpoint, attempt.request, is_stopped=self._stopped.is_set)
        except SluiceError as error:
            attempt.outcome = _words_of(error)
        except Exception as error:
            # Runs in a thread of its own: the page would wait for the answer for ever.
            _log.exception("A test request failed inside Sluice")
            attempt.outcome = ServiceFailed(
                "The request could not be sent.",
                f"Sluice itself failed with an unexpected {type(error).__name__}.",
                "Send it again; if it stays, report it with the server's log.",
            )
        else:
            attempt.outcome = answer
        self._keep(around, attempt)

    def _keep(self, around: Surroundings, attempt: Attempt) -> None:
        if not isinstance(attempt.outcome, _HOPELESS):
            try:
                around.keep(attempt)
            except SluiceError as error:
                # The answer is here and is shown; that it could not be kept must not hide it.
                self.problem = _words_of(error)
        if isinstance(attempt.outcome, Answer):
            with self._lock:
                self._kept += len(attempt.outcome.body)
                is_too_much = self._kept > KEPT_BYTES and attempt.number > 1
            if is_too_much:
                attempt.outcome, attempt.is_whole = replace(attempt.outcome, body=b""), False

    def _explain(self, around: Surroundings, attempts: Sequence[Attempt]) -> None:
        known: set[object] = set()
        for attempt in attempts:
            outcome = attempt.outcome
            if outcome is None or (isinstance(outcome, Answer) and outcome.is_good):
                continue
            kind = (outcome.status, outcome.deployment) if isinstance(outcome, Answer) else type(outcome)
            if kind in known or len(known) >= MOST_EXPLAINED:
                continue
            known.add(kind)
            try:
                attempt.explanation = explain(
                    around.conn, around.endpoint, around.deployments, attempt.request, outcome
                )
            except Exception:
                # The answer is shown without its card; losing both would be worse.
                _log.exception("A failed answer could not be explained")


def _words_of(error: SluiceError) -> SluiceError:
    """The words alone: traceback and cause hold the request with the key, and the session keeps what comes out."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
