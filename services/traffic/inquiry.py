"""Ask the activity log what only it can tell of changes: who made one elsewhere, and what one of ours has overwritten.

The log is minutes late. A question is asked again after twice the time each, until it is answered or three hours have
passed; on Azure the log is complete after 20 minutes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.azure.activity import Write
from services.azure.connection import Connection
from services.errors import SluiceError
from services.journal.entry import DRIFT, Entry
from services.journal.journal import Journal
from services.model import WorkspaceRef
from services.traffic.attribution import CLOCKS, attribution, is_complete, overwritten

ASKING = timedelta(hours=3)
"""How long a question is asked."""
LONGEST_PAUSE_SECONDS = 600.0

ReadWrites = Callable[[Connection, str, datetime, datetime], Sequence[Write]]
_log = logging.getLogger(__name__)


@dataclass
class _Question:
    due: float = 0.0
    asked: int = 0


class Inquiry:
    """The open questions of one process. Used by one thread."""

    def __init__(
        self,
        conn: Connection,
        journal: Journal,
        *,
        every_seconds: float,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        read_writes: ReadWrites,
    ) -> None:
        self._conn = conn
        self._journal = journal
        self._every = every_seconds
        self._now = now
        self._clock = clock
        self._read_writes = read_writes
        self._questions: dict[str, _Question] = {}

    def ask(self, workspace: WorkspaceRef) -> None:
        """Ask about what is due in a workspace. A failure is told in the log file and ends the asking for now.

        Raises StoreFailed.
        """
        now, clock = self._now(), self._clock()
        entries = [*self._journal.unattributed(now - ASKING), *self._journal.unchecked(now - ASKING)]
        open_now = {entry.id for entry in entries}
        self._questions = {entry_id: one for entry_id, one in self._questions.items() if entry_id in open_now}
        for entry in entries:
            question = self._questions.setdefault(entry.id, _Question())
            if question.due > clock or not entry.workspace.is_same(workspace):
                continue
            question.due = clock + min(self._every * 2.0**question.asked, LONGEST_PAUSE_SECONDS)
            question.asked = min(question.asked + 1, 16)
            try:
                found = self._read_writes(self._conn, entry.endpoint_id, _since(entry) - CLOCKS, now + CLOCKS)
            except SluiceError as error:
                question.due = max(question.due, clock + (getattr(error, "retry_after_seconds", None) or 0.0))
                _log.warning("What the activity log has of %s is not known yet: %s", entry.endpoint_name, error)
                return
            self._answer(entry, found, now)

    def _answer(self, entry: Entry, found: Sequence[Write], now: datetime) -> None:
        ours = self._journal.request_ids(entry.endpoint_id, _since(entry) - 2 * CLOCKS)
        if entry.kind == DRIFT:
            known = attribution(entry, found, ours, now)
            if known is not None:
                self._journal.attribute(entry, known.principal, known.changed_at, known.request_ids)
            return
        for sentence in overwritten(entry, found, ours):
            self._journal.overwrote(entry, sentence)
        if is_complete(entry, now):
            self._journal.checked(entry)


def _since(entry: Entry) -> datetime:
    """From when on the log has to be read for an entry, by this machine's clock."""
    if entry.kind == DRIFT:
        return entry.unseen_since or entry.began_at
    return min(entry.began_at, entry.followed_at or entry.began_at)
