"""Taking over a state folder from a server that is about to let go of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from emulator.errors import StartError
from emulator.state import StateFolder

LOCK_NAME = "server.lock"
LEAVING = "stopping"
"""What a server writes into its lock file as soon as it is told to stop."""
LEAVING_SECONDS = 10.0
"""How long a start waits for the folder of a server that is stopping."""
UNDECIDED_SECONDS = 0.5
"""The same for one that runs: the signal that stops it may have been sent a moment ago."""
_LOOK_SECONDS = 0.05


class Ownership:
    """One server's hold on its state folder."""

    def __init__(self, state: StateFolder, tell: Callable[[str], object]) -> None:
        """``tell`` gets a sentence when there is something to wait for."""
        self._state = state
        self._tell = tell
        self._mark = state.root / LOCK_NAME
        self._taken = False

    async def take(self) -> None:
        """Open the folder, as soon as a server that is stopping has left it. Raises :class:`StartError`."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        told = False
        while not self._taken:
            try:
                self._state.open()
                self._taken = True
            except StartError as error:
                if not isinstance(error.__cause__, BlockingIOError):
                    raise
                leaving = self._mark.read_text() == LEAVING
                if loop.time() > asked + (LEAVING_SECONDS if leaving else UNDECIDED_SECONDS):
                    raise
                if leaving and not told:
                    self._tell(f"The local Azure that uses {self._state.root} is stopping; waiting for its end.")
                    told = True
                await asyncio.sleep(_LOOK_SECONDS)
        self._mark.write_text("")

    def leave(self) -> None:
        """Say that the folder will be free soon, for a start that comes meanwhile."""
        if self._taken:
            self._mark.write_text(LEAVING)

    def release(self) -> None:
        """Let go of the folder."""
        self._taken = False
        self._state.close()
