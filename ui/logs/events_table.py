"""What happened to an endpoint, as rows of tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.azure.activity import Write
from services.azure.events import LifecycleEvent
from ui import colours, words
from ui.components.table import Cell, Column, Row

EVENT_COLUMNS = (
    Column("Time"),
    Column("Deployment"),
    Column("Event"),
    Column("Message", wraps=True),
    Column("Instance", help="The beginning of Azure's id of the instance."),
)
WRITE_COLUMNS = (Column("Time"), Column("Caller"), Column("Operation"), Column("Outcome"), Column("Correlation id"))
BAD = ("BackOff", "LivenessProbeFailed", "ReadinessProbeFailed")
"""Events that tell of trouble."""


def event_rows(found: Sequence[LifecycleEvent], names: Sequence[str]) -> list[Row]:
    """One row per event, in the order given; ``names`` are the endpoint's deployments."""
    palette = colours.of_deployments({*names, *(event.deployment for event in found)})
    return [
        Row(
            str(number),
            (
                _time(event.at),
                Cell(event.deployment, colour=palette[event.deployment]) if event.deployment else _none(),
                Cell(event.name, tone="bad" if event.name in BAD else ""),
                Cell(event.message, title=event.message),
                Cell(event.instance[:8], code=True, title=event.instance) if event.instance else _none(),
            ),
        )
        for number, event in enumerate(found)
    ]


def write_rows(found: Sequence[Write]) -> list[Row]:
    """One row per write of the endpoint, the newest first; ``found`` has the oldest first."""
    return [
        Row(
            str(number),
            (
                _time(write.at),
                Cell(write.caller) if write.caller else _none(),
                Cell(write.operation.rpartition("MachineLearningServices/")[2], title=write.operation),
                Cell(write.status, tone={"Succeeded": "good", "Failed": "bad"}.get(write.status, "neutral")),
                Cell(write.correlation_id, code=True) if write.correlation_id else _none(),
            ),
        )
        for number, write in enumerate(reversed(found))
    ]


def _time(at: datetime) -> Cell:
    return Cell(f"{at:%Y-%m-%d %H:%M:%S} UTC", sort=at.timestamp(), title=words.moment(at))


def _none() -> Cell:
    return Cell("not said", muted=True)
