"""One saved payload: what is sent, and what is expected of the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.expectations.expectation import Expectation
from services.scoring.request import DEFAULT_TIMEOUT_SECONDS, JSON, ScoringRequest


@dataclass(frozen=True)
class Payload:
    """A request with a name, in the library of an endpoint. It names no deployment: that is chosen when it is sent.

    ``body`` and the values of ``headers`` may hold ``{{variables}}``. ``expected_answer`` is the text of an answer
    that somebody found right, "" without one.
    """

    id: str
    name: str
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    tags: tuple[str, ...] = ()
    expected_answer: str = ""
    expectations: tuple[Expectation, ...] = field(default=())
    changed_at: datetime | None = None

    def request(self, deployment: str | None = None) -> ScoringRequest:
        """What is sent, with its variables as they stand."""
        return ScoringRequest(self.body, self.content_type, self.headers, deployment, self.timeout_seconds)
