"""All that is known of a shadow test in one JSON document, for somebody who was not there. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from services.comparison.bands import QuantileDifference
from services.comparison.criteria import ALPHA
from services.comparison.describe import LEVEL, Side, Told, describe
from services.comparison.ends import told_end
from services.comparison.judge import ANSWERS, Arm, Standing, Verdict
from services.comparison.use import USES, described
from services.journal.entry import Entry, from_split
from services.model import Endpoint
from services.shadow import own_statuses
from services.shadow.judging import View
from services.shadow.model import Minute, Run, RunState
from services.shadow.report_timeline import iso, timeline
from services.shadow.report_words import method, question, sentence
from services.shadow.runs import Answers
from services.statuses import DEFAULT_SETS, StatusSets
from services.visibility.judging import DEPLOYMENT_METRICS

FORMAT = 1
_SEED = 1
"""Of the resamples: the same minutes always give the same report."""
_KEPT_OUT = ("marks",)
_COUNTED = {ANSWERS: "payloads", **dict.fromkeys(USES, "minutes")}
"""What a criterion counts that does not count requests."""


@dataclass(frozen=True)
class Material:
    """What a report is made of. ``entries`` are those of the endpoint's journal, ``minutes`` and ``answers`` those that
    the run keeps, ``versions`` pairs of a name and a version. ``statuses`` say which answers are errors."""

    run: Run
    endpoint: Endpoint
    view: View
    minutes: tuple[Minute, ...]
    answers: tuple[Answers, ...]
    entries: tuple[Entry, ...]
    versions: tuple[tuple[str, str], ...]
    made_at: datetime
    statuses: StatusSets = DEFAULT_SETS


def document(made: Material) -> dict[str, Any]:
    """The report. Moments are ISO 8601 in UTC; None is what is not known, and an end of an interval that is open."""
    run, view, endpoint = made.run, made.view, made.endpoint
    place = endpoint.workspace_ref
    return {
        "format": FORMAT,
        "made_at": iso(made.made_at),
        "versions": dict(made.versions),
        "question": question(run),
        "endpoint": {
            "name": endpoint.name,
            "id": endpoint.id,
            "location": endpoint.location,
            "workspace": place.name,
            "resource_group": place.resource_group,
            "subscription_id": place.subscription_id,
        },
        "run": {**_run(run), "statuses": own_statuses.document(made.statuses)},
        "verdict": {
            "verdict": view.verdict.value,
            "sentence": sentence(run, view),
            "is_final": view.is_frozen,
            "minutes": view.minutes,
            "since": iso(view.since),
            "until": iso(view.until),
            "per_minute": _number(view.per_minute),
            "more": view.more,
            "minutes_to_go": view.minutes_to_go,
            "criteria": [_standing(each, view) for each in view.standings],
        },
        "taints": list(view.told),
        "notes": _once([*view.notes, run.trouble]),
        "described": _described(made.minutes, view),
        "answers": [_answers(each) for each in made.answers],
        "answers_note": "Stored answers are those that the deployments' own data collectors have kept.",
        "timeline": timeline(run, made.entries, made.answers),
        "method": {"alpha": ALPHA, "sentences": method(own_statuses.told(made.statuses))},
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "state": run.state.value,
        "why": run.why,
        "live": run.pair.live,
        "candidate": run.pair.candidate,
        "mirror_percent": run.percent,
        "criteria": run.criteria.document(),
        "split": from_split(run.split),
        "started_at": iso(run.started_at),
        "set_at": iso(run.set_at),
        "ends_at": iso(run.ends_at),
        "ended_at": iso(run.ended_at),
        "person": run.person,
        "principal": run.principal,
        "is_over": run.state is not RunState.RUNNING,
        "deployments": [
            {
                "name": each.name,
                "model": each.model,
                "environment": each.environment,
                "instance_type": each.instance_type,
                "instance_count": each.instance_count,
                "modified_at": iso(each.modified_at),
            }
            for each in run.setup
        ],
    }


def _standing(standing: Standing, view: View) -> dict[str, Any]:
    return {
        "name": standing.name,
        "verdict": standing.verdict.value,
        "unit": standing.unit,
        "limit": _number(standing.limit),
        "estimate": _number(standing.estimate),
        "estimate_is": told_end(standing.estimate) if standing.unit == "factor" else "",
        "lower": _number(standing.lower),
        "upper": _number(standing.upper),
        "has_changed": standing.has_changed,
        "n": standing.n,
        "live_n": standing.live_n,
        "left_out": standing.left_out,
        "more": standing.more if standing.verdict is Verdict.NEED_MORE else None,
        "minutes_to_go": view.minutes_of(standing) if standing.verdict is Verdict.NEED_MORE else None,
        "why": standing.why,
        "counts": _COUNTED.get(standing.name, "requests"),
        "source": view.source_of(standing),
        "taints": list(view.taints_of(standing)),
    }


def _described(minutes: Sequence[Minute], view: View) -> dict[str, Any]:
    """The same minutes with intervals of one look, and what they were like one by one."""
    found = describe(minutes, np.random.default_rng(_SEED))
    return {
        "level": LEVEL,
        "sources": {"counts": view.counts, "latencies": view.rows, "use": DEPLOYMENT_METRICS},
        "use": {"live": _used(each.live for each in minutes), "candidate": _used(each.candidate for each in minutes)},
        "live": _side(found.live),
        "candidate": _side(found.candidate),
        "error_points": _told(found.error_points),
        "paired_percent": _told(found.paired_percent),
        "quantile_differences": [_difference(each) for each in found.quantile_differences],
        "error_spans": [
            {"at": iso(each.at), "until": iso(each.until), "live": _told(each.live), "candidate": _told(each.candidate)}
            for each in found.error_spans
        ],
        "paired_minutes": [
            {
                "at": iso(each.at),
                "live_ms": _number(each.live_ms),
                "candidate_ms": _number(each.candidate_ms),
                "percent": _number(each.percent),
                "live_n": each.live_n,
                "candidate_n": each.candidate_n,
            }
            for each in found.paired
        ],
        "minutes": [
            {
                "at": iso(each.at),
                "live": {"requests": each.live.requests, "errors": each.live.errors},
                "candidate": {"requests": each.candidate.requests, "errors": each.candidate.errors},
            }
            for each in minutes
        ],
    }


def _used(arms: Iterable[Arm]) -> dict[str, Any] | None:
    """What the instances used, None when no minute tells."""
    found = described([(each.requests, each.use) for each in arms if each.use is not None])
    return {name: _number(value) for name, value in vars(found).items()} if found.minutes else None


def _side(side: Side) -> dict[str, Any]:
    return {
        "requests": side.requests,
        "errors": side.errors,
        "error_percent": _told(side.error_percent),
        "rows": side.rows,
        "quantiles_ms": {f"{share:g}": _told(told) for share, told in side.quantiles.items()},
        "distribution": [[_number(ms), _number(percent)] for ms, percent in side.curve],
    }


def _told(told: Told | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {"value": _number(told.value), "lower": _number(told.lower), "upper": _number(told.upper), "n": told.n}


def _difference(found: QuantileDifference) -> dict[str, Any]:
    return {name: _number(value) for name, value in vars(found).items()}


def _answers(kept: Answers) -> dict[str, Any]:
    content = {name: value for name, value in kept.content.items() if name not in _KEPT_OUT}
    return {**content, "compared": kept.compared, "different": kept.different}


def _number(value: float | None) -> float | None:
    """Six digits; None for what is no number, and for an open end."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _once(sentences: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(each for each in sentences if each))


def file_name(run: Run, endpoint: Endpoint, ending: str) -> str:
    """What the file of a report is called."""
    at = run.started_at.astimezone(UTC)
    return f"{endpoint.name}-{run.pair.live}-{run.pair.candidate}-{at:%Y%m%dT%H%M}Z.{ending}"
