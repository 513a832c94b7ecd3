"""Rows of the tables: from what Azure said to cells. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from services.model import Deployment, Split
from services.traffic.plan import Plan
from ui import colours
from ui.components.table import Cell, Column, Row

LAST_MINUTES = "Over the last 15 settled minutes, from Azure Monitor."

PLAN_COLUMNS = (
    Column("Deployment"),
    Column("Live now", number=True),
    Column("Live after", number=True),
    Column("Change", number=True, help="In percentage points of the live traffic."),
    Column("Mirror now", number=True),
    Column("Mirror after", number=True),
)

_TONES = {
    "succeeded": "good",
    "creating": "busy",
    "updating": "busy",
    "deleting": "busy",
    "provisioning": "busy",
    "scaling": "busy",
    "failed": "bad",
    "canceled": "bad",
}


def split_words(split: Split) -> str:
    """A live split in words, largest share first: ``blue 70 %, green 30 %``."""
    if not split.live:
        return "no live traffic"
    ordered = sorted(split.live.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {percent} %" for name, percent in ordered)


def mirror_words(split: Split) -> str:
    """The mirrored share in words: ``10 % to green``, or ``none``."""
    return f"{split.mirror_percent} % to {split.mirror_target}" if split.mirror_target else "none"


def plan_rows(plan: Plan, deployments: Sequence[Deployment]) -> list[Row]:
    """One row per deployment, changed or not: what it gets now and what it gets after the plan."""
    names = sorted({each.name for each in deployments} | set(plan.before.live) | set(plan.before.mirror))
    palette = colours.of_deployments(names)
    rows = []
    for name in names:
        live = (plan.before.live_percent(name), plan.after.live_percent(name))
        mirror = (plan.before.mirror.get(name, 0), plan.after.mirror.get(name, 0))
        rows.append(
            Row(
                name,
                (
                    Cell(name, colour=palette[name], strong=True),
                    percent_cell(live[0]),
                    percent_cell(live[1], strong=live[0] != live[1]),
                    _points_cell(live[1] - live[0]),
                    percent_cell(mirror[0]),
                    percent_cell(mirror[1], strong=mirror[0] != mirror[1]),
                ),
            )
        )
    return rows


def state_cell(state: str) -> Cell:
    """Azure's provisioning state, with a mark whose shape says good, busy or bad as well as its colour."""
    return Cell(state, tone=_TONES.get(state.lower(), "neutral"))


def percent_cell(percent: int, *, strong: bool = False) -> Cell:
    """A whole percentage; 0 is said quietly."""
    return Cell(f"{percent} %", sort=percent, muted=percent == 0 and not strong, strong=strong)


def _points_cell(points: int) -> Cell:
    if points == 0:
        return Cell("no change", sort=0, muted=True)
    return Cell(f"{'+' if points > 0 else '−'}{abs(points)} points", sort=points, strong=True)
