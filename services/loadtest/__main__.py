"""``python -m services.loadtest``: a load test in a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import sys
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.azure.connection import connect
from services.azure.endpoints import get_endpoint, list_deployments
from services.errors import RuleBroken, SluiceError
from services.loadtest.command import Payloads, files, from_line, parser, plan_of
from services.loadtest.engine import DONE, STOPPED, Engine
from services.loadtest.report import KIND, summary
from services.loadtest.run import Order, perform
from services.loadtest.target import cautions, check_target
from services.payloads.library import Library
from services.results import Results
from services.settings import export_env_file, settings_for
from services.store import Store

ROOT = Path(__file__).resolve().parents[2]
_NOT_STARTED = "The load test was not started."
_STOPPED_CODE = 130
_CHUNK = 1 << 20


class Printer:
    """Prints from a thread of its own: a slow terminal or reader must not make requests late."""

    def __init__(self, *, is_json: bool) -> None:
        self._is_json = is_json
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="printer", daemon=True)
        self._thread.start()

    def event(self, kind: str, words: str, **content: object) -> None:
        """Say something: as an event for a program, or in ``words`` for a person."""
        self._lines.put(json.dumps({"event": kind, **content}) if self._is_json else words)

    def close(self) -> None:
        """Wait until everything is out, unless nobody takes it."""
        self._lines.put(None)
        self._thread.join(5)

    def _write(self) -> None:
        for line in iter(self._lines.get, None):
            try:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
            except OSError:
                # Whoever read it is gone.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Brake:
    """Ends the run at once, and the process while there is no run yet."""

    def __init__(self) -> None:
        self._engine: Engine | None = None

    def hold(self, engine: Engine) -> None:
        """This is what runs."""
        self._engine = engine

    def pull(self, *_: object) -> None:
        """Stop. May be called from a signal handler and from any thread."""
        if self._engine is None:
            os._exit(_STOPPED_CODE)
        self._engine.stop()


def main(argv: list[str]) -> int:
    """Run it; the exit code is explained in the command's help."""
    arguments = parser().parse_args(argv)
    printer, brake = Printer(is_json=arguments.json), Brake()
    before = {number: signal.signal(number, brake.pull) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _main(arguments, printer, brake)
    except SluiceError as error:
        printer.event(
            "problem",
            f"{error.what} {error.why} {error.next_step}",
            what=error.what,
            why=error.why,
            next_step=error.next_step,
            request_id=error.request_id,
        )
        return 2
    finally:
        printer.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def _main(arguments: argparse.Namespace, printer: Printer, brake: Brake) -> int:
    handed = _from_stdin(brake) if arguments.stdin else ()
    plan = plan_of(arguments)
    export_env_file(ROOT)
    settings = settings_for(arguments.workspace, os.environ, ROOT, _NOT_STARTED)
    conn = connect(settings)
    folder = settings.data_dir if settings.data_dir.is_absolute() else ROOT / settings.data_dir
    store = Store(folder / "sluice.db")
    library = Library(store, conn.arm_host)
    endpoint = get_endpoint(conn, arguments.endpoint)
    check_target(endpoint, list_deployments(conn, endpoint.name), arguments.deployment)
    payloads = (*handed, *files(arguments), *_from_library(library, endpoint.id, arguments.library))
    if not payloads:
        raise RuleBroken(_NOT_STARTED, "There is nothing to send.", "Add --payload FILE or --library NAME.")
    warned = cautions(endpoint, arguments.deployment)
    if warned and not arguments.yes:
        raise RuleBroken(_NOT_STARTED, " ".join(warned), "Add --yes when that is what you want.")
    order = Order(endpoint, arguments.deployment, plan, payloads, arguments.timeout, f"load-{uuid.uuid4().hex}")
    printer.event("start", _heading(order, warned), run=order.run_id, planned=plan.total, cautions=list(warned))
    result = perform(
        conn,
        order,
        library.variables(endpoint.id),
        on_second=lambda row: printer.event("second", _row(row), **row),
        on_engine=brake.hold,
    )
    _keep(Results(store, conn.arm_host), endpoint.id, result, printer)
    if result["ended"] == STOPPED:
        return _STOPPED_CODE
    return 0 if result["ended"] == DONE and result["is_valid"] else 1


def _keep(results: Results, endpoint_id: str, result: dict[str, Any], printer: Printer) -> None:
    kept, problem = "", ""
    try:
        kept = results.save(endpoint_id, KIND, result, at=datetime.now(UTC))
    except SluiceError as error:
        problem = f"The result was not kept. {error.why}"
    words = summary(result) + (f"\n{problem}" if problem else "")
    printer.event("end", words, id=kept, not_kept=problem, result=result)


def _from_library(library: Library, endpoint_id: str, names: list[str]) -> Payloads:
    saved = {each.name: each for each in library.all(endpoint_id)} if names else {}
    unknown = [name for name in names if name not in saved]
    if unknown:
        why = f"The library has no payload {unknown[0]}."
        raise RuleBroken(_NOT_STARTED, why, f"It has {', '.join(saved) or 'none'}.")
    return tuple((name, saved[name].request()) for name in names)


def _from_stdin(brake: Brake) -> Payloads:
    """The payloads in the first line. From then on the end of stdin stops everything: whoever started this is gone."""
    # Without Python's buffer: its lock, held by a thread that waits, would break the end of the process.
    source = sys.stdin.fileno()
    line = bytearray()
    while not line.endswith(b"\n") and (chunk := os.read(source, _CHUNK)):
        line += chunk

    def watch() -> None:
        while os.read(source, _CHUNK):
            pass
        brake.pull()

    threading.Thread(target=watch, name="stdin", daemon=True).start()
    return from_line(bytes(line))


def _heading(order: Order, warned: tuple[str, ...]) -> str:
    target = order.deployment or "the live split"
    return "\n".join([f"{order.endpoint.name}, {target}: {order.plan.words()}.", *warned])


def _row(row: dict[str, Any]) -> str:
    times = " ".join(f"{name} {row[name]:g} ms" for name in ("p50", "p99") if row[name] is not None)
    return f"{row['second'] + 1:4d} s  sent {row['sent']}  good {row['good']}  failed {row['failed']}  {times}".rstrip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
