"""Azure Monitor's routes: the gate is ours, the answers are the monitor's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call, not_found
from emulator.arm.context import Context
from emulator.monitor.routes import Monitor
from emulator.resources import MACHINE_LEARNING, parse_path

_BELOW = "/subscriptions/{resource:path}/providers/Microsoft.Insights/"


def metric_routes(context: Context) -> Sequence[ArmRoute]:
    """Metrics of one resource, of many in one call, and what metrics there are."""
    monitor = Monitor(context.telemetry, lambda: context.settings.current, context.home.region, context.now)

    async def metrics(call: Call) -> Response:
        return _answer(await monitor.arm_metrics(_resource(context, call), call.request.query_params))

    async def definitions(call: Call) -> Response:
        return _answer(monitor.metric_definitions(_resource(context, call)))

    async def namespaces(call: Call) -> Response:
        return _answer(monitor.metric_namespaces(_resource(context, call)))

    async def batch(call: Call) -> Response:
        body = await call.body()
        return _answer(await monitor.batch_metrics(call.request.query_params, body, call.params["subscription"]))

    return [
        ArmRoute(context, _BELOW + "metrics", metrics),
        ArmRoute(context, _BELOW + "metricDefinitions", definitions),
        ArmRoute(context, _BELOW + "metricNamespaces", namespaces),
        ArmRoute(context, "/subscriptions/{subscription}/metrics:getBatch", batch, ["POST"]),
    ]


def _resource(context: Context, call: Call) -> str:
    """The ARM id that metrics are asked for. Raises 404 for an endpoint or deployment that is not there."""
    arm_id = "/subscriptions/" + call.params["resource"]
    segments = [segment.lower() for segment in parse_path(arm_id).segments]
    names, types = segments[1::2], segments[0::2]
    if types[:2] != ["workspaces", "onlineendpoints"] or len(names) not in (2, 3):
        return arm_id
    kind, key = ("endpoint", names[1]) if len(names) == 2 else ("deployment", "/".join(names[1:]))
    if context.documents.get(kind, key) is None:
        below = arm_id.lower().partition(f"/{MACHINE_LEARNING.lower()}/")[2]
        raise not_found(parse_path(arm_id).resource_group or "", below)
    place = context.place_of(names[1])
    return place.endpoint_id(names[1]) if kind == "endpoint" else place.deployment_id(*names[1:])


def _answer(found: tuple[int, Mapping[str, Any]]) -> Response:
    status, body = found
    return JSONResponse(dict(body), status)
