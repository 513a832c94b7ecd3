"""A request on its way to an instance, the answer that comes back, and which headers may cross the gateway."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

Headers = tuple[tuple[bytes, bytes], ...]

_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer".split()
    + b"transfer-encoding upgrade".split()
)
_NOT_FORWARDED = _HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"expect",
    b"authorization",
    b"x-request-id",
    b"x-ms-request-id",
    b"x-ms-client-request-id",
}
_NOT_RETURNED = _HOP_BY_HOP | {
    b"content-length",
    b"server",
    b"date",
    b"x-request-id",
    b"x-ms-request-id",
    b"x-ms-client-request-id",
    b"azureml-model-deployment",
    b"azureml-model-session",
}
_OURS = b"x-emulator-"
"""How headers begin that are between the gateway and the control plane."""
_UNCLEAN = re.compile(r"[^A-Za-z0-9_-]")
MAX_CLIENT_REQUEST_ID = 40


@dataclass(frozen=True)
class Message:
    """What is sent to an instance. ``target`` is the path with its query string."""

    method: str
    target: str
    headers: Headers
    body: bytes

    def named(self, request_id: str) -> Message:
        """The same message under another request id."""
        value = request_id.encode()
        ours = (b"x-request-id", b"x-ms-request-id")
        headers = tuple((name, value if name in ours else before) for name, before in self.headers)
        return replace(self, headers=headers)

    @property
    def can_be_sent(self) -> bool:
        """Whether the HTTP client can send the headers byte by byte: it encodes all of them as UTF-8."""
        return all(_is_utf8(value) for _, value in self.headers)


@dataclass(frozen=True)
class Answer:
    """What the client gets. ``model_status`` is the container's own code, 0 when it gave none, and ``model_reason`` the
    words beside it; ``first_byte_at`` is when its first byte came (performance counter), 0 when none did."""

    status: int
    headers: Headers
    body: bytes
    reason: str = ""
    model_status: int = 0
    model_ms: float = 0.0
    model_reason: str = ""
    first_byte_at: float = 0.0


def failed(reason: str, text: str) -> Answer:
    """A 424 of the gateway itself: the model gave no answer that could be passed on."""
    return refused(424, reason, text, (b"ms-azureml-model-error-reason", reason.encode()))


def refused(status: int, reason: str, text: str, *headers: tuple[bytes, bytes]) -> Answer:
    """An answer of the gateway itself, in plain text."""
    return Answer(status, ((b"content-type", b"text/plain"), *headers), text.encode(), reason)


def clean_client_request_id(value: bytes) -> str:
    """The caller's own request id as Azure keeps it: letters, digits, dash and underscore, cut at 40 characters."""
    return _UNCLEAN.sub("", value.decode("latin-1"))[:MAX_CLIENT_REQUEST_ID]


def forwarded(headers: Iterable[tuple[bytes, bytes]], request_id: str, client_request_id: str) -> Headers:
    """The request headers an instance sees. The caller's key stays at the gateway."""
    headers = tuple(headers)
    named = _named_by_connection(headers)
    kept = [
        (name, value)
        for name, value in headers
        if name not in _NOT_FORWARDED and name not in named and not name.startswith(_OURS)
    ]
    identifier = request_id.encode()
    kept += [(b"x-request-id", identifier), (b"x-ms-request-id", identifier)]
    if client_request_id:
        kept.append((b"x-ms-client-request-id", client_request_id.encode()))
    return tuple(kept)


def returned(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The response headers of an instance that reach the client; the gateway adds its own identifiers."""
    lowered = tuple((name.lower(), value) for name, value in headers)
    named = _named_by_connection(lowered)
    return tuple(
        (name, value)
        for name, value in lowered
        if name not in _NOT_RETURNED and name not in named and not name.startswith(_OURS)
    )


def _is_utf8(value: bytes) -> bool:
    if value.isascii():
        return True
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _named_by_connection(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """Headers that the Connection header declares to concern one hop only (RFC 9110, 7.6.1)."""
    return {
        part.strip().lower() for name, value in headers if name == b"connection" for part in value.split(b",") if part
    }
