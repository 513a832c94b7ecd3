"""The local Azure and its sample traffic, run as child processes.

Nothing of either is imported here: the dashboard and the local Azure share the wire and nothing else.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import httpx

from services.errors import ServiceFailed, SluiceError

ROOT = Path(__file__).resolve().parent.parent
FIRST_PORT = 8443
"""The local Azure listens on this port and the two after it, or on three free ones when any of them is taken."""
START_SECONDS = 60.0
"""The longest start that is waited for. A warm start takes about two seconds."""
RESET_SECONDS = 60.0
"""The longest that emptying it may take: what runs there is ended first."""


class LocalAzure:
    """One local Azure with its state in ``state``. Safe to use from several threads.

    A server that somebody else started on the same state folder is used as it is, and never stopped from here. It
    listens on ``first_port`` and the two ports after it, or on free ones: 0 leaves the usual ones to others.
    """

    def __init__(self, state: Path, first_port: int = FIRST_PORT) -> None:
        self.state = state.absolute()
        self._first_port = first_port
        self._lock = threading.RLock()
        self._server: subprocess.Popen[str] | None = None
        self._samples: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a local Azure answers on this state folder, ours or another's."""
        try:
            environment = self.environment()
            answer = httpx.get(
                f"{environment['EMULATOR_CONTROL_URL']}/health",
                headers={"x-emulator-secret": environment["EMULATOR_CONTROL_SECRET"]},
                verify=_trust(environment["SSL_CERT_FILE"]),
                timeout=2,
            )
        except (OSError, KeyError, httpx.HTTPError):
            return False
        return answer.status_code == 200

    def environment(self) -> Mapping[str, str]:
        """What a client needs to speak to it, as the server wrote it. Raises OSError when it was never started."""
        lines = (self.state / "azure.env").read_text(encoding="utf-8").splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line)
        return {name: shlex.split(value)[0] if value else "" for name, _, value in pairs}

    def start(self) -> None:
        """Start the server and return when it answers; deployments of an earlier run may still be coming back.

        Raises :class:`ServiceFailed` with the server's own words.
        """
        with self._lock:
            if self.is_running:
                return
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            port = self._first_port if self._first_port and ports_are_free(self._first_port, 3) else 0
            command = [sys.executable, "-m", "emulator", "serve", "--state", str(self.state), "--port", str(port)]
            with (self.state / "server.log").open("w", encoding="utf-8") as log:
                self._server = subprocess.Popen(
                    command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
                )
            _drain(self._server)
            if not self._answers(self._server, START_SECONDS):
                words = (self.state / "server.log").read_text(encoding="utf-8").strip().splitlines()
                _stop(self._server)
                self._server = None
                raise ServiceFailed(
                    what="The local Azure did not start.",
                    why=words[-1] if words else f"It was not ready after {START_SECONDS:.0f} seconds.",
                    next_step=f"Read {self.state / 'server.log'}, then try again.",
                )

    def _answers(self, process: subprocess.Popen[str], seconds: float) -> bool:
        # Its own ready line comes when every deployment is back, which can take ten seconds; a person can look around
        # and a client can wait in the meantime.
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and process.poll() is None:
            if self.is_running:
                return True
            time.sleep(0.1)
        return False

    def reset(self) -> None:
        """Forget what clients have made there; built environments stay. Raises ServiceFailed."""
        try:
            environment = self.environment()
            httpx.post(
                f"{environment['EMULATOR_CONTROL_URL']}/reset",
                headers={"x-emulator-secret": environment["EMULATOR_CONTROL_SECRET"]},
                json={},
                verify=_trust(environment["SSL_CERT_FILE"]),
                timeout=RESET_SECONDS,
            ).raise_for_status()
        except (OSError, KeyError, httpx.HTTPError) as error:
            raise ServiceFailed(
                "The local Azure could not be emptied.", f"{error}.", f"Delete the folder {self.state}, then try again."
            ) from error

    def start_samples(self) -> None:
        """Deploy the sample endpoints and keep requests flowing to them, in the background."""
        with self._lock:
            if self._samples is not None and self._samples.poll() is None:
                return
            command = [sys.executable, str(ROOT / "samples" / "demo.py"), "--state", str(self.state)]
            # What an earlier run said last is no progress of this one.
            (self.state / "demo-progress.txt").unlink(missing_ok=True)
            with (self.state / "demo.log").open("wb") as log:
                self._samples = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **self.environment()},
                )

    def progress(self) -> str:
        """What the sample deployment is doing, in its own newest line; "" when it is not running."""
        return self._newest("demo-progress.txt") if self._samples_run() else ""

    def samples_failure(self) -> SluiceError | None:
        """Why the samples are not there, when their deployment ended before it was through; else None."""
        last = self._newest("demo-progress.txt")
        if not last or self._samples_run() or last.endswith(("done", "per second")):
            return None
        return ServiceFailed(
            what="The samples were not deployed.",
            why=self._newest("demo.log"),
            next_step=f"Read {self.state / 'demo.log'}, then start Sluice again: what is there already is kept.",
        )

    def _samples_run(self) -> bool:
        """Whether a sample deployment, ours or another's, holds the lock it takes for as long as it runs."""
        if self._samples is not None and self._samples.poll() is None:
            return True
        try:
            with (self.state / "demo.lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _newest(self, file: str) -> str:
        try:
            lines = (self.state / file).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1].strip() if lines else ""

    def stop(self) -> None:
        """Stop what was started from here, the samples first. Does nothing to what others started."""
        with self._lock:
            for process in (self._samples, self._server):
                if process is not None:
                    _stop(process)
            self._samples = self._server = None


def _trust(bundle: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=bundle)


def ports_are_free(first: int, count: int = 1) -> bool:
    """Whether ``count`` loopback ports from ``first`` on can be listened on."""
    for port in range(first, first + count):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def _drain(process: subprocess.Popen[str]) -> None:
    """Read what the server prints, so that it never blocks on a full pipe."""

    def read(output: IO[str]) -> None:
        with output:
            for _ in output:
                pass

    assert process.stdout is not None
    threading.Thread(target=read, args=(process.stdout,), name="local-azure-output", daemon=True).start()


def _stop(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
