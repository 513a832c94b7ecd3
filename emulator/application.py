"""The two applications that listen: the control plane with storage and Monitor, and the identity endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from emulator.arm.context import Context
from emulator.arm.plane import ControlPlane
from emulator.control import Control
from emulator.errors import ServiceError
from emulator.faulting import Faulty, Shape
from emulator.faults import FaultBook
from emulator.http import (
    ArmPaths,
    RequestIds,
    control_shape,
    identity_shape,
    on_crash,
    on_http_exception,
    on_service_error,
)
from emulator.identity.login import login_routes
from emulator.identity.routes import identity_routes
from emulator.identity.tokens import Tokens
from emulator.resources import STORAGE_SUFFIX, Addresses
from emulator.state import Secrets
from emulator.storage.routes import storage_routes

CLOUD = "AzureLocal"


def control_application(context: Context, plane: ControlPlane, reset: Callable[[], Awaitable[None]]) -> Starlette:
    """Control plane, storage and Monitor on one port. `reset` forgets everything that clients have made."""

    async def clouds(_: Request) -> Response:
        return JSONResponse([_cloud(context.addresses)])

    return _application(
        [
            Route("/metadata/endpoints", clouds),
            *Control(context, plane.serving, reset).routes(),
            *plane.routes(),
            *storage_routes(context.blobs, context.secrets.storage_key, context.tokens, context.now),
            *login_routes(context.tokens, context.secrets, context.addresses, context.now),
        ],
        context.faults,
        control_shape,
    )


def identity_application(tokens: Tokens, secrets: Secrets, faults: FaultBook) -> Starlette:
    """The managed-identity endpoint."""
    return _application(identity_routes(tokens, secrets), faults, identity_shape)


def _application(routes: list[BaseRoute] | list[Route], faults: FaultBook, shape: Shape) -> Starlette:
    application = Starlette(
        routes=routes,
        middleware=[Middleware(RequestIds), Middleware(ArmPaths), Middleware(Faulty, book=faults, shape=shape)],
        exception_handlers={
            ServiceError: on_service_error,
            HTTPException: on_http_exception,
            Exception: on_crash,
        },
    )
    # A slash at the end is nobody's mistake to be told about: see ArmPaths.
    application.router.redirect_slashes = False
    return application


def _cloud(addresses: Addresses) -> dict[str, object]:
    """The document from which clients learn the addresses of a cloud (ARM's metadata endpoint, 2019-05-01)."""
    base = f"{addresses.control}/"
    return {
        "name": CLOUD,
        "portal": base,
        "resourceManager": base,
        "authentication": {
            "loginEndpoint": base,
            "audiences": [base],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "graph": base,
        "suffixes": {"storage": STORAGE_SUFFIX},
    }
