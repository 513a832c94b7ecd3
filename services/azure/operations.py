"""How far a long-running operation of Azure Resource Manager is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.azure.connection import Connection, Reply
from services.azure.translation import Call, clean, retry_after_seconds
from services.errors import Conflict, RuleBroken, ServiceFailed, SluiceError

_REFUSED = {"BadArgument", "BadRequest", "UserError", "OutOfQuota"}
_ENDS_BADLY = ("failed", "canceled")


@dataclass(frozen=True)
class Poll:
    """One look at an operation. ``state`` is Azure's word for it, ``failure`` is set when it has ended badly.

    ``retry_after_seconds`` is how long Azure asks to wait before the next look, None when it does not say. ``code`` and
    ``message`` are Azure's own of what went wrong, "" when it says nothing.
    """

    state: str
    has_succeeded: bool = False
    failure: SluiceError | None = None
    retry_after_seconds: float | None = None
    code: str = ""
    message: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.has_succeeded or self.failure is not None


def poll(conn: Connection, operation: str, call: Call, *, api_version: str) -> Poll:
    """Look at an operation at the address that Azure gave in ``Azure-AsyncOperation``.

    ``call`` is what the operation was about, for the words of its failure: ServiceFailed, RuleBroken when Azure did not
    like what it was asked, Conflict when it was canceled. Raises SluiceError when there is no answer.
    """
    reply = conn.send("GET", operation, call, api_version=api_version)
    body = _object(reply, call)
    return _poll(str(body.get("status") or ""), body, reply, call)


def poll_resource(conn: Connection, path: str, call: Call, *, api_version: str) -> Poll:
    """The same by the provisioning state of the resource itself, when Azure gave no address."""
    reply = conn.send("GET", path, call, api_version=api_version)
    properties = _object(reply, call).get("properties") or {}
    return _poll(str(properties.get("provisioningState") or ""), {}, reply, call)


def _object(reply: Reply, call: Call) -> Mapping[str, Any]:
    if not isinstance(reply.body, dict):
        why = f"{call.address} answered something that is not what was asked for."
        raise ServiceFailed(call.what, why, "Check that no proxy answers instead of Azure.")
    return reply.body


def _poll(state: str, body: Mapping[str, object], reply: Reply, call: Call) -> Poll:
    failure = _failure(state, body, reply, call) if state.lower() in _ENDS_BADLY else None
    code, message = _reason(body)
    return Poll(state, state.lower() == "succeeded", failure, retry_after_seconds(reply.headers), code, message)


def _reason(body: Mapping[str, object]) -> tuple[str, str]:
    error = body.get("error")
    details = error if isinstance(error, dict) else {}
    return str(details.get("code") or ""), clean(str(details.get("message") or ""))


def _failure(state: str, body: Mapping[str, object], reply: Reply, call: Call) -> SluiceError:
    code, message = _reason(body)
    request_id = reply.headers.get("x-ms-request-id")
    if state.lower() == "canceled":
        why = f"The operation was canceled: {message or 'no message'}."
        return Conflict(call.what, why, "Look at what Azure holds now, then decide again.", request_id=request_id)
    why = f"Azure began the operation and it failed ({code or 'no code'}): {message or 'no message'}."
    if code in _REFUSED:
        return RuleBroken(call.what, why, "Correct it and try again.", request_id=request_id)
    return ServiceFailed(call.what, why, "Look at the endpoint's state, then try again.", request_id=request_id)
