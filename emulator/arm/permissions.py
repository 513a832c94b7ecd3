"""What the caller may do: …/providers/Microsoft.Authorization/permissions at any scope."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.arm.targets import find_target


def permission_routes(context: Context) -> Sequence[ArmRoute]:
    """The route of this module. The roles are Azure's built-in Owner and Reader."""

    async def permissions(call: Call) -> Response:
        # Raises 404 for an endpoint or deployment that is not there; the gate knows everything above them.
        find_target(context, f"/subscriptions/{call.params['scope']}")
        actions = ["*"] if call.caller.may_write else ["*/read"]
        value = [{"actions": actions, "notActions": [], "dataActions": [], "notDataActions": []}]
        return JSONResponse({"value": value})

    path = "/subscriptions/{scope:path}/providers/Microsoft.Authorization/permissions"
    return [ArmRoute(context, path, permissions)]
