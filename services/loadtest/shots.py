"""What a load test fires: requests made ready before it begins, so that nothing is left to make while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from random import Random

from services.errors import RuleBroken
from services.loadtest.engine import Shot
from services.payloads import variables
from services.scoring.request import DEPLOYMENT_HEADER, ScoringRequest
from services.scoring.sending import CLIENT_ID_HEADER

VARIANTS = 200
"""How many different requests are made of one that holds ``{{$uuid}}`` or the like. They take turns."""
MOST_BYTES = 128 * 1024 * 1024
"""Of all prepared bodies."""
USER_AGENT = "sluice-loadtest"


def shots(
    requests: Sequence[ScoringRequest],
    values: Mapping[str, str],
    *,
    deployment: str | None,
    run_id: str,
    now: datetime,
    rng: Random,
) -> tuple[Shot, ...]:
    """The requests as they are sent, their variables put in; they take turns.

    All carry ``run_id`` as client request id, so that the endpoint's logs tell the test from its callers. Raises
    RuleBroken for a variable without a value, a request that cannot be sent, and bodies that are too large together.
    """
    made: list[Shot] = []
    size = 0
    for request in _variants(requests):
        ready = variables.filled(replace(request, deployment=deployment), values, now=now, rng=rng)
        ready.check()
        made.append(Shot(ready.body, _headers(ready, run_id)))
        size += len(ready.body)
        if size > MOST_BYTES:
            why = f"The bodies take more than {MOST_BYTES // 2**20} MB together."
            raise RuleBroken("The load test was not started.", why, "Use fewer or smaller payloads.")
    return tuple(made)


def _variants(requests: Sequence[ScoringRequest]) -> Iterator[ScoringRequest]:
    """Every request once per round, as many rounds as the one with most variants needs."""
    counts = [VARIANTS if _is_made_anew(request) else 1 for request in requests]
    for _ in range(max(counts, default=0)):
        yield from requests


def _is_made_anew(request: ScoringRequest) -> bool:
    texts: tuple[str | bytes, ...] = (request.body, *(value for _, value in request.headers))
    return any(name.startswith("$") for text in texts for name in variables.names_in(text))


def _headers(request: ScoringRequest, run_id: str) -> tuple[tuple[str, str], ...]:
    own = {"User-Agent": USER_AGENT, CLIENT_ID_HEADER: run_id}
    given = {name.lower() for name, _ in request.headers}
    return (
        ("Content-Type", request.content_type),
        *([(DEPLOYMENT_HEADER, request.deployment)] if request.deployment else []),
        *request.headers,
        *((name, value) for name, value in own.items() if name.lower() not in given),
    )
