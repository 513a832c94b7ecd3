"""Applies a split as Sluice does, and is killed, or stands still, at the moment that it is told.

``run`` is the body of a process of its own. The process is forked off one that has imported all of this already: what
is killed is a real process with its own connections, and it need not load Azure's packages first.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from services.azure import endpoints as azure_endpoints
from services.azure.connection import Connection, connect
from services.azure.endpoints import get_endpoint, list_deployments
from services.journal.entry import Who
from services.journal.journal import Journal
from services.model import WorkspaceRef
from services.settings import Settings
from services.store import Store
from services.traffic.applier import Applier
from services.traffic.plan import plan
from services.traffic.work import Limits

LIMITS = Limits(lag=0.5)
STANDING_STILL = Limits(lag=0.5, stood_still=0.1)
LATER_SECONDS = 40.0


class Mortal:
    """Stands before a part of Sluice, and ends this process right before or after one of its calls."""

    def __init__(self, target: Any, moment: str, seen: list[str]) -> None:
        self._target = target
        self._moment = moment
        self._seen = seen

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **more: Any) -> Any:
            step = "read_back" if name == "get_endpoint" and "send_split" in self._seen else name
            self._seen.append(step)
            self._reach(f"before {step}")
            answer = found(*arguments, **more)
            self._reach(f"after {step}")
            return answer

        return call

    def _reach(self, moment: str) -> None:
        if moment == self._moment:
            os.kill(os.getpid(), signal.SIGKILL)
        if f"stop {moment}" == self._moment and self._seen.count(moment.split()[1]) == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
            # The other threads are stopped a little before this one.
            time.sleep(0.05)


def run(place: WorkspaceRef, name: str, moment: str, file: Path, environment: Mapping[str, str], said: Path) -> None:
    """Apply, or take up with the moment "recover" what others have left, as if half a minute had passed.

    Writes how that ended into ``said``.
    """
    os.environ.clear()
    os.environ.update(environment)
    conn = connect(Settings.read(os.environ, Path("/nowhere"))).at(place)
    store = Store(file)
    said.write_text(recover(conn, store) if moment == "recover" else apply(conn, store, name, moment))


def recover(conn: Connection, store: Store) -> str:
    """How the changes have ended that others have left."""

    def later() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=LATER_SECONDS)

    applier = Applier(Journal(store, "local", now=later), now=later, sleep=lambda _: time.sleep(0.05), limits=LIMITS)
    return " ".join(found.outcome for found in applier.recover_now(conn))


def apply(conn: Connection, store: Store, name: str, moment: str) -> str:
    """How the change has ended, and how often it was written."""
    seen: list[str] = []
    journal = cast(Journal, Mortal(Journal(store, "local"), moment, seen))
    port = cast(Any, Mortal(azure_endpoints, moment, seen))
    endpoint = get_endpoint(conn, name)
    wanted = plan(endpoint, list_deployments(conn, name), {"blue": 70, "green": 30}, None, 0)
    limits = STANDING_STILL if moment.startswith("stop") else LIMITS
    applier = Applier(journal, endpoints=port, sleep=lambda _: time.sleep(0.05), limits=limits)
    applier.start(conn, wanted, change_id=f"change of {name}", who=Who("app", "ann"))
    ended = applier.wait(endpoint.id, 60)
    return f"{ended.outcome if ended else None} {seen.count('send_split')}"
