"""One request that was sent, with what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.scoring.answer import Timing
from services.scoring.request import ScoringRequest


@dataclass(frozen=True)
class Exchange:
    """A row of the history. Exactly one of ``status`` and ``failure`` is set.

    When bodies were not kept, ``request.body`` is empty, ``has_request_body`` False and ``answer_body`` None. Headers
    hold no secrets. ``failure`` says in words why there is no answer. ``payload`` is the name in the library, "" for
    one that was typed.
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
