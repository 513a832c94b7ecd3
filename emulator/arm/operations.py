"""Long-running operations: written down before they begin, so that a killed server takes them up again.

An operation has a kind, a target and a payload, all of them plain data. Each kind has two functions: `work` does what
takes time and may fail, `finish` writes the outcome into the documents. The operation's own end is written in the same
transaction as the outcome: who sees "Succeeded" sees the result as well.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.arm.recording import end_of_operation
from emulator.documents import Document
from emulator.errors import ServiceError
from emulator.monitor.activity import subject_document
from emulator.resources import MACHINE_LEARNING, Place
from emulator.scoring.model import DeploymentFailed

log = logging.getLogger(__name__)
RETRY_AFTER = "1"
"""Always sent: without it the SDK polls every 5 or 30 seconds."""
KEEP_SECONDS = 24 * 3600
"""How long ended operations can be asked for."""
_LOOK_SECONDS = 0.1
"""How often a running operation looks whether it may end."""
SWEEP_SECONDS = 3600.0
"""How often those that ended longer ago are looked for."""
CANCELED = "OperationCanceled"


@dataclass(frozen=True)
class Failure:
    """Why an operation failed: Azure's error code and a sentence."""

    code: str
    message: str

    @property
    def state(self) -> str:
        """What operation and resource end as."""
        return "Canceled" if self.code == CANCELED else "Failed"


@dataclass(frozen=True)
class Kind:
    """What one kind of operation does.

    `operation` is its name in role definitions, by which faults are asked for. `prefix` begins its ids. `ends_in` is
    the status of its result once it has succeeded, `result` the body of that, from the target.
    """

    operation: str
    prefix: str
    work: Callable[[str, dict[str, Any]], Awaitable[None]]
    finish: Callable[[str, dict[str, Any], Failure | None], None]
    ends_in: int = 200
    result: Callable[[str], Document | None] | None = None


