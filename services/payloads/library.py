"""The library: requests that were given a name, and the variables they use, for each endpoint."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from services.errors import Conflict, RuleBroken
from services.payloads import variables
from services.payloads.document import document_of, payload_of
from services.payloads.payload import Payload
from services.payloads.redaction import is_secret, without_secrets
from services.store import PAYLOADS, VARIABLES, Store

MOST_PAYLOADS = 1000
"""In the library of one endpoint."""
LARGEST_BODY = 20 * 1024 * 1024
"""Bytes of one body; also of an expected answer."""
MOST_BYTES = 256 * 1024 * 1024
"""Of all bodies of one endpoint together."""
LONGEST_NAME = 120
MOST_TAGS, LONGEST_TAG = 20, 40
MOST_VARIABLES, LONGEST_VALUE = 200, 64 * 1024
_NOT_SAVED = "The payload was not saved."
_NO_VARIABLE = "The variable was not saved."
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Library:
    """The libraries of one cloud (``cloud`` is the host of its Azure Resource Manager). Thread-safe.

    Values of headers that look like secrets are dropped, their names stay. Every method raises StoreFailed when the
    file fails.
    """

    def __init__(self, store: Store, cloud: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._cloud = cloud
        self._now = now

    def all(self, endpoint_id: str) -> tuple[Payload, ...]:
        """Every payload of an endpoint, by name."""
        query = sa.select(PAYLOADS).where(*self._of(endpoint_id))
        with self._store.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(sorted((_payload(row) for row in rows), key=lambda each: (each.name.casefold(), each.name)))

    def get(self, payload_id: str) -> Payload | None:
        """One payload, None when it is not there (any more)."""
        query = sa.select(PAYLOADS).where(*self._is(payload_id))
        with self._store.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _payload(row)

    def save(self, endpoint_id: str, payload: Payload) -> Payload:
        """Keep a payload: a new one when its ``id`` is "", else in place of the one with this id.

        Returns it as it is kept. Raises RuleBroken when its name is taken, or it cannot be kept as it is; Conflict when
        it is no more as it was at its ``changed_at``, which may be None to save it in any case.
        """
        with self._store.writing() as connection:
            if payload.id and payload.changed_at is not None:
                self._check_unchanged(connection, payload)
            taken = self._names(connection, endpoint_id, other_than=payload.id)
            if payload.name.strip().casefold() in taken:
                why = f"There is already a payload named {payload.name.strip()}."
                raise RuleBroken(_NOT_SAVED, why, "Choose another name.")
            kept = self._write(connection, endpoint_id, payload)
            self._check_room(connection, endpoint_id)
        return kept

    def add_all(self, endpoint_id: str, payloads: Iterable[Payload]) -> tuple[Payload, ...]:
        """Keep many new ones, all or none. A name that is taken gets a number behind it. Raises RuleBroken."""
        kept = []
        with self._store.writing() as connection:
            taken = self._names(connection, endpoint_id)
            for payload in payloads:
                named = replace(payload, id="", name=_free_name(payload.name.strip() or "Imported", taken))
                taken.add(named.name.casefold())
                kept.append(self._write(connection, endpoint_id, named))
            self._check_room(connection, endpoint_id)
        return tuple(kept)

    def delete(self, payload_id: str) -> None:
        """Remove a payload; nothing happens when it is gone already."""
        with self._store.writing() as connection:
            connection.execute(sa.delete(PAYLOADS).where(*self._is(payload_id)))

    def variables(self, endpoint_id: str) -> dict[str, str]:
        """The variables of an endpoint, by name."""
        query = sa.select(VARIABLES.c.name, VARIABLES.c.value).where(*self._variables_of(endpoint_id))
        with self._store.reading() as connection:
            rows = connection.execute(query.order_by(VARIABLES.c.name)).all()
        return {row.name: row.value for row in rows}

    def set_variable(self, endpoint_id: str, name: str, value: str) -> None:
        """Give a variable a value. Raises RuleBroken for a name that cannot be one, and for a secret."""
        _check_variable(name, value)
        row = {"cloud": self._cloud, "endpoint_id": endpoint_id.lower(), "name": name, "value": value}
        with self._store.writing() as connection:
            connection.execute(sa.delete(VARIABLES).where(*self._variable(endpoint_id, name)))
            connection.execute(sa.insert(VARIABLES).values(row))
            count = sa.select(sa.func.count()).select_from(VARIABLES).where(*self._variables_of(endpoint_id))
            if connection.execute(count).scalar_one() > MOST_VARIABLES:
                why = f"An endpoint has at most {MOST_VARIABLES} variables."
                raise RuleBroken(_NO_VARIABLE, why, "Delete one that is not used.")

    def drop_variable(self, endpoint_id: str, name: str) -> None:
        """Remove a variable; nothing happens when it is gone already."""
        with self._store.writing() as connection:
            connection.execute(sa.delete(VARIABLES).where(*self._variable(endpoint_id, name)))

    def _write(self, connection: sa.Connection, endpoint_id: str, payload: Payload) -> Payload:
        at = self._now()
        kept = replace(
            payload,
            id=payload.id or uuid.uuid4().hex,
            name=payload.name.strip(),
            headers=without_secrets(payload.headers),
            tags=tuple(dict.fromkeys(tag.strip() for tag in payload.tags if tag.strip())),
            changed_at=at,
        )
        _check(kept)
        content = _content(kept)
        row = {
            "id": kept.id,
            "cloud": self._cloud,
            "endpoint_id": endpoint_id.lower(),
            "name": kept.name,
            "changed_at": at.isoformat(),
            "body": kept.body,
            "content": content,
        }
        connection.execute(sa.delete(PAYLOADS).where(*self._is(kept.id)))
        connection.execute(sa.insert(PAYLOADS).values(row))
        return kept

    def _check_unchanged(self, connection: sa.Connection, payload: Payload) -> None:
        query = sa.select(PAYLOADS.c.changed_at).where(*self._is(payload.id))
        found = connection.execute(query).scalar_one_or_none()
        if found is None or datetime.fromisoformat(found) != payload.changed_at:
            what = "deleted" if found is None else "changed"
            why = f"{payload.name.strip()} was {what} in another window after you had opened it."
            raise Conflict(_NOT_SAVED, why, "Save again to keep yours, or cancel.")

    def _names(self, connection: sa.Connection, endpoint_id: str, other_than: str = "") -> set[str]:
        query = sa.select(PAYLOADS.c.name).where(*self._of(endpoint_id), PAYLOADS.c.id != other_than)
        return {name.casefold() for name in connection.execute(query).scalars()}

    def _check_room(self, connection: sa.Connection, endpoint_id: str) -> None:
        size = sa.func.coalesce(sa.func.sum(sa.func.length(PAYLOADS.c.body)), 0)
        query = sa.select(sa.func.count(), size).where(*self._of(endpoint_id))
        count, total = connection.execute(query).one()
        if count > MOST_PAYLOADS or total > MOST_BYTES:
            why = f"A library holds at most {MOST_PAYLOADS} payloads and {MOST_BYTES // 2**20} MB of bodies."
            raise RuleBroken(_NOT_SAVED, why, "Delete payloads that are not needed any more.")

    def _is(self, payload_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        return PAYLOADS.c.cloud == self._cloud, PAYLOADS.c.id == payload_id

    def _of(self, endpoint_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        # Azure compares ids without case.
        return PAYLOADS.c.cloud == self._cloud, PAYLOADS.c.endpoint_id == endpoint_id.lower()

    def _variables_of(self, endpoint_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        return VARIABLES.c.cloud == self._cloud, VARIABLES.c.endpoint_id == endpoint_id.lower()

    def _variable(self, endpoint_id: str, name: str) -> tuple[sa.ColumnElement[bool], ...]:
        return (*self._variables_of(endpoint_id), VARIABLES.c.name == name)


def _payload(row: sa.Row[Any]) -> Payload:
    at = datetime.fromisoformat(row.changed_at)
    return replace(payload_of(json.loads(row.content), row.body, payload_id=row.id, changed_at=at), name=row.name)


def _content(payload: Payload) -> str:
    try:
        return json.dumps(document_of(payload), allow_nan=False)
    except (TypeError, ValueError):
        why = f"{payload.name} has an expectation or a time limit that is not JSON, such as NaN."
        raise RuleBroken(_NOT_SAVED, why, "Use numbers and texts.") from None


def _is_one_line(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a character
        return False
    return not _CONTROL.search(text)


def _check(payload: Payload) -> None:
    if not payload.name or len(payload.name) > LONGEST_NAME or not _is_one_line(payload.name):
        why = f"A name has 1 to {LONGEST_NAME} characters on one line."
        raise RuleBroken(_NOT_SAVED, why, "Choose another name.")
    if max(len(payload.body), len(payload.expected_answer.encode(errors="replace"))) > LARGEST_BODY:
        why = f"{payload.name} is larger than {LARGEST_BODY // 2**20} MB."
        raise RuleBroken(_NOT_SAVED, why, "Keep it as a file, and send it from there.")
    if len(payload.tags) > MOST_TAGS or any(len(tag) > LONGEST_TAG or not _is_one_line(tag) for tag in payload.tags):
        why = f"A payload has at most {MOST_TAGS} tags of at most {LONGEST_TAG} characters."
        raise RuleBroken(_NOT_SAVED, why, "Use fewer or shorter tags.")


def _check_variable(name: str, value: str) -> None:
    if not variables.NAME.fullmatch(name):
        why = f"{name!r} is no name of a variable."
        raise RuleBroken(_NO_VARIABLE, why, "Begin with a letter; use letters, digits, dots, dashes, underscores.")
    if is_secret(name, value):
        why = f"{name} looks like a secret, and Sluice writes no secrets to disk."
        raise RuleBroken(
            _NO_VARIABLE, why, "Sluice adds the endpoint's key by itself; type other secrets when you send."
        )
    if len(value) > LONGEST_VALUE:
        why = f"The value of {name} is longer than {LONGEST_VALUE // 1024} KB."
        raise RuleBroken(_NO_VARIABLE, why, "Put long text into the body.")


def _free_name(name: str, taken: set[str]) -> str:
    free, number = name[:LONGEST_NAME], 2
    while free.casefold() in taken:
        behind = f" ({number})"
        free, number = name[: LONGEST_NAME - len(behind)] + behind, number + 1
    return free
