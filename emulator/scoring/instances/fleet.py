"""All deployments that run: environments, files, instances and their routes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emulator.scoring.environments.cache import Environments
from emulator.scoring.environments.recipe import recipe
from emulator.scoring.instances import container_log
from emulator.scoring.instances.diary import CONTAINER, Diary
from emulator.scoring.instances.layout import container_variables, download_log, lay_out, note
from emulator.scoring.instances.measuring import Meter, Subject, keep_measuring
from emulator.scoring.instances.running import Program, Routes, Running
from emulator.scoring.instances.starting import not_ready
from emulator.scoring.model import DeploymentFailed, DeploymentSpec
from emulator.scoring.telemetry.events import Events
from emulator.scoring.telemetry.gauges import Gauges

MAX_INSTANCES = 24
"""Instances that run at once unless told otherwise: each takes about 140 MB with scikit-learn loaded."""

MEASURE_SECONDS = 5.0

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_BUILD_LOG_NOTE = "build.log.path"
_NO_SERVER = "A required package azureml-inference-server-http is missing."
_OUT_OF_CAPACITY = (
    "The specified VM Size failed to provision due to a lack of Azure Machine Learning capacity. Retry later or try"
    " deploying to a different region."
)

Key = tuple[str, str]


@dataclass(frozen=True)
class InstanceView:
    """An instance as others see it. `pid` is its supervisor's, None while it is down."""

    identity: str
    is_ready: bool
    pid: int | None
    log: Path


@dataclass(frozen=True)
class LogFile:
    """A container's log on disk; `<path>.1` holds what was before, if anything. `instance` is "" for one of all."""

    path: Path
    container: str
    instance: str


