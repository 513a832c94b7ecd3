"""What a comparison has seen: enough to judge it again later, with other fields muted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from services.replay.differences import Difference, Json
from services.replay.noise import Role
from services.scoring.request import ScoringRequest

FORMAT = 1


@dataclass(frozen=True)
class Item:
    """One request of the set, with the name it goes by. Its deployment is set when it is sent."""

    name: str
    request: ScoringRequest


@dataclass(frozen=True)
class Triple:
    """What came of one request: two answers of the live deployment and one of the candidate.

    ``labels`` are the three statuses or failures in the order first, second, candidate; ``total_ms`` and ``model_ms``
    the times in that order, None where there is none. ``shifts`` holds for each numeric field by how much the
    candidate's number, and the second one's, is larger than the first one's. ``is_candidate_first`` says that the
    candidate was asked before the first one.
    """

    item: int
    labels: tuple[str, str, str]
    total_ms: tuple[float | None, float | None, float | None]
    model_ms: tuple[float | None, float | None, float | None]
    alone: Mapping[str, Role]
    unsettled: tuple[str, ...] = ()
    shifts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    is_candidate_first: bool = False
    is_bad: bool = False


@dataclass(frozen=True)
class Example:
    """One request on which the candidate stood alone, with what was sent and the two answers, as text."""

    item: int
    name: str
    fields: tuple[str, ...]
    differences: tuple[Difference, ...]
    request: str
    live: str
    candidate: str


@dataclass(frozen=True)
class Record:
    """A whole comparison. ``names`` are those of the requests; ``triples`` are what was planned, ``again`` what was
    asked again to tell rare differences from noise. ``is_stopped`` says that somebody ended it before it was done.
    """

    live: str
    candidate: str
    started_at: datetime
    seed: int
    tolerance: float
    names: tuple[str, ...]
    triples: tuple[Triple, ...] = ()
    again: tuple[Triple, ...] = ()
    examples: tuple[Example, ...] = ()
    is_stopped: bool = False

    def without_bodies(self) -> Record:
        """The same without anything that was sent or answered: for somebody who wants no bodies kept."""
        return replace(self, examples=())


def to_document(record: Record) -> dict[str, Any]:
    """``record`` as JSON can hold it."""
    document = asdict(record)
    document["started_at"] = record.started_at.isoformat()
    return {"format": FORMAT, **document}


def from_document(document: Mapping[str, Any]) -> Record:
    """The record that :func:`to_document` wrote. Raises ValueError for another format."""
    if document.get("format") != FORMAT:
        raise ValueError("a comparison of another version of Sluice")
    values = {name: value for name, value in document.items() if name != "format"}
    values["started_at"] = datetime.fromisoformat(values["started_at"])
    values["names"] = tuple(values["names"])
    values["triples"] = tuple(_triple(each) for each in values["triples"])
    values["again"] = tuple(_triple(each) for each in values["again"])
    values["examples"] = tuple(_example(each) for each in values["examples"])
    return Record(**values)


def _triple(document: Mapping[str, Any]) -> Triple:
    lists = ("labels", "total_ms", "model_ms", "unsettled")
    shifts = {name: (pair[0], pair[1]) for name, pair in document["shifts"].items()}
    return Triple(**{**document, **{name: tuple(document[name]) for name in lists}, "shifts": shifts})


def _example(document: Mapping[str, Json]) -> Example:
    found = tuple(Difference(**each) for each in document["differences"])
    return Example(**{**document, "fields": tuple(document["fields"]), "differences": found})
