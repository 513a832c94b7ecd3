"""Everything behind the listeners, put together: databases, gateway, fleet, control plane.

It can be taken down and put together again while the listeners stay, which is how a local Azure is reset.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from starlette.types import ASGIApp

from emulator import environment
from emulator.application import control_application, identity_application
from emulator.arm.context import Context
from emulator.arm.plane import ControlPlane
from emulator.documents import Documents
from emulator.errors import StartError
from emulator.faults import FaultBook
from emulator.identity.tokens import Tokens
from emulator.monitor.activity import Activities
from emulator.monitor.logs.console import ConsoleLines
from emulator.ports import wait_until_free
from emulator.resources import Addresses, Place
from emulator.scoring.gateway.callers import Access
from emulator.scoring.gateway.collector import FOLDER
from emulator.scoring.gateway.process import Gateway, GatewayError, conditions
from emulator.scoring.instances.fleet import Fleet
from emulator.scoring.telemetry.events import Events
from emulator.scoring.telemetry.gauges import Gauges
from emulator.scoring.telemetry.rows import Telemetry
from emulator.settings import SettingsStore
from emulator.state import Secrets, StateFolder
from emulator.storage.blobs import BlobStore
from emulator.storage.collected import Collected


@dataclass(frozen=True)
class Ground:
    """What stays the same for as long as the server runs. `gateway_port` 0 picks a free one."""

    home: Place
    state: StateFolder
    secrets: Secrets
    caller: Mapping[str, str]
    control_port: int
    identity_port: int
    gateway_port: int
    max_instances: int
    strict_environments: bool


@dataclass(frozen=True)
class Assembly:
    """What is behind the listeners now. `clock` is the local Azure's own, in epoch seconds."""

    addresses: Addresses
    plane: ControlPlane
    control: ASGIApp
    identity: ASGIApp
    clock: Callable[[], float]


async def assemble(ground: Ground, stack: AsyncExitStack, reset: Callable[[], Awaitable[None]]) -> Assembly:
    """Put it together and begin to bring deployments back. `stack` takes it down again; `reset` starts afresh.

    Raises :class:`StartError`.
    """
    state, secrets = ground.state, ground.secrets
    documents = Documents(state.control_database)
    stack.callback(documents.close)
    telemetry, gauges, events, activity = _stores(state, stack)
    console = ConsoleLines(state.root / "console.db")
    stack.callback(console.close)
    settings = SettingsStore(documents)

    def now() -> float:
        return time.time() + settings.current.clock_shift_seconds

    access = Access(secrets.signing_key, {secrets.owner_id: True, secrets.reader_id: False})
    gateway = Gateway(state.root, ground.gateway_port, secrets.control_secret, access)
    fleet = Fleet(
        state.root,
        ground.caller,
        gateway,
        events=events,
        gauges=gauges,
        max_instances=ground.max_instances,
        strict_environments=ground.strict_environments,
        clock=now,
    )
    # Ends after the gateway, whose requests under way still need the instances.
    stack.push_async_callback(fleet.close)
    stack.push_async_callback(gateway.close)
    addresses = Addresses(ground.control_port, await _start_gateway(gateway, ground.gateway_port), ground.identity_port)
    await gateway.set_conditions(conditions(settings.current))
    blobs = BlobStore(state.blobs, documents)
    stack.callback(blobs.close)
    collected = Collected(state.root / FOLDER, blobs, now)
    stack.push_async_callback(collected.close)
    collected.begin()
    context = Context(
        home=ground.home,
        addresses=addresses,
        secrets=secrets,
        tokens=Tokens(secrets, addresses, now),
        documents=documents,
        settings=settings,
        faults=FaultBook(random.SystemRandom()),
        blobs=blobs,
        fleet=fleet,
        gateway=gateway,
        telemetry=telemetry,
        gauges=gauges,
        events=events,
        activity=activity,
        console=console,
        now=now,
    )
    plane = ControlPlane(context)
    stack.push_async_callback(plane.close)
    environment.write(state, environment.variables(ground.home, addresses, state, secrets, ground.caller))
    plane.begin_restore()
    return Assembly(
        addresses,
        plane,
        control_application(context, plane, reset),
        identity_application(context.tokens, secrets, context.faults),
        now,
    )


def _stores(state: StateFolder, stack: AsyncExitStack) -> tuple[Telemetry, Gauges, Events, Activities]:
    try:
        telemetry = Telemetry(state.telemetry_database)
        stack.callback(telemetry.close)
        gauges, events = Gauges(state.telemetry_database), Events(state.telemetry_database)
    except sqlite3.Error as error:
        raise StartError(f"The database {state.telemetry_database} cannot be opened: {error}.") from error
    stack.callback(gauges.close)
    stack.callback(events.close)
    activity = Activities(state.root / "activity.db")
    stack.callback(activity.close)
    return telemetry, gauges, events, activity


async def _start_gateway(gateway: Gateway, port: int) -> int:
    if port:
        await wait_until_free(port)
    try:
        return await gateway.start()
    except GatewayError as error:
        raise StartError(str(error)) from error
