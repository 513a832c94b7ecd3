"""A child process that is handed one input and tells of its work: one line of JSON per event."""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
_SAID_LAST = 2000
"""Bytes at the end of what it wrote to stderr: where a traceback ends."""
_log = logging.getLogger("sluice.child")


@dataclass(frozen=True)
class Listener:
    """Who is told. All are called in the thread that follows the process, one after the other.

    ``take`` gets each event. Then either ``ended`` gets the exit code and the last of what was written to stderr, or
    ``broke`` is called when ``take`` or ``ended`` raised, after the process was killed. ``over`` comes last, always.
    """

    take: Callable[[dict[str, Any]], None]
    ended: Callable[[int, str], None]
    broke: Callable[[], None]
    over: Callable[[], None]


class Child:
    """One process, named ``name`` in threads and logs. ``given`` makes what it is handed, in a thread of its own.

    Its stdin stays open as long as somebody is here: the end of it tells the process that nobody is there any more.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        given: Callable[[], bytes],
        listener: Listener,
        *,
        patience_seconds: float,
    ) -> None:
        self._name, self._given, self._listener, self._patience = name, given, listener, patience_seconds
        self.is_stopping = False
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process has ended
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def follow(self) -> None:
        """Hand it its input and listen to it, both in the background. Once, when whoever listens is ready to."""
        # A large input would wait for a process that is only starting.
        threading.Thread(target=self._hand_over, name=f"{self._name}-input", daemon=True).start()
        threading.Thread(target=self._follow, name=f"{self._name}-output", daemon=True).start()

    def stop(self) -> None:
        """Ask it to end; after ``patience_seconds`` it is killed. Again, or after its end, is nothing."""
        if self.is_stopping or self._process.poll() is not None:
            return
        self.is_stopping = True
        self._process.terminate()
        threading.Thread(target=self._insist, name=f"{self._name}-stop", daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Wait until it has ended, ``seconds`` at most."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def _insist(self) -> None:
        try:
            self._process.wait(self._patience)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _hand_over(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(self._given())
            self._process.stdin.flush()
        except (OSError, ValueError):
            # A pipe that was closed meanwhile raises ValueError.
            _log.info("The process of the %s ended before it had its input", self._name)

    def _follow(self) -> None:
        try:
            self._read()
        except Exception:
            # Runs in a thread of its own. One that seems to go on for ever would keep the next one from starting.
            _log.exception("What the process of the %s said could not be read", self._name)
            self._process.kill()
            self._process.wait()
            self._listener.broke()
        finally:
            self._errors.close()
            if self._process.stdin is not None:
                # Closed already, and what was still to be written is of no use to anybody.
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
            self._listener.over()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                # A process that is killed may leave half a line.
                if line.endswith(b"\n"):
                    self._listener.take(json.loads(line))
        code = self._process.wait()
        self._errors.seek(0)
        self._listener.ended(code, self._errors.read()[-_SAID_LAST:].decode(errors="replace"))
