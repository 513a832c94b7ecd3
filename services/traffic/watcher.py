"""Watches workspaces for changes of traffic that were made elsewhere, and writes them into the journal.

One list call per workspace and poll. Several processes may watch with one journal: it takes each change once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.azure.activity import writes
from services.azure.connection import Connection
from services.azure.endpoints import list_endpoints
from services.errors import ServiceFailed, SluiceError
from services.journal.entry import Entry
from services.journal.journal import Journal
from services.model import Endpoint, WorkspaceRef
from services.rounds import Rounds
from services.traffic.inquiry import Inquiry, ReadWrites

LONGEST_PAUSE_SECONDS = 600.0
"""How long a workspace that cannot be read is left alone at most."""
GIVE_UP_AFTER = 5
"""So many failures end the watch over a workspace that was only opened and has never been read: a wrong address."""

_log = logging.getLogger(__name__)
_FAILED = "Changes made elsewhere could not be looked for."


@dataclass(frozen=True)
class Watch:
    """How the watch over a workspace goes.

    ``read_at`` is the beginning of the last poll that succeeded. ``problem`` is why the last one did not.
    """

    workspace: WorkspaceRef
    read_at: datetime | None = None
    problem: SluiceError | None = None


@dataclass
class _Turn:
    watch: Watch
    is_only_opened: bool = False
    due: float = 0.0
    failures: int = 0


class Watcher:
    """Polls the connection's workspace, those in the journal, and those given to :meth:`watch`. Safe for threads.

    ``recover`` is called before a round while the journal has unfinished changes that no living process works on.
    ``now`` dates reads, ``clock`` (seconds, never set back) paces them. Nothing that fails ends the watch: a workspace
    that cannot be read is left alone for longer and longer, up to ten minutes, and as long as ``Retry-After`` asks.
    """

    def __init__(
        self,
        conn: Connection,
        journal: Journal,
        *,
        every_seconds: float,
        recover: Callable[[Connection], object] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        read: Callable[[Connection], Sequence[Endpoint]] = list_endpoints,
        read_writes: ReadWrites = writes,
    ) -> None:
        self._conn = conn
        self._journal = journal
        self._every = every_seconds
        self._recover = recover
        self._now = now
        self._clock = clock
        self._read = read
        self._inquiry = Inquiry(
            conn, journal, every_seconds=every_seconds, now=now, clock=clock, read_writes=read_writes
        )
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}
        self._rounds = Rounds("watcher", self.round, every_seconds=every_seconds)
        self._add(conn.workspace, is_only_opened=False)

    def start(self) -> None:
        """Begin to watch in the background. Again is nothing."""
        self._rounds.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """End it for good, after at most ``timeout_seconds``: a call that hangs is left to the end of the process."""
        self._rounds.stop(timeout_seconds)

    def watch(self, workspace: WorkspaceRef) -> None:
        """Watch ``workspace`` too, from now on; until it is plain that there is none when it can never be read."""
        self._add(workspace, is_only_opened=True)

    def state(self, workspace: WorkspaceRef) -> Watch | None:
        """How the watch over ``workspace`` goes, None when it is not watched."""
        with self._lock:
            turn = self._turns.get(workspace.address.lower())
            return turn.watch if turn else None

    def poll(self, workspace: WorkspaceRef) -> list[Entry]:
        """Read the workspace's endpoints once, and write down what is new of them. Returns the new entries.

        Then asks the activity log what is still open about changes; when that fails, it is asked again on a later poll.
        Raises the SluiceError of the list, and StoreFailed.
        """
        read_at = self._now()
        found = self._read(self._conn.at(workspace))
        entries = self._journal.observe_all(found, read_at)
        self._inquiry.ask(workspace)
        self._read_well(workspace, read_at)
        return entries

    def round(self) -> float:
        """Poll every workspace that is due. Returns the seconds until the next one is."""
        self._prepare()
        for turn in self._due():
            if self._rounds.has_ended:
                break
            try:
                self.poll(turn.watch.workspace)
            except SluiceError as error:
                self._postpone(turn, error)
            except Exception:
                _log.exception("Watching %s broke", turn.watch.workspace.address)
                why = "Sluice itself failed; the log has the details."
                self._postpone(turn, ServiceFailed(_FAILED, why, "Sluice tries again by itself."))
            else:
                turn.failures, turn.due = 0, self._clock() + self._every
        with self._lock:
            next_due = min(turn.due for turn in self._turns.values())
        return max(0.0, next_due - self._clock())

    def _add(self, workspace: WorkspaceRef, *, is_only_opened: bool) -> None:
        with self._lock:
            turn = self._turns.get(workspace.address.lower())
            if turn is not None:
                turn.is_only_opened = turn.is_only_opened and is_only_opened
                return
            self._turns[workspace.address.lower()] = _Turn(Watch(workspace), is_only_opened)
        self._rounds.hurry()

    def _prepare(self) -> None:
        """Take up what the journal brings: workspaces to watch, and changes that a dead process has left behind."""
        try:
            for workspace in self._journal.workspaces():
                self._add(workspace, is_only_opened=False)
            if self._recover is not None and self._journal.unfinished():
                self._recover(self._conn)
        except SluiceError as error:
            _log.warning("The watcher could not take up what the journal has: %s", error)
        except Exception:
            _log.exception("Taking up unfinished changes broke")

    def _due(self) -> list[_Turn]:
        with self._lock:
            return [turn for turn in self._turns.values() if turn.due <= self._clock()]

    def _read_well(self, workspace: WorkspaceRef, read_at: datetime) -> None:
        with self._lock:
            turn = self._turns.get(workspace.address.lower())
            if turn is not None:
                turn.watch = Watch(workspace, read_at)

    def _postpone(self, turn: _Turn, error: SluiceError) -> None:
        turn.failures += 1
        pause = min(self._every * 2.0 ** min(turn.failures, 16), max(self._every, LONGEST_PAUSE_SECONDS))
        turn.due = self._clock() + max(pause, getattr(error, "retry_after_seconds", None) or 0.0)
        with self._lock:
            turn.watch = Watch(turn.watch.workspace, turn.watch.read_at, error)
            if turn.is_only_opened and turn.watch.read_at is None and turn.failures >= GIVE_UP_AFTER:
                self._turns.pop(turn.watch.workspace.address.lower(), None)
