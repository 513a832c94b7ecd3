"""Where a run stands: its judge, rebuilt from the minutes that are kept, so that every process says the same."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.comparison.judge import ANSWERS, ERRORS, Judge, Standing, Verdict, slowest
from services.comparison.taints import EVERYTHING, Taint
from services.comparison.use import USES
from services.journal.entry import moment
from services.shadow.answers import undecided_of
from services.shadow.kept import from_taints, text_of, to_taints
from services.shadow.model import Minute, Run
from services.shadow.runs import Answers, Runs
from services.shadow.using import UNKNOWN
from services.visibility.judging import DEPLOYMENT_METRICS

RECENT = timedelta(minutes=30)
"""The rate of requests is the mean of the newest kept minutes, as many as these."""
_MOST_JUDGES = 32
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class View:
    """Where a run stands, for pages and reports.

    ``per_minute`` are the candidate's requests a minute lately, ``rows_per_minute`` those with a latency; None without
    any. ``minutes`` are counted from ``since`` to ``until``, the kept ones: None without any. ``more`` is about how
    many of the candidate's requests the whole verdict still needs, ``minutes_to_go`` about how long that takes at this
    rate; None when it cannot be told or nothing is needed. ``taints`` are what may distort which
    criterion. A frozen view stays for ever.
    """

    verdict: Verdict
    standings: tuple[Standing, ...]
    minutes: int
    since: datetime | None
    until: datetime | None
    per_minute: float | None
    rows_per_minute: float | None
    more: int | None
    minutes_to_go: int | None
    counts: str
    rows: str
    notes: tuple[str, ...]
    taints: tuple[Taint, ...]
    is_frozen: bool = False

    @property
    def told(self) -> tuple[str, ...]:
        """The sentences of all ``taints``, each once."""
        return tuple(dict.fromkeys(each.sentence for each in self.taints))

    def taints_of(self, standing: Standing) -> tuple[str, ...]:
        """What may distort this one criterion, beside what concerns all of them."""
        mine = (each.sentence for each in self.taints if each.about != EVERYTHING and each.concerns(standing.name))
        return tuple(dict.fromkeys(mine))

    def minutes_of(self, standing: Standing) -> int | None:
        """About how many minutes one criterion still needs at this rate, None when that cannot be told."""
        return _minutes_of(standing, self.per_minute, self.rows_per_minute)

    def source_of(self, standing: Standing) -> str:
        """Where the numbers of one criterion come from, "" while nothing is known."""
        if standing.name in USES:
            return DEPLOYMENT_METRICS if standing.has_data else ""
        return {ERRORS: self.counts, ANSWERS: "Payloads that both answered"}.get(standing.name, self.rows)


class Judging:
    """The judges of the runs that are looked at. Thread-safe."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Judged] = OrderedDict()

    def standing(self, run: Run) -> View:
        """Where ``run`` stands: frozen when it is, else by all minutes that are kept now. Raises StoreFailed."""
        frozen = self._runs.frozen(run.id)
        if frozen is not None:
            return to_view(frozen)
        with self._lock:
            judged = self._kept.setdefault(run.id, _Judged(Judge(run.criteria)))
            self._kept.move_to_end(run.id)
            while len(self._kept) > _MOST_JUDGES:
                self._kept.popitem(last=False)
        with judged.lock:
            judged.take_in(self._runs.minutes(run.id, judged.until), self._runs.answers(run.id))
            return judged.view(run)


def from_view(view: View) -> dict[str, Any]:
    """A view as JSON keeps it, where an infinite bound is None."""
    return {
        **vars(view),
        "verdict": view.verdict.value,
        "standings": [_from_standing(each) for each in view.standings],
        "since": text_of(view.since),
        "until": text_of(view.until),
        "notes": list(view.notes),
        "taints": from_taints(view.taints),
    }


def to_view(document: Mapping[str, Any]) -> View:
    """The frozen view of a :func:`from_view`."""
    return View(
        **{
            **document,
            "verdict": Verdict(document["verdict"]),
            "standings": tuple(_to_standing(each) for each in document["standings"]),
            "since": moment(document["since"]),
            "until": moment(document["until"]),
            "notes": tuple(document["notes"]),
            "taints": to_taints(document["taints"]),
            "is_frozen": True,
        }
    )


@dataclass
class _Judged:
    judge: Judge
    lock: threading.Lock = field(default_factory=threading.Lock)
    minutes: int = 0
    since: datetime | None = None
    until: datetime | None = None
    """When the newest minute begins that the judge has."""
    answers: int = 0
    recent: list[tuple[datetime, int, int]] = field(default_factory=list)
    standings: tuple[Standing, ...] | None = None

    def take_in(self, minutes: Sequence[Minute], answers: Sequence[Answers]) -> None:
        for each in minutes:
            self.judge.add(each.live, each.candidate)
            self.since, self.until = self.since or each.at, each.at
            self.recent.append((each.at, each.candidate.requests, len(each.candidate.latencies_ms)))
        for compared in answers[self.answers :]:
            self.judge.add_answers(compared.compared, compared.different, undecided_of(compared.content))
        if minutes or len(answers) > self.answers:
            self.standings = None
        self.minutes += len(minutes)
        self.answers = len(answers)
        if self.until is not None:
            newest = self.until
            self.recent = [each for each in self.recent if each[0] > newest - RECENT]

    def view(self, run: Run) -> View:
        if self.standings is None:
            self.standings = self.judge.standings()
        per_minute, rows_per_minute = self._rates()
        to_go = [
            _minutes_of(each, per_minute, rows_per_minute)
            for each in self.standings
            if each.verdict is Verdict.NEED_MORE
        ]
        known = [each for each in to_go if each is not None]
        return View(
            verdict=self.judge.verdict,
            standings=self.standings,
            minutes=self.minutes,
            since=self.since,
            until=self.until + _MINUTE if self.until else None,
            per_minute=per_minute,
            rows_per_minute=rows_per_minute,
            more=slowest(self.standings, per_minute),
            minutes_to_go=max(known) if known and len(known) == len(to_go) else None,
            counts=run.counts,
            rows=run.rows,
            notes=tuple(each for each in run.notes if run.criteria.judges_use or not each.startswith(UNKNOWN)),
            taints=(*(Taint(EVERYTHING, each.sentence) for each in run.remarks), *run.taints),
        )

    def _rates(self) -> tuple[float | None, float | None]:
        if not self.recent:
            return None, None
        span = (self.recent[-1][0] - self.recent[0][0] + _MINUTE) / _MINUTE
        return sum(each[1] for each in self.recent) / span, sum(each[2] for each in self.recent) / span


def _minutes_of(standing: Standing, per_minute: float | None, rows_per_minute: float | None) -> int | None:
    if standing.name in USES:
        return standing.more
    rate = per_minute if standing.name == ERRORS else rows_per_minute
    if standing.more is None or not rate or standing.name == ANSWERS:
        # Answers do not come by themselves.
        return None
    return math.ceil(standing.more / rate)


def _from_standing(standing: Standing) -> dict[str, Any]:
    lower, upper = (each if math.isfinite(each) else None for each in (standing.lower, standing.upper))
    return {**vars(standing), "verdict": standing.verdict.value, "lower": lower, "upper": upper}


def _to_standing(document: Mapping[str, Any]) -> Standing:
    lower = -math.inf if document["lower"] is None else document["lower"]
    upper = math.inf if document["upper"] is None else document["upper"]
    return Standing(**{**document, "verdict": Verdict(document["verdict"]), "lower": lower, "upper": upper})
