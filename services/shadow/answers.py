"""Which answers of a comparison count inside a run: every payload once, and nothing that differs by itself. Pure.

The criterion is the share of payloads that the candidate answers otherwise. Its evidence takes every payload for one
draw, so a payload that is sent again says nothing new and is left out. What stands alone by chance is not laid at the
candidate's door: in the fields that differ between the deployments, as often as an answer of the live one stands alone
is taken off before anything speaks for FAIL (twice what is to be expected, since it was asked twice), and nothing is
taken off before it speaks for PASS.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from services.json_text import canonical
from services.replay.differences import Difference
from services.replay.noise import Role
from services.replay.record import Item, Record, Triple
from services.replay.report import report
from services.shadow.runs import Answers

FORMAT = 1
MOST_FIELDS = 30
"""Fields and numbers that are kept of one comparison."""


@dataclass(frozen=True)
class Counted:
    """What a comparison adds to a run. ``different`` of ``compared`` payloads are answered otherwise for certain, and
    ``undecided`` more perhaps. ``repeated`` were counted before; on ``both_failed`` every answer was an error.
    """

    compared: int
    different: int
    undecided: int
    repeated: int
    both_failed: int


def mark(run_id: str, item: Item) -> str:
    """What a payload is known by within a run: the same for the same JSON and headers, however it is written."""
    try:
        body = canonical(json.loads(item.request.body)).encode()
    except (ValueError, RecursionError):
        body = item.request.body
    return _marked(run_id, item, body)


def _marked(run_id: str, item: Item, body: bytes) -> str:
    request = item.request
    told = hashlib.sha256(f"{run_id}\n{request.content_type}\n{sorted(request.headers)}\n".encode())
    told.update(body)
    return told.hexdigest()[:20]


def marks_of(kept: Iterable[Answers]) -> frozenset[str]:
    """The marks of all payloads that the comparisons of a run have counted."""
    return frozenset(each for one in kept for each in one.content.get("marks", ()))


def left_out_of(kept: Sequence[Answers]) -> tuple[str, ...] | None:
    """The fields that the first comparison of a run left out, which is what all others leave out; None before it."""
    return tuple(kept[0].content.get("left_out", ())) if kept else None


def may_drift_of(kept: Sequence[Answers]) -> bool | None:
    """Whether decimal numbers may drift in a run, as its first comparison has decided; None before it."""
    return bool(kept[0].content.get("may_drift", False)) if kept else None


def drifting(record: Record) -> frozenset[str]:
    """The fields in which a decimal number differs: scores of another model are never the same to the last digit.

    Whole numbers are not among them, for they may stand for a class.
    """
    return drifting_in(difference for example in record.examples for difference in example.differences)


def drifting_in(found: Iterable[Difference]) -> frozenset[str]:
    """The fields of ``found`` in which a decimal number differs."""
    return frozenset(each.field for each in found if _is_decimal(each.left) or _is_decimal(each.right))


def fresh(run_id: str, items: Iterable[Item], already: frozenset[str]) -> list[Item]:
    """The items that have not been counted, each payload once."""
    seen, found = set(already), []
    for item in items:
        known_as = mark(run_id, item)
        # Earlier versions took the bytes as they were.
        if known_as not in seen and _marked(run_id, item, item.request.body) not in already:
            seen.add(known_as)
            found.append(item)
    return found


def counted(record: Record, marks: Sequence[str], already: frozenset[str], left_out: Iterable[str]) -> Counted:
    """What ``record`` adds to a run. ``marks`` are those of its requests, in their order; ``already`` were counted."""
    muted = frozenset(left_out)
    told = report(record, muted)
    named = frozenset(field.field for field in told.named)
    unclear = frozenset(field.field for field in told.fields if not field.is_named and not field.differs_by_itself)
    new = [triple for triple in record.triples if marks[triple.item] not in already]
    good = [triple for triple in new if not _failed(triple)]
    sure = sum("candidate" in _roles(triple, named) for triple in good)
    by_chance = sum(bool({"first", "second"} & _roles(triple, named)) for triple in good)
    possible = sum("candidate" in _roles(triple, named | unclear) for triple in good)
    different = max(0, sure - by_chance)
    return Counted(len(good), different, possible - different, len(record.triples) - len(new), len(new) - len(good))


def content_of(
    record: Record,
    marks: Sequence[str],
    found: Counted,
    *,
    left_out: Sequence[str],
    may_drift: bool,
    source: str,
    until: datetime,
    result: str,
) -> dict[str, Any]:
    """What is kept of a comparison with its run: numbers and names of fields, and no body. ``source`` says where the
    requests came from; ``result`` is the id of the whole comparison, "" when it was not kept.
    """
    drifted = sorted(drifting(record)) if may_drift else []
    told = report(record, [*left_out, *drifted])
    moved = report(record, left_out).shifts
    return {
        "format": FORMAT,
        "at": record.started_at.astimezone(UTC).isoformat(),
        "until": until.astimezone(UTC).isoformat(),
        "source": source,
        "result": result,
        "live": record.live,
        "candidate": record.candidate,
        "seed": record.seed,
        "tolerance": record.tolerance,
        "left_out": list(left_out),
        "may_drift": may_drift,
        "drifted": drifted[:MOST_FIELDS],
        "is_stopped": record.is_stopped,
        "planned": len(record.names),
        "asked_again": len(record.again),
        **asdict(found),
        "share": [told.share.value if told.compared else None, told.share.low, told.share.high],
        "by_itself": told.by_itself,
        "live_errors": told.live_errors,
        "candidate_errors": told.candidate_errors,
        "fields": [{**asdict(each), "live_alone": each.live_alone} for each in told.fields[:MOST_FIELDS]],
        "numbers": [asdict(each) for each in moved[:MOST_FIELDS]],
        "marks": [marks[triple.item] for triple in record.triples if not _failed(triple)],
    }


def totals(kept: Iterable[Answers]) -> tuple[int, int, int]:
    """Payloads compared, different for certain, and perhaps different, over all comparisons of a run."""
    rows = list(kept)
    return (
        sum(each.compared for each in rows),
        sum(each.different for each in rows),
        sum(undecided_of(each.content) for each in rows),
    )


def undecided_of(content: Mapping[str, Any]) -> int:
    """How many payloads of a kept comparison are perhaps answered otherwise."""
    return int(content.get("undecided", 0))


def _is_decimal(value: object) -> bool:
    return isinstance(value, float) and not value.is_integer()


def _roles(triple: Triple, fields: frozenset[str]) -> set[Role]:
    return {who for field, who in triple.alone.items() if field in fields}


def _failed(triple: Triple) -> bool:
    return all(not label.startswith("2") for label in triple.labels)
