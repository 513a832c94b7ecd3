"""Sending one request to a deployment and turning what happens into the answer Azure would give."""

from __future__ import annotations

import asyncio
import io
import re
import time
from dataclasses import replace

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from emulator.scoring.gateway.admission import NotReadyError, OverloadedError, Pool
from emulator.scoring.gateway.message import Answer, Message, failed, refused, returned

_REASON = b"ms-azureml-model-error-reason"
_STATUS = b"ms-azureml-model-error-statuscode"
MAX_HEADER_BYTES = 64 * 1024
"""Of one header of a model's answer."""
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What RFC 9110 (5.5) forbids in a header value and the client lets through."""
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_STREAM_ABOVE_BYTES = 1 << 20
MAX_ANSWER_BYTES = 100 * 1024 * 1024
"""Azure documents no limit; this one keeps a model from filling the gateway's memory."""

TOO_MANY = refused(429, "too_many_pending_request", "", (_REASON, b"too_many_pending_request"))
TIMED_OUT = refused(408, "timeout", "upstream request timeout")
NOT_READY = failed(
    "model_not_ready", "The deployment has no instance that could answer. See the logs of the deployment."
)
BROKEN = failed(
    "model_not_ready",
    "The instance gave no complete HTTP answer. See the logs of the deployment.",
)
TOO_LARGE = failed("model_error", f"The answer of the model is larger than {MAX_ANSWER_BYTES} bytes.")


class Forwarder:
    """One connection pool to all instances."""

    def __init__(self) -> None:
        """Must be made inside a running event loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            # A shared cookie jar would carry one caller's cookies into another's request.
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def answer(self, pool: Pool, message: Message) -> Answer:
        """The deployment's answer. The time limit runs from now on and includes waiting for a free place."""
        try:
            pool.enter()
        except OverloadedError:
            return TOO_MANY
        except NotReadyError:
            return NOT_READY
        try:
            async with asyncio.timeout(pool.timeout_seconds):
                return await self._ask(pool, message)
        except TimeoutError:
            return TIMED_OUT
        finally:
            pool.leave()

    async def _ask(self, pool: Pool, message: Message) -> Answer:
        """Ask one instance; when its port cannot even be opened nothing was sent, so another one may be asked."""
        avoid: str | None = None
        while True:
            try:
                url = await pool.acquire(avoid)
            except NotReadyError:
                return NOT_READY
            try:
                return await self._send(url, message)
            except aiohttp.ClientConnectorError:
                if avoid is not None or not pool.has_other(url):
                    return NOT_READY
                avoid = url
            except (aiohttp.ClientError, ConnectionError):
                return BROKEN
            finally:
                pool.release(url)

    async def _send(self, url: str, message: Message) -> Answer:
        # The client encodes as UTF-8 again, so that the bytes leave as they came.
        headers = CIMultiDict((name.decode("latin-1"), value.decode()) for name, value in message.headers)
        body = io.BytesIO(message.body) if len(message.body) > _STREAM_ABOVE_BYTES else message.body
        started = time.perf_counter()
        async with self._session.request(
            message.method,
            URL(url + message.target, encoded=True),
            data=None if message.method in _WITHOUT_BODY and not message.body else body,
            headers=headers,
            allow_redirects=False,
        ) as response:
            first_byte_at = time.perf_counter()
            content = await _read(response)
            status, received, reason = response.status, response.raw_headers, _text(response.reason)
        model_ms = (time.perf_counter() - started) * 1000
        if content is None:
            return replace(TOO_LARGE, model_status=status, model_ms=model_ms, first_byte_at=first_byte_at)
        if any(_CONTROL.search(value) for _, value in received):
            return replace(BROKEN, model_status=status, model_ms=model_ms, first_byte_at=first_byte_at)
        kept = (*returned(received), (b"ms-azureml-model-time", b"%d" % model_ms))
        if status == 200:
            return Answer(200, kept, content, "", 200, model_ms, reason, first_byte_at)
        error = ((_STATUS, b"%d" % status), (_REASON, b"model_error"))
        return Answer(424, (*kept, *error), content, "model_error", status, model_ms, reason, first_byte_at)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


def _text(reason: str | None) -> str:
    """The words of a status line, which may hold any bytes, as text that can be stored."""
    return (reason or "").encode("utf-8", "surrogateescape").decode("latin-1")


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The whole body, or None when it is too large."""
    declared = response.content_length
    if declared is not None and declared <= MAX_ANSWER_BYTES:
        return await response.read()
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            return None
    return b"".join(parts)
