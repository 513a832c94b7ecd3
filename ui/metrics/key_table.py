"""The key figures above the charts: one row per deployment, with the change against the period before."""

from __future__ import annotations

from collections.abc import Sequence

from services.metrics import PERCENTILES, DeploymentMetrics
from ui import colours, words
from ui.components.table import Cell, Column, Row, table
from ui.metrics import figures
from ui.metrics.figures import Changes

_NONE = Changes(None, None, None, {})


def rows(data: DeploymentMetrics, before: DeploymentMetrics | None, deployments: Sequence[str]) -> list[Row]:
    """One row per deployment, from settled points alone. Without ``before`` there are no changes. Pure."""
    palette = colours.of_deployments(deployments)
    return [
        Row(name, _cells(data, name, palette[name], figures.changes(data, before, name) if before else _NONE))
        for name in deployments
    ]


def show(rows: Sequence[Row], data: DeploymentMetrics) -> None:
    """Draw the table of ``rows``, which were made of ``data``."""
    table("Key figures per deployment", _columns(data), rows, key="key_figures")


def _columns(data: DeploymentMetrics) -> tuple[Column, ...]:
    counted = "In the settled part of the time range, mirrored requests included."
    if not data.is_counted:
        counted += " Azure tells means alone, which leave out quiet minutes: it is this many at most."
    return (
        Column("Deployment"),
        Column("Requests", number=True, help=counted),
        Column("Mean rate", number=True, help="From the first point with data to the newest, quiet ones included."),
        Column("Server errors", number=True, help=f"Share of {data.statuses.server_words}."),
        Column("Client errors", number=True, help=f"Share of {data.statuses.client_words}."),
        *(
            Column(name, number=True, help=f"Mean of the points' {name}; the {name} of the whole time is not known.")
            for name in PERCENTILES
        ),
    )


def _cells(data: DeploymentMetrics, name: str, colour: str, changed: Changes) -> tuple[Cell, ...]:
    figure = figures.key_figures(data, name)
    most, about = ("", "") if figure.is_exact else ("≤ ", "≈ ")
    if data.requests_notes:
        # A part is missing: there may be more, and among them other answers.
        most, about = "≥ " if figure.is_exact else "≈ ", "≈ "
    return (
        Cell(name, colour=colour, strong=True),
        _number(figure.requests, f"{most}{figure.requests or 0:,.0f}", change(changed.requests)),
        _number(figure.per_minute, about + words.rate(figure.per_minute)),
        _number(
            figure.server_error_percent,
            about + words.percent(figure.server_error_percent),
            change(changed.server_error_points, "points"),
        ),
        _number(
            figure.client_error_percent,
            about + words.percent(figure.client_error_percent),
            change(changed.client_error_points, "points"),
        ),
        *(
            _number(figure.mean.get(each), words.milliseconds(figure.mean.get(each)), change(changed.mean.get(each)))
            for each in PERCENTILES
        ),
    )


def change(value: float | None, unit: str = "%") -> str:
    """A change for a person: ``+12 %``, ``−0.4 points``, ``±0 %``; nothing when it is not known."""
    if value is None:
        return ""
    size = abs(value)
    text = f"{size:,.0f}" if size >= 9.95 else f"{size:.1f}"
    return f"±0 {unit}" if size < 0.05 else f"{'+' if value > 0 else '−'}{text} {unit}"


def _number(value: float | None, text: str, note: str = "") -> Cell:
    return Cell(words.NO_DATA, muted=True) if value is None else Cell(text, sort=value, note=note)
