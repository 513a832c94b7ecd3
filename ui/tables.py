"""Rows of the tables: from what Azure said to cells. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.metrics import Summary
from services.model import Deployment, Endpoint, Split
from services.traffic.plan import Plan
from ui import colours, words
from ui.components.table import Cell, Column, Row, Share

LAST_MINUTES = "Over the last 15 settled minutes, from Azure Monitor."

ENDPOINT_COLUMNS = (
    Column("Endpoint"),
    Column("State"),
    Column("Live traffic", help="Which deployment answers what share of the requests."),
    Column("Mirror", help="The deployment that gets a copy of a share of the live requests; its answers are dropped."),
    Column("Requests", number=True, help=f"Requests per minute. {LAST_MINUTES}"),
    Column("P95", number=True, help=f"95 of 100 requests were answered in this time or less. {LAST_MINUTES}"),
    Column("Errors", number=True, help=f"Share of 5xx, 424, 408 and 429 answers. {LAST_MINUTES}"),
    Column("Auth", help="How callers prove who they are."),
    Column("Region"),
)

DEPLOYMENT_COLUMNS = (
    Column("Deployment"),
    Column("Live", number=True, help="Share of the requests that this deployment answers."),
    Column("Mirror", number=True, help="Share of the live requests that is copied to this deployment."),
    Column("State"),
    Column("Model"),
    Column("Environment"),
    Column("Instances"),
    Column("Requests", number=True, help=f"Requests per minute, mirrored ones included. {LAST_MINUTES}"),
    Column("P95", number=True, help=f"95 of 100 requests were answered in this time or less. {LAST_MINUTES}"),
    Column("Errors", number=True, help=f"Share of 5xx, 424, 408 and 429 answers. {LAST_MINUTES}"),
)

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


def endpoint_rows(endpoints: Sequence[Endpoint], summaries: Mapping[str, Summary]) -> list[Row]:
    """One row per endpoint; an endpoint without a summary has no data."""
    return [
        Row(
            endpoint.name,
            (
                Cell(endpoint.name),
                state_cell(endpoint.state),
                _split_cell(endpoint.split),
                _muted_if(mirror_words(endpoint.split), not endpoint.split.mirror_target),
                *_summary_cells(summaries.get(endpoint.name)),
                Cell(_auth_words(endpoint.auth_mode)),
                Cell(endpoint.location, note="Kubernetes" if endpoint.is_kubernetes else ""),
            ),
        )
        for endpoint in endpoints
    ]


def deployment_rows(
    endpoint: Endpoint, deployments: Sequence[Deployment], summaries: Mapping[str, Summary]
) -> list[Row]:
    """One row per deployment of ``endpoint``."""
    palette = colours.of_deployments(each.name for each in deployments)
    return [
        Row(
            each.name,
            (
                Cell(each.name, colour=palette[each.name], strong=True),
                percent_cell(endpoint.split.live_percent(each.name)),
                percent_cell(endpoint.split.mirror.get(each.name, 0)),
                state_cell(each.state),
                Cell(each.model, code=True),
                Cell(each.environment, code=True),
                Cell(f"{each.instance_count} × {each.instance_type}", sort=each.instance_count),
                *_summary_cells(summaries.get(each.name)),
            ),
        )
        for each in deployments
    ]


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


def _split_cell(split: Split) -> Cell:
    palette = colours.of_deployments([*split.live, *split.mirror])
    ordered = sorted(split.live.items(), key=lambda item: (-item[1], item[0]))
    shares = tuple(Share(name, percent, palette[name]) for name, percent in ordered)
    return Cell(split_words(split), shares=shares, muted=not shares)


def _summary_cells(summary: Summary | None) -> tuple[Cell, Cell, Cell]:
    if summary is None:
        return (_no_data(), _no_data(), _no_data())
    return (
        _number(words.rate(summary.requests_per_minute), summary.requests_per_minute),
        _number(words.milliseconds(summary.p95_ms), summary.p95_ms),
        _number(words.percent(summary.error_percent), summary.error_percent),
    )


def _number(text: str, value: float | None) -> Cell:
    return _no_data() if value is None else Cell(text, sort=value)


def _no_data() -> Cell:
    return Cell(words.NO_DATA, muted=True)


def _muted_if(text: str, muted: bool) -> Cell:
    return Cell(text, sort=text, muted=muted)


def _auth_words(mode: str) -> str:
    return {"key": "key", "amltoken": "Azure ML token", "aadtoken": "Entra token"}.get(
        mode.lower().replace("_", ""), mode
    )
