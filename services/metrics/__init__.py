"""Latency, request rate and errors of deployments over time, as tidy frames for charts and as small summaries.

Series come from the deployments' own metrics: the same measuring point for live and mirrored requests. Azure keeps one
value per minute; at a coarser grain it answers the mean of the minutes, so a P95 of an hour is the mean of sixty
minute P95s, not the P95 of the hour. That mean leaves out minutes without data, so requests are counted from the
totals of the points. Where Azure does not tell them, the rate of a status that was seen in one minute of an hour is
that minute's, and rates of sparse traffic are too high.
"""

from services.metrics.gone import EndpointMetrics, endpoint_metrics, in_group
from services.metrics.groups import GroupData, PanelData, group_metrics
from services.metrics.inflight import in_flight, most_in_flight
from services.metrics.outcomes import Combination, Outcomes, endpoint_outcomes, failing
from services.metrics.panels import GROUPS, INSTANCES, MEAN_LATENCY, RESOURCES, TRAFFIC, Panel
from services.metrics.series import (
    P95,
    PERCENTILES,
    RATE,
    DeploymentMetrics,
    counts,
    deployment_metrics,
    minutes_of,
    points,
)
from services.metrics.summaries import ENDPOINT_SPLIT, Summary, deployment_summaries, summaries_by_id
from services.metrics.windows import (
    MOST_MINUTES,
    MOST_WISHED,
    SETTLE_SECONDS,
    SUMMARY_MINUTES,
    grain_for,
    length,
    period_before,
    settled_until,
    summary_window,
    window_between,
    window_for,
)

__all__ = [
    "ENDPOINT_SPLIT",
    "GROUPS",
    "INSTANCES",
    "MEAN_LATENCY",
    "MOST_MINUTES",
    "MOST_WISHED",
    "P95",
    "PERCENTILES",
    "RATE",
    "RESOURCES",
    "SETTLE_SECONDS",
    "SUMMARY_MINUTES",
    "TRAFFIC",
    "Combination",
    "DeploymentMetrics",
    "EndpointMetrics",
    "GroupData",
    "Outcomes",
    "Panel",
    "PanelData",
    "Summary",
    "counts",
    "deployment_metrics",
    "deployment_summaries",
    "endpoint_metrics",
    "endpoint_outcomes",
    "failing",
    "grain_for",
    "group_metrics",
    "in_flight",
    "in_group",
    "length",
    "minutes_of",
    "most_in_flight",
    "period_before",
    "points",
    "settled_until",
    "summaries_by_id",
    "summary_window",
    "window_between",
    "window_for",
]
