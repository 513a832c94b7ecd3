"""Find entries of the journal: by endpoint, by what they are, by how they ended, and by any word in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.journal.entry import Entry
from services.journal.journal import Journal

BATCH = 500
"""How many entries are read at once while most of them may not match."""


@dataclass(frozen=True)
class Wanted:
    """What to look for; an empty field asks for nothing. ``words`` must all be found, in any case, in any field."""

    endpoint_id: str = ""
    kinds: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    words: str = ""

    @property
    def is_narrow(self) -> bool:
        """Whether entries have to be read to know if they match."""
        return bool(self.kinds or self.outcomes or self.words.strip())


@dataclass(frozen=True)
class Page:
    """Some entries, newest first. ``older`` is where the next page begins, None when there is none."""

    entries: tuple[Entry, ...]
    older: int | None


def matches(entry: Entry, wanted: Wanted) -> bool:
    """Whether the entry is one of those. Pure."""
    if wanted.endpoint_id and entry.endpoint_id.lower() != wanted.endpoint_id.lower():
        return False
    if (wanted.kinds and entry.kind not in wanted.kinds) or (wanted.outcomes and entry.outcome not in wanted.outcomes):
        return False
    text = _text(entry)
    return all(word in text for word in wanted.words.lower().split())


def everything(journal: Journal, wanted: Wanted, *, before: int | None = None, batch: int = BATCH) -> Iterator[Entry]:
    """All such entries, newest first, read in batches. Raises StoreFailed."""
    while True:
        found = journal.entries(endpoint_id=wanted.endpoint_id or None, before=before, limit=batch)
        yield from (entry for entry in found if matches(entry, wanted))
        if len(found) < batch:
            return
        before, batch = found[-1].sequence, BATCH


def find(journal: Journal, wanted: Wanted, *, before: int | None = None, limit: int = 25) -> Page:
    """One page of such entries; ``before`` is the ``older`` of the page that was shown. Raises StoreFailed."""
    found: list[Entry] = []
    for entry in everything(journal, wanted, before=before, batch=BATCH if wanted.is_narrow else limit + 1):
        if len(found) == limit:
            return Page(tuple(found), found[-1].sequence)
        found.append(entry)
    return Page(tuple(found), None)


def _text(entry: Entry) -> str:
    splits = [split for split in (entry.before, entry.after, entry.held) if split is not None]
    parts = [
        entry.id,
        entry.kind,
        entry.outcome,
        entry.endpoint_id,
        entry.who.principal,
        entry.who.person,
        entry.last_modified_by,
        entry.reason,
        *entry.request_ids,
        *entry.overwrote,
        *(name for split in splits for name in (*split.live, *split.mirror)),
    ]
    if entry.failure:
        parts += [entry.failure.what, entry.failure.why]
    return "\n".join(parts).lower()
