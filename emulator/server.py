"""One local Azure from start to end: files, sockets, processes, and the order in which they come and go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from emulator import certificates
from emulator.assembly import Assembly, Ground, assemble
from emulator.listener import Listener, listening
from emulator.ownership import Ownership
from emulator.ports import listen
from emulator.resources import Place
from emulator.state import StateFolder
from emulator.switchboard import Switchboard

RESTORE_SECONDS = 20.0
"""How long the ready line waits for deployments that come back. Those that take longer go on behind it."""
RESET_PATIENCE_SECONDS = 5.0
"""How long a reset waits for requests under way."""


@dataclass(frozen=True)
class Options:
    """What the command line says. `port` 0 picks three free ports."""

    port: int
    state: Path
    place: Place
    max_instances: int
    strict_environments: bool


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


class _Server:
    """The listeners of one local Azure, and what is behind them."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._control, self._identity = Switchboard(), Switchboard()
        self._inside = AsyncExitStack()
        self._resetting = asyncio.Lock()
        self._clock: Callable[[], float] = time.time

    async def open(self) -> Assembly:
        """Put together what is behind the listeners. Raises :class:`StartError`."""
        assembly = await assemble(self._ground, self._inside, self.reset)
        self._ground = replace(self._ground, gateway_port=assembly.addresses.gateway_port)
        self._control.connect(assembly.control)
        self._identity.connect(assembly.identity)
        self._clock = assembly.clock
        return assembly

    async def reset(self) -> None:
        """Forget everything that clients have made, as if the state folder were new; addresses and secrets stay.

        Called by a request of the control application, which is one of those under way.
        """
        async with self._resetting:
            await self._control.disconnect(1, RESET_PATIENCE_SECONDS)
            await self._identity.disconnect(0, RESET_PATIENCE_SECONDS)
            await self.close()
            await asyncio.to_thread(self._ground.state.clear)
            await self.open()

    async def close(self) -> None:
        """Take down what is behind the listeners."""
        inside, self._inside = self._inside, AsyncExitStack()
        await inside.aclose()

    def listeners(self) -> tuple[Listener, Listener]:
        """Those of the identity endpoint and of the control plane."""

        def clock() -> float:
            return self._clock()

        return (
            Listener(self._identity, None, clock=clock),
            Listener(self._control, self._ground.state.tls, clock=clock),
        )


async def _start(options: Options, state: StateFolder, ownership: Ownership, stack: AsyncExitStack) -> str:
    await ownership.take()
    caller = dict(os.environ)
    secrets = state.secrets()
    certificates.ensure(state.tls, datetime.now(UTC))
    certificates.write_bundle(state.tls, caller)
    control_socket = stack.enter_context(listen(options.port))
    identity_socket = stack.enter_context(listen(options.port + 2 if options.port else 0))
    ground = Ground(
        home=options.place,
        state=state,
        secrets=secrets,
        caller=caller,
        control_port=control_socket.getsockname()[1],
        identity_port=identity_socket.getsockname()[1],
        gateway_port=options.port + 1 if options.port else 0,
        max_instances=options.max_instances,
        strict_environments=options.strict_environments,
    )
    server = _Server(ground)
    stack.push_async_callback(server.close)
    assembly = await server.open()
    # Before the deployments are back: looking at them needs no instance, and a change of one waits for it.
    identity, control = server.listeners()
    await stack.enter_async_context(listening((identity, identity_socket), (control, control_socket)))
    await assembly.plane.restored(RESTORE_SECONDS)
    return assembly.addresses.control


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
