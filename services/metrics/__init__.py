"""Latency, request rate and errors of deployments over time, as tidy frames for charts and as small summaries.

Series come from the deployments' own metrics: the same measuring point for live and mirrored requests. Azure keeps one
value per minute; at a coarser grain it answers the mean of the minutes, so a P95 of an hour is the mean of sixty
minute P95s, not the P95 of the hour. That mean leaves out minutes without data: the rate of a status that was seen in
one minute of an hour is that minute's, and rates of sparse traffic are too high.
"""

from services.metrics.series import P95, PERCENTILES, RATE, DeploymentMetrics, deployment_metrics, points
from services.metrics.statuses import MODEL_ERRORS, is_client_error, is_server_error
from services.metrics.summaries import ENDPOINT_SPLIT, Summary, deployment_summaries, summaries_by_id
from services.metrics.windows import (
    MOST_MINUTES,
    SETTLE_SECONDS,
    SUMMARY_MINUTES,
    settled_until,
    summary_window,
    window_for,
)

__all__ = [
    "ENDPOINT_SPLIT",
    "MODEL_ERRORS",
    "MOST_MINUTES",
    "P95",
    "PERCENTILES",
    "RATE",
    "SETTLE_SECONDS",
    "SUMMARY_MINUTES",
    "DeploymentMetrics",
    "Summary",
    "deployment_metrics",
    "deployment_summaries",
    "is_client_error",
    "is_server_error",
    "points",
    "settled_until",
    "summaries_by_id",
    "summary_window",
    "window_for",
]
