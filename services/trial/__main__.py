"""``python -m services.trial``: one trial in a process of its own, told as JSON lines.

azure-identity and requests read where the cloud is from the environment of their process, and the user's code must
never see a credential: so this process has an environment without any, and a local Azure of its own in ``--state``.
The order comes as the first line of stdin. When stdin ends, whoever started this is gone, and everything stops.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.azure.connection import connect
from services.errors import Conflict, SluiceError, Stopped
from services.local_azure import LocalAzure
from services.settings import Settings
from services.trial.order import Order
from services.trial.performing import Telling, TrialPhase, perform

_STOPPED_CODE = 130
STOP_SECONDS = 5.0
"""How long what is going on may take to notice that it was told to stop."""


def main() -> int:
    """Do it. Returns 0 when it worked, 1 when it did not, 130 when it was stopped."""
    arguments = _parser().parse_args()
    say = _speaker()
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return _STOPPED_CODE
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    # Ports of its own: the usual ones belong to the local Azure that a person works with.
    local = LocalAzure(arguments.state, first_port=0)
    threading.Thread(target=_watch, args=(stopping,), name="stdin", daemon=True).start()
    threading.Thread(target=_insist, args=(stopping, local), name="insist", daemon=True).start()
    try:
        with _alone(arguments.state):
            return _run(local, Order.from_line(line), say, stopping)
    except Stopped:
        return _STOPPED_CODE
    except SluiceError as error:
        if stopping.is_set():
            # What is ended under its hands fails, and is no news to whoever ended it.
            return _STOPPED_CODE
        Telling(say).failed(error)
        return 1
    finally:
        local.stop()
        say("end")


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the lock of the state folder: another Sluice's trial would be emptied. Raises Conflict."""
    state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with state.with_name(f"{state.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what, why = "The trial was not started.", f"Another one is using {state}."
            raise Conflict(what, why, "Wait until it has ended, then try again.") from None
        yield


def _run(local: LocalAzure, order: Order, say: Callable[..., None], stopping: threading.Event) -> int:
    telling = Telling(say)
    with telling.phase(TrialPhase.START):
        local.start()
        # A trial that was killed may have left something.
        local.reset()
        os.environ.update(local.environment())
    conn = connect(Settings.read(os.environ, local.state))
    try:
        return 0 if perform(conn, order, telling, stopping) else 1
    finally:
        # The next trial begins with this as well.
        with suppress(SluiceError):
            local.reset()


def _speaker() -> Callable[..., None]:
    """What writes events to stdout, and nothing else may: azure-ai-ml prints dots there while it waits."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(event: str, **content: object) -> None:
        try:
            out.write(json.dumps({"event": event, **content}) + "\n")
            out.flush()
        except OSError:
            # Whoever read it is gone; the end of stdin says so as well.
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())

    return say


def _watch(stopping: threading.Event) -> None:
    # Not through sys.stdin: its lock, held by a thread that waits, would abort the interpreter at its end.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stopping.set()


def _insist(stopping: threading.Event, local: LocalAzure) -> None:
    """End the process when it has been told to stop and does not get to it: an upload cannot be interrupted."""
    stopping.wait()
    time.sleep(STOP_SECONDS)
    local.stop()
    os._exit(_STOPPED_CODE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.trial", description=__doc__.splitlines()[0])
    parser.add_argument("--state", type=Path, required=True, help="state folder of the trial's own local Azure")
    return parser


if __name__ == "__main__":
    sys.exit(main())
