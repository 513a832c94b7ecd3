"""A comparison of answers inside a run: it counts in the run's criterion, whatever it finds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.azure.connection import Connection
from services.errors import RuleBroken, ServiceFailed, SluiceError
from services.model import Endpoint
from services.replay.keeping import keep
from services.replay.record import Item, Record
from services.replay.replaying import DEFAULT_TOLERANCE, Replay, asker
from services.results import Results
from services.shadow import answers
from services.shadow.model import Run, RunState
from services.shadow.runs import Runs

_log = logging.getLogger("sluice.shadow")


@dataclass(frozen=True)
class Places:
    """Where a comparison is kept. ``keeps_bodies`` is whether the person allows that bodies are."""

    runs: Runs
    results: Results
    keeps_bodies: bool


class Comparing:
    """Puts payloads to both deployments of a run and adds what is found to the run. Thread-safe.

    Payloads that the run has counted before are not sent again. ``left_out`` are the fields that are meant to differ,
    and ``may_drift`` says that decimal numbers are: the first comparison of a run decides both for all. Nothing is
    shown before the end, and what was compared counts however it ended, so that nobody can stop it when it suits.

    Raises RuleBroken when nothing is left to compare or the run does not take any answers, StoreFailed.
    """

    def __init__(
        self,
        conn: Connection,
        endpoint: Endpoint,
        run: Run,
        items: Sequence[Item],
        places: Places,
        *,
        source: str,
        seed: int,
        parallel: int = 1,
        tolerance: float = DEFAULT_TOLERANCE,
        left_out: Sequence[str] = (),
        may_drift: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        kept = places.runs.answers(run.id)
        chosen = answers.fresh(run.id, items, answers.marks_of(kept))
        _check(run, items, chosen)
        decided = answers.left_out_of(kept)
        drift = answers.may_drift_of(kept)
        self.may_drift = may_drift if drift is None else drift
        self.run_id = run.id
        self.left_out = tuple(left_out) if decided is None else decided
        self.count = len(chosen)
        self._marks = [answers.mark(run.id, item) for item in chosen]
        self._places, self._source, self._now = places, source, now
        self._endpoint_id = endpoint.id
        stopped = threading.Event()
        self.replay = Replay(
            chosen,
            run.pair.live,
            run.pair.candidate,
            asker(conn, endpoint, stopped),
            seed=seed,
            parallel=parallel,
            tolerance=tolerance,
            stopped=stopped,
            now=now,
        )
        self._over = threading.Event()
        self.problem: SluiceError | None = None

    def start(self) -> None:
        """Begin in the background."""
        threading.Thread(target=self.work, name="comparing-answers", daemon=True).start()

    def work(self) -> None:
        """Compare, and add what was found to the run. What failed is in ``problem``."""
        try:
            self.replay.run()
            self.problem = self.replay.progress.error
            record = self.replay.record
            if record.triples:
                self._keep(record)
        except SluiceError as error:
            self.problem = error
        except Exception as error:
            # Runs in a thread of its own: nobody else would hear of it.
            _log.exception("A comparison of answers failed inside Sluice")
            self.problem = ServiceFailed(
                "The answers were not added to the shadow test.",
                f"Sluice itself failed with an unexpected {type(error).__name__}.",
                "Compare again; if it comes again, report it with the server's log.",
            )
        finally:
            self._over.set()

    @property
    def is_over(self) -> bool:
        """Whether it has ended and what was found is kept, or cannot be."""
        return self._over.is_set()

    def _keep(self, record: Record) -> None:
        runs, until = self._places.runs, self._now()
        kept = runs.answers(self.run_id)
        decided, drift = answers.left_out_of(kept), answers.may_drift_of(kept)
        # Another comparison may have been the first meanwhile: what it decided holds for this one too.
        self.left_out = self.left_out if decided is None else decided
        self.may_drift = self.may_drift if drift is None else drift
        drifting = answers.drifting(record) if self.may_drift else ()
        found = answers.counted(record, self._marks, answers.marks_of(kept), [*self.left_out, *drifting])
        content = answers.content_of(
            record,
            self._marks,
            found,
            left_out=self.left_out,
            may_drift=self.may_drift,
            source=self._source,
            until=until,
            result=keep(
                self._places.results, self._endpoint_id, record, keeps_bodies=self._places.keeps_bodies, at=until
            ),
        )
        runs.add_answers(self.run_id, found.compared, found.different, content)
        runs.remark(self.run_id, _told(record, until), record.started_at)


def _told(record: Record, until: datetime) -> str:
    sent = 3 * (len(record.triples) + len(record.again))
    span = f"{record.started_at.astimezone(UTC):%d %b %H:%M} to {until.astimezone(UTC):%H:%M} UTC"
    return (
        f"Answers were compared from {span}: about {sent:,} requests that name {record.live} or {record.candidate}, "
        f"two of three {record.live}, may be among those of these minutes."
    )


def _check(run: Run, items: Sequence[Item], chosen: Sequence[Item]) -> None:
    what = "The answers were not compared."
    if run.state is not RunState.RUNNING:
        raise RuleBroken(what, "The shadow test has ended.", "Begin a new one, or compare on the Test page.")
    if run.criteria.answer_percent is None:
        why = "Answers are not among the criteria of this shadow test, which do not change while it runs."
        raise RuleBroken(
            what, why, "Compare them on the Test page, or begin a shadow test with answers as a criterion."
        )
    if items and not chosen:
        why = f"All {len(items):,} payloads have been counted in this shadow test: asked again they say nothing new."
        raise RuleBroken(what, why, "Choose others.")
