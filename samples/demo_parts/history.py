"""A past for an endpoint that has none: every row is a request that was really scored, only its time is assigned."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import requests
from demo_parts.local_azure import Control, Unavailable
from demo_parts.pace import Planned
from demo_parts.payloads import Payloads

BATCH = 1000
"""Rows in one call of the seed route."""

Row = dict[str, Any]


def score(
    planned: Sequence[Planned],
    payloads: Payloads,
    uri: str,
    key: str,
    secret: str,
    random: Random,
    say: Callable[[str], None],
) -> list[Row]:
    """Score every planned request, one at a time and deployment by deployment, and return the rows in planned order.

    The header x-emulator-record asks the gateway to send back the row it would have written instead of writing it.
    """
    bodies, headers = [payloads.body(random) for _ in planned], [payloads.headers(random) for _ in planned]
    for place, request in enumerate(planned):
        if request.copy_of is not None:
            bodies[place], headers[place] = bodies[request.copy_of], headers[request.copy_of]
    rows: dict[int, Row] = {}
    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {key}", "x-emulator-secret": secret, "x-emulator-record": "no"})
    order = sorted(range(len(planned)), key=lambda place: planned[place].deployment)
    for done, place in enumerate(order):
        if done % 500 == 0:
            say(f"scoring {len(order)} requests for the history, {done} done …")
        pinned = {**headers[place], "azureml-model-deployment": planned[place].deployment}
        answer = session.post(uri, data=bodies[place], headers=pinned, timeout=30)
        if "x-emulator-row" not in answer.headers:
            raise Unavailable(f"The gateway answered {answer.status_code} without a row: {answer.text[:300]}")
        rows[place] = json.loads(answer.headers["x-emulator-row"])
    return [rows[place] for place in range(len(planned))]


def post(control: Control, rows: Sequence[Row], created: Mapping[str, float]) -> None:
    """Store the rows and back-date the resources (ARM id → epoch seconds)."""
    for start in range(0, len(rows), BATCH):
        control.seed(list(rows[start : start + BATCH]), {})
    moments = {id_: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for id_, at in created.items()}
    control.seed([], moments)
