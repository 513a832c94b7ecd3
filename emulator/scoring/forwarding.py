"""Sending one request to a deployment and turning what happens into the answer Azure would give."""

from __future__ import annotations

import asyncio
import io
import time

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from emulator.scoring.admission import NotReadyError, OverloadedError, Pool
from emulator.scoring.message import Answer, Message, refused, returned

_REASON = b"ms-azureml-model-error-reason"
_STATUS = b"ms-azureml-model-error-statuscode"
_STREAM_ABOVE_BYTES = 1 << 20

TOO_MANY = refused(429, "too_many_pending_request", "", (_REASON, b"too_many_pending_request"))
TIMED_OUT = refused(408, "timeout", "upstream request timeout")
NOT_READY = refused(
    424,
    "model_not_ready",
    "The deployment has no instance that could answer. See the logs of the deployment.",
    (_REASON, b"model_not_ready"),
)
BROKEN = refused(
    424,
    "model_not_ready",
    "The instance closed the connection without an answer. See the logs of the deployment.",
    (_REASON, b"model_not_ready"),
)


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
        headers = CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in message.headers)
        body = io.BytesIO(message.body) if len(message.body) > _STREAM_ABOVE_BYTES else message.body
        started = time.perf_counter()
        async with self._session.request(
            message.method,
            URL(url + message.target, encoded=True),
            data=None if message.method == "GET" and not message.body else body,
            headers=headers,
            allow_redirects=False,
        ) as response:
            content = await response.read()
            status, received = response.status, response.raw_headers
        model_ms = (time.perf_counter() - started) * 1000
        kept = (*returned(received), (b"ms-azureml-model-time", b"%d" % model_ms))
        if status == 200:
            return Answer(200, kept, content, "", 200, model_ms)
        error = ((_STATUS, b"%d" % status), (_REASON, b"model_error"))
        return Answer(424, (*kept, *error), content, "model_error", status, model_ms)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
