"""The latencies of both deployments over a whole run, without the minutes that only one of them has. Pure.

A quantile of all requests depends on when they came: if one side has no rows of an hour with much load, because it was
down or its log has a gap, the other one's of that hour must not count either, or a twin reads faster or slower by what
the load does. At few requests a minute chance alone leaves one side without any, and leaving such minutes out would
favour busy ones. So rows that stand alone are held back until the other side has some again, and are left out when so
many of its were due meanwhile that chance does not explain it. It is decided by the numbers of rows, never by how long
they took.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from services.comparison.histogram import Histogram
from services.comparison.mixtures import Floats

MOST_DUE = 10.0
"""So many rows of the other side have to be due for a gap: by chance none comes in one of 22,000 cases (Poisson)."""
_LIVE, _CANDIDATE = 0, 1


def _none() -> Histogram:
    return Histogram.of(())


@dataclass
class Pooled:
    """The rows that count, ``live`` and ``candidate``: as much memory for a million as for a hundred."""

    live: Histogram = field(default_factory=_none)
    candidate: Histogram = field(default_factory=_none)
    _held: Histogram = field(default_factory=_none)
    _of: int = _LIVE
    """Whose rows are held."""

    def add(self, live_ms: Floats, candidate_ms: Floats) -> None:
        """Take in a minute: the latencies in ms of both, all finite."""
        if len(live_ms) and len(candidate_ms):
            self._release()
            self.live, self.candidate = self.live.with_more(live_ms), self.candidate.with_more(candidate_ms)
        elif len(live_ms) or len(candidate_ms):
            of = _LIVE if len(live_ms) else _CANDIDATE
            if of != self._of:
                self._release()
            self._of = of
            self._held = self._held.with_more(live_ms if of == _LIVE else candidate_ms)

    def _release(self) -> None:
        """Count the rows that are held, or leave them out."""
        own, other = (self.live, self.candidate) if self._of == _LIVE else (self.candidate, self.live)
        # Before both had any it is not known how many were due: a run begins with what it can compare.
        if self._held.total and own.total and self._held.total * other.total / own.total < MOST_DUE:
            if self._of == _LIVE:
                self.live = self.live.plus(self._held)
            else:
                self.candidate = self.candidate.plus(self._held)
        self._held = _none()
