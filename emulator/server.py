"""One local Azure from start to end: files, sockets, processes, and the order in which they come and go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from emulator import certificates, environment
from emulator.application import control_application, identity_application
from emulator.arm.context import Context
from emulator.arm.plane import ControlPlane
from emulator.documents import Documents
from emulator.errors import StartError
from emulator.faults import FaultBook
from emulator.identity.tokens import Tokens
from emulator.listener import Listener, listening
from emulator.monitor.activity import Activities
from emulator.ownership import Ownership
from emulator.ports import listen, wait_until_free
from emulator.resources import Addresses, Place
from emulator.scoring.events import Events
from emulator.scoring.fleet import Fleet
from emulator.scoring.gateway_process import Gateway, GatewayError
from emulator.scoring.gauges import Gauges
from emulator.scoring.telemetry import Telemetry
from emulator.settings import SettingsStore
from emulator.state import StateFolder
from emulator.storage.blobs import BlobStore

log = logging.getLogger(__name__)
RESTORE_SECONDS = 20.0
"""How long the ready line waits for deployments that come back. Those that take longer go on behind it."""


@dataclass(frozen=True)
class Options:
    """What the command line says. `port` 0 picks three free ports."""

    port: int
    state: Path
    place: Place


async def serve(options: Options, announce: Callable[[str], None]) -> None:
    """Run a local Azure until SIGTERM or SIGINT. `announce` gets the ready line.

    Raises :class:`StartError` when it cannot start.
    """
    stopped = asyncio.Event()
    with _signals(stopped):
        async with AsyncExitStack() as stack:
            state = StateFolder(options.state)
            ownership = Ownership(state, lambda sentence: sys.stderr.write(f"{sentence}\n"))
            stack.callback(ownership.release)
            starting = asyncio.create_task(_start(options, state, ownership, stack))
            stopping = asyncio.create_task(stopped.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            try:
                if not stopped.is_set():
                    announce(f"ready {starting.result()}")
                    await stopping
            finally:
                ownership.leave()
                stopping.cancel()
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)


async def _start(options: Options, state: StateFolder, ownership: Ownership, stack: AsyncExitStack) -> str:
    await ownership.take()
    caller = dict(os.environ)
    secrets = state.secrets()
    certificates.ensure(state.tls, datetime.now(UTC))
    certificates.write_bundle(state.tls, caller)
    control_socket = stack.enter_context(listen(options.port))
    identity_socket = stack.enter_context(listen(options.port + 2 if options.port else 0))
    documents = Documents(state.control_database)
    stack.callback(documents.close)
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

    gateway = Gateway(state.root, options.port + 1 if options.port else 0, secrets.control_secret)
    fleet = Fleet(state.root, caller, gateway)
    # Ends after the gateway, whose requests under way still need the instances.
    stack.push_async_callback(fleet.close)
    stack.push_async_callback(gateway.close)
    gateway_port = await _start_gateway(gateway, options)

    addresses = Addresses(control_socket.getsockname()[1], gateway_port, identity_socket.getsockname()[1])
    settings = SettingsStore(documents)

    def now() -> float:
        return time.time() + settings.current.clock_shift_seconds

    tokens = Tokens(secrets, addresses, now)
    context = Context(
        home=options.place,
        addresses=addresses,
        secrets=secrets,
        tokens=tokens,
        documents=documents,
        settings=settings,
        faults=FaultBook(random.SystemRandom()),
        blobs=BlobStore(state.blobs, documents),
        fleet=fleet,
        gateway=gateway,
        telemetry=telemetry,
        gauges=gauges,
        events=events,
        activity=activity,
        now=now,
    )
    plane = ControlPlane(context)
    stack.push_async_callback(plane.close)
    environment.write(state, environment.variables(options.place, addresses, state, secrets, caller))
    plane.begin_restore()
    # Before the deployments are back: looking at them needs no instance, and a change of one waits for it.
    await stack.enter_async_context(
        listening(
            (Listener(identity_application(tokens, secrets, context.faults), None), identity_socket),
            (Listener(control_application(context, plane), state.tls), control_socket),
        )
    )
    await plane.restored(RESTORE_SECONDS)
    return addresses.control


async def _start_gateway(gateway: Gateway, options: Options) -> int:
    if options.port:
        await wait_until_free(options.port + 1)
    try:
        return await gateway.start()
    except GatewayError as error:
        raise StartError(str(error)) from error


@contextmanager
def _signals(stopped: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)
