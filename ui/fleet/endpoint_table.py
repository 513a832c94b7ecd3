"""Rows and filters of the list of endpoints: from what Azure said to cells. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import urlencode

from services.fleet import attention
from services.fleet.attention import Need
from services.fleet.fleet import Member
from services.fleet.fleet_numbers import Numbers
from services.model import Split, WorkspaceRef
from services.statuses import StatusSets
from ui import colours, words
from ui.components.table import Cell, Column, Filter, Row, Share
from ui.tables import LAST_MINUTES, mirror_words, split_words, state_cell

_NAME = (Column("Endpoint", id="name", csv="endpoint", wraps=True),)
_PLACE = (
    Column("Workspace", id="workspace", csv="workspace", wraps=True),
    Column("Region", id="region", csv="region"),
)
_REST = (
    Column("State", id="state", csv="state"),
    Column("Live traffic", id="live", csv="live_traffic", help="Which deployment answers what share of the requests."),
    Column(
        "Mirror",
        id="mirror",
        csv="mirror",
        help="The deployment that gets a copy of a share of the live requests; its answers are dropped.",
    ),
    Column(
        "Requests",
        number=True,
        id="requests",
        csv="requests_per_minute",
        help=f"Requests per minute. {LAST_MINUTES} The line shows the last 60 minutes, from 0 to their largest.",
    ),
    Column(
        "P95",
        number=True,
        id="p95",
        csv="p95_ms",
        help=f"95 of 100 requests to the slowest live deployment were answered in this time or less. {LAST_MINUTES}",
    ),
)
_END = (
    Column("Instances", number=True, id="instances", csv="instances", help="Of all its deployments together."),
    Column("Auth", id="auth", csv="auth", help="How callers prove who they are."),
    Column("Changed, UTC", id="changed", csv="last_change_utc", help="When Azure last saw a write to the endpoint."),
)

NEEDS = "attention"
"""The filter that keeps every row which needs attention for whatever reason."""

_KINDS = {
    "failed": ("Failed", "The endpoint or one of its deployments has failed."),
    "stuck": ("Stuck updating", "An operation has been running for longer than usual."),
    "errors": ("Errors", "Many requests are answered with an error."),
    "mirror": ("Mirror not arriving", "A mirror is set, and its deployment gets no copies."),
    "no traffic": ("No traffic assigned", "No deployment has a share of the live requests."),
    "idle": ("Idle for 24 h", "No request has come for 24 hours."),
}
_MOST_REMEMBERED = 4096
"""Of the links and bars: most of the cost of a row, and the same on every rerun."""
_CSV_DIGITS = 3
_RECENT = timedelta(days=300)
"""Until then a day and a month say which year is meant."""
_NO_DATA = Cell(words.NO_DATA, muted=True)
_READING = Cell("reading…", muted=True)
_COUNTED = frozenset({"errors", "mirror", "idle"})
"""The kinds that need numbers from Azure Monitor to be seen."""


def filters(*, has_numbers: bool, is_listed: bool) -> tuple[Filter, ...]:
    """The chips above the list. What has not been read of every endpoint is not counted as none."""
    return (
        Filter(NEEDS, "Needs attention", "Endpoints with any of the marks that follow.", has_numbers and is_listed),
        *(Filter(kind, *_KINDS[kind], is_listed and (has_numbers or kind not in _COUNTED)) for kind in attention.KINDS),
    )


@dataclass(frozen=True)
class Listing:
    """What all rows of one list have in common.

    Links name any workspace but ``home``. With ``has_many`` workspaces in the list, the workspace stands beside the
    name, else last.
    """

    home: WorkspaceRef
    now: datetime
    has_many: bool


def columns(listing: Listing, statuses: StatusSets) -> tuple[Column, ...]:
    """The columns of the list; ``statuses`` say what counts as an error."""
    said = f"Share of {statuses.server_words}. {LAST_MINUTES}"
    errors = Column("Errors", number=True, id="errors", csv="error_percent", help=said)
    rest = (*_REST, errors, *_END)
    return (*_NAME, *_PLACE, *rest) if listing.has_many else (*_NAME, *rest, *_PLACE)


def row(member: Member, numbers: Numbers | None, listing: Listing, *, is_counting: bool = False) -> Row:
    """The row of one endpoint; it opens the endpoint's own page. ``is_counting``: its numbers are still to come."""
    endpoint = member.endpoint
    workspace = endpoint.workspace_ref
    needed = attention.needs(member, numbers, listing.now)
    kind = "Kubernetes, read only" if endpoint.is_kubernetes else ""
    where = f"In {workspace.resource_group}, {workspace.subscription_id}"
    name = (Cell(endpoint.name, note=kind, title=endpoint.description),)
    place = (Cell(workspace.name, title=where, csv=workspace.address), Cell(endpoint.location))
    rest = (
        _state(endpoint.state, needed),
        split_cell(endpoint.split),
        Cell(mirror_words(endpoint.split), sort=endpoint.split.mirror_percent, muted=not endpoint.split.mirror),
        *_numbers(numbers, is_counting=is_counting),
        _instances(member),
        Cell(endpoint.auth_mode),
        _changed(endpoint.modified_at, listing.now),
    )
    return Row(
        endpoint.id,
        (*name, *place, *rest) if listing.has_many else (*name, *rest, *place),
        href=_href(endpoint.name, "" if workspace.is_same(listing.home) else workspace.address),
        marks=(NEEDS, *dict.fromkeys(need.kind for need in needed)) if needed else (),
        also=_also(member, workspace),
    )


