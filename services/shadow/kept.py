"""Runs and their minutes as the store holds them. Pure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from services.comparison.criteria import Criteria
from services.comparison.judge import Arm, Verdict
from services.comparison.mixtures import Floats
from services.comparison.taints import EVERYTHING, Taint
from services.comparison.use import Use
from services.journal.entry import from_split, moment, to_split
from services.shadow import own_statuses
from services.shadow.model import Minute, Pair, Remark, Run, RunState, Setup

MOST_ROWS = 2_000_000
"""Latencies that are kept of a run, about: some 4 MB compressed for each million."""
FEWEST_PER_MINUTE = 200
"""Latencies that are kept of a deployment and minute at least."""


def from_run(run: Run) -> dict[str, Any]:
    """What a run's ``content`` is: everything but its id and what has a column of its own."""
    return {
        "endpoint_id": run.endpoint_id,
        "live": run.pair.live,
        "candidate": run.pair.candidate,
        "percent": run.percent,
        "criteria": run.criteria.document(),
        "ends_at": text_of(run.ends_at),
        "person": run.person,
        "principal": run.principal,
        "prepares_promotion": run.prepares_promotion,
        "ended_at": text_of(run.ended_at),
        "why": run.why,
        "split": from_split(run.split),
        "setup": [{**vars(each), "modified_at": text_of(each.modified_at)} for each in run.setup],
        "set_at": text_of(run.set_at),
        "is_ending": run.is_ending,
        "change_id": run.change_id,
        "clearing_id": run.clearing_id,
        "remarks": [{"at": text_of(each.at), "sentence": each.sentence} for each in run.remarks],
        "taints": from_taints(run.taints),
        "trouble": run.trouble,
        "counts": run.counts,
        "rows": run.rows,
        "notes": list(run.notes),
        "statuses": own_statuses.document(run.statuses),
    }


def to_run(row: sa.Row[Any]) -> Run:
    """The run of a row."""
    body: Mapping[str, Any] = json.loads(row.content)
    return Run(
        id=row.id,
        endpoint_id=body["endpoint_id"],
        pair=Pair(body["live"], body["candidate"]),
        percent=body["percent"],
        criteria=Criteria.read(body["criteria"]),
        started_at=datetime.fromisoformat(row.started_at),
        ends_at=datetime.fromisoformat(body["ends_at"]),
        person=body["person"],
        principal=body["principal"],
        prepares_promotion=body["prepares_promotion"],
        state=RunState(row.state),
        ended_at=moment(body["ended_at"]),
        why=body["why"],
        split=to_split(body["split"]),
        setup=tuple(Setup(**{**each, "modified_at": moment(each["modified_at"])}) for each in body["setup"]),
        set_at=moment(body["set_at"]),
        is_ending=body["is_ending"],
        change_id=body["change_id"],
        clearing_id=body["clearing_id"],
        remarks=tuple(Remark(datetime.fromisoformat(each["at"]), each["sentence"]) for each in body["remarks"]),
        taints=to_taints(body.get("taints", ())),
        trouble=body["trouble"],
        counts=body["counts"],
        rows=body["rows"],
        notes=tuple(body["notes"]),
        verdict=Verdict(json.loads(row.frozen)["verdict"]) if row.frozen else None,
        # Runs of before they were kept have none.
        statuses=own_statuses.read(body.get("statuses")),
    )


def from_taints(taints: Iterable[Taint]) -> list[list[str]]:
    """Taints as JSON keeps them."""
    return [[each.about, each.sentence] for each in taints]


def to_taints(kept: Iterable[Any]) -> tuple[Taint, ...]:
    """The taints of :func:`from_taints`. Sentences that were kept without what they are about concern everything."""
    return tuple(Taint(EVERYTHING, each) if isinstance(each, str) else Taint(*each) for each in kept)


def from_minute(run: Run, minute: Minute) -> dict[str, Any]:
    """The row of a minute of ``run``. Of very many latencies an even random part is kept, always the same one."""
    seconds = int(minute.at.timestamp())
    most = per_minute(run.ends_at - run.started_at)
    live = _thinned(minute.live.latencies_ms, most, seconds)
    candidate = _thinned(minute.candidate.latencies_ms, most, seconds + 1)
    return {
        "run_id": run.id,
        "at": text_of(minute.at),
        "live_requests": int(minute.live.requests),
        "live_errors": int(minute.live.errors),
        "candidate_requests": int(minute.candidate.requests),
        "candidate_errors": int(minute.candidate.errors),
        "live_rows": len(live),
        "latencies": zlib.compress(np.concatenate([live, candidate]).astype("<f4").tobytes()),
        "used": _from_uses(minute.live.use, minute.candidate.use),
    }


def to_minute(row: sa.Row[Any]) -> Minute:
    """The minute of a row."""
    kept = np.frombuffer(zlib.decompress(row.latencies), dtype="<f4").astype(np.float64)
    live_use, use = (each and Use(*each) for each in json.loads(row.used or "[null, null]"))
    live = Arm(row.live_requests, row.live_errors, kept[: row.live_rows], live_use)
    candidate = Arm(row.candidate_requests, row.candidate_errors, kept[row.live_rows :], use)
    return Minute(datetime.fromisoformat(row.at), live, candidate)


def per_minute(duration: timedelta) -> int:
    """How many latencies of a deployment are kept of each minute of a run that lasts so long."""
    minutes = max(1.0, duration.total_seconds() / 60)
    return max(FEWEST_PER_MINUTE, int(MOST_ROWS / 2 / minutes))


def text_of(at: datetime | None) -> str | None:
    """A moment as text that sorts like it, None for None."""
    return at.astimezone(UTC).isoformat(timespec="microseconds") if at is not None else None


def _from_uses(*uses: Use | None) -> str | None:
    """JSON of [processor ms, memory percent, instances] of each, None when nothing is known."""
    if not any(uses):
        return None
    return json.dumps([each and [each.processor_ms, each.memory_percent, each.instances] for each in uses])


def _thinned(latencies_ms: Floats, most: int, seed: int) -> Floats:
    known = latencies_ms[np.isfinite(latencies_ms)]
    if len(known) <= most:
        return known
    # Which ones does not depend on how long they took: every quantile stays what it was.
    drawn = np.random.default_rng(seed).choice(len(known), size=most, replace=False)
    return known[np.sort(drawn)]
