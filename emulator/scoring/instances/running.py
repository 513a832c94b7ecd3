"""One revision of a deployment that runs: its instances, kept alive, and the gateway's list of them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from emulator.scoring.instances.diary import CONTAINER, Diary
from emulator.scoring.instances.instance import Instance
from emulator.scoring.instances.layout import Revision
from emulator.scoring.instances.probes import GOOD, NO_ANSWER, Tally, ask, follow
from emulator.scoring.instances.starting import bring_up
from emulator.scoring.model import DeploymentFailed, DeploymentSpec, Probe

_DRAIN_MARGIN_SECONDS = 1.0
_IDLE_SECONDS = 0.5
_FIRST_BACK_OFF_SECONDS = 0.5
_LONGEST_BACK_OFF_SECONDS = 30.0
KEPT_LOGS = 20
"""Logs of instances that are gone, the newest, which are kept: a deployment may be scaled every minute for months."""

_log = logging.getLogger(__name__)


class Routes(Protocol):
    """The part of the gateway that the fleet needs."""

    async def set_deployment(
        self, endpoint: str, deployment: str, urls: tuple[str, ...], timeout_ms: int, max_concurrent: int
    ) -> None:
        """Point a deployment at its instances."""

    async def drained(self, urls: tuple[str, ...], timeout_seconds: float) -> bool:
        """Wait until the instances have no request under way; whether that came in time."""


@dataclass(frozen=True)
class Program:
    """What every instance of a revision executes."""

    python: Path
    revision: Revision
    variables: dict[str, str]

    def instance(self, number: int) -> Instance:
        """An instance that has not started; ``number`` names its log."""
        return Instance(self.python, self.revision.code, self.revision.instance_log(number), self.variables)


class Running:
    """Starts, watches, replaces and stops the instances of one revision."""

    def __init__(self, spec: DeploymentSpec, program: Program, gateway: Routes, diary: Diary) -> None:
        """Nothing starts yet."""
        self.spec = spec
        self.program = program
        self.instances: list[Instance] = []
        self.diary = diary
        self._gateway = gateway
        self._numbers = 0
        self._watchers: dict[Instance, asyncio.Task[None]] = {}
        # Out of rotation: ended, or not ready.
        self._resting: set[Instance] = set()

    def is_ready(self, instance: Instance) -> bool:
        """Whether an instance gets requests."""
        return instance not in self._resting

    async def grow(self, count: int) -> None:
        """Start instances until there are ``count``, all or none. Raises DeploymentFailed; nothing is published."""
        added = [self._next() for _ in range(count - len(self.instances))]
        starts = [asyncio.create_task(bring_up(instance, self.spec, self.diary)) for instance in added]
        try:
            await asyncio.gather(*starts)
        except BaseException:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            for instance in added:
                # On Azure a container that fails is tried again until somebody deletes the deployment; the outcome is
                # the same, so it is not done here.
                if instance.has_ended:
                    self._note_back_off(instance)
                else:
                    self._note_stop(instance)
            await asyncio.gather(*(instance.stop(at_once=True) for instance in added))
            self._forget_old_logs()
            raise
        self.instances += added

    async def shrink(self, count: int) -> None:
        """Stop instances until there are ``count``: those that are down first, then the newest; idle ones only."""
        order = sorted(self.instances, key=self.is_ready, reverse=True)
        leaving = order[count:]
        self.instances = [instance for instance in self.instances if instance not in leaving]
        await self._stop_watching(leaving)
        await self.publish()
        await self._take_down(leaving)
        self._resting.difference_update(leaving)
        self._forget_old_logs()

    async def publish(self) -> None:
        """Tell the gateway where the instances are and how much they take.

        When all are down they stay listed: the answer is then 424 and not "no deployment".
        """
        up = [instance.url for instance in self.instances if self.is_ready(instance)]
        spec = self.spec
        await self._gateway.set_deployment(
            spec.endpoint,
            spec.deployment,
            tuple(up or [instance.url for instance in self.instances]),
            spec.request_timeout_ms,
            spec.max_concurrent_requests,
        )

    def watch(self) -> None:
        """Keep the instances alive from now on."""
        for instance in self.instances:
            if instance not in self._watchers:
                self._watchers[instance] = asyncio.create_task(self._keep_alive(instance))

    async def leave_alone(self) -> None:
        """From here on a crashed instance neither restarts nor touches the routes."""
        await self._stop_watching(self.instances)

    async def take_down(self) -> None:
        """Stop all instances, which must get no new requests, after those they have."""
        await self._take_down(self.instances)

    async def stop(self) -> None:
        """Stop all instances at once."""
        await self.leave_alone()
        await asyncio.gather(*(instance.stop() for instance in self.instances))

    def _forget_old_logs(self) -> None:
        used = {instance.log for instance in self.instances}
        gone = [log for log in self.diary.writers if log not in used]
        for log in gone[:-KEPT_LOGS]:
            del self.diary.writers[log]
            for path in (log, log.with_name(log.name + ".1")):
                path.unlink(missing_ok=True)

    def _note_stop(self, instance: Instance) -> None:
        self.diary.note("Killing", f"Stopping container {CONTAINER}", instance.identity)

    def _note_back_off(self, instance: Instance) -> None:
        self.diary.note("BackOff", f"Back-off restarting failed container {CONTAINER}", instance.identity)

    def _next(self) -> Instance:
        instance = self.program.instance(self._numbers)
        self._numbers += 1
        self.diary.writers[instance.log] = instance.identity
        return instance

    async def _stop_watching(self, instances: list[Instance]) -> None:
        watchers = [self._watchers.pop(instance) for instance in instances if instance in self._watchers]
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)

    async def _take_down(self, instances: list[Instance]) -> None:
        await self._stop_watching(instances)
        timeout_seconds = self.spec.request_timeout_ms / 1000 + _DRAIN_MARGIN_SECONDS
        await self._gateway.drained(tuple(instance.url for instance in instances), timeout_seconds)
        for instance in instances:
            self._note_stop(instance)
        await asyncio.gather(*(instance.stop() for instance in instances))

    async def _keep_alive(self, instance: Instance) -> None:
        """Replace a crashed or hung instance, waiting longer each time it fails again."""
        name = f"{self.spec.endpoint}/{self.spec.deployment}"
        back_off = _FIRST_BACK_OFF_SECONDS
        while True:
            why = await self._until_unwell(instance)
            await self._rest(instance, True)
            await instance.stop(at_once=True)
            _log.warning("An instance of %s %s; it starts again in %s s.", name, why, back_off)
            self._note_back_off(instance)
            await asyncio.sleep(back_off)
            try:
                await bring_up(instance, self.spec, self.diary)
            except (DeploymentFailed, OSError) as failure:
                # OSError is the machine's: no memory or no process left, or a full disk. It may pass.
                _log.warning("An instance of %s did not start: %s", name, failure)
                back_off = min(back_off * 2, _LONGEST_BACK_OFF_SECONDS)
                continue
            back_off = _FIRST_BACK_OFF_SECONDS
            await self._rest(instance, False)

    async def _rest(self, instance: Instance, resting: bool) -> None:
        """Take an instance out of rotation or put it back."""
        if resting == self.is_ready(instance):
            (self._resting.add if resting else self._resting.discard)(instance)
            await self.publish()

    async def _until_unwell(self, instance: Instance) -> str:
        """Why an instance has to be replaced, once it has."""
        end = asyncio.create_task(instance.ended())
        probes = [
            asyncio.create_task(self._watch_liveness(instance)),
            asyncio.create_task(self._watch_readiness(instance)),
        ]
        try:
            await asyncio.wait([end, probes[0]], return_when=asyncio.FIRST_COMPLETED)
            return f"ended with code {end.result()}" if end.done() else "hung"
        finally:
            for task in (end, *probes):
                task.cancel()
            await asyncio.gather(end, *probes, return_exceptions=True)

    async def _watch_liveness(self, instance: Instance) -> None:
        tally = Tally(self.spec.liveness)

        async def heard(status: int) -> bool:
            tally.note(status)
            if status != GOOD:
                self.diary.probe_failed("Liveness", status, instance.identity)
            if tally.failed:
                self.diary.note(
                    "Killing", f"Container {CONTAINER} failed liveness probe, will be restarted", instance.identity
                )
            return tally.failed

        probe = self.spec.liveness
        await follow(probe, lambda: self._ask(instance, probe), heard, probe.period_seconds)

    async def _watch_readiness(self, instance: Instance) -> None:
        tally = Tally(self.spec.readiness)

        async def heard(status: int) -> bool:
            tally.note(status)
            if status != GOOD:
                self.diary.probe_failed("Readiness", status, instance.identity)
            if tally.failed or tally.passed:
                await self._rest(instance, tally.failed)
            return False

        probe = self.spec.readiness
        await follow(probe, lambda: self._ask(instance, probe), heard, probe.period_seconds)

    async def _ask(self, instance: Instance, probe: Probe) -> int:
        """The answer to a probe of an instance that serves.

        Microsoft's server works on one request at a time, and a probe waits behind it. That is no failure: while a
        request is under way the probe may take as long as a request may.
        """
        patience = max(probe.timeout_seconds, self.spec.request_timeout_ms / 1000)
        answer = asyncio.create_task(ask(instance.port, patience))
        try:
            await asyncio.wait([answer], timeout=probe.timeout_seconds)
            if not answer.done() and await self._gateway.drained((instance.url,), _IDLE_SECONDS):
                # The request may have ended just now; then the answer is about to come.
                await asyncio.wait([answer], timeout=_IDLE_SECONDS)
                if not answer.done():
                    return NO_ANSWER
            return await answer
        finally:
            answer.cancel()
