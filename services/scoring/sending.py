"""Send one request to an endpoint, with the key or token that it asks for.

The request goes straight to the scoring address. azure-ai-ml's ``invoke`` keeps headers from one call to the next in a
module-wide dictionary, so that one pinned request would pin all later ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pycurl

from services.azure.cloud import is_loopback
from services.azure.connection import Connection
from services.errors import SluiceError, Stopped
from services.model import Endpoint
from services.scoring.address import check_address
from services.scoring.answer import Answer
from services.scoring.bearer import bearer, forget_bearer
from services.scoring.request import DEPLOYMENT_HEADER, ScoringRequest
from services.scoring.timeouts import NoAnswer, NoAnswerInTime
from services.scoring.transport import Reply, TransferFailed, post

CLIENT_ID_HEADER = "x-ms-client-request-id"


def send(
    conn: Connection,
    endpoint: Endpoint,
    request: ScoringRequest,
    *,
    is_stopped: Callable[[], bool] = lambda: False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Answer:
    """POST ``request`` to ``endpoint``. Any HTTP status is an Answer.

    The key is kept in memory for a minute, a token until it is to be renewed; after a 401 it is fetched again and the
    request repeated once.

    Raises RuleBroken for a request or an address that must not be used, Timeout, Unreachable, Stopped, and the
    SluiceErrors of fetching the key. None of them holds the key.
    """
    request.check()
    check_address(endpoint, is_local=conn.is_local)
    started_at, attempts = now(), 1
    outcome, is_fresh = _try(conn, endpoint, request, is_stopped, started_at)
    if isinstance(outcome, Reply) and outcome.status == 401 and not is_fresh:
        forget_bearer(conn, endpoint)
        started_at, attempts = now(), 2
        outcome, _ = _try(conn, endpoint, request, is_stopped, started_at)
    if isinstance(outcome, SluiceError):
        raise outcome
    return _answer(outcome, request, attempts, started_at)


def scoring_headers(request: ScoringRequest, secret: str) -> list[tuple[str, str]]:
    """All headers of ``request`` as they are sent, with ``secret`` as the bearer."""
    headers = [
        ("Authorization", f"Bearer {secret}"),
        ("Content-Type", request.content_type),
        *([(DEPLOYMENT_HEADER, request.deployment)] if request.deployment else []),
        *request.headers,
    ]
    given = {name.lower() for name, _ in request.headers}
    own = {"User-Agent": "sluice", CLIENT_ID_HEADER: uuid.uuid4().hex}
    return headers + [(name, value) for name, value in own.items() if name.lower() not in given]


def _try(
    conn: Connection, endpoint: Endpoint, request: ScoringRequest, is_stopped: Callable[[], bool], now: datetime
) -> tuple[Reply | SluiceError, bool]:
    """One attempt, and whether its key was fetched just now. Its own failure is returned, not raised.

    A raised one would carry this frame in its traceback, and the key with it, to wherever the error is kept.
    """
    secret, is_fresh = bearer(conn, endpoint, now)
    try:
        reply = post(
            endpoint.scoring_uri,
            scoring_headers(request, secret),
            request.body,
            timeout_seconds=request.timeout_seconds,
            is_stopped=is_stopped,
        )
    except TransferFailed as error:
        failure = failure_of(error, endpoint, request.timeout_seconds)
    else:
        return reply, is_fresh
    # Made here, outside of the handler, it has no chain either.
    return failure, is_fresh


def _answer(reply: Reply, request: ScoringRequest, attempts: int, started_at: datetime) -> Answer:
    headers = reply.headers
    return Answer(
        status=reply.status,
        body=reply.body,
        headers=headers,
        trailers=reply.trailers,
        timing=reply.timing,
        deployment=headers.get(DEPLOYMENT_HEADER) or request.deployment,
        request_id=headers.get("x-request-id") or headers.get("x-ms-request-id"),
        client_request_id=headers.get(CLIENT_ID_HEADER),
        model_ms=_number(headers.get("x-ms-run-fn-exec-ms") or headers.get("ms-azureml-model-time")),
        is_cut=reply.is_cut,
        attempts=attempts,
        started_at=started_at,
    )


def failure_of(error: TransferFailed, endpoint: Endpoint, timeout_seconds: float) -> SluiceError:
    """A transfer that brought no answer, as a person needs to hear it."""
    what = f"The request to {endpoint.name} got no answer."
    if error.code == pycurl.E_ABORTED_BY_CALLBACK:
        return Stopped(
            f"The request to {endpoint.name} was stopped.",
            "You stopped it. The model may have worked on it all the same.",
            "Send it again when you want its answer.",
        )
    if error.code == pycurl.E_OPERATION_TIMEDOUT and error.is_connected:
        why = f"{timeout_seconds:g} seconds passed without a whole answer."
        step = "Give it more time, or look at the deployment's log."
        return NoAnswerInTime(what, why, step, waited_ms=error.waited_ms, received_bytes=error.received_bytes)
    if error.code == pycurl.E_PEER_FAILED_VERIFICATION:
        step = "Check SSL_CERT_FILE, and whether a proxy on the way opens TLS connections."
        return _no_answer(what, endpoint, "has a TLS certificate that is not trusted", error, step)
    if error.has_begun:
        return _no_answer(what, endpoint, "broke off in the middle of its answer", error)
    if error.code in _BROKEN and error.is_connected:
        return _no_answer(what, endpoint, "closed the connection without an answer", error)
    return _no_answer(what, endpoint, _TROUBLES.get(error.code, "broke the connection"), error)


_BROKEN = frozenset({pycurl.E_GOT_NOTHING, pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR})
"""A server that closes without TLS's own goodbye is a receiving error, one with it has sent nothing."""


_TROUBLES = {
    pycurl.E_OPERATION_TIMEDOUT: "does not accept connections in time",
    pycurl.E_COULDNT_RESOLVE_HOST: "has no address here: its name is not known",
    pycurl.E_COULDNT_RESOLVE_PROXY: "is behind a proxy whose name is not known",
    pycurl.E_COULDNT_CONNECT: "refuses connections",
    pycurl.E_SSL_CACERT_BADFILE: "cannot be verified: the certificate bundle cannot be read",
    pycurl.E_SSL_CONNECT_ERROR: "does not agree on TLS",
    # libcurl has since renamed it to CURLE_WEIRD_SERVER_REPLY, and uses it for HTTP.
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "answered something that is no HTTP",
    pycurl.E_UNSUPPORTED_PROTOCOL: "answered something that is no HTTP",
}


def _no_answer(what: str, endpoint: Endpoint, does: str, error: TransferFailed, step: str = "") -> NoAnswer:
    """``step`` is what to do next where the failure itself tells."""
    if not step and error.is_connected:
        step = (
            "Send it again; if it stays, look at the deployment's log and at what stands on the way (proxy, firewall)."
        )
    elif not step and is_loopback(endpoint.scoring_uri):
        step = "Start the local Azure again."
    elif not step and not endpoint.public_network_access:
        step = "Its public network access is off: send from a machine in the workspace's network, or from there by VPN."
    elif not step:
        step = "Check that the endpoint is up, and the network to it (proxy, VPN, private endpoint, SSL_CERT_FILE)."
    host = urlsplit(endpoint.scoring_uri).netloc
    return NoAnswer(what, f"{host} {does}.", step, waited_ms=error.waited_ms)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
