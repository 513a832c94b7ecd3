"""One POST over TLS by libcurl: every part of its time, an end to it in any case, and no redirects.

libcurl measures name lookup, connection, TLS and waiting on its own clock, holds the whole request to one time limit
(the limits of most Python clients count between two packets, so an answer that drips never ends), and can be stopped.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO

import certifi
import pycurl

from services.scoring.answer import Timing

MOST_ANSWER_BYTES = 32 * 1024 * 1024
"""What is kept of an answer; the rest is not read."""
_CONNECT_SECONDS = 10.0
_MOST_IDLE = 8


@dataclass(frozen=True)
class Reply:
    """What the server sent. Names of headers are lower-case; repeated ones are joined by commas."""

    status: int
    headers: Mapping[str, str]
    trailers: Mapping[str, str]
    body: bytes
    is_cut: bool
    timing: Timing


class TransferFailed(Exception):
    """There is no whole answer.

    ``code`` is libcurl's; ``is_connected`` says whether a connection had come about; ``waited_ms`` is the time from the
    start to the failure; ``has_begun`` says whether an answer had, and ``received_bytes`` of its body had come.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        is_connected: bool,
        waited_ms: float = 0.0,
        has_begun: bool = False,
        received_bytes: int = 0,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.is_connected = is_connected
        self.waited_ms = waited_ms
        self.has_begun = has_begun
        self.received_bytes = received_bytes


@dataclass
class _Heads:
    """Reads the lines before the body, and those after it."""

    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    is_over: bool = False

    def line(self, raw: bytes) -> None:
        text = raw.decode("latin-1").strip()
        if text.startswith("HTTP/"):
            # A proxy or an interim answer may have sent lines before.
            self.headers, self.trailers, self.is_over = {}, {}, False
        elif not text:
            self.is_over = True
        else:
            name, _, value = text.partition(":")
            found = self.trailers if self.is_over else self.headers
            name, value = name.strip().lower(), value.strip()
            found[name] = f"{found[name]}, {value}" if name in found else value


def post(
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    timeout_seconds: float,
    is_stopped: Callable[[], bool] = lambda: False,
    most_bytes: int = MOST_ANSWER_BYTES,
) -> Reply:
    """POST ``body`` to an https ``url``. A connection of an earlier call is used again when it still stands.

    ``is_stopped`` is asked about once a second. Raises TransferFailed.
    """
    key = ca_bundle()
    handle = _take(key)
    is_fine = False
    try:
        reply = _perform(handle, key[0], url, headers, body, timeout_seconds, is_stopped, most_bytes)
        is_fine = True
        return reply
    finally:
        _give_back(key, handle, is_fine=is_fine)


def header_line(name: str, value: str) -> bytes:
    """One header as libcurl takes it: "Name:" asks it to send no such header, "Name;" to send one without a value."""
    return (f"{name}: {value}" if value.strip() else f"{name};").encode("latin-1")


def ca_bundle() -> tuple[str, float]:
    """The certificate bundle in force now, and when it was written: a new one needs new connections."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    bundle = next((os.environ[name] for name in names if os.environ.get(name)), certifi.where())
    return bundle, os.stat(bundle).st_mtime


def _perform(
    handle: pycurl.Curl,
    bundle: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    timeout_seconds: float,
    is_stopped: Callable[[], bool],
    most_bytes: int,
) -> Reply:
    heads, kept = _Heads(), BytesIO()

    def keep(chunk: bytes) -> int:
        return kept.write(chunk[: most_bytes - kept.tell()])

    handle.reset()
    for option, value in (
        (pycurl.URL, url),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTPS),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
        (pycurl.CAINFO, bundle),
        (pycurl.NOSIGNAL, 1),
        (pycurl.CONNECTTIMEOUT_MS, int(min(_CONNECT_SECONDS, timeout_seconds) * 1000)),
        (pycurl.TIMEOUT_MS, max(1, int(timeout_seconds * 1000))),
        # curl would ask before it sends a large body, and would call an empty one a form.
        (pycurl.HTTPHEADER, [*(header_line(name, value) for name, value in headers), b"Expect:"]),
        (pycurl.POST, 1),
        (pycurl.POSTFIELDS, body),
        (pycurl.HEADERFUNCTION, heads.line),
        (pycurl.WRITEFUNCTION, keep),
        (pycurl.NOPROGRESS, 0),
        (pycurl.XFERINFOFUNCTION, lambda *_: int(is_stopped())),
    ):
        handle.setopt(option, value)
    is_cut = False
    try:
        handle.perform()
    except pycurl.error as error:
        code, message = int(error.args[0]), str(error)
        is_cut = code == pycurl.E_WRITE_ERROR
        if not is_cut:
            raise TransferFailed(
                code,
                message,
                is_connected=handle.getinfo(pycurl.APPCONNECT_TIME) > 0 or handle.getinfo(pycurl.REQUEST_SIZE) > 0,
                waited_ms=float(handle.getinfo(pycurl.TOTAL_TIME)) * 1000,
                has_begun=handle.getinfo(pycurl.RESPONSE_CODE) > 0,
                received_bytes=kept.tell(),
            ) from error
    status = int(handle.getinfo(pycurl.RESPONSE_CODE))
    return Reply(status, heads.headers, heads.trailers, kept.getvalue(), is_cut, _timing(handle))


def _timing(handle: pycurl.Curl) -> Timing:
    """The parts of the time, from the moments that libcurl notes, each counted from the start (curl_easy_getinfo)."""
    lookup, connected, secured, started, ended = (
        float(handle.getinfo(moment)) * 1000
        for moment in (
            pycurl.NAMELOOKUP_TIME,
            pycurl.CONNECT_TIME,
            pycurl.APPCONNECT_TIME,
            pycurl.STARTTRANSFER_TIME,
            pycurl.TOTAL_TIME,
        )
    )
    if int(handle.getinfo(pycurl.NUM_CONNECTS)) == 0:
        return Timing(None, None, None, started, ended - started, ended)
    return Timing(lookup, connected - lookup, secured - connected, started - secured, ended - started, ended)


_idle: dict[tuple[str, float], list[pycurl.Curl]] = {}
_idle_lock = threading.Lock()


def _take(key: tuple[str, float]) -> pycurl.Curl:
    with _idle_lock:
        for old in [each for each in _idle if each != key]:
            for handle in _idle.pop(old):
                handle.close()
        handles = _idle.setdefault(key, [])
        return handles.pop() if handles else pycurl.Curl()


def _give_back(key: tuple[str, float], handle: pycurl.Curl, *, is_fine: bool) -> None:
    # What the callbacks hold would live on with the handle.
    handle.reset()
    with _idle_lock:
        handles = _idle.get(key)
        if is_fine and handles is not None and len(handles) < _MOST_IDLE:
            handles.append(handle)
            return
    handle.close()


def forget_connections() -> None:
    """Close every idle connection, so that the next request makes its own."""
    with _idle_lock:
        for handles in _idle.values():
            for handle in handles:
                handle.close()
        _idle.clear()
