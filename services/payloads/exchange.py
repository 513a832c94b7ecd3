"""One request that was sent, with what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.errors import SluiceError
from services.scoring.answer import Answer, Timing
from services.scoring.request import ScoringRequest


@dataclass(frozen=True)
class Exchange:
    """A row of the history. Exactly one of ``status`` and ``failure`` is set.

    When bodies were not kept, ``request.body`` is empty, ``has_request_body`` False and ``answer_body`` None; the sizes
    are known all the same. A search brings rows without bodies, ``has_request_body`` and ``has_answer_body`` tell
    whether they can be had. Headers hold no secrets. ``failure`` says in words why there is no answer, ``error`` is the
    same as it was raised. ``payload`` is the name in the library, "" for one that was typed.
    """

    id: str
    at: datetime
    person: str
    request: ScoringRequest
    has_request_body: bool
    request_size: int
    payload: str
    status: int | None
    failure: str
    deployment: str | None
    timing: Timing | None
    model_ms: float | None
    request_id: str | None
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    answer_body: bytes | None = None
    answer_size: int = 0
    has_answer_body: bool = False
    answer_trailers: Mapping[str, str] = field(default_factory=dict)
    client_request_id: str | None = None
    is_cut: bool = False
    attempts: int = 1
    error: SluiceError | None = field(default=None, compare=False)

    def outcome(self) -> Answer | SluiceError:
        """What was recorded, to be shown as it was then. The body of an answer is empty when it was not kept."""
        if self.status is None or self.timing is None:
            return self.error or SluiceError("There is no answer.", self.failure, "Send it again.")
        return Answer(
            status=self.status,
            body=self.answer_body or b"",
            headers=self.answer_headers,
            trailers=self.answer_trailers,
            timing=self.timing,
            deployment=self.deployment,
            request_id=self.request_id,
            client_request_id=self.client_request_id,
            model_ms=self.model_ms,
            is_cut=self.is_cut,
            attempts=self.attempts,
        )
