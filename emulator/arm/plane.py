"""The control plane put together, and how it comes back after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import Route

from emulator.arm.access import ArmRoute, Call
from emulator.arm.activity import activity_routes
from emulator.arm.assets import asset_routes
from emulator.arm.autoscale import autoscale_routes
from emulator.arm.autoscaling import Autoscaling
from emulator.arm.context import Context
from emulator.arm.datastores import datastore_routes
from emulator.arm.deployments import Deployments
from emulator.arm.diagnostics import diagnostic_routes, log_workspace_routes
from emulator.arm.endpoints import Endpoints
from emulator.arm.inventory import inventory_routes
from emulator.arm.metrics import metric_routes, monitor_of
from emulator.arm.operations import Operations
from emulator.arm.permissions import permission_routes
from emulator.arm.records import Records
from emulator.arm.serving import Serving
from emulator.arm.subscriptions import subscription_routes
from emulator.arm.usages import usage_routes
from emulator.arm.workspaces import settle, workspace_routes
from emulator.http import not_emulated
from emulator.monitor.logs.routes import log_routes
from emulator.monitor.logs.service import LogAnalytics
from emulator.resources import operation_name


class ControlPlane:
    """Every route below /subscriptions, and the operations behind them."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.serving = Serving(context)
        self.operations = Operations(context)
        records = Records.of(context)
        self._endpoints = Endpoints(context, self.operations, self.serving, records)
        self.deployments = Deployments(context, self.operations, self.serving, records)
        self.logs = LogAnalytics(context)
        self._autoscaling = Autoscaling(context, monitor_of(context), self.deployments.scale)
        self._restoring: asyncio.Task[None] | None = None

    def routes(self) -> Sequence[Route]:
        """The routes. Whatever no other route knows, the last one answers with 501."""
        every = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]
        return [
            *activity_routes(self.context),
            *subscription_routes(self.context),
            *inventory_routes(self.context),
            *usage_routes(self.context),
            *workspace_routes(self.context),
            *datastore_routes(self.context),
            *permission_routes(self.context),
            *metric_routes(self.context),
            *autoscale_routes(self.context),
            *diagnostic_routes(self.context),
            *log_workspace_routes(self.context),
            *log_routes(self.context, self.logs),
            *self._endpoints.routes(),
            *self.deployments.routes(),
            *asset_routes(self.context),
            *self.operations.routes(),
            ArmRoute(self.context, "/subscriptions/{rest:path}", _anything_else, every),
        ]

    def begin_restore(self) -> None:
        """Begin to bring back what was being served, and take up what was cut short."""
        settle(self.context)
        self.serving.plan_restore()
        self.operations.resume()
        self._restoring = asyncio.create_task(self.serving.restore())
        self.logs.begin()
        self._autoscaling.begin()

    async def restored(self, seconds: float) -> None:
        """Wait until everything is back that :meth:`begin_restore` began with, at most so many seconds."""
        assert self._restoring is not None
        await asyncio.wait([self._restoring], timeout=seconds)
        if self._restoring.done():
            self._restoring.result()

    async def close(self) -> None:
        """Stop the work under way; what is written down as running is taken up at the next start."""
        await self._autoscaling.close()
        if self._restoring is not None:
            self._restoring.cancel()
            await asyncio.gather(self._restoring, return_exceptions=True)
        await self.logs.close()
        await self.operations.close()


async def _anything_else(call: Call) -> Response:
    raise not_emulated(operation_name(call.request.method, call.request.url.path))
