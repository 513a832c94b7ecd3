"""All deployments that run: environments, files, instances and their routes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from emulator.scoring import container_log
from emulator.scoring.environments import Environments
from emulator.scoring.events import Events
from emulator.scoring.gauges import Gauges
from emulator.scoring.instance import READY_SECONDS, Instance
from emulator.scoring.layout import Revision, container_variables, lay_out
from emulator.scoring.model import DeploymentFailed, DeploymentSpec

MAX_INSTANCES = 24
"""Instances that run at once unless told otherwise: each takes about 140 MB with scikit-learn loaded."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_DRAIN_MARGIN_SECONDS = 1.0
_FIRST_BACK_OFF_SECONDS = 0.5
_LONGEST_BACK_OFF_SECONDS = 30.0
_BUILD_LOG_NOTE = "build.log.path"

_log = logging.getLogger(__name__)


class Routes(Protocol):
    """The part of the gateway that the fleet needs."""

    async def set_deployment(
        self, endpoint: str, deployment: str, urls: tuple[str, ...], timeout_ms: int, max_concurrent: int
    ) -> None:
        """Point a deployment at its instances."""

    async def drained(self, urls: tuple[str, ...], timeout_seconds: float) -> bool:
        """Wait until the instances have no request under way; whether that came in time."""


@dataclass
class _Running:
    spec: DeploymentSpec
    revision: Revision
    instances: list[Instance]
    watchers: list[asyncio.Task[None]] = field(default_factory=list)
    down: set[Instance] = field(default_factory=set)

    def urls(self) -> tuple[str, ...]:
        """The instances to ask. When all are down they stay listed: the answer is then 424 and not "no deployment"."""
        up = [instance.url for instance in self.instances if instance not in self.down]
        return tuple(up or [instance.url for instance in self.instances])


