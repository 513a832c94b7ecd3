"""The part of Microsoft Entra ID that a service principal signs in with: client credentials, versions 1 and 2.

A client id is the object id of the owner or the reader, its secret what opens the managed-identity endpoint for it.
Error codes and sentences: the public list of AADSTS error codes.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.identity.tokens import LIFETIME_SECONDS, Principal, Tokens
from emulator.resources import Addresses
from emulator.state import Secrets

_MOST_BYTES = 64 << 10
_DEFAULT = "/.default"


class _Refusal(Exception):
    """A sign-in that fails: HTTP status, OAuth error, AADSTS number and its sentence."""

    def __init__(self, status: int, error: str, number: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.error, self.number, self.sentence = status, error, number, sentence


def login_routes(tokens: Tokens, secrets: Secrets, addresses: Addresses, now: Callable[[], float]) -> list[Route]:
    """The routes of the sign-in host. They share a port with the control plane; none of them is guarded."""
    login = _Login(tokens, secrets, addresses, now)
    return [
        Route("/{tenant}/v2.0/.well-known/openid-configuration", login.configuration),
        Route("/common/discovery/instance", login.discovery),
        Route("/{tenant}/oauth2/v2.0/token", login.token, methods=["POST"]),
        Route("/{tenant}/oauth2/token", login.token, methods=["POST"]),
    ]


class _Login:
    def __init__(self, tokens: Tokens, secrets: Secrets, addresses: Addresses, now: Callable[[], float]) -> None:
        self._tokens = tokens
        self._secrets = secrets
        self._addresses = addresses
        self._now = now
        self._clients = {
            secrets.owner_id: (secrets.owner_header, tokens.owner),
            secrets.reader_id: (secrets.reader_header, tokens.reader),
        }

    async def configuration(self, request: Request) -> Response:
        """Where the routes of a tenant are."""
        try:
            tenant = self._tenant(request)
        except _Refusal as refusal:
            return self._error(refusal)
        base = f"{self._addresses.control}/{tenant}"
        return JSONResponse(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "issuer": f"{base}/v2.0",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
                "response_types_supported": ["code", "token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def discovery(self, _: Request) -> Response:
        """What hosts sign-in knows: this one."""
        host = self._addresses.control.removeprefix("https://")
        base = f"{self._addresses.control}/{self._secrets.tenant_id}"
        return JSONResponse(
            {
                "tenant_discovery_endpoint": f"{base}/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    async def token(self, request: Request) -> Response:
        """An access token for a client id and its secret."""
        headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
        try:
            self._tenant(request)
            form = await _form(request)
            resource = _resource(form)
            text, expires = self._tokens.issue(self._principal(form), resource)
        except _Refusal as refusal:
            return self._error(refusal)
        answer: dict[str, object] = {"token_type": "Bearer", "access_token": text}
        if "resource" in form:
            # Version 1 writes its numbers as strings.
            answer |= {"expires_in": str(LIFETIME_SECONDS), "expires_on": str(expires), "resource": resource}
        else:
            answer |= {"expires_in": LIFETIME_SECONDS, "ext_expires_in": LIFETIME_SECONDS}
        return JSONResponse(answer, headers=headers)

    def _tenant(self, request: Request) -> str:
        tenant = str(request.path_params["tenant"])
        if tenant.lower() != self._secrets.tenant_id:
            raise _Refusal(400, "invalid_request", 90002, f"Tenant '{tenant[:80]}' not found.")
        return self._secrets.tenant_id

    def _principal(self, form: dict[str, str]) -> Principal:
        client = form.get("client_id", "")
        found = self._clients.get(client.lower())
        if found is None:
            raise _Refusal(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{client[:80]}' was not found in the directory 'Local Azure'.",
            )
        secret, principal = found
        if not hmac.compare_digest(form.get("client_secret", "").encode(), secret.encode()):
            raise _Refusal(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret"
                f" value, not the client secret ID, for a secret added to app '{client}'.",
            )
        return principal

    def _error(self, refusal: _Refusal) -> Response:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        moment = datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        described = f"AADSTS{refusal.number}: {refusal.sentence} Trace ID: {trace} Correlation ID: {correlation}"
        body = {
            "error": refusal.error,
            "error_description": f"{described} Timestamp: {moment}",
            "error_codes": [refusal.number],
            "timestamp": moment,
            "trace_id": trace,
            "correlation_id": correlation,
        }
        return JSONResponse(body, refusal.status, headers={"Cache-Control": "no-store"})


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise _Refusal(413, "invalid_request", 900144, "The request body is too large.")
    form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    for name in ("grant_type", "client_id", "client_secret"):
        if not form.get(name):
            raise _Refusal(
                400,
                "invalid_request",
                900144,
                f"The request body must contain the following parameter: '{name}'.",
            )
    if form["grant_type"] != "client_credentials":
        raise _Refusal(
            400,
            "unsupported_grant_type",
            70003,
            f"The app requested an unsupported grant type '{form['grant_type'][:80]}'.",
        )
    return form


def _resource(form: dict[str, str]) -> str:
    if form.get("resource"):
        return form["resource"]
    scope = form.get("scope", "")
    if not scope:
        raise _Refusal(
            400, "invalid_request", 900144, "The request body must contain the following parameter: 'scope'."
        )
    if not scope.endswith(_DEFAULT) or " " in scope:
        raise _Refusal(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {scope[:80]} is not valid. Client credential flows must have a scope value"
            " with /.default suffixed to the resource identifier (application ID URI).",
        )
    return scope.removesuffix(_DEFAULT)
