"""What came back from an endpoint, and what its status means on Azure Machine Learning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import Message


@dataclass(frozen=True)
class Timing:
    """Where the time of one request went, in milliseconds, measured here.

    ``dns_ms``, ``connect_ms`` and ``tls_ms`` are None when a connection was used again. ``wait_ms`` lasts from the
    start of sending to the first byte of the answer, ``download_ms`` from there to its last byte.
    """

    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    wait_ms: float
    download_ms: float
    total_ms: float


@dataclass(frozen=True)
class Answer:
    """What came back. ``headers`` and ``trailers`` have lower-case names; repeated ones are joined by commas.

    ``deployment`` is the one that answered, as the answer says; the one asked for when it does not; None when neither
    is known. ``model_ms`` is what the scoring script took, as the inference server reports it, None when it does not.
    ``is_cut`` says that the answer was longer than what is kept of it. ``attempts`` is 2 when a first 401 led to a
    fresh key. ``started_at`` is when it began, by this machine's clock; None when that was not kept.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]
    trailers: Mapping[str, str]
    timing: Timing
    deployment: str | None
    request_id: str | None
    client_request_id: str | None
    model_ms: float | None
    is_cut: bool = False
    attempts: int = 1
    started_at: datetime | None = None

    @property
    def is_good(self) -> bool:
        """Whether the model answered."""
        return 200 <= self.status < 300

    @property
    def total_ms(self) -> float:
        """From the start of sending, connection included, to the last byte received."""
        return self.timing.total_ms

    @property
    def content_type(self) -> str:
        """The media type without its parameters, "" when the answer does not say."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text, by the charset it names, else UTF-8. What cannot be decoded becomes U+FFFD."""
        try:
            return self.body.decode(_charset(self.headers.get("content-type", "")), errors="replace")
        except LookupError:
            return self.body.decode(errors="replace")

    @property
    def meaning(self) -> str:
        """What the status means here, in one or two sentences."""
        return meaning_of(self.status, self.headers)


def meaning_of(status: int, headers: Mapping[str, str]) -> str:
    """What an HTTP status of a managed online endpoint means (how-to-troubleshoot-online-endpoints)."""
    if status == 424:
        model_status = headers.get("ms-azureml-model-error-statuscode")
        why = headers.get("ms-azureml-model-error-reason")
        detail = f" It answered {model_status}{f' ({why})' if why else ''}." if model_status else ""
        return f"The model failed: its container did not answer 200.{detail}"
    if status in _MEANINGS:
        return _MEANINGS[status]
    if 200 <= status < 300:
        return "The model answered."
    if 300 <= status < 400:
        return "A redirect, which was not followed: the key goes to this endpoint and nowhere else."
    if status >= 500:
        return "Azure Machine Learning itself failed, not the model. Try again; if it stays, report the request id."
    return f"Azure Machine Learning does not describe status {status} for online endpoints."


_MEANINGS = {
    200: "The model answered.",
    401: "The key or token was not accepted. It may have been rotated a moment ago.",
    403: "Not allowed to score: the role lacks onlineEndpoints/score/action, or public network access is off.",
    404: "No deployment took it: none has live traffic, the named one does not exist, or the address is wrong.",
    408: "The model took longer than the deployment's request_timeout_ms. Raise it, or make the model faster.",
    413: "The body is larger than the endpoint accepts.",
    429: (
        "Too many requests: more than twice max_concurrent_requests_per_instance per instance are waiting, or the "
        "endpoint's rate limit is reached. Send less, or add instances."
    ),
    502: "The scoring script crashed or closed the connection.",
    503: "No instance is ready to answer.",
    504: "The model did not answer in time.",
}


def _charset(content_type: str) -> str:
    message = Message()
    message["content-type"] = content_type
    return message.get_content_charset() or "utf-8"
