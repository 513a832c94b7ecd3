"""Whether a person allows Sluice to keep the bodies of what they send."""

from __future__ import annotations

import sqlalchemy as sa

from services.store import CHOICES, Store

_NAME = "keep_bodies"
_YES, _NO = "yes", "no"


class Consent:
    """What each person has chosen. Nobody has allowed anything before they were asked. Thread-safe.

    Every method raises StoreFailed when the file fails.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def keeps_bodies(self, person: str) -> bool:
        """Whether bodies of ``person`` may be kept."""
        return self.chosen(person) is True

    def chosen(self, person: str) -> bool | None:
        """What the person has chosen, None when they have not been asked yet."""
        query = sa.select(CHOICES.c.value).where(*_is(person))
        with self._store.reading() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else found == _YES

    def set(self, person: str, keeps: bool) -> None:
        """Keep the choice of a person. What is kept already stays; the history can forget it."""
        row = {"person": person, "name": _NAME, "value": _YES if keeps else _NO}
        with self._store.writing() as connection:
            connection.execute(sa.delete(CHOICES).where(*_is(person)))
            connection.execute(sa.insert(CHOICES).values(row))


def _is(person: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return CHOICES.c.person == person, CHOICES.c.name == _NAME
