"""What the demo asks: rows that the models have never seen, and now and then something broken."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

BAD_SHARE = 0.012
"""The share of requests that no scoring script can answer, so that errors are something to look at."""

SEVERAL_SHARE = 0.15
"""The share of requests that ask about several rows at once."""


class Payloads:
    """Makes the bodies and headers of requests from the held-out rows of one sample."""

    def __init__(self, folder: Path, clients: tuple[str, ...]) -> None:
        lines = (folder / "held-out.jsonl").read_text().splitlines()
        self._rows: list[Any] = [json.loads(line)["data"] for line in lines]
        self._clients = clients

    def body(self, random: Random) -> bytes:
        """Return the body of one request."""
        count = random.randint(2, 8) if random.random() < SEVERAL_SHARE else 1
        rows = random.sample(self._rows, count)
        if random.random() >= BAD_SHARE:
            return json.dumps({"data": rows}).encode()
        return random.choice((_cut_short, _incomplete, _unreadable_value))(rows)

    def headers(self, random: Random) -> dict[str, str]:
        """Return the headers of one request: who asks, and the id the caller gives it."""
        return {
            "Content-Type": "application/json",
            "User-Agent": random.choice(self._clients),
            "x-ms-client-request-id": str(UUID(int=random.getrandbits(128), version=4)),
        }


def _cut_short(rows: list[Any]) -> bytes:
    body = json.dumps({"data": rows}).encode()
    return body[: len(body) // 2]


def _incomplete(rows: list[Any]) -> bytes:
    row = rows[0]
    short = row[:-1] if isinstance(row, list) else dict(list(row.items())[1:])
    return json.dumps({"data": [short]}).encode()


def _unreadable_value(rows: list[Any]) -> bytes:
    row = rows[0]
    odd = ["n/a", *row[1:]] if isinstance(row, list) else {**row, next(iter(row)): "n/a"}
    return json.dumps({"data": [odd]}).encode()