class Operations:
    """Runs the operations of one control plane."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kinds: dict[str, Kind] = {}
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._swept = 0.0

    def register(self, name: str, kind: Kind) -> None:
        """Say how operations of a kind are done."""
        self._kinds[name] = kind

    def begin(self, name: str, target: str, payload: dict[str, Any] | None = None) -> str:
        """Write an operation down and start it. Returns its id. Call it inside the transaction of its documents."""
        self._sweep()
        kind = self._kinds[name]
        operation = f"{kind.prefix}:{uuid.uuid4()}:{uuid.uuid4()}"
        outcome = self._context.faults.outcome(kind.operation, target)
        document: Document = {
            "kind": name,
            "target": target,
            "payload": payload or {},
            "status": "InProgress",
            "startTime": self._context.moment(),
            "startedAt": self._context.now(),
            "activity": subject_document(),
            "outcome": {"code": outcome.code, "message": outcome.message} if outcome else None,
        }
        self._context.documents.put("operation", operation, document)
        self._start(operation, document)
        return operation

    def is_busy(self, target: str) -> bool:
        """Whether an operation on exactly this target runs."""
        return target in self._tasks.values()

    def resume(self) -> None:
        """Take up what a stop cut short."""
        for key, found in self._context.documents.all("operation"):
            if found["status"] == "InProgress":
                self._start(key, found)

    def _sweep(self) -> None:
        """Forget, now and then, what ended long ago."""
        now = asyncio.get_running_loop().time()
        if self._swept and now - self._swept < SWEEP_SECONDS:
            return
        self._swept = now
        for key, found in self._context.documents.all("operation"):
            ended = float(found.get("endedAt", 0.0) or found["startedAt"])
            if found["status"] != "InProgress" and self._context.now() - ended > KEEP_SECONDS:
                self._context.documents.delete("operation", key)

    async def close(self) -> None:
        """Stop what runs. It stays written down as running and is taken up at the next start."""
        running = list(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _start(self, operation: str, document: Document) -> None:
        task = asyncio.create_task(self._run(operation, document), name=operation)
        self._tasks[task] = document["target"]
        task.add_done_callback(self._tasks.pop)

    async def _run(self, operation: str, document: Document) -> None:
        kind = self._kinds[document["kind"]]
        target, payload = document["target"], document["payload"]
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcome = document.get("outcome")
        failure = Failure(outcome["code"], outcome["message"]) if outcome else None
        try:
            if failure is None:
                await kind.work(target, payload)
        except DeploymentFailed as error:
            failure = Failure(error.code, error.message)
        except Exception as error:
            log.exception("operation %s on %s failed", document["kind"], target)
            failure = Failure("InternalServerError", f"The local Azure failed: {type(error).__name__}: {error}")
        # What is changed while it runs counts for it too.
        while (left := began + self._context.settings.current.operation_seconds - loop.time()) > 0:
            await asyncio.sleep(min(left, _LOOK_SECONDS))
        ended: Document = {
            **document,
            "status": failure.state if failure else "Succeeded",
            "endTime": self._context.moment(),
            "endedAt": self._context.now(),
        }
        if failure:
            ended["error"] = {"code": failure.code, "message": failure.message}
        with self._context.documents.transaction():
            kind.finish(target, payload, failure)
            self._context.documents.put("operation", operation, ended)
            end_of_operation(self._context, ended)

    def accepted(self, operation: str, call: Call) -> dict[str, str]:
        """The headers that tell a client where to look. Both of them, always: clients differ in which they follow."""
        control = self._context.addresses.control
        return {
            "Azure-AsyncOperation": control + operation_path(operation, call.place, call.api_version),
            "Location": control + operation_path(operation, call.place, call.api_version, "mfeOperationResults"),
            "Retry-After": RETRY_AFTER,
            "x-ms-async-operation-timeout": "PT2H",
        }

    def routes(self) -> Sequence[ArmRoute]:
        """The routes that clients poll."""
        base = f"/subscriptions/{{subscription}}/providers/{MACHINE_LEARNING}/locations/{{region}}/"
        return [
            ArmRoute(self._context, base + "mfeOperationsStatus/{operation}", self._status),
            ArmRoute(self._context, base + "mfeOperationResults/{operation}", self._result),
        ]

    def _find(self, call: Call) -> Document:
        found = self._context.documents.get("operation", call.params["operation"])
        if found is None:
            raise ServiceError(404, "NotFound", f"There is no operation {call.params['operation']}.")
        return found

    async def _status(self, call: Call) -> Response:
        found = self._find(call)
        body = {
            "id": call.request.url.path,
            "name": call.params["operation"],
            "status": found["status"],
            "startTime": found["startTime"],
            "percentComplete": 100.0 if found["status"] == "Succeeded" else 0.0,
        }
        body |= {key: found[key] for key in ("endTime", "error") if key in found}
        return JSONResponse(body, headers=_while_running(found))

    async def _result(self, call: Call) -> Response:
        found = self._find(call)
        if found["status"] == "InProgress":
            headers = {**_while_running(found), "Location": str(call.request.url)}
            return Response(status_code=202, headers=headers)
        if "error" in found:
            raise ServiceError(400, found["error"]["code"], found["error"]["message"])
        kind = self._kinds[found["kind"]]
        result = kind.result(found["target"]) if kind.result else None
        return Response(status_code=kind.ends_in) if result is None else JSONResponse(result, kind.ends_in)


def operation_path(operation: str, place: Place, version: str, collection: str = "mfeOperationsStatus") -> str:
    """Where an operation can be asked for, below the control plane's base URL."""
    scope = f"/subscriptions/{place.subscription}/providers/{MACHINE_LEARNING}/locations/{place.region}"
    return f"{scope}/{collection}/{operation}?api-version={version}"


def _while_running(found: Document) -> dict[str, str]:
    return {"Retry-After": RETRY_AFTER} if found["status"] == "InProgress" else {}
