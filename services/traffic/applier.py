"""Apply a plan in the background, and read it back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from services.azure import endpoints as azure_endpoints
from services.azure.connection import Connection
from services.errors import Conflict, RuleBroken, ServiceFailed, SluiceError
from services.model import Deployment, Endpoint, Split
from services.traffic.plan import Plan, check_rules

READ_BACK_SECONDS = 60.0
"""How long a finished write may take to show in a read; Azure's reads can lag a few seconds behind its writes."""
_READ_BACK_EVERY_SECONDS = 1.0
_REFUSED = "The split of {} was not changed."
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Application:
    """A snapshot of a plan being applied.

    ``phase`` is one of "reading", "writing", "waiting", "reading back", "done", "failed".
    """

    plan: Plan
    phase: str
    started_at: datetime
    finished_at: datetime | None
    error: SluiceError | None
    elapsed_seconds: float

    @property
    def is_running(self) -> bool:
        """Whether the plan is still being applied."""
        return self.finished_at is None


class Endpoints(Protocol):
    """What applying a plan needs of Azure; ``services.azure.endpoints`` is it."""

    def get_endpoint(self, conn: Connection, name: str, /) -> Endpoint:
        """One endpoint as Azure holds it now."""

    def list_deployments(self, conn: Connection, endpoint: str, /) -> list[Deployment]:
        """The deployments of an endpoint."""

    def write_split(
        self, conn: Connection, name: str, expected: Split, after: Split, /, *, on_phase: Callable[[str], None]
    ) -> None:
        """Replace the split and wait until Azure has done it."""


class Applier:
    """Applies plans in the background, one at a time per endpoint. Thread-safe; one per process.

    The clock, the sleeper and the way to Azure are given, so that tests need none of the three.
    """

    def __init__(
        self,
        conn: Connection,
        *,
        endpoints: Endpoints = azure_endpoints,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._conn = conn
        self._endpoints = endpoints
        self._now = now
        self._sleep = sleep
        self._lock = threading.Lock()
        self._applications: dict[str, Application] = {}

    def start(self, plan: Plan) -> Application:
        """Begin to apply ``plan``, or return the running application when it is the same plan.

        Raises Conflict when another plan is being applied to the endpoint, RuleBroken when there is nothing to change.
        """
        what = _REFUSED.format(plan.endpoint_name)
        if not plan.changes:
            raise RuleBroken(what, "The plan changes nothing.", "Move a share first.")
        with self._lock:
            running = self._applications.get(plan.endpoint_name)
            if running and running.is_running:
                if running.plan == plan:
                    return self._snapshot(running)
                why = f"Another change of {plan.endpoint_name} is being applied: {running.phase}."
                raise Conflict(what, why, "Wait until it is done, then decide again.", theirs=running.plan.after)
            application = Application(plan, "reading", self._now(), None, None, 0.0)
            self._applications[plan.endpoint_name] = application
        # A daemon: stopping Sluice must not wait for Azure, which finishes a write that it accepted in any case.
        threading.Thread(target=self._run, args=(plan,), name=f"apply {plan.endpoint_name}", daemon=True).start()
        return application

    def current(self, endpoint_name: str) -> Application | None:
        """The running or last application on an endpoint, None when there was none since the start."""
        with self._lock:
            application = self._applications.get(endpoint_name)
            return self._snapshot(application) if application else None

    def _run(self, plan: Plan) -> None:
        try:
            self._apply(plan)
        except SluiceError as error:
            self._finish(plan, "failed", error)
        except Exception:
            _log.exception("Applying a split to %s broke", plan.endpoint_name)
            why = "Sluice itself failed; the log has the details."
            failure = ServiceFailed(_REFUSED.format(plan.endpoint_name), why, "Read the split that Azure holds now.")
            self._finish(plan, "failed", failure)
        else:
            self._finish(plan, "done", None)

    def _apply(self, plan: Plan) -> None:
        endpoint = self._endpoints.get_endpoint(self._conn, plan.endpoint_name)
        check_rules(endpoint, self._endpoints.list_deployments(self._conn, plan.endpoint_name), plan.after)
        self._endpoints.write_split(
            self._conn,
            plan.endpoint_name,
            plan.before,
            plan.after,
            on_phase=lambda phase: self._move(plan, phase),
        )
        self._move(plan, "reading back")
        self._read_back(plan)

    def _read_back(self, plan: Plan) -> None:
        """Return when Azure's answer is the plan's split; a read that gets no answer is repeated."""
        started_at = self._now()
        what = f"The split of {plan.endpoint_name} was written but could not be confirmed."
        while True:
            theirs, problem = None, None
            try:
                theirs = self._endpoints.get_endpoint(self._conn, plan.endpoint_name).split
            except SluiceError as error:
                problem = error
            if theirs == plan.after:
                return
            if (self._now() - started_at).total_seconds() >= READ_BACK_SECONDS:
                if problem:
                    raise type(problem)(
                        what, problem.why, problem.next_step, request_id=problem.request_id
                    ) from problem
                why = "Azure finished the write, but holds another split now; somebody may have changed it meanwhile."
                raise Conflict(what, why, "Look at the split that Azure holds now, then decide again.", theirs=theirs)
            self._sleep(_READ_BACK_EVERY_SECONDS)

    def _move(self, plan: Plan, phase: str) -> None:
        with self._lock:
            self._applications[plan.endpoint_name] = replace(self._applications[plan.endpoint_name], phase=phase)

    def _finish(self, plan: Plan, phase: str, error: SluiceError | None) -> None:
        with self._lock:
            application = self._applications[plan.endpoint_name]
            self._applications[plan.endpoint_name] = replace(
                application, phase=phase, error=error, finished_at=self._now()
            )

    def _snapshot(self, application: Application) -> Application:
        until = application.finished_at or self._now()
        return replace(application, elapsed_seconds=(until - application.started_at).total_seconds())
