"""Writes down in the activity log what requests and their operations do.

Recorded is every write and action that has passed the gate, from its start on, and every one that the gate refused for
want of a role: on Azure too an unauthorised attempt is in the log. What fails before, for a wrong token, a missing
api-version, an unknown subscription or group, never reached a resource and is not recorded; neither are reads.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import jwt
from starlette.requests import Request
from starlette.responses import Response

from emulator.errors import ServiceError
from emulator.monitor.activity import Outcome, Subject, set_current_subject
from emulator.resources import operation_name, parse_path

if TYPE_CHECKING:
    from emulator.arm.context import Context

_SCHEMAS = "http://schemas.microsoft.com/identity/claims/"
_CLAIMS = {"oid": f"{_SCHEMAS}objectidentifier", "tid": f"{_SCHEMAS}tenantid", "scp": f"{_SCHEMAS}scope"}
_READ_BY_POST = ":getbatch"
Endpoint = Callable[[Request], Awaitable[Response]]


def recorded(context: Context, endpoint: Endpoint) -> Endpoint:
    """An endpoint whose writes and actions go into the activity log."""

    async def watched(request: Request) -> Response:
        if request.method in ("GET", "HEAD") or request.url.path.lower().endswith(_READ_BY_POST):
            return await endpoint(request)
        record = Record(context, request)
        request.state.record = record
        try:
            return record.answered(await endpoint(request))
        except Exception as error:
            record.failed(error)
            raise

    return watched


def reached(request: Request) -> None:
    """The request has passed the gate: what follows is the resource's doing."""
    record: Record | None = getattr(request.state, "record", None)
    if record is not None:
        record.begin()


class Record:
    """The events of one request."""

    def __init__(self, context: Context, request: Request) -> None:
        self._context = context
        self._request = request
        self._begun: Subject | None = None

    def begin(self) -> None:
        """Write down that it began. Operations that begin from here on are the caller's."""
        self._begun = subject_of(self._request)
        # Not put back: the context ends with the task of this request.
        set_current_subject(self._begun)
        self._note(self._begun, Outcome("Started", name="BeginRequest"))

    def answered(self, response: Response) -> Response:
        """Write down how it was answered, and give the answer back."""
        if self._begun is None:
            return response
        status = response.status_code
        if status >= 400:
            text = bytes(getattr(response, "body", b"")).decode(errors="replace")
            self._note(self._begun, Outcome("Failed", status, properties={"statusMessage": text}))
        else:
            is_long = "Azure-AsyncOperation" in response.headers
            self._note(self._begun, Outcome("Accepted" if is_long else "Succeeded", status))
        return response

    def failed(self, error: Exception) -> None:
        """Write down an error, unless the request never reached a resource."""
        if isinstance(error, ServiceError):
            if self._begun is None and error.code != "AuthorizationFailed":
                return
            outcome = Outcome("Failed", error.status, properties=_message(error.code, error.message))
        elif self._begun is None:
            return
        else:
            outcome = Outcome("Failed", 500, properties=_message("InternalServerError", type(error).__name__))
        self._note(self._begun or subject_of(self._request), outcome)

    def _note(self, subject: Subject, outcome: Outcome) -> None:
        context = self._context
        context.activity.append(context.now(), context.secrets.tenant_id, subject, outcome)


def subject_of(request: Request) -> Subject:
    """Who asks for what, from a request whose token has been checked."""
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    claims: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    path = request.url.path
    request_id = str(getattr(request.state, "request_id", ""))
    roles = claims.get("roles") or [""]
    return Subject(
        caller=str(claims.get("upn") or claims.get("name") or claims.get("oid")),
        role=str(roles[0]),
        claims={
            _CLAIMS.get(name, name): value if isinstance(value, str) else json.dumps(value)
            for name, value in claims.items()
        },
        operation=operation_name(request.method, path),
        resource_id=_resource(request.method, path),
        correlation_id=str(getattr(request.state, "correlation_id", request_id)),
        http_request={
            "clientRequestId": request.headers.get("x-ms-client-request-id", request_id)[:128],
            "clientIpAddress": request.client.host if request.client else "",
            "method": request.method,
        },
    )


def end_of_operation(context: Context, operation: Mapping[str, Any]) -> None:
    """Write down how a long-running operation ended, under the correlation id of the request that began it."""
    kept = operation.get("activity")
    if kept is None:
        return
    error = operation.get("error")
    properties = _message(error["code"], error["message"]) if error else {}
    outcome = Outcome(operation["status"], properties=properties)
    context.activity.append(context.now(), context.secrets.tenant_id, Subject(**kept), outcome)


def _resource(method: str, path: str) -> str:
    """The resource that a request is about: an action's name at the end of the path is none."""
    return path.rpartition("/")[0] if method == "POST" and len(parse_path(path).segments) % 2 else path


def _message(code: str, message: str) -> dict[str, str]:
    return {"statusMessage": json.dumps({"status": "Failed", "error": {"code": code, "message": message}})}
