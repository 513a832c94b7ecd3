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
from emulator.documents import Document
from emulator.errors import ServiceError
from emulator.resources import MACHINE_LEARNING
from emulator.scoring.model import DeploymentFailed

log = logging.getLogger(__name__)
RETRY_AFTER = "1"
"""Always sent: without it the SDK polls every 5 or 30 seconds."""
KEEP_SECONDS = 24 * 3600
"""How long ended operations can be asked for."""


@dataclass(frozen=True)
class Failure:
    """Why an operation failed: Azure's error code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True)
class Kind:
    """What one kind of operation does. `ends_in` is the status of its result once it has succeeded."""

    work: Callable[[str, dict[str, Any]], Awaitable[None]]
    finish: Callable[[str, dict[str, Any], Failure | None], None]
    ends_in: int = 200


class Operations:
    """Runs the operations of one control plane."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kinds: dict[str, Kind] = {}
        self._tasks: dict[asyncio.Task[None], str] = {}

    def register(self, name: str, kind: Kind) -> None:
        """Say how operations of a kind are done."""
        self._kinds[name] = kind

    def begin(self, name: str, target: str, payload: dict[str, Any] | None = None, prefix: str = "oeidp") -> str:
        """Write an operation down and start it. Returns its id. Call it inside the transaction of its documents."""
        operation = f"{prefix}:{uuid.uuid4()}:{uuid.uuid4()}"
        document = {
            "kind": name,
            "target": target,
            "payload": payload or {},
            "status": "InProgress",
            "startTime": self._context.moment(),
            "startedAt": self._context.now(),
        }
        self._context.documents.put("operation", operation, document)
        self._start(operation, document)
        return operation

    def is_busy(self, target: str) -> bool:
        """Whether an operation on exactly this target runs."""
        return target in self._tasks.values()

    def resume(self) -> None:
        """Take up what a stop cut short, and forget what ended long ago."""
        for key, found in self._context.documents.all("operation"):
            if found["status"] == "InProgress":
                self._start(key, found)
            elif self._context.now() - found["startedAt"] > KEEP_SECONDS:
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
        due = loop.time() + self._context.settings.current.operation_seconds
        failure: Failure | None = None
        try:
            await kind.work(target, payload)
        except DeploymentFailed as error:
            failure = Failure(error.code, error.message)
        except Exception as error:
            log.exception("operation %s on %s failed", document["kind"], target)
            failure = Failure("InternalServerError", f"The local Azure failed: {type(error).__name__}: {error}")
        await asyncio.sleep(max(0.0, due - loop.time()))
        ended: Document = {
            **document,
            "status": "Failed" if failure else "Succeeded",
            "endTime": self._context.moment(),
        }
        if failure:
            ended["error"] = {"code": failure.code, "message": failure.message}
        with self._context.documents.transaction():
            kind.finish(target, payload, failure)
            self._context.documents.put("operation", operation, ended)

    def accepted(self, operation: str, call: Call) -> dict[str, str]:
        """The headers that tell a client where to look. Both of them, always: clients differ in which they follow."""
        status, result = (
            f"{self._context.addresses.control}/subscriptions/{call.place.subscription}/providers/"
            f"{MACHINE_LEARNING}/locations/{call.place.region}/{collection}/{operation}"
            f"?api-version={call.api_version}"
            for collection in ("mfeOperationsStatus", "mfeOperationResults")
        )
        return {
            "Azure-AsyncOperation": status,
            "Location": result,
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
        if found["status"] == "Failed":
            raise ServiceError(400, found["error"]["code"], found["error"]["message"])
        return Response(status_code=self._kinds[found["kind"]].ends_in)


def _while_running(found: Document) -> dict[str, str]:
    return {"Retry-After": RETRY_AFTER} if found["status"] == "InProgress" else {}