class Fleet:
    """Deploys, updates in place, scales, restarts what fails, removes. One change at a time for each deployment."""

    def __init__(
        self,
        state: Path,
        caller_environment: Mapping[str, str],
        gateway: Routes,
        *,
        events: Events | None = None,
        gauges: Gauges | None = None,
        max_instances: int = MAX_INSTANCES,
        strict_environments: bool = False,
        clock: Callable[[], float] = time.time,
        measure_seconds: float = MEASURE_SECONDS,
    ) -> None:
        """``caller_environment`` holds the variables that the person who started the server had.

        ``max_instances`` is how many may run at once over all deployments. ``strict_environments`` fails a build whose
        versions cannot be had here, instead of taking the nearest. ``clock`` gives epoch seconds.
        """
        self._state = state.resolve()
        self._deployments = self._state / "deployments"
        self._caller = dict(caller_environment)
        self._gateway = gateway
        self._events = events
        self._gauges = gauges
        self._max_instances = max_instances
        self._strict = strict_environments
        self._clock = clock
        self._measure_seconds = measure_seconds
        self._measuring: asyncio.Task[None] | None = None
        self._environments = Environments(self._state / "environments", caller_environment, strict_environments)
        self._running: dict[Key, Running] = {}
        self._diaries: dict[Key, Diary] = {}
        self._claims: dict[Key, int] = {}
        self._locks: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.before_logs_go: Callable[[str, str, Sequence[LogFile]], Awaitable[None]] | None = None
        """Told the logs of a deployment (endpoint, name) that are about to be deleted; nothing writes to them."""

    async def deploy(self, spec: DeploymentSpec) -> None:
        """Bring a deployment up, or change the one that runs without failing a request.

        When only the number of instances or the limits of requests differ, no instance that stays is restarted. Raises
        DeploymentFailed with Azure's code; what ran before keeps running then.
        """
        for name in (spec.endpoint, spec.deployment):
            if not _NAME.fullmatch(name):
                raise DeploymentFailed("BadArgument", f"{name!r} is not a usable name.")
        key = (spec.endpoint, spec.deployment)
        async with self._locks[key]:
            old = self._running.get(key)
            self._claim(key, spec.instance_count, old)
            try:
                if old and _program_of(old.spec) == _program_of(spec):
                    await self._adjust(old, spec)
                else:
                    await self._replace(key, spec, old)
            finally:
                now = self._running.get(key)
                self._claims[key] = now.spec.instance_count if now else 0
            self._measure()

    async def remove(self, endpoint: str, deployment: str) -> None:
        """Stop a deployment, requests under way first, and delete its files. Does nothing when there is none."""
        key = (endpoint, deployment)
        async with self._locks[key]:
            logs = self.log_files(*key)
            running = self._running.pop(key, None)
            if running:
                await running.leave_alone()
            await self._gateway.set_deployment(endpoint, deployment, (), 0, 1)
            if running:
                await running.take_down()
            self._claims.pop(key, None)
            self._diaries.pop(key, None)
            if self.before_logs_go:
                await self.before_logs_go(*key, logs)
            await asyncio.to_thread(_delete, self._folder(key))

    def instances(self, endpoint: str, deployment: str) -> list[InstanceView]:
        """The instances of a deployment, the oldest first; none when it does not run."""
        running = self._running.get((endpoint, deployment))
        if running is None:
            return []
        return [
            InstanceView(instance.identity, running.is_ready(instance), instance.pid, instance.log)
            for instance in running.instances
        ]

    def log_files(self, endpoint: str, deployment: str) -> list[LogFile]:
        """The logs of the revision that runs, or of the newest when none does."""
        key = (endpoint, deployment)
        running = self._running.get(key)
        folder = running.program.revision.folder if running else _newest(self._folder(key))
        if folder is None:
            return []
        diary = running.diary if running else self._diaries.get(key)
        writers = diary.writers if diary else {}
        files = [LogFile(path, CONTAINER, writers.get(path, "")) for path in sorted(folder.glob("instance-*.log"))]
        initializer = download_log(folder)
        return [*files, LogFile(initializer, "storage-initializer", "")] if initializer.exists() else files

    def logs(self, endpoint: str, deployment: str, container: str, tail: int) -> str:
        """The last lines of a container of the newest revision, failed ones included, below the events so far.

        ``inference-server`` merges all instances; ``storage-initializer`` is the download of code and model, after
        the log of the environment's build.
        """
        key = (endpoint, deployment)
        newest = _newest(self._folder(key))
        if newest is None:
            return ""
        diary = self._diaries.get(key)
        return (diary.text() if diary else "") + container_log.tail(self._log_paths(key, newest, container), tail)

    async def close(self) -> None:
        """Stop every instance at once."""
        if self._measuring:
            self._measuring.cancel()
            await asyncio.gather(self._measuring, return_exceptions=True)
        running, self._running = list(self._running.values()), {}
        await asyncio.gather(*(entry.stop() for entry in running))

    def _log_paths(self, key: Key, folder: Path, container: str) -> list[Path]:
        if container == CONTAINER:
            running = self._running.get(key)
            is_newest = running is not None and running.program.revision.folder == folder
            return [view.log for view in self.instances(*key)] if is_newest else sorted(folder.glob("instance-*.log"))
        paths = [download_log(folder)]
        with contextlib.suppress(FileNotFoundError):
            paths.insert(0, Path((folder / _BUILD_LOG_NOTE).read_text(encoding="utf-8")))
        return paths

    def _claim(self, key: Key, count: int, old: Running | None) -> None:
        """Reserve room for a deployment's instances. During an update the old ones do not count twice."""
        wanted = max(count, old.spec.instance_count if old else 0)
        others = sum(claimed for other, claimed in self._claims.items() if other != key)
        if count > (old.spec.instance_count if old else 0) and others + wanted > self._max_instances:
            raise DeploymentFailed("OutOfCapacity", _OUT_OF_CAPACITY)
        self._claims[key] = wanted

    async def _adjust(self, running: Running, spec: DeploymentSpec) -> None:
        """Scale, and change the limits of requests."""
        if spec.instance_count > len(running.instances):
            await running.grow(spec.instance_count)
        running.spec = spec
        if spec.instance_count < len(running.instances):
            await running.shrink(spec.instance_count)
        await running.publish()
        running.watch()

    async def _replace(self, key: Key, spec: DeploymentSpec, old: Running | None) -> None:
        folder = self._next_revision(key)
        # A revision that failed is kept for its logs until the next attempt.
        await asyncio.to_thread(_keep_only, folder.parent, old.program.revision.folder if old else None)
        diary = self._diaries[key] = Diary(*key, self._events, self._clock)
        running = await self._bring_up(spec, folder, diary)
        logs = self.log_files(*key) if old else []
        if old:
            await old.leave_alone()
        self._running[key] = running
        await running.publish()
        running.watch()
        if old:
            await old.take_down()
            if self.before_logs_go:
                await self.before_logs_go(*key, logs)
        await asyncio.to_thread(_keep_only, folder.parent, folder)
        await self._environments.prune({entry.program.python for entry in self._running.values()})

    async def _bring_up(self, spec: DeploymentSpec, folder: Path, diary: Diary) -> Running:
        folder.mkdir(parents=True)
        try:
            program = await self._prepare(spec, folder, diary)
        except DeploymentFailed as failure:
            await asyncio.to_thread(note, folder, f"{failure.code}: {failure.message}")
            raise
        running = Running(spec, program, self._gateway, diary)
        diary.phase("SystemSetup", "Succeeded")
        diary.phase("UserContainerStart", "InProgress")
        try:
            await running.grow(spec.instance_count)
        except DeploymentFailed:
            diary.phase("UserContainerStart", "Failed")
            raise
        diary.phase("UserContainerStart", "Succeeded")
        return running

    async def _prepare(self, spec: DeploymentSpec, folder: Path, diary: Diary) -> Program:
        """The environment and the files of a revision: what is "pulled" and "downloaded" on Azure."""
        wanted = await asyncio.to_thread(recipe, spec)
        (folder / _BUILD_LOG_NOTE).write_text(str(self._environments.log_of(wanted)), encoding="utf-8")
        diary.phase("SystemSetup", "InProgress")
        environment = await self._environments.prepare(wanted, spec.image)
        diary.note("Pulled", "Container image is pulled successfully")
        diary.phase("UserContainerImagePull", "Succeeded")
        diary.tell("Downloading", "Start downloading models")
        try:
            revision = await asyncio.to_thread(lay_out, spec, folder)
        except DeploymentFailed:
            diary.phase("ModelDownload", "Failed")
            diary.tell("DownloadFailed", "Model download failed. Please check storage-initializer log for detail.")
            raise
        diary.phase("ModelDownload", "Succeeded")
        diary.tell("Downloaded", "Models are downloaded successfully or no model need to download")
        if self._strict and not wanted.brings_server:
            revision.instance_log(0).write_text(f"{_NO_SERVER}\n", encoding="utf-8")
            raise not_ready(_NO_SERVER)
        variables = container_variables(spec, revision, environment.python, self._caller)
        return Program(environment.python, revision, variables)

    def _measure(self) -> None:
        if self._gauges and self._measuring is None:
            self._measuring = asyncio.create_task(
                keep_measuring(Meter(self._state), self._subjects, self._gauges, self._clock, self._measure_seconds)
            )

    def _subjects(self) -> list[Subject]:
        return [
            Subject(*key, instance.identity, instance.pid, running.is_ready(instance), running.spec.memory_gb)
            for key, running in self._running.items()
            for instance in running.instances
        ]

    def _folder(self, key: Key) -> Path:
        for name in key:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a usable name")
        return self._deployments / key[0] / key[1]

    def _next_revision(self, key: Key) -> Path:
        parent = self._folder(key)
        newest = _newest(parent)
        return parent / str(int(newest.name) + 1 if newest else 1)


def _program_of(spec: DeploymentSpec) -> DeploymentSpec:
    """A deployment without what can change while its instances run."""
    return replace(spec, instance_count=0, request_timeout_ms=0, max_concurrent_requests=0)


def _revisions(parent: Path) -> list[Path]:
    """The revisions of a deployment on disk, oldest first."""
    if not parent.is_dir():
        return []
    return sorted((path for path in parent.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))


def _newest(parent: Path) -> Path | None:
    return next(reversed(_revisions(parent)), None)


def _delete(folder: Path) -> None:
    """Delete a deployment's files, and the endpoint's folder with the last of its deployments."""
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()


def _keep_only(parent: Path, kept: Path | None) -> None:
    parent.mkdir(parents=True, exist_ok=True)
    for path in _revisions(parent):
        if path != kept:
            shutil.rmtree(path, ignore_errors=True)
