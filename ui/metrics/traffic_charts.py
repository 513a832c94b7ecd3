"""Latency, requests and errors of an endpoint's deployments, with its limits and the period before."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd
import plotly.graph_objects as go

from services.errors import SluiceError
from services.limits import SERVER_ERROR_PERCENT, Limit
from services.metrics import DeploymentMetrics, EndpointMetrics, length
from services.metrics.panels import REQUESTS
from services.model import Endpoint
from ui import charts, context, problem
from ui.metrics import drawn, figures, outcome_chart, panel_charts
from ui.metrics.chart import Frame, draw


def show(frame: Frame, endpoint: Endpoint, data: EndpointMetrics, before: EndpointMetrics | None) -> None:
    """Latency, requests, error rates, errors by status and by model status, below each other on the same time axis.

    ``before`` is overlaid when it is there.
    """
    limits = _limits(endpoint)
    past = before.reading if before is not None else None
    percentile, names = frame.view.percentile, ", ".join(frame.names)
    draw(
        frame,
        f"Latency, {percentile}, ms",
        partial(_latency, frame, data, before, limits),
        made_of=frame.of("latency", data.reading, past, limits),
        key="latency",
        alt=f"{percentile} latency in milliseconds of {names} over time",
        rows=lambda: data.latency[data.latency["percentile"] == percentile],
        problem=data.latency_problem,
        notes=data.latency_notes,
    )
    counted = partial(draw, frame, problem=data.requests_problem, notes=data.requests_notes)
    counted(
        "Requests per minute",
        partial(_requests, frame, data, before),
        made_of=frame.of("requests", data.reading, past),
        key="requests",
        alt=f"Requests per minute of {names} over time",
        rows=lambda: data.requests,
    )
    counted(
        "Error rates, % of requests",
        partial(_error_rates, frame, data, before, limits),
        made_of=frame.of("error rates", data.reading, past, limits),
        key="error_rates",
        alt=f"Share of server and client errors of {names} over time",
        rows=partial(_rates, data),
    )
    statuses = drawn.value(drawn.of("statuses", data.reading), partial(figures.failing_statuses, data))
    counted(
        "Errors per minute, by status",
        partial(_errors, frame, data, before, statuses),
        made_of=frame.of("errors", data.reading, past),
        key="errors",
        alt=f"Failed requests per minute by deployment and status ({', '.join(statuses) or 'none'}) over time",
        rows=lambda: data.requests[data.requests["status"].isin(statuses)],
        nothing="No errors in this time range." if len(data.requests) else "",
    )
    outcome_chart.show(frame, endpoint, data, before)


def _errors(
    frame: Frame, data: DeploymentMetrics, before: DeploymentMetrics | None, statuses: Sequence[str]
) -> go.Figure:
    figure = charts.errors(data, frame.names, statuses, frame.view.look)
    if before is not None:
        outcome_chart.add_errors_before(figure, before.requests, before, data.window, frame.view.look)
    return figure


def _latency(
    frame: Frame, data: DeploymentMetrics, before: DeploymentMetrics | None, limits: Sequence[Limit]
) -> go.Figure:
    view, window = frame.view, data.window
    figure = charts.latency(data, frame.names, view.percentile, view.look)
    if before is not None:
        rows = before.latency[before.latency["percentile"] == view.percentile]
        panel_charts.add_before(figure, rows, "ms", window, length(window), frame.names, view.look)
    panel_charts.add_limits(figure, limits, f"RequestLatency_{view.percentile}", window, view.look)
    return figure


def _requests(frame: Frame, data: DeploymentMetrics, before: DeploymentMetrics | None) -> go.Figure:
    look, window = frame.view.look, data.window
    figure = charts.requests(data, frame.names, look)
    if before is not None:
        totals = before.requests.groupby(["deployment", "at"], as_index=False)[["per_minute"]].sum(min_count=1)
        panel_charts.add_before(figure, totals, "per_minute", window, length(window), frame.names, look)
    most = data.requests.groupby("at")["per_minute"].sum().max()
    panel_charts.add_endpoint_limit(figure, REQUESTS, most, window, look)
    return figure


def _error_rates(
    frame: Frame, data: DeploymentMetrics, before: DeploymentMetrics | None, limits: Sequence[Limit]
) -> go.Figure:
    look, window = frame.view.look, data.window
    figure = panel_charts.error_rates(_rates(data), window, data.settled_until, frame.names, look)
    if before is not None and figure.data:
        past = figures.error_rates(before)
        past = past[past["kind"] == "server"]
        panel_charts.add_before(figure, past, "percent", window, length(window), frame.names, look)
    panel_charts.add_limits(figure, limits, SERVER_ERROR_PERCENT, window, look)
    return figure


def _rates(data: DeploymentMetrics) -> pd.DataFrame:
    return drawn.value(drawn.of("rates", data.reading), partial(figures.error_rates, data))


def _limits(endpoint: Endpoint) -> tuple[Limit, ...]:
    try:
        return context.limits().lines(endpoint)
    except SluiceError as error:
        problem.show(error, key="limit_lines")
        return ()
