"""Documents of endpoints and deployments, and what readers get to see of them.

On Azure a read that follows a write may still answer from before it. The setting `stale_read_seconds` makes every read
of a client answer the document as it was that long ago. Only readers are behind: the control plane itself decides on
what is really there. What was there before is remembered in memory, so that after a restart reads are fresh.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from emulator.arm.context import Context
from emulator.documents import Document, Documents


@dataclass(frozen=True)
class _Past:
    """What was there until `until`, in seconds of the steady clock; None when there was nothing."""

    until: float
    document: Document | None


class Collection:
    """Reads and writes of one kind of document."""

    def __init__(
        self, documents: Documents, kind: str, lag_seconds: Callable[[], float], clock: Callable[[], float]
    ) -> None:
        """`lag_seconds` says how far readers are behind, `clock` is steady and in seconds."""
        self._documents = documents
        self._kind = kind
        self._lag_seconds = lag_seconds
        self._clock = clock
        self._past: defaultdict[str, list[_Past]] = defaultdict(list)

    def get(self, key: str) -> Document | None:
        """What is really there."""
        return self._documents.get(self._kind, key)

    def all(self, under: str = "") -> list[tuple[str, Document]]:
        """All that is really there, by key."""
        return self._documents.all(self._kind, under)

    def put(self, key: str, document: Document) -> None:
        """Write a document."""
        self._remember(key.lower())
        self._documents.put(self._kind, key, document)

    def delete(self, key: str) -> None:
        """Remove a document."""
        self._remember(key.lower())
        self._documents.delete(self._kind, key)

    def seen(self, key: str) -> Document | None:
        """What a client reads."""
        past = self._shown().get(key.lower())
        return self.get(key) if past is None else past.document

    def all_seen(self, under: str = "") -> list[tuple[str, Document]]:
        """What a client lists, by key."""
        shown = {key: past for key, past in self._shown().items() if key.startswith(under.lower())}
        found = self.all(under)
        if not shown:
            return found
        kept = [(key, document) for key, document in found if key not in shown]
        before = [(key, past.document) for key, past in shown.items() if past.document is not None]
        return sorted([*kept, *before], key=lambda each: each[0])

    def _remember(self, key: str) -> None:
        if self._lag_seconds() > 0:
            self._past[key].append(_Past(self._clock(), self.get(key)))

    def _shown(self) -> dict[str, _Past]:
        """The documents of which readers still see the past. Forgets what nobody sees any more."""
        if not self._past:
            return {}
        moment = self._clock() - self._lag_seconds()
        for key in list(self._past):
            self._past[key] = [past for past in self._past[key] if past.until > moment]
            if not self._past[key]:
                del self._past[key]
        return {key: pasts[0] for key, pasts in self._past.items()}


class Records(NamedTuple):
    """The two collections that everything about online endpoints is about."""

    endpoints: Collection
    deployments: Collection

    @staticmethod
    def of(context: Context) -> Records:
        """The collections of a running local Azure."""

        def lag_seconds() -> float:
            return context.settings.current.stale_read_seconds

        kinds = (
            Collection(context.documents, kind, lag_seconds, time.monotonic) for kind in ("endpoint", "deployment")
        )
        return Records(*kinds)
