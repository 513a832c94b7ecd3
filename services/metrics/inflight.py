"""How many requests a deployment works on at once, estimated from its rate and its latency. Pure.

Little's law: the mean number in a system is the rate of arrivals times the mean time that each one stays.
"""

from __future__ import annotations

import pandas as pd

from services.metrics.series import DeploymentMetrics, tidy
from services.model import Deployment


def in_flight(data: DeploymentMetrics, mean_latency: pd.DataFrame | None = None) -> pd.DataFrame:
    """Columns ``at``, ``deployment``, ``part``, ``value``: requests in flight. No row where rate or latency is missing.

    ``mean_latency`` has the rows of :class:`~services.metrics.groups.PanelData` in milliseconds. Azure tells the mean
    at the endpoint alone, mostly without mirrored requests: where it is missing, P50 stands in for it (``part``).
    """
    rates = data.requests.groupby(["at", "deployment"], as_index=False)["per_minute"].sum()
    medians = data.latency[data.latency["percentile"] == "P50"]
    known = {(row.at, row.deployment): (row.ms, "P50") for row in medians.itertuples()}
    if mean_latency is not None:
        known |= {(row.at, row.deployment): (row.value, "mean") for row in mean_latency.itertuples()}
    rows = []
    for row in rates.itertuples():
        found = known.get((row.at, row.deployment))
        if found is not None:
            rows.append((row.at, str(row.deployment), found[1], row.per_minute / 60 * found[0] / 1000))
    return tidy(("at", "deployment", "part", "value"), rows)


def most_in_flight(deployment: Deployment) -> int:
    """Requests that the deployment takes on at once as it is now: beyond it they wait, beyond twice of it they fail.

    Source: ``max_concurrent_requests_per_instance`` in the reference of the deployment's request settings.
    """
    return max(1, deployment.instance_count) * deployment.max_concurrent_requests
