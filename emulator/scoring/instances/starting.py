"""From a started process to an instance that may get requests, or to the reason why not."""

from __future__ import annotations

import asyncio

from emulator.scoring.instances.diary import CONTAINER, Diary
from emulator.scoring.instances.instance import Instance
from emulator.scoring.instances.probes import GOOD, Kind, Tally, ask, follow, reason
from emulator.scoring.model import DeploymentFailed, DeploymentSpec, Probe

_POLL_SECONDS = 0.05


async def bring_up(instance: Instance, spec: DeploymentSpec, diary: Diary) -> None:
    """Start an instance and wait until its readiness probe passes.

    A pass is seen as soon as it comes, also during the initial delay: waiting would only make a local Azure slow.
    Failures count at the times and thresholds of the probes. Raises DeploymentFailed("ResourceNotReady") when the
    process ends, which is what an init() that raises leads to, or when a probe fails too often in a row; the process
    may be running then.
    """
    await instance.start()
    diary.note("Created", f"Created container {CONTAINER}", instance.identity)
    diary.note("Started", f"Started container {CONTAINER}", instance.identity)
    # The first that is done decides; an end of the process explains more than a probe.
    tasks = [
        asyncio.create_task(_crash(instance)),
        asyncio.create_task(_failure(instance, "Liveness", spec.liveness, diary)),
        asyncio.create_task(_failure(instance, "Readiness", spec.readiness, diary)),
        asyncio.create_task(_pass(instance, spec.readiness)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def not_ready(why: str) -> DeploymentFailed:
    """The failure of a deployment whose container does not serve."""
    return DeploymentFailed("ResourceNotReady", f"User container has crashed or terminated: {why}")


async def _crash(instance: Instance) -> None:
    await instance.ended()
    raise not_ready(await asyncio.to_thread(instance.last_error))


async def _failure(instance: Instance, kind: Kind, probe: Probe, diary: Diary) -> None:
    tally = Tally(probe)

    async def heard(status: int) -> bool:
        tally.note(status)
        if status != GOOD:
            diary.probe_failed(kind, status, instance.identity)
        if tally.failed:
            raise not_ready(reason(kind, status))
        return False

    await follow(probe, lambda: ask(instance.port, probe.timeout_seconds), heard, probe.initial_delay_seconds)


async def _pass(instance: Instance, probe: Probe) -> None:
    tally = Tally(probe)
    while True:
        status = await ask(instance.port, probe.timeout_seconds)
        tally.note(status)
        if tally.passed:
            return
        await asyncio.sleep(probe.period_seconds if status == GOOD else _POLL_SECONDS)
