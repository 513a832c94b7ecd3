"""Gather what the report of a shadow test is made of."""

from __future__ import annotations

import platform
import re
from datetime import timedelta
from importlib import metadata
from pathlib import Path

from services.azure.connection import Connection
from services.journal.entry import Entry, by_azure
from services.journal.journal import Journal
from services.model import Endpoint
from services.shadow import own_statuses
from services.shadow.judging import View
from services.shadow.model import Run
from services.shadow.report import Material
from services.shadow.runs import Runs

MOST_ENTRIES = 200
"""Journal entries that a report tells of at most."""
_PACKAGES = ("numpy", "scipy")
"""What the numbers depend on."""
_BATCH = 200
_AROUND = timedelta(hours=1)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def gather(
    runs: Runs, journal: Journal, run: Run, view: View, endpoint: Endpoint, conn: Connection, root: Path
) -> Material:
    """All that is known of ``run``, which stands as ``view`` says. ``root`` is the folder that Sluice runs from.

    Every time is by Azure's clock, those of the journal too. Raises StoreFailed.
    """
    return Material(
        run=run,
        endpoint=endpoint,
        view=view,
        minutes=runs.minutes(run.id),
        answers=runs.answers(run.id),
        entries=tuple(by_azure(each, conn.clock.of) for each in _entries(journal, run)),
        versions=versions(root),
        made_at=conn.clock.now(),
        statuses=own_statuses.of_run(run, conn.settings.statuses),
    )


def versions(root: Path) -> tuple[tuple[str, str], ...]:
    """What the report was made with, so that it can be made again. The commit is left out where none is known."""
    commit = _commit(root)
    own = (("Sluice", commit),) if commit else ()
    return (*own, ("Python", platform.python_version()), *((each, metadata.version(each)) for each in _PACKAGES))


def _entries(journal: Journal, run: Run) -> tuple[Entry, ...]:
    """The entries of the endpoint from a little before the run to a little after it, oldest first."""
    since = run.started_at - _AROUND
    found: list[Entry] = []
    before: int | None = None
    while len(found) < MOST_ENTRIES:
        batch = journal.entries(endpoint_id=run.endpoint_id, since=since, before=before, limit=_BATCH)
        found += [each for each in batch if run.ended_at is None or each.began_at <= run.ended_at + _AROUND]
        if len(batch) < _BATCH:
            break
        before = batch[-1].sequence
    return tuple(sorted(found, key=lambda each: each.sequence))


def _commit(root: Path) -> str:
    """The commit of a checkout, "" elsewhere."""
    try:
        head = (root / ".git" / "HEAD").read_text(encoding="utf-8").strip()
        if head.startswith("ref: "):
            name = head.removeprefix("ref: ")
            place = root / ".git" / name
            head = place.read_text(encoding="utf-8").strip() if place.is_file() else _packed(root, name)
    except (OSError, ValueError):
        return ""
    return head[:12] if _COMMIT.fullmatch(head) else ""


def _packed(root: Path, name: str) -> str:
    lines = (root / ".git" / "packed-refs").read_text(encoding="utf-8").splitlines()
    return next((line.split(" ")[0] for line in lines if line.endswith(f" {name}")), "")
