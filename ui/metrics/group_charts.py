"""The charts that Azure's own list of metrics decides: traffic, resources, instances."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from services.errors import SluiceError
from services.limits import Limit
from services.metrics import (
    MEAN_LATENCY,
    RESOURCES,
    TRAFFIC,
    DeploymentMetrics,
    EndpointMetrics,
    GroupData,
    PanelData,
    in_flight,
    in_group,
    most_in_flight,
)
from services.model import Deployment, Endpoint
from ui import context, problem, readers
from ui.metrics import before_lines, drawn, panel_charts
from ui.metrics.chart import Frame, draw

EACH_INSTANCE = "instances"
"""The key of the switch, and its name in the URL."""
_OF_INSTANCES = (
    "Every line is one instance, named by the end of its id. In a chart of more than "
    f"{panel_charts.MOST_NAMED} lines the highest are named; the thin ones show their name under the pointer."
)


def show(
    frame: Frame,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    data: EndpointMetrics,
    before: DeploymentMetrics | None = None,
) -> None:
    """Draw every metric of the group that has data; what Azure lists without data is named below.

    ``before`` is what the period before had, when it is overlaid.
    """
    view = frame.view
    each_instance = view.group == RESOURCES and _switch()
    group: GroupData | None = None
    try:
        read = readers.metric_group(endpoint, view.span, view.group, each_instance=each_instance)
        group = drawn.value(drawn.of("group", read.reading, data.gone), partial(in_group, read, data.gone))
    except SluiceError as error:
        problem.show(error, key="metric_group", retry=readers.forget)
    past = before_lines.read(endpoint, view) if before is not None and not each_instance else None
    if before is not None and each_instance:
        st.html('<p class="hint">Single instances have no lines of the period before.</p>')
    if view.group == TRAFFIC:
        _in_flight(frame, deployments, (data, group), (before, past))
    if group is None:
        return
    limits = _limits(endpoint) if view.group == RESOURCES else ()
    empty = []
    for each in group.panels:
        if each.rows.empty and not each.problem and not each.notes:
            empty.append(each.panel.title)
        else:
            _panel(frame, each, group, past, limits)
    if empty:
        st.html(f'<p class="hint">Azure lists these too, without data in this time: {escape(", ".join(empty))}.</p>')


def _panel(
    frame: Frame,
    each: PanelData,
    group: GroupData,
    past: GroupData | None,
    limits: Sequence[Limit],
) -> None:
    by_instance, mine = each.panel.by_instance, tuple(limit for limit in limits if limit.metric == each.panel.metric)
    draw(
        frame,
        f"{each.panel.title}, %" if each.panel.unit == "Percent" else each.panel.title,
        partial(_figure, frame, each, group, past, mine),
        made_of=frame.of(each.panel, group.reading, past.reading if past is not None else None, mine),
        key=each.panel.metric.lower(),
        alt=f"{each.panel.title} of {'each instance of ' if by_instance else ''}{', '.join(frame.names)} over time",
        rows=lambda: each.rows if by_instance else each.rows.drop(columns="instance"),
        problem=each.problem,
        notes=each.notes,
    )


def _figure(
    frame: Frame, each: PanelData, group: GroupData, past: GroupData | None, limits: Sequence[Limit]
) -> go.Figure:
    look = frame.view.look
    make = panel_charts.instances if each.panel.by_instance else panel_charts.panel
    figure = make(each, group, frame.names, look)
    if past is not None:
        rows = before_lines.rows_of(past, each.panel.metric)
        before_lines.lay(figure, rows, group.window, past.window, frame.names, look)
    panel_charts.add_limits(figure, limits, each.panel.metric, group.window, look)
    return figure


def _switch() -> bool:
    """Draw the switch between the mean of the instances and each of them; it stands in the URL."""
    is_on = st.toggle(
        "Each instance",
        key=EACH_INSTANCE,
        bind="query-params",
        help="Draw every instance by itself instead of the mean of a deployment's instances.",
    )
    if is_on:
        st.html(f'<p class="hint">{escape(_OF_INSTANCES)}</p>')
    return is_on


def _limits(endpoint: Endpoint) -> tuple[Limit, ...]:
    try:
        return context.limits().lines(endpoint)
    except SluiceError as error:
        problem.show(error, key="resource_limits")
        return ()


def _in_flight_rows(data: DeploymentMetrics, group: GroupData | None) -> pd.DataFrame:
    def make() -> pd.DataFrame:
        means = [each.rows for each in group.panels if each.panel.metric == MEAN_LATENCY] if group else []
        return in_flight(data, means[0] if means else None)

    return drawn.value(drawn.of("in flight", *_readings(data, group)), make)


def _in_flight(
    frame: Frame,
    deployments: Sequence[Deployment],
    now: tuple[DeploymentMetrics, GroupData | None],
    past: tuple[DeploymentMetrics | None, GroupData | None],
) -> None:
    data, look = now[0], frame.view.look
    most = {each.name: most_in_flight(each) for each in deployments}

    def rows() -> pd.DataFrame:
        found = _in_flight_rows(*now)
        return found[found["deployment"].isin(most)]

    def make() -> go.Figure:
        figure = panel_charts.in_flight(rows(), data.window, data.settled_until, most, look)
        if past[0] is not None:
            # Its parts say what an estimate is made of: they are one line.
            estimated = _in_flight_rows(past[0], past[1]).assign(part="")
            before_lines.lay(figure, estimated, data.window, past[0].window, list(most), look)
        return figure

    draw(
        frame,
        "In flight, estimate",
        make,
        made_of=frame.of("in flight", most, *_readings(*now), *_readings(*past)),
        key="in_flight",
        alt=f"Estimated requests in flight of {', '.join(most)} over time, and how many each takes on at once",
        rows=rows,
        problem=data.requests_problem or data.latency_problem,
    )
    instead = drawn.value(drawn.of("in flight by P50", most, *_readings(*now)), lambda: _by_median(rows()))
    taken = ", ".join(f"{name} {count:,}" for name, count in most.items())
    text = f"Rate times mean latency. Taken on at once, as set now (instances × concurrent requests): {taken}."
    text += f" That is a dashed line once {panel_charts.NEAR:.0%} of it are in flight.".replace("%", " %")
    if instead:
        text += f" Azure tells no mean for all points of {', '.join(instead)}: P50 stands in for it."
    st.html(f'<p class="hint">{escape(text)}</p>')


def _by_median(rows: pd.DataFrame) -> list[str]:
    return sorted(rows.loc[rows["part"] == "P50", "deployment"].unique())


def _readings(data: DeploymentMetrics | None, group: GroupData | None) -> tuple[str | None, str | None]:
    return data.reading if data is not None else None, group.reading if group is not None else None
