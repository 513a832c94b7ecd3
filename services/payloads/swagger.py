"""The swagger.json of an endpoint, from where it scores."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pycurl

from services.azure.connection import Connection
from services.errors import NotFound, RuleBroken, ServiceFailed
from services.model import Endpoint
from services.scoring.address import check_address
from services.scoring.bearer import bearer, forget_bearer
from services.scoring.sending import failure_of
from services.scoring.transport import TransferFailed, ca_bundle

LONGEST_SECONDS = 10.0
"""A model that is busy answers late; nobody waits longer for a template."""
LARGEST_BYTES = 2 * 1024 * 1024
KEEP_SECONDS = 300.0
"""How long one is used again. It changes with a deployment; :func:`forget` reads it anew."""


def swagger_of(
    conn: Connection, endpoint: Endpoint, *, clock: Callable[[], float] = time.monotonic
) -> Mapping[str, Any]:
    """The OpenAPI document that the endpoint's scoring server gives out, by the split.

    The key goes to the host of the scoring address and nowhere else. Raises NotFound when there is none, RuleBroken for
    an address that must not be asked, ServiceFailed for an answer that is no such document, and the SluiceErrors of
    fetching the key and of a transfer without an answer.
    """
    kept = conn.memory.get(_key(endpoint))
    if kept is not None and kept[0] > clock():
        document: Mapping[str, Any] = kept[1]
        return document
    found = _read(conn, endpoint)
    conn.memory[_key(endpoint)] = (clock() + KEEP_SECONDS, found)
    return found


def forget(conn: Connection, endpoint: Endpoint) -> None:
    """Ask again when it is needed next."""
    conn.memory.pop(_key(endpoint), None)


def _read(conn: Connection, endpoint: Endpoint) -> Mapping[str, Any]:
    what = f"The swagger.json of {endpoint.name} could not be read."
    _check_place(conn, endpoint, what)
    status, body = _get(conn, endpoint, what)
    if status == 401:
        forget_bearer(conn, endpoint)
        status, body = _get(conn, endpoint, what)
    if status == 404:
        why = "The endpoint has none, or no deployment with live traffic that could answer."
        raise NotFound(what, why, "Begin with a sample, or write the body yourself.")
    if status != 200:
        raise ServiceFailed(what, f"It was answered with status {status}.", "Begin with a sample instead.")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ServiceFailed(what, "The answer is not JSON.", "Begin with a sample instead.") from error
    if not isinstance(document, Mapping):
        raise ServiceFailed(what, "The answer is no OpenAPI document.", "Begin with a sample instead.")
    return document


def _check_place(conn: Connection, endpoint: Endpoint, what: str) -> None:
    check_address(endpoint, is_local=conn.is_local)
    if not endpoint.swagger_uri:
        raise NotFound(what, "Azure names no address of it.", "Begin with a sample, or write the body yourself.")
    if urlsplit(endpoint.swagger_uri)[:2] != urlsplit(endpoint.scoring_uri)[:2]:
        why = "Its address has another host than the scoring address, and the key is sent nowhere else."
        raise RuleBroken(what, why, "Look at the endpoint in Azure.")


def _get(conn: Connection, endpoint: Endpoint, what: str) -> tuple[int, bytes]:
    secret, _ = bearer(conn, endpoint, datetime.now(UTC))
    try:
        return _perform(endpoint.swagger_uri, secret)
    except TransferFailed as error:
        if error.code == pycurl.E_WRITE_ERROR:
            why = f"It is larger than {LARGEST_BYTES // 2**20} MB."
            raise ServiceFailed(what, why, "Begin with a sample instead.") from None
        raise failure_of(error, endpoint, LONGEST_SECONDS) from None


def _perform(url: str, secret: str) -> tuple[int, bytes]:
    """GET ``url`` without following redirects."""
    kept = BytesIO()

    def keep(chunk: bytes) -> int:
        return kept.write(chunk[: LARGEST_BYTES - kept.tell()])

    handle = pycurl.Curl()
    try:
        for option, value in (
            (pycurl.URL, url),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTPS),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.CAINFO, ca_bundle()[0]),
            (pycurl.NOSIGNAL, 1),
            (pycurl.TIMEOUT_MS, int(LONGEST_SECONDS * 1000)),
            (pycurl.HTTPHEADER, [f"Authorization: Bearer {secret}", "Accept: application/json", "User-Agent: sluice"]),
            (pycurl.WRITEFUNCTION, keep),
        ):
            handle.setopt(option, value)
        try:
            handle.perform()
        except pycurl.error as error:
            is_connected = handle.getinfo(pycurl.APPCONNECT_TIME) > 0
            raise TransferFailed(int(error.args[0]), str(error), is_connected=is_connected) from None
        return int(handle.getinfo(pycurl.RESPONSE_CODE)), kept.getvalue()
    finally:
        handle.close()


def _key(endpoint: Endpoint) -> tuple[str, ...]:
    return ("swagger", endpoint.id)
