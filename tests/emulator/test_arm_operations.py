"""Long-running operations: how they end, what is left of them, and that a stop does not lose them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.arm.context import Context
from emulator.arm.operations import KEEP_SECONDS, SWEEP_SECONDS, Failure, Kind, Operations
from emulator.faults import Fault, Outcome
from emulator.scoring.model import DeploymentFailed
from tests.emulator.control_rig import NOW, control_context

WRITE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write"


class Worker:
    """A kind of operation that notes what it is asked for."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.worked: list[str] = []
        self.ended: list[Failure | None] = []
        self._problem = problem

    async def work(self, target: str, _: dict[str, Any]) -> None:
        self.worked.append(target)
        if self._problem is not None:
            raise self._problem

    def finish(self, _: str, __: dict[str, Any], failure: Failure | None) -> None:
        self.ended.append(failure)


def operations(context: Context, worker: Worker, seconds: float = 0) -> Operations:
    context.settings.change({"operation_seconds": seconds})
    made = Operations(context)
    made.register("write", Kind(WRITE, "oeidp", worker.work, worker.finish))
    return made


def run(
    context: Context,
    worker: Worker,
    meanwhile: Callable[[Operations, str], None] | None = None,
    seconds: float = 0,
) -> dict[str, Any]:
    """Begin one operation and wait for its end. Returns its document."""

    async def begin() -> str:
        made = operations(context, worker, seconds)
        name = made.begin("write", "shop")
        assert made.is_busy("shop")
        if meanwhile is not None:
            meanwhile(made, name)
        while made.is_busy("shop"):
            await asyncio.sleep(0)
        return name

    found = context.documents.get("operation", asyncio.run(begin()))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        (None, "Succeeded", None),
        (DeploymentFailed("ImageBuildFailure", "no such package"), "Failed", "ImageBuildFailure"),
        (DeploymentFailed("OperationCanceled", "something more important"), "Canceled", "OperationCanceled"),
        (RuntimeError("of ours"), "Failed", "InternalServerError"),
    ],
)
def test_an_operation_ends_as_its_work_does(
    tmp_path: Path, problem: Exception | None, status: str, code: str | None
) -> None:
    with control_context(tmp_path) as context:
        worker = Worker(problem)
        found = run(context, worker)
    assert found["status"] == status
    assert found.get("error", {}).get("code") == code
    (failure,) = worker.ended
    assert (failure.state if failure else "Succeeded") == status


def test_a_fault_decides_how_an_operation_ends_and_nothing_is_done(tmp_path: Path) -> None:
    with control_context(tmp_path) as context:
        context.faults.add(Fault(operation=WRITE, target="shop", outcome=Outcome("OutOfQuota", "none left"), times=1))
        worker = Worker()
        assert run(context, worker)["error"] == {"code": "OutOfQuota", "message": "none left"}
        assert worker.worked == []
        assert run(context, worker)["status"] == "Succeeded"


def test_an_operation_that_runs_ends_when_operations_take_no_time_any_more(tmp_path: Path) -> None:
    with control_context(tmp_path) as context:
        worker = Worker()

        def shorten(_: Operations, __: str) -> None:
            loop = asyncio.get_running_loop()

            def once_it_waits() -> None:
                if worker.worked:
                    context.settings.change({"operation_seconds": 0})
                else:
                    loop.call_soon(once_it_waits)

            once_it_waits()

        found = run(context, worker, shorten, seconds=3600)
    assert found["status"] == "Succeeded"


@pytest.mark.parametrize("has_fault", [False, True])
def test_a_stop_in_the_middle_loses_neither_the_operation_nor_its_fate(tmp_path: Path, has_fault: bool) -> None:
    async def stop_at_once(context: Context) -> None:
        made = operations(context, Worker())
        made.begin("write", "shop")
        await made.close()

    async def take_up(context: Context) -> None:
        made = operations(context, worker)
        made.resume()
        assert made.is_busy("shop")
        while made.is_busy("shop"):
            await asyncio.sleep(0)

    worker = Worker()
    with control_context(tmp_path) as context:
        if has_fault:
            context.faults.add(Fault(operation=WRITE, outcome=Outcome("OutOfQuota", "none left")))
        asyncio.run(stop_at_once(context))
    with control_context(tmp_path) as context:
        asyncio.run(take_up(context))
        ((_, found),) = context.documents.all("operation")
    assert found["status"] == ("Failed" if has_fault else "Succeeded")
    assert worker.worked == ([] if has_fault else ["shop"])


def test_what_ended_long_ago_is_forgotten_while_the_server_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [NOW]
    with control_context(tmp_path, lambda: clock[0]) as context:
        for name, status, ended in (("old", "Failed", 1.0), ("fresh", "Succeeded", NOW), ("running", "InProgress", 0)):
            document = {"status": status, "startedAt": 1.0, "endedAt": ended}
            context.documents.put("operation", name, document)

        def names() -> set[str]:
            return {key for key, _ in context.documents.all("operation")} & {"old", "fresh", "running"}

        def later(made: Operations, _: str) -> None:
            assert names() == {"fresh", "running"}
            clock[0] += KEEP_SECONDS + 1
            made.begin("write", "soon")
            assert names() == {"fresh", "running"}
            loop = asyncio.get_running_loop()
            moment = loop.time() + SWEEP_SECONDS + 1
            monkeypatch.setattr(loop, "time", lambda: moment)
            made.begin("write", "late")
            assert names() == {"running"}

        run(context, Worker(), later)
