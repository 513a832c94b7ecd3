"""The process in which azure-ai-ml applies documents (:mod:`services.azure.authoring`), seen from here."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from services.azure.connection import Connection

ROOT = Path(__file__).resolve().parents[2]
_LOOK_SECONDS = 0.25
_END_SECONDS = 10.0


class Broken(Exception):
    """The process ended before it was done; the text is its exit code."""


class Author:
    """One process. Use it in a ``with`` statement, from one thread: its end ends the process and every upload in it.

    ``check`` is called several times a second while something is waited for; what it raises ends the waiting.
    """

    def __init__(self, conn: Connection, check: Callable[[], None]) -> None:
        self._conn = conn
        self._check = check
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Author:
        """Nothing is started before there is something to apply."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End the process."""
        self.end()

    def end(self) -> None:
        """End the process with what it is about to send. The next document gets another one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait(_END_SECONDS)
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()

    def apply(self, order: Mapping[str, object]) -> Iterator[dict[str, Any]]:
        """What happens while a document is applied. Raises Broken, and what ``check`` raises."""
        if self._process is None:
            self._start()
        self._say({**order, "workspace": self._conn.workspace.address})
        while True:
            event = self._next()
            yield event
            if event["event"] in ("done", "failed"):
                return

    def go(self) -> None:
        """Let it send what it has asked about."""
        self._say({"go": True})

    def _start(self) -> None:
        # Nothing but what this process has anyway is handed over: azure-identity reads the environment.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.azure.authoring"],
            cwd=ROOT,
            env=dict(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._events = queue.Queue()
        threading.Thread(
            target=self._read, args=(self._process, self._events), name="author-output", daemon=True
        ).start()
        self._say(self._conn.settings.model_dump(mode="json", by_alias=True))

    def _read(self, process: subprocess.Popen[str], events: queue.Queue[dict[str, Any] | None]) -> None:
        assert process.stdout is not None
        try:
            with process.stdout as output:
                for line in output:
                    # A process that is killed may leave half a line.
                    if line.endswith("\n"):
                        events.put(json.loads(line))
        except ValueError:
            # Something else wrote there. Nobody knows what it meant, and nobody may wait for more.
            process.kill()
        finally:
            events.put(None)

    def _next(self) -> dict[str, Any]:
        while True:
            self._check()
            try:
                event = self._events.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if event is None:
                assert self._process is not None
                raise Broken(str(self._process.wait(_END_SECONDS)))
            return event

    def _say(self, line: Mapping[str, object]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(line) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Broken(str(self._process.wait(_END_SECONDS))) from error
