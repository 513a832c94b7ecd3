"""Routes of the activity log."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote, urlencode

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.monitor.activity import categories
from emulator.monitor.activity_query import WrongQuery, parse_activity_query

_INSIGHTS = "/providers/Microsoft.Insights"
_VALUES = f"/subscriptions/{{subscription}}{_INSIGHTS}/eventtypes/management/values"


def activity_routes(context: Context) -> Sequence[ArmRoute]:
    """The events of a subscription, and the categories of events."""

    async def events(call: Call) -> Response:
        query, now = call.request.query_params, context.now()
        try:
            asked = parse_activity_query(query.get("$filter", ""), query.get("$select", ""), now)
            before = _position(query.get("$skiptoken", ""))
        except WrongQuery as error:
            return JSONResponse({"code": "BadRequest", "message": str(error)}, 400)
        shown = now - context.settings.current.activity_delay_seconds
        asked = replace(asked, end=min(asked.end, shown))
        found, more = await asyncio.to_thread(context.activity.page, call.params["subscription"], asked, before)
        body: dict[str, object] = {"value": found}
        if more is not None:
            body["nextLink"] = _next(context, call, more)
        return JSONResponse(body)

    async def kinds(_: Call) -> Response:
        return JSONResponse({"value": categories()})

    return [
        ArmRoute(context, _VALUES, events),
        ArmRoute(context, f"{_INSIGHTS}/eventcategories", kinds),
    ]


def _next(context: Context, call: Call, more: tuple[float, int]) -> str:
    """The address of the next page: absolute, and with every space encoded, since clients ask for it as it stands."""
    kept = {name: value for name, value in call.request.query_params.items() if name != "$skiptoken"}
    text = urlencode({**kept, "$skiptoken": f"{more[0]!r}_{more[1]}"}, quote_via=quote, safe="$")
    return f"{context.addresses.control}{call.request.url.path}?{text}"


def _position(token: str) -> tuple[float, int] | None:
    if not token:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)_(\d{1,18})", token, re.ASCII)
    if found is None:
        raise WrongQuery("$skiptoken cannot be read.")
    return float(found[1]), int(found[2])
