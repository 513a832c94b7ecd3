"""Azure Monitor's routes: the gate is ours, the answers are the monitor's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.arm.targets import Target, find_target
from emulator.errors import ServiceError
from emulator.monitor.routes import Monitor, Whereabouts

_BELOW = "/subscriptions/{resource:path}/providers/Microsoft.Insights/"


def monitor_of(context: Context) -> Monitor:
    """Azure Monitor over what this local Azure measured."""

    def locate(arm_id: str) -> Whereabouts:
        found = _find(context, arm_id)
        place = context.place_of(found.endpoint) if found else context.home
        return Whereabouts(place.region, found is not None)

    return Monitor(context.telemetry, context.gauges, lambda: context.settings.current, locate, context.now)


def metric_routes(context: Context) -> Sequence[ArmRoute]:
    """Metrics of one resource, of many in one call, and what metrics there are."""
    monitor = monitor_of(context)

    async def metrics(call: Call) -> Response:
        return await _answer(await monitor.arm_metrics(_resource(context, call), call.request.query_params))

    async def definitions(call: Call) -> Response:
        return await _answer(monitor.metric_definitions(_resource(context, call)))

    async def namespaces(call: Call) -> Response:
        return await _answer(monitor.metric_namespaces(_resource(context, call)))

    async def batch(call: Call) -> Response:
        body = await call.body()
        return await _answer(await monitor.batch_metrics(call.request.query_params, body, call.params["subscription"]))

    return [
        ArmRoute(context, _BELOW + "metrics", metrics),
        ArmRoute(context, _BELOW + "metricDefinitions", definitions),
        ArmRoute(context, _BELOW + "metricNamespaces", namespaces),
        ArmRoute(context, "/subscriptions/{subscription}/metrics:getBatch", batch, ["POST"]),
    ]


def _resource(context: Context, call: Call) -> str:
    """The ARM id that metrics are asked for. Raises 404 for an endpoint or deployment that is not there."""
    arm_id = "/subscriptions/" + call.params["resource"]
    found = find_target(context, arm_id)
    return found.arm_id if found else arm_id


def _find(context: Context, arm_id: str) -> Target | None:
    """The endpoint or deployment with this id, None when there is none."""
    try:
        return find_target(context, arm_id)
    except ServiceError:
        return None


async def _answer(found: tuple[int, Mapping[str, Any]]) -> Response:
    status, body = found
    # A month of minutes of fifty resources takes a while to write down.
    return await asyncio.to_thread(JSONResponse, dict(body), status)
