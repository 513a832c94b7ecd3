"""The managed-identity endpoint, in the form that App Service gives it.

Source: the REST reference of App Service managed identities, api-version 2019-08-01; azure-identity picks it up from
IDENTITY_ENDPOINT and IDENTITY_HEADER over plain loopback http.
"""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.identity.tokens import Tokens
from emulator.state import Secrets


def identity_routes(tokens: Tokens, secrets: Secrets) -> list[Route]:
    """The routes of the identity listener."""
    callers = ((secrets.owner_header, tokens.owner), (secrets.reader_header, tokens.reader))

    async def token(request: Request) -> Response:
        given = request.headers.get("x-identity-header", "").encode()
        found = [principal for header, principal in callers if hmac.compare_digest(given, header.encode())]
        if not found:
            return _error(401, "Unauthorized", "The X-IDENTITY-HEADER header is missing or wrong.")
        if request.query_params.get("api-version") != "2019-08-01":
            return _error(400, "BadRequest", "This identity endpoint speaks api-version 2019-08-01.")
        resource = request.query_params.get("resource", "")
        if not resource:
            return _error(400, "BadRequest", "The query parameter resource is missing.")
        text, expires = tokens.issue(found[0], resource)
        answer = {
            "access_token": text,
            "expires_on": str(expires),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": found[0].object_id,
        }
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    return [Route("/msi/token", token)]


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"statusCode": status, "code": code, "message": message}, status)
