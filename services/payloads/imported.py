"""What an import has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.payloads.payload import Payload


@dataclass(frozen=True)
class Problem:
    """Why a part could not be imported. ``where`` says which: "line 3", "payload 2", "" for all of it."""

    where: str
    words: str

    def __str__(self) -> str:
        return f"{self.where[:1].upper()}{self.where[1:]}: {self.words}" if self.where else self.words


@dataclass(frozen=True)
class Imported:
    """``payloads`` can be saved as they are (their ids are ""); ``problems`` says what could not be imported.

    ``notes`` says, in sentences, what was left out on purpose: a key, an address. ``variables`` come with a file that
    Sluice has exported.
    """

    payloads: tuple[Payload, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def refused(words: str, where: str = "") -> Imported:
    """An import that has found nothing, and why."""
    return Imported(problems=(Problem(where, words),))
