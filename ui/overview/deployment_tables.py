"""The deployments of one endpoint as a table: from what Azure said to cells. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.azure.documents import milliseconds
from services.metrics import Summary
from services.model import Deployment, Endpoint
from services.resources.resource_fields import code_name
from services.statuses import StatusSets
from ui import colours, tables, words
from ui.components.table import Cell, Column, Row

NOT_SET = "not set"


def columns(statuses: StatusSets) -> tuple[Column, ...]:
    """The columns; ``statuses`` say what counts as an error."""
    return (
        Column("Deployment", wraps=True),
        Column("Live", number=True, help="Share of the requests that this deployment answers."),
        Column("Mirror", number=True, help="Share of the live requests that is copied to this deployment."),
        Column("State"),
        Column("Requests", number=True, help=f"Requests per minute, mirrored ones included. {tables.LAST_MINUTES}"),
        Column(
            "P95", number=True, help=f"95 of 100 requests were answered in this time or less. {tables.LAST_MINUTES}"
        ),
        Column("Errors", number=True, help=f"Share of {statuses.server_words}. {tables.LAST_MINUTES}"),
        Column("Instances", help="How many, and of which type."),
        Column("Model", wraps=True),
        Column("Code", help="The uploaded folder, and the scoring script in it.", wraps=True),
        Column("Environment", wraps=True),
        Column("Concurrency", help="Requests that one instance works on at a time, and the processes that do it."),
        Column("Timeout", help="After this time Azure answers 408."),
        Column("Liveness probe", help="How often an instance is asked, and after how many failures it is restarted."),
        Column("Readiness probe", help="How often it is asked, and after how many failures it gets no more requests."),
    )


def rows(endpoint: Endpoint, deployments: Sequence[Deployment], summaries: Mapping[str, Summary]) -> list[Row]:
    """One row per deployment; one without a summary has no data."""
    palette = colours.of_deployments(each.name for each in deployments)
    return [
        Row(
            each.name,
            (
                Cell(each.name, colour=palette[each.name], strong=True),
                tables.percent_cell(endpoint.split.live_percent(each.name)),
                tables.percent_cell(endpoint.split.mirror.get(each.name, 0)),
                tables.state_cell(each.state),
                *_numbers(summaries.get(each.name)),
                _instances(each),
                _asset(each.model, _properties(each).get("model")),
                _code(each),
                _asset(each.environment, _properties(each).get("environmentId")),
                Cell(
                    words.count(each.max_concurrent_requests, "request"),
                    sort=each.max_concurrent_requests,
                    note=words.count(each.worker_count, "worker"),
                ),
                Cell(words.milliseconds(each.request_timeout_ms), sort=each.request_timeout_ms),
                _probe(each, "livenessProbe"),
                _probe(each, "readinessProbe"),
            ),
        )
        for each in deployments
    ]


def _properties(deployment: Deployment) -> dict[str, Any]:
    found = deployment.raw.get("properties")
    return found if isinstance(found, dict) else {}


def _numbers(summary: Summary | None) -> tuple[Cell, Cell, Cell]:
    if summary is None:
        return (_unknown(words.NO_DATA),) * 3
    return (
        _number(words.rate(summary.requests_per_minute), summary.requests_per_minute),
        _number(words.milliseconds(summary.p95_ms), summary.p95_ms),
        _number(words.percent(summary.error_percent), summary.error_percent),
    )


def _number(text: str, value: float | None) -> Cell:
    return _unknown(words.NO_DATA) if value is None else Cell(text, sort=value)


def _unknown(text: str) -> Cell:
    return Cell(text, muted=True)


def _instances(deployment: Deployment) -> Cell:
    if not deployment.instance_count:
        return _unknown(deployment.instance_type or NOT_SET)
    kind = f"× {deployment.instance_type}" if deployment.instance_type else ""
    return Cell(str(deployment.instance_count), sort=deployment.instance_count, note=kind)


def _asset(name: str, resource: object) -> Cell:
    return Cell(name, code=True, title=str(resource or "")) if name else _unknown(NOT_SET)


def _code(deployment: Deployment) -> Cell:
    given = _properties(deployment).get("codeConfiguration") or {}
    if not given.get("codeId"):
        # An MLflow model brings its own scoring code.
        return _unknown(NOT_SET)
    return Cell(
        code_name(given["codeId"]),
        code=True,
        note=str(given.get("scoringScript") or ""),
        title=str(given["codeId"]),
    )


def _probe(deployment: Deployment, name: str) -> Cell:
    given = _properties(deployment).get(name) or {}
    if not given:
        return _unknown(NOT_SET)
    period = milliseconds(given.get("period"), 0)
    failures = given.get("failureThreshold")
    return Cell(
        f"every {_seconds(period)}" if period else "period not set",
        sort=period,
        note=words.count(failures, "failure") if isinstance(failures, int) else "",
        title=_probe_title(given),
    )


def _probe_title(given: dict[str, Any]) -> str:
    timeout, delay = (milliseconds(given.get(field), 0) for field in ("timeout", "initialDelay"))
    parts = [f"first after {_seconds(delay)}"] if delay else []
    parts += [f"waits {_seconds(timeout)} for an answer"] if timeout else []
    successes = given.get("successThreshold")
    if isinstance(successes, int):
        parts.append(f"{words.count(successes, 'success', 'successes')} in a row make it good")
    return ", ".join(parts)


def _seconds(value: int) -> str:
    return words.milliseconds(value) if value % 1000 else words.elapsed(value / 1000)
