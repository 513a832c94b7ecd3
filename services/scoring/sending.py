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
from services.errors import SluiceError, Stopped, Timeout, Unreachable
from services.model import Endpoint
from services.scoring.address import check_address
from services.scoring.answer import Answer
from services.scoring.bearer import bearer, forget_bearer
from services.scoring.request import DEPLOYMENT_HEADER, ScoringRequest
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
    secret, is_fresh = bearer(conn, endpoint, now())
    reply = _post(endpoint, request, secret, is_stopped)
    attempts = 1
    if reply.status == 401 and not is_fresh:
        forget_bearer(conn, endpoint)
        secret, _ = bearer(conn, endpoint, now())
        reply = _post(endpoint, request, secret, is_stopped)
        attempts = 2
    return _answer(reply, request, attempts)


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


def _post(endpoint: Endpoint, request: ScoringRequest, secret: str, is_stopped: Callable[[], bool]) -> Reply:
    try:
        return post(
            endpoint.scoring_uri,
            scoring_headers(request, secret),
            request.body,
            timeout_seconds=request.timeout_seconds,
            is_stopped=is_stopped,
        )
    except TransferFailed as error:
        raise failure_of(error, endpoint, request.timeout_seconds) from None


def _answer(reply: Reply, request: ScoringRequest, attempts: int) -> Answer:
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
        return Timeout(what, why, "Give it more time, or look at the deployment's log.")
    return _unreachable(what, endpoint, _TROUBLES.get(error.code, "broke the connection"))


_TROUBLES = {
    pycurl.E_OPERATION_TIMEDOUT: "does not accept connections in time",
    pycurl.E_COULDNT_RESOLVE_HOST: "has no address here: its name is not known",
    pycurl.E_COULDNT_RESOLVE_PROXY: "is behind a proxy whose name is not known",
    pycurl.E_COULDNT_CONNECT: "refuses connections",
    pycurl.E_PEER_FAILED_VERIFICATION: "has a TLS certificate that is not trusted",
    pycurl.E_SSL_CACERT_BADFILE: "cannot be verified: the certificate bundle cannot be read",
}


def _unreachable(what: str, endpoint: Endpoint, does: str) -> Unreachable:
    host = urlsplit(endpoint.scoring_uri).netloc
    step = "Check that the endpoint is up, and the network to it (proxy, VPN, private endpoint, SSL_CERT_FILE)."
    if is_loopback(endpoint.scoring_uri):
        step = "Start the local Azure again."
    elif not endpoint.public_network_access:
        step = "Its public network access is off: send from a machine in the workspace's network, or from there by VPN."
    return Unreachable(what, f"{host} {does}.", step)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
