"""What `/_emulator/seed` makes: workspaces, endpoints without processes, creation times, and requests of the past."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from emulator.arm.context import Context, iso
from emulator.arm.rules import RuleBroken
from emulator.arm.seeding import seed_endpoints
from emulator.arm.workspaces import add_workspace
from emulator.errors import ServiceError
from emulator.history import History, parse_history, write_history
from emulator.resources import parse_path
from emulator.scoring.telemetry.rows import Row, parse_row

MAX_ROWS = 100_000
MAX_BYTES = 128 << 20
_FIELDS = ("workspaces", "endpoints", "created", "rows", "history")
_WORKSPACE_FIELDS = ("subscription", "resource_group", "name", "region")


@dataclass(frozen=True)
class Seed:
    """A seed that can be read; whether it fits what is there is found out when it is made."""

    workspaces: list[dict[str, str]]
    endpoints: list[Mapping[str, Any]]
    created: list[tuple[str, str]]
    rows: list[Row]
    history: list[History]


def parse_seed(body: Mapping[str, Any]) -> Seed:
    """A seed from untrusted JSON. Raises ServiceError 400."""
    for name in body:
        if name not in _FIELDS:
            raise _unreadable(f"there is no field {name}; there are {', '.join(_FIELDS)}")
    lists = {name: body.get(name, []) for name in _FIELDS}
    for name, each in lists.items():
        if not isinstance(each, list) or not all(isinstance(entry, dict) for entry in each):
            raise _unreadable(f"{name} is a list of objects")
    if len(lists["rows"]) > MAX_ROWS:
        raise _unreadable(f"rows are at most {MAX_ROWS}")
    try:
        return Seed(
            [_workspace(each) for each in lists["workspaces"]],
            lists["endpoints"],
            [(str(each["id"]), _moment(each["createdAt"])) for each in lists["created"]],
            [parse_row(row) for row in lists["rows"]],
            [parse_history(each) for each in lists["history"]],
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise _unreadable(str(error)) from error


async def make_seed(context: Context, seed: Seed) -> dict[str, int]:
    """Make it. Documents are made all together or not at all; then rows and history. Returns how many of each.

    Raises ServiceError for what Azure would not take.
    """
    with context.documents.transaction():
        for workspace in seed.workspaces:
            add_workspace(context, *(workspace[name] for name in _WORKSPACE_FIELDS))
        try:
            endpoints = seed_endpoints(context, seed.endpoints)
        except RuleBroken as error:
            raise ServiceError(400, "BadRequest", error.message) from error
        for arm_id, moment in seed.created:
            _backdate(context, arm_id, moment)
    if seed.rows:
        await asyncio.to_thread(context.telemetry.append, seed.rows)
    written = kept = 0
    for history in seed.history:
        counts = await asyncio.to_thread(write_history, history, context.telemetry)
        written, kept = written + counts[0], kept + counts[1]
    return {
        "workspaces": len(seed.workspaces),
        "endpoints": endpoints,
        "created": len(seed.created),
        "rows": len(seed.rows),
        "history": written,
        "historyRows": kept,
    }


def _unreadable(why: str) -> ServiceError:
    return ServiceError(400, "BadRequest", f"The seed cannot be read: {why}.")


def _workspace(entry: Mapping[str, Any]) -> dict[str, str]:
    if set(entry) != set(_WORKSPACE_FIELDS) or not all(isinstance(each, str) for each in entry.values()):
        raise ValueError(f"a workspace is an object of the texts {', '.join(_WORKSPACE_FIELDS)}")
    return dict(entry)


def _backdate(context: Context, arm_id: str, moment: str) -> None:
    names = parse_path(arm_id).segments[1::2]
    kind, key = ("endpoint", "/".join(names[1:])) if len(names) == 2 else ("deployment", "/".join(names[1:]))
    found = context.documents.get(kind, key) if len(names) in (2, 3) else None
    if found is None:
        raise ServiceError(404, "NotFound", f"There is no endpoint or deployment {arm_id}.")
    # The last write stays where it is: on Azure it never moves back, and clients rely on that.
    modified = max(moment, str(found["systemData"]["lastModifiedAt"]))
    data: dict[str, Any] = {**found["systemData"], "createdAt": moment, "lastModifiedAt": modified}
    context.documents.put(kind, key, {**found, "systemData": data})


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return iso(moment.astimezone(UTC).timestamp())
