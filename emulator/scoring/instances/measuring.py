"""What instances use of their machines, measured from their processes.

Percentages are of the instance type that the deployment asks for where that is possible: memory is the resident memory
of the process tree against the memory of the type. Processor time is against one core, and at most 100: a server with
one worker cannot use more, and against the four cores of a common type an autoscale rule would never fire. Disk is the
file system that holds the state folder. Azure's own definitions are not public.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from emulator.scoring.telemetry.gauges import Gauges, Measurement

DISK = "/"
READY, NOT_READY = "Ready", "NotReady"
"""Values of the dimension State; Azure's are not public."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Subject:
    """An instance to be measured. `supervisor` is the process whose children are the instance's; None while down."""

    endpoint: str
    deployment: str
    instance: str
    supervisor: int | None
    is_ready: bool
    memory_gb: float


class Meter:
    """Measures all instances at once, in a thread: it reads the whole process table."""

    def __init__(self, disk: Path, stopwatch: Callable[[], float] = time.monotonic) -> None:
        """``disk`` is any path on the file system to be measured. ``stopwatch`` gives seconds since whenever."""
        self._disk = disk
        self._stopwatch = stopwatch
        # Per process: when it began, so that a number that is given again is not taken for the same process.
        self._seconds: dict[tuple[int, float], float] = {}
        self._last: float | None = None

    def measure(self, subjects: Sequence[Subject], at: float) -> list[Measurement]:
        """The values at the moment ``at`` (epoch seconds). Processor time needs a measurement before this one."""
        disk = psutil.disk_usage(str(self._disk)).percent
        children = _children()
        now = self._stopwatch()
        elapsed = None if self._last is None else now - self._last
        self._last, before, self._seconds = now, self._seconds, {}
        found: list[Measurement] = []
        for subject in subjects:
            used, resident = self._usage(_tree(subject.supervisor, children), before)
            values: list[tuple[str, Mapping[str, str], float]] = [
                ("DeploymentCapacity", {"State": READY if subject.is_ready else NOT_READY}, 1.0),
                ("DiskUtilization", {"disk": DISK}, disk),
                ("CpuMemoryUtilizationPercentage", {}, min(100.0, 100 * resident / (subject.memory_gb * 1024**3))),
            ]
            if elapsed is not None and elapsed > 0:
                values.append(("CpuUtilizationPercentage", {}, min(100.0, 100 * used / elapsed)))
            found += [
                Measurement(
                    at, subject.endpoint, subject.deployment, name, {"instanceId": subject.instance, **more}, value
                )
                for name, more, value in values
            ]
        return found

    def _usage(self, processes: Iterable[int], before: Mapping[tuple[int, float], float]) -> tuple[float, int]:
        """Processor seconds since the last measurement, and resident bytes."""
        used, resident = 0.0, 0
        for number in processes:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(number)
                with process.oneshot():
                    key, times = (number, process.create_time()), process.cpu_times()
                    resident += process.memory_info().rss
                self._seconds[key] = times.user + times.system
                used += self._seconds[key] - before.get(key, 0.0)
        return used, resident


async def keep_measuring(
    meter: Meter,
    subjects: Callable[[], Sequence[Subject]],
    gauges: Gauges,
    clock: Callable[[], float],
    every_seconds: float,
) -> None:
    """Measure for good. ``clock`` gives epoch seconds. What cannot be measured once is tried again the next time."""

    def measure(found: Sequence[Subject]) -> None:
        try:
            gauges.append(meter.measure(found, clock()))
        except (OSError, sqlite3.Error) as error:
            _log.warning("The instances could not be measured: %s", error)

    while True:
        await asyncio.to_thread(measure, subjects())
        await asyncio.sleep(every_seconds)


def _children() -> Mapping[int, list[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for process in psutil.process_iter(["ppid"]):
        found[process.info["ppid"]].append(process.pid)
    return found


def _tree(root: int | None, children: Mapping[int, list[int]]) -> list[int]:
    """Everything below a process, without the process."""
    below = list(children.get(root, ())) if root is not None else []
    for number in below:
        below.extend(children.get(number, ()))
    return below