def split_cell(split: Split) -> Cell:
    """The live split as a bar in the deployments' colours, with its words, largest share first."""
    return Cell(
        split_words(split), shares=_shares(tuple(split.live.items()), tuple(split.mirror)), muted=not split.live
    )


@lru_cache(maxsize=_MOST_REMEMBERED)
def _shares(live: tuple[tuple[str, int], ...], mirrored: tuple[str, ...]) -> tuple[Share, ...]:
    palette = colours.of_deployments([*(name for name, _ in live), *mirrored])
    ordered = sorted(live, key=lambda item: (-item[1], item[0]))
    return tuple(Share(name, percent, palette[name]) for name, percent in ordered)


def _state(state: str, needed: Sequence[Need]) -> Cell:
    cell = state_cell(state)
    note = "; ".join(need.words for need in needed)
    return Cell(state, tone=cell.tone, note=note)


def _numbers(numbers: Numbers | None, *, is_counting: bool) -> tuple[Cell, Cell, Cell]:
    if numbers is None:
        missing = _READING if is_counting else _NO_DATA
        return (missing, missing, missing)
    summary = numbers.summary
    minutes = numbers.hour.requests
    spark = minutes if any(value is not None for value in minutes) else ()
    rate = summary.requests_per_minute
    requests = _number(words.rate(rate), rate)
    return (
        replace(requests, spark=tuple(None if each is None else round(each, _CSV_DIGITS) for each in spark)),
        _number(words.milliseconds(summary.p95_ms), summary.p95_ms),
        _number(words.percent(summary.error_percent), summary.error_percent),
    )


def _instances(member: Member) -> Cell:
    if member.deployments is None:
        return Cell(words.NO_DATA, muted=True, title=member.problem.what) if member.problem else _READING
    total = sum(each.instance_count for each in member.deployments)
    each_one = ", ".join(f"{each.name}: {each.instance_count} × {each.instance_type}" for each in member.deployments)
    return Cell(str(total), sort=total, muted=not total, title=each_one or "This endpoint has no deployment.")


def _changed(at: datetime | None, now: datetime) -> Cell:
    if at is None:
        return _NO_DATA
    utc = at.astimezone(UTC)
    is_recent = now - utc < _RECENT
    return Cell(
        f"{utc:%d %b %H:%M}" if is_recent else f"{utc:%d %b %Y}",
        sort=utc.timestamp(),
        title=words.moment(utc),
        csv=f"{utc:%Y-%m-%dT%H:%M:%SZ}",
    )


@lru_cache(maxsize=_MOST_REMEMBERED)
def _href(endpoint: str, workspace: str) -> str:
    query = {"endpoint": endpoint, **({"workspace": workspace} if workspace else {})}
    return f"overview?{urlencode(query)}"


def _also(member: Member, workspace: WorkspaceRef) -> str:
    endpoint = member.endpoint
    tags = [f"{name}={value}" for name, value in endpoint.tags.items()]
    models = [text for each in member.deployments or () for text in (each.name, each.model)]
    return "\n".join([workspace.resource_group, workspace.subscription_id, endpoint.description, *tags, *models])


def _number(text: str, value: float | None) -> Cell:
    return _NO_DATA if value is None else Cell(text, sort=round(value, _CSV_DIGITS))
