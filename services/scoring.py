"""Send one test request to an endpoint and explain the answer.

The request goes straight to the scoring address. azure-ai-ml's ``invoke`` keeps headers from one call to the next in a
module-wide dictionary, so that one pinned request would pin all later ones.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import certifi
import httpx

from services.azure.cloud import is_loopback
from services.azure.connection import Connection
from services.azure.endpoints import logs, scoring_secret
from services.errors import RuleBroken, SluiceError, Timeout, Unreachable
from services.model import Endpoint
from services.tracebacks import newest_error

DEPLOYMENT_HEADER = "azureml-model-deployment"
DEFAULT_TIMEOUT_SECONDS = 190.0
"""Azure's longest request_timeout_ms is 180 s; ten more let its own 408 arrive first."""

_CONNECT_SECONDS = 10.0
_SECRET_SECONDS = 60.0
"""How long a fetched key is used again: a series of test requests fetches it once, a rotated key is noticed soon."""
_LOG_LINES = 300
"""Lines of the log searched for the newest failure; one failure takes about thirty."""


@dataclass(frozen=True)
class Answer:
    """What came back. ``meaning`` explains ``status`` in one or two sentences.

    ``total_ms`` is measured here, from the start of sending to the last byte received. ``model_ms`` is what the scoring
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
    conn: Connection,
    endpoint: Endpoint,
    body: str,
    *,
    deployment: str | None = None,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    clock: Callable[[], float] = time.perf_counter,
) -> Answer:
    """POST ``body`` to the endpoint, through its split or pinned to ``deployment``.

    The key is kept in memory for a minute; after a 401 it is fetched again and the request repeated once.

    Any HTTP status is an Answer. Raises RuleBroken for an address that is not https, Timeout, Unreachable, and the
    SluiceErrors of fetching the key.
    """
    if not endpoint.scoring_uri.startswith("https://"):
        raise RuleBroken(
            "The request was not sent.",
            f"The scoring address is {endpoint.scoring_uri or 'missing'}, and a key travels over TLS only.",
            "Wait until the endpoint is ready, or check how it was created.",
        )
    secret, is_fresh = _secret(conn, endpoint)
    response, total_ms = _post(endpoint, body, secret, deployment, timeout_seconds, clock)
    if response.status_code == 401 and not is_fresh:
        _forget(conn, endpoint)
        secret, _ = _secret(conn, endpoint)
        response, total_ms = _post(endpoint, body, secret, deployment, timeout_seconds, clock)
    answered_by = response.headers.get(DEPLOYMENT_HEADER) or deployment
    return Answer(
        status=response.status_code,
        meaning=meaning_of(response.status_code, response.headers),
        body=response.text,
        headers=dict(response.headers),
        total_ms=total_ms,
        deployment=answered_by,
        request_id=response.headers.get("x-request-id") or response.headers.get("x-ms-request-id"),
        model_ms=_number(response.headers.get("x-ms-run-fn-exec-ms") or response.headers.get("ms-azureml-model-time")),
        log_excerpt=_script_error(conn, endpoint, answered_by) if response.status_code == 424 else None,
    )


def check_json(text: str) -> JsonProblem | None:
    """None when ``text`` is JSON, else the first problem. NaN and Infinity are no JSON, though Python reads them."""
    try:
        # Numbers stay text: Python refuses to read integers of more than 4300 digits, and nobody needs their values.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        if not text.strip():
            return JsonProblem(1, 1, "The body is empty.")
        return JsonProblem(error.lineno, error.colno, error.msg + ".")
    except _NotJson as error:
        before = text[: _position_of(str(error), text)]
        line = before.count("\n") + 1
        return JsonProblem(line, len(before) - (before.rfind("\n") + 1) + 1, f"{error} is not a JSON value.")
    except RecursionError:
        return JsonProblem(1, 1, "The body is nested too deeply.")
    return None


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


def _post(
    endpoint: Endpoint,
    body: str,
    secret: str,
    deployment: str | None,
    timeout_seconds: float,
    clock: Callable[[], float],
) -> tuple[httpx.Response, float]:
    """The answer and its milliseconds."""
    headers = {
        "Authorization": f"Bearer {secret}",
        "Content-Type": "application/json",
        "User-Agent": "sluice",
        "x-ms-client-request-id": uuid.uuid4().hex,
    }
    if deployment:
        headers[DEPLOYMENT_HEADER] = deployment
    what = f"The request to {endpoint.name} got no answer."
    try:
        client = _client()
        started = clock()
        response = client.post(
            endpoint.scoring_uri,
            content=body.encode(),
            headers=headers,
            timeout=httpx.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds)),
        )
        return response, (clock() - started) * 1000
    except httpx.ConnectTimeout as error:
        raise _unreachable(what, endpoint, "does not accept connections in time") from error
    except httpx.TimeoutException as error:
        why = f"{timeout_seconds:.0f} seconds passed without an answer."
        raise Timeout(what, why, "Try again, or look at the deployment's log.") from error
    except (httpx.TransportError, OSError) as error:
        sign = str(error).lower()
        if "certificate" in sign or "ssl" in sign:
            raise _unreachable(what, endpoint, "has a TLS certificate that is not trusted") from error
        if "refused" in sign:
            raise _unreachable(what, endpoint, "refuses connections") from error
        raise _unreachable(what, endpoint, "broke the connection") from error


def _unreachable(what: str, endpoint: Endpoint, does: str) -> Unreachable:
    host = httpx.URL(endpoint.scoring_uri).netloc.decode()
    step = "Check that the endpoint is up, and the network to it (proxy, VPN, private endpoint, SSL_CERT_FILE)."
    if is_loopback(endpoint.scoring_uri):
        step = "Start the local Azure again."
    return Unreachable(what, f"{host} {does}.", step)


_clients: dict[tuple[str, float], httpx.Client] = {}
_clients_lock = threading.Lock()


def _client() -> httpx.Client:
    """The HTTP client for the certificate bundle in force now; loading a bundle takes tens of milliseconds."""
    bundle = next(
        (
            os.environ[name]
            for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
            if os.environ.get(name)
        ),
        certifi.where(),
    )
    key = (bundle, os.stat(bundle).st_mtime)
    with _clients_lock:
        if key not in _clients:
            _clients[key] = httpx.Client(verify=ssl.create_default_context(cafile=bundle), follow_redirects=False)
        return _clients[key]


def _secret(conn: Connection, endpoint: Endpoint) -> tuple[str, bool]:
    """The key or token to send, and whether it was fetched just now."""
    key = ("scoring", endpoint.id)
    kept = conn.memory.get(key)
    if kept and kept[1] > time.monotonic():
        return str(kept[0]), False
    secret = scoring_secret(conn, endpoint)
    conn.memory[key] = (secret, time.monotonic() + _SECRET_SECONDS)
    return secret, True


def _forget(conn: Connection, endpoint: Endpoint) -> None:
    conn.memory.pop(("scoring", endpoint.id), None)


def _script_error(conn: Connection, endpoint: Endpoint, deployment: str | None) -> str | None:
    """What the script said last in the deployment's log; None when it said nothing or the log cannot be read."""
    if not deployment:
        return None
    try:
        return newest_error(logs(conn, endpoint.name, deployment, _LOG_LINES))
    except SluiceError:
        return None


class _NotJson(ValueError):
    pass


def _refuse_constant(name: str) -> NoReturn:
    raise _NotJson(name)


def _position_of(constant: str, text: str) -> int:
    """Where ``constant`` stands outside of strings."""
    found = (m.start() for m in re.finditer(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN', text) if m[0] == constant)
    return next(found, 0)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
