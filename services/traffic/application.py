"""A change on its way, or at its end, as a page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.errors import SluiceError
from services.model import Split

READING, WAITING_FOR_OTHERS, WRITING = "reading", "waiting for others", "writing"
WAITING, READING_BACK, DONE = "waiting", "reading back", "done"


@dataclass(frozen=True)
class Application:
    """A snapshot of one change of an endpoint's split.

    ``before`` is what the person saw, ``after`` what they wanted. ``phase`` is one of READING, WAITING_FOR_OTHERS,
    WRITING, WAITING (for Azure to carry it out), READING_BACK and DONE. ``note`` is a sentence about what is being
    waited for, or "". ``outcome`` is "" while it runs, then one of the journal's APPLIED, REFUSED, CANCELLED, FAILED
    and UNKNOWN. ``error`` says why it is not APPLIED; with APPLIED it is a Conflict when somebody has changed the split
    again since, or a StoreFailed when the journal could not be told. ``held`` is what Azure held at the end, None when
    that could not be read. ``limit_seconds`` is how long this phase may last at most, None for a phase that only takes
    moments.
    """

    change_id: str
    endpoint_id: str
    endpoint_name: str
    before: Split
    after: Split
    phase: str
    note: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    error: SluiceError | None
    held: Split | None
    elapsed_seconds: float
    can_cancel: bool
    limit_seconds: float | None

    @property
    def is_running(self) -> bool:
        """Whether the change is still on its way."""
        return self.finished_at is None
