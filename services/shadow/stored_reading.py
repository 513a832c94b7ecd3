"""Read what the data collectors of both deployments of a run have stored, and add it to the run's answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from services.azure.collected import REQUEST, RESPONSE, Shelf, Span, collector_of, shelf
from services.azure.connection import Connection
from services.errors import NotFound, RuleBroken, ServiceFailed, SluiceError
from services.model import Deployment, Endpoint
from services.replay.keeping import keep
from services.replay.record import Record
from services.replay.replaying import DEFAULT_TOLERANCE, MOST_ITEMS
from services.replay.report import proportion
from services.shadow import answers, stored_counting
from services.shadow.answering import Places
from services.shadow.model import Run
from services.shadow.runs import Answers
from services.shadow.stored_counting import Seen
from services.shadow.stored_pairs import Kept, Pairing, joined, paired
from services.shadow.stored_words import left_out as left_out_of
from services.shadow.stored_words import missing, nothing

SOURCE = "Stored by data collectors"
KIND = "stored"
_OVERLAP = timedelta(minutes=15)
"""Read again from before the last reading's end: collectors write in batches, and answers come after requests."""
_NOT_READ = "The stored answers were not compared."
_log = logging.getLogger("sluice.shadow")


class StoredReading:
    """Reads, pairs and adds in a thread. Thread-safe. Whatever is found counts, and a payload counts once in a run.

    Raises RuleBroken when the run does not take answers, or when a collector is off.
    """

    def __init__(
        self,
        conn: Connection,
        endpoint: Endpoint,
        deployments: Sequence[Deployment],
        run: Run,
        places: Places,
        *,
        left_out: Sequence[str] = (),
        may_drift: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        _check(run, deployments)
        self.run_id = run.id
        self._conn, self._endpoint, self._run, self._places = conn, endpoint, run, places
        self._rates = {
            each.name: asdict(collector_of(each.raw))
            for each in deployments
            if each.name in (run.pair.live, run.pair.candidate)
        }
        self._left_out, self._may_drift, self._now = tuple(left_out), may_drift, now
        self._over = threading.Event()
        self.problem: SluiceError | None = None
        self.told = ""
        """What came of it, in a sentence, once it is over."""

    def start(self) -> None:
        """Begin in the background."""
        threading.Thread(target=self.work, name="reading-stored-answers", daemon=True).start()

    def work(self) -> None:
        """Read and add. What failed is in ``problem``."""
        try:
            self._read()
        except SluiceError as error:
            self.problem = error
        except Exception as error:
            # Runs in a thread of its own: nobody else would hear of it.
            _log.exception("Reading stored answers failed inside Sluice")
            self.problem = ServiceFailed(
                _NOT_READ,
                f"Sluice itself failed with an unexpected {type(error).__name__}.",
                "Read again; if it comes again, report it with the server's log.",
            )
        finally:
            self._over.set()

    @property
    def is_over(self) -> bool:
        """Whether it has ended and what was found is kept, or cannot be."""
        return self._over.is_set()

    def _read(self) -> None:
        found = shelf(self._conn)
        if found is None:
            raise NotFound(_NOT_READ, "The workspace has no datastore workspaceblobstore.", "Ask who has set it up.")
        kept = self._places.runs.answers(self.run_id)
        run, at = self._run, self._now()
        present = self._conn.now()
        span = Span(_since(run, kept), min(present, run.ended_at or present))
        live, live_until = _stored(found, self._endpoint, run.pair.live, span)
        candidate, candidate_until = _stored(found, self._endpoint, run.pair.candidate, span)
        pairing = paired(live, candidate)
        marks = answers.marks_of(kept)
        empty = Record(run.pair.live, run.pair.candidate, at, 0, DEFAULT_TOLERANCE, ())
        new = [unit for unit in pairing.units if stored_counting.mark_of(unit, run.id) not in marks]
        seen = stored_counting.compare(new[:MOST_ITEMS], run.id, empty)
        if not seen.marks:
            self.told = nothing(
                run,
                live,
                candidate,
                pairing,
                is_elsewhere=any(each["is_elsewhere"] for each in self._rates.values()),
            )
            return
        ends = [each for each in (live_until, candidate_until) if each is not None]
        if len(new) > MOST_ITEMS:
            ends.append(new[MOST_ITEMS].first.at)
        self._keep(seen, pairing, (live, candidate), min(ends, default=span.until))

    def _keep(self, seen: Seen, pairing: Pairing, arms: tuple[Kept, Kept], read_until: datetime) -> None:
        runs, until = self._places.runs, self._now()
        kept = runs.answers(self.run_id)
        seen = stored_counting.without(seen, answers.marks_of(kept))
        decided, drift = answers.left_out_of(kept), answers.may_drift_of(kept)
        left_out = self._left_out if decided is None else decided
        may_drift = self._may_drift if drift is None else drift
        muted = [*left_out, *(stored_counting.drifting(seen) if may_drift else ())]
        found, fields = stored_counting.counted(seen, muted)
        content = answers.content_of(
            seen.record,
            seen.marks,
            found,
            left_out=left_out,
            may_drift=may_drift,
            source=SOURCE,
            until=until,
            result=keep(
                self._places.results,
                self._endpoint.id,
                seen.record,
                keeps_bodies=self._places.keeps_bodies,
                at=until,
            )
            if seen.record.triples
            else "",
        )
        share = proportion(found.different, found.compared)
        used = [seen.marks[each] for each in seen.items]
        more: dict[str, Any] = {
            "marks": used,
            "share": [share.value if found.compared else None, share.low, share.high],
            "numbers": stored_counting.numbers(seen, left_out),
            "kind": KIND,
            "stored": {
                "by": pairing.by,
                "live": len(arms[0].stored),
                "candidate": len(arms[1].stored),
                "pairs": pairing.pairs,
                "payloads": len(used),
                "repeated": len(seen.record.triples),
                "once_differ": dict(fields.most_common(answers.MOST_FIELDS)),
                "left_out": left_out_of(pairing, arms),
                "rates": self._rates,
                "read_until": read_until.isoformat(),
            },
        }
        runs.add_answers(self.run_id, found.compared, found.different, content | more)
        self.told = f"{len(used):,} payloads were compared."


def _check(run: Run, deployments: Sequence[Deployment]) -> None:
    if run.criteria.answer_percent is None:
        why = "Answers are not among the criteria of this shadow test, which do not change while it runs."
        raise RuleBroken(_NOT_READ, why, "Begin a shadow test with answers as a criterion.")
    if run.verdict is not None:
        raise RuleBroken(_NOT_READ, "The verdict of the shadow test is frozen.", "Begin a new one.")
    lacking = missing(deployments, run)
    if lacking:
        raise RuleBroken(_NOT_READ, " ".join(lacking), "What was answered before that is not stored.")


def _since(run: Run, kept: Sequence[Answers]) -> datetime:
    """From where to read: the start of the run, or a little before the end of the last reading."""
    begin = run.set_at or run.started_at
    ends = [each.content["stored"]["read_until"] for each in kept if each.content.get("stored")]
    return max(begin, datetime.fromisoformat(max(ends)) - _OVERLAP) if ends else begin


def _stored(found: Shelf, endpoint: Endpoint, deployment: str, span: Span) -> tuple[Kept, datetime | None]:
    requests = found.read(endpoint, deployment, REQUEST, span)
    # An answer is written after its request, into the next folder perhaps.
    responses = found.read(endpoint, deployment, RESPONSE, Span(span.since, span.until + _OVERLAP))
    ends = [each.until for each in (requests, responses) if each.until is not None]
    kept = joined(requests.events, responses.events)
    odd = requests.odd + responses.odd
    if odd:
        kept = Kept(kept.stored, {**kept.left_out, "lines that make no sense": odd})
    return kept, min(ends, default=None)
