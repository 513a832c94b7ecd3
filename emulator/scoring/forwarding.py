"""Sending one request to a deployment and turning what happens into the answer Azure would give."""

from __future__ import annotations

import asyncio
import time

from emulator.scoring.admission import NotReadyError, OverloadedError, Pool
from emulator.scoring.message import Answer, Message, refused, returned
from emulator.scoring.upstream import BrokenOffError, UnreachableError, Upstream

_REASON = b"ms-azureml-model-error-reason"
_STATUS = b"ms-azureml-model-error-statuscode"

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
    """Passes requests on to instances."""

    def __init__(self) -> None:
        self._upstream = Upstream()

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
            except UnreachableError:
                if avoid is not None or not pool.has_other(url):
                    return NOT_READY
                avoid = url
            except BrokenOffError:
                return BROKEN
            finally:
                pool.release(url)

    async def _send(self, url: str, message: Message) -> Answer:
        started = time.perf_counter()
        received = await self._upstream.ask(url, message)
        model_ms = (time.perf_counter() - started) * 1000
        kept = (*returned(received.headers), (b"ms-azureml-model-time", b"%d" % model_ms))
        status = received.status
        if status == 200:
            return Answer(200, kept, received.body, "", 200, model_ms)
        error = ((_STATUS, b"%d" % status), (_REASON, b"model_error"))
        return Answer(424, (*kept, *error), received.body, "model_error", status, model_ms)

    async def close(self) -> None:
        """Close every connection that is idle."""
        self._upstream.close()
