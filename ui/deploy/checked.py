"""What reading and checking of files has found, and how it goes on in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG

from services.azure.connection import Connection
from services.deploying.capacity import Offer
from services.deploying.changes import Changes
from services.deploying.checking import changes_in, judge
from services.deploying.facts import Facts, gather
from services.deploying.model import Bundle, Finding
from services.errors import ServiceFailed, SluiceError
from services.jobs import meanwhile
from services.model import Split, WorkspaceRef
from ui import context
from ui.deploy import findings_view

_LARGEST_SHOWN = 256 * 1024
_log = logging.getLogger("sluice.ui")


@dataclass(frozen=True)
class Prepared:
    """Files that were read and checked; the check began at ``made_at``. ``changes`` lacks documents that could not be
    compared; ``small`` are the files that can be looked into on the page, ``offer`` is what Azure has in the region,
    ``splits`` are those of the endpoints that could be read, by lower-case name. ``asked`` is what Azure has not
    answered yet."""

    bundle: Bundle
    findings: tuple[Finding, ...]
    changes: tuple[Changes, ...]
    workspace: WorkspaceRef
    made_at: datetime
    small: tuple[str, ...] = ()
    offer: Offer = field(default_factory=lambda: Offer(""))
    splits: Mapping[str, Split] = field(default_factory=dict)
    asked: tuple[str, ...] = ()

    @property
    def can_apply(self) -> bool:
        """Whether there is something to apply that could be read."""
        return bool(self.bundle.documents) and not findings_view.has_errors(self.bundle.findings)


@dataclass
class Work:
    """One reading and checking in the background. ``stage`` says what it is at, ``before`` is what stood when it began,
    ``early`` what is known of the files while Azure is still asked."""

    before: Prepared | None = None
    stage: str = "Reading the files"
    early: Prepared | None = None
    prepared: Prepared | None = None
    problem: SluiceError | None = None
    done: threading.Event = field(default_factory=threading.Event)


def run(work: Work, make: Callable[[Work], None], keep: Callable[[Prepared], None]) -> None:
    """Let ``make`` do a work to its end, whatever happens; what it has prepared is taken by ``keep``."""
    try:
        make(work)
        if work.prepared is not None:
            keep(work.prepared)
    except SluiceError as error:
        work.problem = error
    except Exception as error:
        # Runs in a thread of its own: the page would wait for ever.
        _log.exception("Files could not be read or checked")
        work.problem = ServiceFailed(
            "The files could not be read or checked.",
            f"Sluice itself failed ({type(error).__name__}). Nothing was sent to Azure.",
            "Report it with the server's log.",
        )
    finally:
        work.done.set()


def prepare(work: Work, conn: Connection, source: Bundle | Callable[[], Bundle]) -> None:
    """Read ``source`` and check it against the workspace. Raises SluiceError."""
    began_at = datetime.now(UTC)
    bundle = source if isinstance(source, Bundle) else source()
    work.stage = "Checking them against the workspace"
    small = _small(bundle)

    def prepared(facts: Facts) -> Prepared:
        told = changes_in(bundle, facts)
        found = [*bundle.findings, *judge(bundle, facts), *meanwhile.findings(context.jobs(), conn.workspace, bundle)]
        splits = {name: each.split if each else Split() for name, each in facts.endpoints.items()}
        ordered = findings_view.in_order(found)
        return Prepared(bundle, ordered, told, conn.workspace, began_at, small, facts.offer, splits, facts.asked)

    def tell(facts: Facts) -> None:
        work.early = prepared(facts)

    limit = context.settings().check_seconds
    work.prepared = prepared(gather(conn, bundle, tell, limit_seconds=limit) if bundle.documents else Facts())


def _small(bundle: Bundle) -> tuple[str, ...]:
    """The small files of a bundle. Asked once: there may be 10,000, and a page is drawn at every press."""
    found = []
    for name in bundle.files:
        with suppress(OSError):
            known = Path(bundle.folder, name).stat()
            found += [name] if S_ISREG(known.st_mode) and known.st_size <= _LARGEST_SHOWN else []
    return tuple(found)
