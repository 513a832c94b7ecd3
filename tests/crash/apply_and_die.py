"""Applies a split as Sluice does, and is killed, or stands still, at the moment that it is told.

    python apply_and_die.py FILE WORKSPACE ENDPOINT MOMENT
    python apply_and_die.py FILE WORKSPACE ENDPOINT recover

The last form takes up what others have left, as if half a minute had passed, and prints how that ended.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from services.azure import endpoints as azure_endpoints
from services.azure.connection import connect
from services.azure.endpoints import get_endpoint, list_deployments
from services.journal.entry import Who
from services.journal.journal import Journal
from services.model import WorkspaceRef
from services.settings import Settings
from services.store import Store
from services.traffic.applier import Applier
from services.traffic.plan import plan
from services.traffic.work import Limits

LIMITS = Limits(lag=0.5, stood_still=0.1)
IN_FLIGHT_SECONDS = 0.3
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
            if self._moment == f"during {step}":
                threading.Timer(IN_FLIGHT_SECONDS, os.kill, (os.getpid(), signal.SIGKILL)).start()
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


def main() -> None:
    """Apply, or recover."""
    path, workspace, name, moment = sys.argv[1:]
    conn = connect(Settings.read(os.environ, Path("/nowhere"))).at(WorkspaceRef.parse(workspace))
    store = Store(Path(path))
    if moment == "recover":
        later: Callable[[], datetime] = lambda: datetime.now(UTC) + timedelta(seconds=LATER_SECONDS)  # noqa: E731
        applier = Applier(
            Journal(store, "local", now=later), now=later, sleep=lambda _: time.sleep(0.05), limits=LIMITS
        )
        sys.stdout.write(" ".join(found.outcome for found in applier.recover_now(conn)))
        return
    seen: list[str] = []
    journal = cast(Journal, Mortal(Journal(store, "local"), moment, seen))
    port = cast(Any, Mortal(azure_endpoints, moment, seen))
    endpoint = get_endpoint(conn, name)
    wanted = plan(endpoint, list_deployments(conn, name), {"blue": 70, "green": 30}, None, 0)
    applier = Applier(journal, endpoints=port, sleep=lambda _: time.sleep(0.05), limits=LIMITS)
    applier.start(conn, wanted, change_id=f"change of {name}", who=Who("app", "ann"))
    ended = applier.wait(endpoint.id, 60)
    sys.stdout.write(f"{ended.outcome if ended else None} {seen.count('send_split')}")


main()
