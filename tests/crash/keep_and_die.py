"""Looks after shadow tests as Sluice does, and is killed at the moment that it is told: ``run`` is a process's body."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np

from services.azure.connection import Connection, connect
from services.azure.endpoints import get_endpoint, list_deployments
from services.comparison.criteria import Criteria
from services.comparison.judge import Arm
from services.journal.journal import Journal
from services.model import WorkspaceRef
from services.settings import Settings
from services.shadow.keeper import Keeper
from services.shadow.model import Asked, Minute, Pair, Reading, RunState
from services.shadow.runs import Runs
from services.store import Store
from services.traffic.applier import Applier
from tests.crash.apply_and_die import LIMITS

RUN_ID, MINUTES = "the-run", 30
LATER = timedelta(seconds=40)
_MINUTE, _STEP = timedelta(minutes=1), timedelta(minutes=4)
ASKED = Asked(Pair("blue", "green"), 20, Criteria(), timedelta(minutes=MINUTES), "ann", "app")


class Mortal:
    """Stands before a part of Sluice, and kills this process before or after the chosen call of it."""

    def __init__(self, target: Any, moment: str, left: list[int]) -> None:
        self._target = target
        self._moment = moment
        self._left = left

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **more: Any) -> Any:
            self._reach(f"before {name}")
            answer = found(*arguments, **more)
            self._reach(f"after {name}")
            return answer

        return call

    def _reach(self, moment: str) -> None:
        if moment == self._moment:
            self._left[0] -= 1
            if not self._left[0]:
                os.kill(os.getpid(), signal.SIGKILL)


class Clock:
    """The run's own time: it begins in the past, and each step of the process puts it forward."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def minute(at: datetime) -> Minute:
    """What both did at ``at``: the same for every process that reads it."""
    drawn = np.random.default_rng(int(at.timestamp())).lognormal(3, 0.3, (2, 40))
    return Minute(at, Arm(40, 0, drawn[0]), Arm(40, 0, drawn[1]))


def read(
    conn: Connection,
    endpoint: object,
    deployments: Sequence[object],
    pair: Pair,
    since: datetime,
    until: datetime,
    **_: object,
) -> Reading:
    """The minutes of both, as a source that has them all tells them."""
    count = (until - since) // _MINUTE
    found = tuple(minute(since + number * _MINUTE) for number in range(count))
    return Reading(found, "Deployment metrics", "Console log")


def run(
    place: WorkspaceRef,
    name: str,
    moment: str,
    nth: int,
    began: datetime,
    file: Path,
    environment: Mapping[str, str],
) -> None:
    """Begin the run unless it has begun, and look after it every few minutes of its time until its verdict is frozen.

    Dies at the ``nth`` time of ``moment``.
    """
    os.environ.clear()
    os.environ.update(environment)
    conn = connect(Settings.read(os.environ, Path("/nowhere"))).at(place)
    store, left = Store(file), [nth]
    runs = cast(Runs, Mortal(Runs(store, conn.arm_host), moment, left))
    kept, clock = runs.newest(RUN_ID), Clock(began)
    # A lease ends half a minute after its process, and the one that is dead was a step ahead of what it has kept.
    later = LATER if kept is not None else timedelta()
    clock.at = began if kept is None else kept + 2 * _MINUTE + _STEP

    def now() -> datetime:
        return datetime.now(UTC) + later

    journal = cast(Journal, Mortal(Journal(store, conn.arm_host, now=now), moment, left))
    changing = Applier(journal, now=now, sleep=lambda _: time.sleep(0.05), limits=LIMITS)
    applier = cast(Applier, Mortal(changing, moment, left))
    keeper = Keeper(conn, runs, journal, applier, now=clock, read=read)
    if runs.get(RUN_ID) is None:
        endpoint, deployments = get_endpoint(conn, name), list_deployments(conn, name)
        keeper.begin(conn, endpoint, deployments, ASKED, run_id=RUN_ID)
    deadline = datetime.now(UTC) + timedelta(seconds=200)
    while (found := runs.get(RUN_ID)) is not None and found.verdict is None:
        if datetime.now(UTC) > deadline:
            os._exit(3)
        keeper.round()
        if found.state is not RunState.RUNNING or found.set_at is not None:
            clock.at += _STEP
    applier.stop()
    store.close()