class Fleet:
    """Deploys, updates in place, restarts what crashes, removes. One change at a time for each deployment."""

    def __init__(
        self,
        state: Path,
        caller_environment: Mapping[str, str],
        gateway: Routes,
        ready_seconds: float = READY_SECONDS,
        *,
        events: Events | None = None,
        gauges: Gauges | None = None,
        max_instances: int = MAX_INSTANCES,
        strict_environments: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``caller_environment`` holds the variables that the person who started the server had.

        ``max_instances`` is how many may run at once over all deployments. ``strict_environments`` fails a build whose
        versions cannot be had here, instead of taking the nearest. ``clock`` gives epoch seconds.
        """
        self._deployments = state.resolve() / "deployments"
        self._caller = dict(caller_environment)
        self._gateway = gateway
        self._ready_seconds = ready_seconds
        self._environments = Environments(state.resolve() / "environments", caller_environment)
        self._events = events
        self._gauges = gauges
        self._max_instances = max_instances
        self._strict_environments = strict_environments
        self._clock = clock
        self._running: dict[tuple[str, str], _Running] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def deploy(self, spec: DeploymentSpec) -> None:
        """Bring a deployment up, or replace the one that runs without failing a request.

        Raises DeploymentFailed with Azure's code; what ran before keeps running then.
        """
        for name in (spec.endpoint, spec.deployment):
            if not _NAME.fullmatch(name):
                raise DeploymentFailed("BadArgument", f"{name!r} is not a usable name.")
        key = (spec.endpoint, spec.deployment)
        async with self._lock(key):
            old = self._running.get(key)
            folder = self._next_revision(key)
            # A revision that failed is kept for its logs until the next attempt.
            await asyncio.to_thread(_keep_only, folder.parent, old.revision.folder if old else None)
            running = await self._bring_up(spec, folder)
            if old:
                await _stop_watching(old)
            self._running[key] = running
            await self._publish(running)
            for instance in running.instances:
                running.watchers.append(asyncio.create_task(self._keep_alive(running, instance)))
            if old:
                await self._take_down(old)
            await asyncio.to_thread(_keep_only, folder.parent, folder)

    async def remove(self, endpoint: str, deployment: str) -> None:
        """Stop a deployment, requests under way first, and delete its files. Does nothing when there is none."""
        key = (endpoint, deployment)
        async with self._lock(key):
            running = self._running.pop(key, None)
            if running:
                await _stop_watching(running)
            await self._gateway.set_deployment(endpoint, deployment, (), 0, 1)
            if running:
                await self._take_down(running)
            await asyncio.to_thread(shutil.rmtree, self._folder(key), ignore_errors=True)

    def logs(self, endpoint: str, deployment: str, container: str, tail: int) -> str:
        """The last lines of a container of the newest revision, failed ones included.

        ``inference-server`` merges all instances; ``storage-initializer`` is the download of code and model, after
        the log of the environment's build.
        """
        revisions = _revisions(self._folder((endpoint, deployment)))
        if not revisions:
            return ""
        newest = revisions[-1]
        if container == "inference-server":
            return container_log.tail(sorted(newest.glob("instance-*.log")), tail)
        paths = [newest / "storage-initializer.log"]
        with contextlib.suppress(FileNotFoundError):
            paths.insert(0, Path((newest / _BUILD_LOG_NOTE).read_text(encoding="utf-8")))
        return container_log.tail(paths, tail)

    async def close(self) -> None:
        """Stop every instance at once."""
        running, self._running = list(self._running.values()), {}
        await asyncio.gather(*(self._stop(entry) for entry in running))

    async def _bring_up(self, spec: DeploymentSpec, folder: Path) -> _Running:
        revision = await asyncio.to_thread(lay_out, spec, folder)
        build_log = self._environments.folder_for(spec.conda_yaml) / "build.log"
        (folder / _BUILD_LOG_NOTE).write_text(str(build_log), encoding="utf-8")
        environment = await self._environments.prepare(spec.conda_yaml, spec.image)
        variables = container_variables(spec, revision, environment.python, self._caller)
        instances = [
            Instance(environment.python, revision.code, revision.instance_log(number), variables)
            for number in range(spec.instance_count)
        ]
        starts = [asyncio.create_task(instance.start(self._ready_seconds)) for instance in instances]
        try:
            await asyncio.gather(*starts)
        except BaseException:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await asyncio.gather(*(instance.stop() for instance in instances))
            raise
        return _Running(spec, revision, instances)

    async def _publish(self, running: _Running) -> None:
        spec = running.spec
        await self._gateway.set_deployment(
            spec.endpoint, spec.deployment, running.urls(), spec.request_timeout_ms, spec.max_concurrent_requests
        )

    async def _keep_alive(self, running: _Running, instance: Instance) -> None:
        """Restart a crashed instance, waiting longer each time it fails again."""
        back_off = _FIRST_BACK_OFF_SECONDS
        while True:
            code = await instance.ended()
            running.down.add(instance)
            await self._publish(running)
            name = f"{running.spec.endpoint}/{running.spec.deployment}"
            _log.warning("An instance of %s ended with code %s; it starts again in %s s.", name, code, back_off)
            await asyncio.sleep(back_off)
            try:
                await instance.start(self._ready_seconds)
            except DeploymentFailed as failure:
                _log.warning("An instance of %s did not start: %s", name, failure.message)
                await instance.stop()
                back_off = min(back_off * 2, _LONGEST_BACK_OFF_SECONDS)
                continue
            back_off = _FIRST_BACK_OFF_SECONDS
            running.down.discard(instance)
            await self._publish(running)

    async def _take_down(self, running: _Running) -> None:
        """Stop instances that get no new requests, after those they have."""
        timeout_seconds = running.spec.request_timeout_ms / 1000 + _DRAIN_MARGIN_SECONDS
        await self._gateway.drained(tuple(instance.url for instance in running.instances), timeout_seconds)
        await self._stop(running)

    async def _stop(self, running: _Running) -> None:
        await _stop_watching(running)
        await asyncio.gather(*(instance.stop() for instance in running.instances))

    def _lock(self, key: tuple[str, str]) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

    def _folder(self, key: tuple[str, str]) -> Path:
        for name in key:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a usable name")
        return self._deployments / key[0] / key[1]

    def _next_revision(self, key: tuple[str, str]) -> Path:
        parent = self._folder(key)
        revisions = _revisions(parent)
        return parent / str(int(revisions[-1].name) + 1 if revisions else 1)


def _revisions(parent: Path) -> list[Path]:
    """The revisions of a deployment on disk, oldest first."""
    if not parent.is_dir():
        return []
    return sorted((path for path in parent.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))


def _keep_only(parent: Path, kept: Path | None) -> None:
    parent.mkdir(parents=True, exist_ok=True)
    for path in _revisions(parent):
        if path != kept:
            shutil.rmtree(path, ignore_errors=True)


async def _stop_watching(running: _Running) -> None:
    """From here on a crashed instance neither restarts nor touches the routes."""
    for watcher in running.watchers:
        watcher.cancel()
    await asyncio.gather(*running.watchers, return_exceptions=True)
