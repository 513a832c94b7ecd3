"""Send one test request to an endpoint and explain the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.azure.connection import Connection
from services.model import Endpoint


@dataclass(frozen=True)
class Answer:
    """What came back. ``meaning`` explains ``status`` in one or two sentences.

    ``total_ms`` is measured here, from the first byte sent to the last byte received. ``model_ms`` is what the scoring
    script took, as the inference server reports it, None when it does not. ``deployment`` is the one that answered.
    ``log_excerpt`` holds the script's own error lines when the model failed and the log could be read.
    """

    status: int
    meaning: str
    body: str
    headers: Mapping[str, str]
    total_ms: float
    deployment: str | None
    request_id: str | None
    model_ms: float | None
    log_excerpt: str | None


@dataclass(frozen=True)
class JsonProblem:
    """Where a text stops being JSON. Line and column count from 1."""

    line: int
    column: int
    message: str


def send(
    conn: Connection, endpoint: Endpoint, body: str, *, deployment: str | None = None, timeout_seconds: float = 190.0
) -> Answer:
    """POST ``body`` to the endpoint, through its split or pinned to ``deployment``.

    Any HTTP status is an Answer. Raises Timeout, Unreachable, and the SluiceErrors of fetching the key.
    """
    raise NotImplementedError


def check_json(text: str) -> JsonProblem | None:
    """None when ``text`` is JSON, else the first problem."""
    raise NotImplementedError
