"""Latency, requests and errors of an endpoint's deployments, with its limits and the period before."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from services.errors import SluiceError
from services.limits import SERVER_ERROR_PERCENT, Limit
from services.metrics import DeploymentMetrics, EndpointMetrics, length
from services.metrics.panels import REQUESTS
from services.model import Endpoint
from ui import charts, context, problem
from ui.metrics import figures, outcome_chart, panel_charts
from ui.metrics.chart import Frame, draw


def show(
    frame: Frame, endpoint: Endpoint, data: EndpointMetrics, before: DeploymentMetrics | None, names: Sequence[str]
) -> None:
    """Latency, requests, error rates, errors by status and by model status, below each other on the same time axis.

    ``before`` is overlaid when it is there.
    """
    view, window = frame.view, data.window
    limits = _limits(endpoint)
    red = panel_charts.limit_colour(view.look)
    figure = charts.latency(data, names, view.percentile, view.look)
    if before is not None:
        rows = before.latency[before.latency["percentile"] == view.percentile]
        panel_charts.add_before(figure, rows, "ms", window, length(window), names, view.look)
    for limit in limits:
        if figure.data and limit.metric == f"RequestLatency_{view.percentile}":
            panel_charts.add_level(figure, window, limit.value, limit.words, red, view.look)
    draw(
        frame,
        f"Latency, {view.percentile}, ms",
        figure,
        key="latency",
        alt=f"{view.percentile} latency in milliseconds of {', '.join(names)} over time",
        rows=data.latency[data.latency["percentile"] == view.percentile],
        problem=data.latency_problem,
        notes=data.latency_notes,
    )
    figure = charts.requests(data, names, view.look)
    if before is not None:
        totals = before.requests.groupby(["deployment", "at"], as_index=False)[["per_minute"]].sum(min_count=1)
        panel_charts.add_before(figure, totals, "per_minute", window, length(window), names, view.look)
    most = data.requests.groupby("at")["per_minute"].sum().max()
    panel_charts.add_endpoint_limit(figure, REQUESTS, most, window, view.look)
    counted = partial(draw, frame, problem=data.requests_problem, notes=data.requests_notes)
    alt = f"Requests per minute of {', '.join(names)} over time"
    counted("Requests per minute", figure, key="requests", alt=alt, rows=data.requests)
    rates = figures.error_rates(data)
    figure = panel_charts.error_rates(rates, window, data.settled_until, names, view.look)
    if before is not None and figure.data:
        past = figures.error_rates(before)
        past = past[past["kind"] == "server"]
        panel_charts.add_before(figure, past, "percent", window, length(window), names, view.look)
    for limit in limits:
        if figure.data and limit.metric == SERVER_ERROR_PERCENT:
            panel_charts.add_level(figure, window, limit.value, limit.words, red, view.look)
    alt = f"Share of server and client errors of {', '.join(names)} over time"
    counted("Error rates, % of requests", figure, key="error_rates", alt=alt, rows=rates)
    statuses = figures.failing_statuses(data)
    counted(
        "Errors per minute, by status",
        charts.errors(data, names, statuses, view.look),
        key="errors",
        alt=f"Failed requests per minute by deployment and status ({', '.join(statuses) or 'none'}) over time",
        rows=data.requests[data.requests["status"].isin(statuses)],
        nothing="No errors in this time range." if len(data.requests) else "",
    )
    outcome_chart.show(frame, endpoint, data, names)


def _limits(endpoint: Endpoint) -> tuple[Limit, ...]:
    try:
        return context.limits().lines(endpoint)
    except SluiceError as error:
        problem.show(error, key="limit_lines")
        return ()
