"""A plan as a table: before and after for every deployment, with what it means for those who send requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from services.model import Deployment
from services.traffic.plan import Expected, Plan, for_callers
from ui import colours, words
from ui.components.table import Cell, Column, Row, table
from ui.tables import percent_cell

_RATE = "Requests per minute are the mean of the last 15 settled minutes, from Azure Monitor."
_AFTER = f"{_RATE} After: if as many come in as now."
LIVE = (
    Column("Deployment"),
    Column("Live now", number=True, help=_RATE),
    Column("Live after", number=True, help=_AFTER),
    Column("Change", number=True, help="In percentage points of the live traffic."),
)
MIRROR = (Column("Mirror now", number=True, help=_RATE), Column("Mirror after", number=True, help=_AFTER))
FEW = 6
"""Up to so many deployments each has its row; of more, only those that the plan is about."""


def show(plan: Plan, deployments: Sequence[Deployment], expected: Mapping[str, Expected], *, key: str) -> None:
    """Draw before and after, what it means for those who send requests, and the plan's notes."""
    found = rows(plan, deployments, expected)
    columns = (*LIVE, *MIRROR) if _mirrors(plan) else LIVE
    table(f"Split of {plan.endpoint_name}, now and after", columns, found, key=key, sortable=False, compact=True)
    left_out = len(_names(plan, deployments)) - len(found)
    if left_out:
        st.caption(f"Not listed: {words.count(left_out, 'deployment')} without traffic, now and after.")
    st.html(callers(plan, expected))
    for note in plan.notes:
        st.html(f'<p class="note">{escape(note)}</p>')


def rows(plan: Plan, deployments: Sequence[Deployment], expected: Mapping[str, Expected]) -> list[Row]:
    """One row per deployment; of more than FEW, one per deployment with traffic before or after. Pure."""
    names = _names(plan, deployments)
    palette = colours.of_deployments(names)
    if len(names) > FEW:
        about = {*plan.before.live, *plan.before.mirror, *plan.after.live, *plan.after.mirror}
        names = [name for name in names if name in about]
    return [Row(name, (Cell(name, colour=palette[name], strong=True), *_cells(plan, name, expected))) for name in names]


def callers(plan: Plan, expected: Mapping[str, Expected]) -> str:
    """What changes for those who send requests, one line per deployment that changes. Pure."""
    lines = []
    for change in plan.changes:
        name = change.deployment
        said = expected[name].for_callers if name in expected else for_callers(plan.before, plan.after, name)
        lines.append(f"<li><b>{escape(name)}</b> {escape(said)}</li>")
    return f'<p class="label">For callers</p><ul class="callers">{"".join(lines)}</ul>' if lines else ""


def _mirrors(plan: Plan) -> bool:
    return bool(plan.before.mirror or plan.after.mirror)


def _cells(plan: Plan, name: str, expected: Mapping[str, Expected]) -> tuple[Cell, ...]:
    rates = expected.get(name)
    live = (plan.before.live_percent(name), plan.after.live_percent(name))
    mirror = (plan.before.mirror.get(name, 0), plan.after.mirror.get(name, 0))
    cells = (
        _share(live[0], rates.before_per_minute if rates else None),
        _share(live[1], rates.after_per_minute if rates else None, strong=live[0] != live[1]),
        _points(live[1] - live[0]),
    )
    if not _mirrors(plan):
        return cells
    return (
        *cells,
        _share(mirror[0], rates.mirrored_before if rates else None),
        _share(mirror[1], rates.mirrored_after if rates else None, strong=mirror[0] != mirror[1]),
    )


def _share(percent: int, per_minute: float | None, *, strong: bool = False) -> Cell:
    cell = percent_cell(percent, strong=strong)
    if not percent or per_minute is None:
        return cell
    return Cell(cell.text, sort=percent, strong=strong, note=words.rate(per_minute))


def _points(points: int) -> Cell:
    if points == 0:
        return Cell("no change", sort=0, muted=True)
    return Cell(f"{'+' if points > 0 else '−'}{words.count(abs(points), 'point')}", sort=points, strong=True)


def _names(plan: Plan, deployments: Sequence[Deployment]) -> list[str]:
    return sorted({each.name for each in deployments} | set(plan.before.live) | set(plan.before.mirror))
