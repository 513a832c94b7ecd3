"""Requests of the traffic log as rows of a table, and one of them in full. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.logs.traffic_log import Request
from ui import words
from ui.components.table import Cell, Column, Row
from ui.facts import Fact
from ui.logs.request_links import Told

COLUMNS = (
    Column("Time"),
    Column("Status", help="What the caller got."),
    Column("Deployment"),
    Column(
        "Total", number=True, csv="Total, ms", help="To the last byte of the answer, the caller's network included."
    ),
    Column(
        "Model",
        number=True,
        csv="Model, ms",
        help="From the last byte of the request to the model's first byte: near the model's own time.",
    ),
    Column("Reason", wraps=True),
    Column("Request id"),
)
_ORDER = (
    *("Method", "Path", "Protocol", "UserAgent", "AuthType", "IdentityData", "OperationName", "Location"),
    *("RequestPayloadSize", "ResponsePayloadSize", "RequestThrottlingDelayMs", "ResponseThrottlingDelayMs"),
)


def row_key(request: Request) -> str:
    """What opens the row: an id of the request, or its moment when it has none."""
    return request.request_id or request.client_request_id or f"{request.at.isoformat()} {request.deployment}"


def is_named(request: Request, asked: str) -> bool:
    """Whether ``asked`` is an id of the request, or its :func:`row_key`. Ids are compared without case."""
    names = (request.request_id, request.client_request_id, row_key(request))
    return bool(asked) and asked.lower() in (name.lower() for name in names)


def rows(requests: Sequence[Request], palette: Mapping[str, str]) -> list[Row]:
    """One row per request, in the order given. ``palette`` gives deployments their colours."""
    return [
        Row(
            row_key(each),
            (
                Cell(f"{each.at:%Y-%m-%d %H:%M:%S}.{each.at.microsecond // 1000:03d} UTC", sort=each.at.timestamp()),
                _status(each),
                Cell(each.deployment, colour=palette.get(each.deployment, "")) if each.deployment else _none(),
                _duration(each.total_ms),
                _duration(each.model_ms),
                Cell(each.reason, muted=not each.reason),
                Cell(each.request_id, code=True, title=each.request_id) if each.request_id else _none(),
            ),
            also=each.client_request_id,
        )
        for each in requests
    ]


def head(request: Request) -> list[Fact]:
    """What matters of one request."""
    model = "not said" if request.model_status is None else str(request.model_status)
    reason = str(request.columns.get("ModelStatusReason") or "")
    return [
        Fact("Status", _or_none(request.status), tone="bad" if request.has_failed else "good"),
        Fact("Reason", request.reason or "none given"),
        Fact("Model's own status", f"{model} {reason}".strip()),
        Fact("Deployment", request.deployment or "not said"),
        Fact("Request was there after", words.milliseconds(request.sent_ms)),
        Fact("Model answered after", words.milliseconds(request.answered_ms)),
        Fact("Answer was sent after", words.milliseconds(request.total_ms)),
        Fact("Request id", request.request_id or "not said", code=True),
        Fact("Caller's id", request.client_request_id or "not said", code=True),
    ]


def told(request: Request) -> Told:
    """What leads from the request to its lines."""
    return Told(request.at, request.total_ms, request.deployment, request.request_id or request.client_request_id)


def every_column(request: Request) -> list[tuple[str, str]]:
    """All columns of the row that say something: those of the request first, then the others by name."""
    given = {name: value for name, value in request.columns.items() if value is not None and value != ""}
    first = [name for name in _ORDER if name in given]
    return [(name, str(given[name])) for name in (*first, *sorted(given.keys() - set(first)))]


def _status(request: Request) -> Cell:
    if request.status is None:
        return _none()
    model = request.model_status
    note = f"model {model}" if model is not None and model != request.status else ""
    return Cell(str(request.status), sort=request.status, tone="bad" if request.has_failed else "good", note=note)


def _duration(value: float | None) -> Cell:
    if value is None:
        return Cell(words.NO_DATA, muted=True)
    return Cell(words.milliseconds(value), sort=value, csv=f"{value:g}")


def _or_none(value: int | None) -> str:
    return "not said" if value is None else str(value)


def _none() -> Cell:
    return Cell("not said", muted=True)
