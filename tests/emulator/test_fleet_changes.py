"""Changes of a deployment that runs: more and fewer instances, other limits, and no room for more."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from emulator.scoring.instances import running
from emulator.scoring.model import DeploymentFailed
from tests.emulator.scoring_rig import Rig

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]


@asynccontextmanager
async def callers(rig: Rig, count: int) -> AsyncIterator[Counter[tuple[int, int]]]:
    """Requests without a pause; counts status and process of every answer."""
    seen: Counter[tuple[int, int]] = Counter()
    stop = asyncio.Event()

    async def call() -> None:
        while not stop.is_set():
            reply = await rig.send({"sleep": 0.02})
            seen[reply.status, reply.json().get("pid") if reply.status == 200 else 0] += 1

    tasks = [asyncio.create_task(call()) for _ in range(count)]
    yield seen
    stop.set()
    await asyncio.gather(*tasks)


async def more(seen: Counter[tuple[int, int]], wanted: int = 40) -> set[int]:
    """The processes that give the next answers."""
    before = Counter(seen)
    while (seen - before).total() < wanted:
        await asyncio.sleep(0.01)
    return {pid for _, pid in seen - before}


async def test_scaling_out_and_in_restarts_no_instance_and_fails_no_request(rig: Rig) -> None:
    await rig.deploy("blue", max_concurrent_requests=2)
    await rig.route({"blue": 100})
    async with callers(rig, 2) as seen:
        [first] = await more(seen)
        names = [view.identity for view in rig.fleet.instances("shop", "blue")]
        await rig.deploy("blue", max_concurrent_requests=2, instance_count=3)
        grown = await more(seen, 120)
        assert len(grown) == 3
        assert first in grown
        assert rig.fleet.instances("shop", "blue")[0].identity == names[0]
        await rig.deploy("blue", max_concurrent_requests=2, instance_count=1)
        await more(seen, 4)
        assert await more(seen) == {first}
    assert {status for status, _ in seen} == {200}
    assert [view.identity for view in rig.fleet.instances("shop", "blue")] == names
    assert [path.name for path in (rig.state / "deployments/shop/blue").iterdir()] == ["1"]
    logs = rig.fleet.log_files("shop", "blue")
    assert [(log.path.name, log.container) for log in logs] == [
        *((f"instance-{number}.log", "inference-server") for number in range(3)),
        ("storage-initializer.log", "storage-initializer"),
    ]
    # Those that are gone keep their names, so that what they logged can still be told apart.
    assert logs[0].instance == names[0]
    assert len({log.instance for log in logs[:3]} - {""}) == 3
    assert logs[3].instance == ""
    assert all(log.path.exists() for log in logs)
    assert rig.fleet.log_files("shop", "none") == []
    assert rig.fleet.instances("shop", "none") == []


async def test_other_limits_reach_the_gateway_and_no_instance_restarts(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    first = (await rig.send()).json()["pid"]
    await rig.deploy("blue", request_timeout_ms=300)
    assert (await rig.send({"sleep": 1})).status == 408
    await rig.deploy("blue", request_timeout_ms=20_000)
    assert (await rig.send()).json()["pid"] == first


async def test_a_scale_out_that_fails_leaves_what_runs(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "KEPT_LOGS", 1)
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    [code] = (rig.state / "deployments/shop/blue/1/azureml-app").rglob("score.py")
    code.write_text("def init(): raise ValueError('not a second time')\ndef run(raw): return 1\n")
    for _ in range(2):
        with pytest.raises(DeploymentFailed, match="not a second time"):
            await rig.deploy("blue", instance_count=2)
    # Failing every minute must not fill the disk with logs.
    assert [log.path.name for log in rig.fleet.log_files("shop", "blue")][:-1] == ["instance-0.log", "instance-2.log"]
    assert len(rig.fleet.instances("shop", "blue")) == 1
    assert (await rig.send()).status == 200


async def test_more_instances_than_there_is_room_for_end_in_azures_error(rig: Rig) -> None:
    rig.fleet._max_instances = 2
    await rig.deploy("blue")
    for count in (2, 3):
        with pytest.raises(DeploymentFailed, match="failed to provision due to a lack of Azure Machine") as failure:
            await rig.deploy("green", instance_count=count)
        assert failure.value.code == "OutOfCapacity"
    # An update in place holds the old instances and the new ones for a moment, which Azure's reserve allows.
    await rig.deploy("blue", environment_variables={"VERSION": "2"}, instance_count=2)
    with pytest.raises(DeploymentFailed):
        await rig.deploy("blue", environment_variables={"VERSION": "2"}, instance_count=3)
    assert len(rig.fleet.instances("shop", "blue")) == 2
    await rig.fleet.remove("shop", "blue")
    with pytest.raises(DeploymentFailed, match="the model is broken"):
        await rig.deploy("green", instance_count=2, environment_variables={"BREAK_INIT": "1"})
    await rig.deploy("green", instance_count=2)
