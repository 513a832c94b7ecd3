"""One load test from its key to its result."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from services.azure.connection import Connection
from services.errors import SluiceError
from services.loadtest.engine import Engine, Outcome
from services.loadtest.plan import Plan
from services.loadtest.shots import shots
from services.loadtest.tally import Tally, total_of
from services.model import Endpoint
from services.scoring.address import check_address
from services.scoring.bearer import bearer, forget_bearer
from services.scoring.request import ScoringRequest

RENEW_SECONDS = 30.0
"""How often a token is looked at; one that is to be renewed is fetched again while the old one still counts."""
REPEAT_SECONDS = 5.0
"""Between two answers of 401 that have the key fetched again."""


@dataclass(frozen=True)
class Order:
    """What is to be done. ``payloads`` are names and requests, which take turns; ``deployment`` None is the split."""

    endpoint: Endpoint
    deployment: str | None
    plan: Plan
    payloads: tuple[tuple[str, ScoringRequest], ...]
    timeout_seconds: float
    run_id: str


class Bearer:
    """The key or token of a run, fetched again in the background when it is old or was refused."""

    def __init__(self, conn: Connection, endpoint: Endpoint) -> None:
        self._conn, self._endpoint = conn, endpoint
        self._value, _ = bearer(conn, endpoint, datetime.now(UTC))
        self._is_refused, self._is_over = threading.Event(), threading.Event()
        threading.Thread(target=self._keep, name="bearer", daemon=True).start()

    def value(self) -> str:
        """What to send now."""
        return self._value

    def renew(self) -> None:
        """It was refused: fetch it again soon."""
        self._is_refused.set()

    def close(self) -> None:
        """Fetch nothing more."""
        self._is_over.set()
        self._is_refused.set()

    def _keep(self) -> None:
        while not self._is_over.is_set():
            was_refused = self._is_refused.wait(RENEW_SECONDS)
            if self._is_over.is_set():
                return
            if was_refused:
                forget_bearer(self._conn, self._endpoint)
            elif self._endpoint.auth_mode == "key":
                continue
            # When it cannot be had, the endpoint's answers say so: they are counted, and end the test if they persist.
            with contextlib.suppress(SluiceError):
                self._value, _ = bearer(self._conn, self._endpoint, datetime.now(UTC))
            if was_refused and not self._is_over.wait(REPEAT_SECONDS):
                self._is_refused.clear()


def perform(
    conn: Connection,
    order: Order,
    values: dict[str, str],
    *,
    on_second: Callable[[dict[str, Any]], None],
    on_engine: Callable[[Engine], None],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    rng: Random | None = None,
) -> dict[str, Any]:
    """Run the test and return its result as JSON can hold it. ``on_engine`` gets what can be stopped.

    Raises SluiceError when it cannot begin: an address that the key must not go to, no key, a payload that cannot be
    sent.
    """
    check_address(order.endpoint, is_local=conn.is_local)
    requests = [replace(request, timeout_seconds=order.timeout_seconds) for _, request in order.payloads]
    ready = shots(
        requests,
        values,
        deployment=order.deployment,
        run_id=order.run_id,
        now=now(),
        rng=rng or Random(),  # noqa: S311
    )
    secret = Bearer(conn, order.endpoint)
    try:
        engine = Engine(
            order.endpoint.scoring_uri,
            ready,
            order.plan,
            timeout_seconds=order.timeout_seconds,
            bearer=secret.value,
            renew=secret.renew,
            on_second=on_second,
        )
        on_engine(engine)
        began = now()
        outcome = engine.run()
    finally:
        secret.close()
    return content(order, engine.tally, outcome, began)


def content(order: Order, tally: Tally, outcome: Outcome, began: datetime) -> dict[str, Any]:
    """The result: what was asked for, what was sent, what came back, and what to think of it. Times are in ms."""
    plan, outcomes = order.plan, tally.outcomes
    doubts = tally.doubts()
    return {
        "run": order.run_id,
        "endpoint": order.endpoint.name,
        "deployment": order.deployment,
        "split": dict(order.endpoint.split.live),
        "payloads": [name for name, _ in order.payloads],
        "plan": {"start_rate": plan.start_rate, "end_rate": plan.end_rate, "seconds": plan.seconds},
        "planned": plan.total,
        "timeout_seconds": order.timeout_seconds,
        "started_at": began.isoformat(),
        "seconds": round(outcome.seconds, 3),
        "ended": outcome.ended,
        "why": outcome.why,
        "is_valid": not doubts,
        "doubts": doubts,
        "sent": tally.sent,
        "good": total_of(outcomes, good=True),
        "failed": total_of(outcomes, good=False),
        "abandoned": outcome.abandoned,
        "rate": round(tally.sent / outcome.sending_seconds, 3) if outcome.sending_seconds else None,
        "latency_ms": tally.latency(),
        "lag_ms": tally.lag(),
        "most_in_flight": tally.most_in_flight,
        "outcomes": dict(outcomes),
        "deployments": tally.deployments(),
        "series": tally.series,
    }
