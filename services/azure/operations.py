"""Wait for a long-running operation of Azure Resource Manager."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.azure.connection import Connection, Reply
from services.azure.translation import Call, clean, retry_after_seconds
from services.errors import Conflict, RuleBroken, ServiceFailed, Throttled, Timeout, Unreachable

LONGEST_SECONDS = 900.0
"""A split is in effect within a minute or two on Azure; a quarter of an hour means that something is stuck."""
_POLL_SECONDS = 2.0
_LONGEST_POLL_SECONDS = 30.0
_REFUSED = {"BadArgument", "BadRequest", "UserError", "OutOfQuota"}


def wait_for(
    conn: Connection,
    reply: Reply,
    path: str,
    call: Call,
    *,
    lost: str,
    api_version: str,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Return when the operation that ``reply`` announced has succeeded.

    Polls the address in ``Azure-AsyncOperation``, or the resource at ``path`` by its provisioning state when there is
    none, as often as ``Retry-After`` asks. A poll that gets no answer is repeated: the operation goes on without us.

    Raises ServiceFailed or RuleBroken with the operation's own error, Conflict when it was canceled, Timeout after
    ``LONGEST_SECONDS``. ``lost`` is what failed when the end of the operation could not be seen: Azure may finish it.
    """
    watching = replace(call, what=lost)
    status_url = reply.headers.get("Azure-AsyncOperation") or ""
    deadline = clock() + LONGEST_SECONDS
    state, wait = "", 0.0
    while True:
        try:
            poll = conn.send("GET", status_url or path, watching, api_version=api_version)
            state = str(_state(poll, bool(status_url)))
            wait = retry_after_seconds(poll.headers) or _POLL_SECONDS
        except (Unreachable, Throttled, Timeout) as error:
            wait = getattr(error, "retry_after_seconds", None) or _POLL_SECONDS
            if clock() >= deadline:
                raise
        else:
            if state.lower() == "succeeded":
                return
            if state.lower() in ("failed", "canceled"):
                raise _failure(state, poll, call)
        if clock() >= deadline:
            why = f"The operation is still {state or 'running'} after {LONGEST_SECONDS / 60:.0f} minutes."
            raise Timeout(lost, why, "Look at the endpoint's state; Azure may still finish the operation.")
        sleep(min(wait, _LONGEST_POLL_SECONDS))


def _state(poll: Reply, is_operation: bool) -> object:
    if is_operation:
        return poll.body.get("status") or ""
    return (poll.body.get("properties") or {}).get("provisioningState") or ""


def _failure(state: str, poll: Reply, call: Call) -> ServiceFailed | RuleBroken | Conflict:
    error = poll.body.get("error") or {}
    code, message = str(error.get("code") or ""), clean(str(error.get("message") or ""))
    request_id = poll.headers.get("x-ms-request-id")
    if state.lower() == "canceled":
        why = f"The operation was canceled. {message}".strip()
        return Conflict(
            call.what, why, "Read the split that Azure holds now, then decide again.", request_id=request_id
        )
    why = f"Azure began the operation and it failed ({code or 'no code'}): {message or 'no message'}."
    if code in _REFUSED:
        return RuleBroken(call.what, why, "Correct it and try again.", request_id=request_id)
    return ServiceFailed(call.what, why, "Look at the endpoint's state, then try again.", request_id=request_id)
