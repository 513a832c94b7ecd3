"""Queries to begin with. Each asks about one endpoint: what they run on holds the rows of this endpoint alone.

They use single ``percentile()`` calls: that is the form which every engine of KQL understands.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.azure.diagnostics import CONSOLE, EVENTS, TRAFFIC
from services.statuses import StatusSets


@dataclass(frozen=True)
class Template:
    """A query by name; ``note`` says what it answers."""

    name: str
    note: str
    kql: str


def templates(statuses: StatusSets) -> tuple[Template, ...]:
    """All of them; ``statuses`` say which answers they count as errors. Pure."""
    errors = statuses.kql("ResponseCode")
    return (
        Template(
            "Newest requests",
            "The newest hundred requests.",
            f"{TRAFFIC}\n| project TimeGenerated, DeploymentName, ResponseCode, ModelStatusCode, TotalDurationMs,"
            " XRequestId, XMSClientRequestId\n| top 100 by TimeGenerated desc",
        ),
        Template(
            "P95 over time",
            "The 95th percentile of the total time, per deployment and five minutes.",
            f"{TRAFFIC}\n| summarize P95 = percentile(TotalDurationMs, 95)\n"
            "  by DeploymentName, bin(TimeGenerated, 5m)\n| order by TimeGenerated asc, DeploymentName asc",
        ),
        Template(
            "Latency and errors",
            "Requests, errors and percentiles, per deployment and five minutes. "
            f"Server errors are {statuses.server_words}, client errors {statuses.client_words}.",
            f"{TRAFFIC}\n| summarize Requests = count(),\n"
            f"    ServerErrors = countif({errors['server']}),\n"
            f"    ClientErrors = countif({errors['client']}), ModelErrors = countif(ResponseCode == 424),\n"
            "    P50 = percentile(TotalDurationMs, 50), P95 = percentile(TotalDurationMs, 95),"
            " P99 = percentile(TotalDurationMs, 99)\n"
            "  by DeploymentName, bin(TimeGenerated, 5m)\n| order by TimeGenerated asc, DeploymentName asc",
        ),
        Template(
            "Failures by reason",
            "What failed, how often, and when last.",
            f"{TRAFFIC}\n| where {errors['server']}\n    or {errors['client']}\n"
            "| summarize Failures = count(), Newest = max(TimeGenerated)\n"
            "  by DeploymentName, ResponseCode, ResponseCodeReason, ModelStatusCode\n| order by Failures desc",
        ),
        Template(
            "Histogram of durations",
            "Requests per ten milliseconds of total time.",
            f"{TRAFFIC}\n| summarize Requests = count() by Milliseconds = bin(TotalDurationMs, 10)\n"
            "| order by Milliseconds asc",
        ),
        Template(
            "Requests per deployment",
            "Whether a shadow has rows in the traffic log is told by this one.",
            f"{TRAFFIC}\n| summarize Requests = count() by DeploymentName",
        ),
        Template(
            "Age of the newest row",
            "How late the traffic log is.",
            f"{TRAFFIC}\n| summarize Newest = max(TimeGenerated)\n"
            "| extend AgeSeconds = datetime_diff('second', now(), Newest)",
        ),
        Template(
            "Lines of the containers",
            "What the inference servers wrote, when the console log is sent too.",
            f'{CONSOLE}\n| where ContainerName == "inference-server"\n'
            "| project TimeGenerated, DeploymentName, InstanceId, Message\n| top 500 by TimeGenerated desc",
        ),
        Template(
            "Events of the containers",
            "Starts, stops and failed probes, when the event log is sent too.",
            f"{EVENTS}\n| summarize Events = count(), Newest = max(TimeGenerated) by DeploymentName, Name\n"
            "| order by Events desc",
        ),
    )
