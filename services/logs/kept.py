"""What containers wrote, as Log Analytics keeps it: further back than the lines that Azure has at hand.

Columns and their meaning: Azure Monitor's reference of the table AmlOnlineEndpointConsoleLog, one row for each line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.azure.connection import Connection
from services.azure.diagnostics import CONSOLE
from services.azure.log_analytics import ask_table, literal, span_of
from services.logs import lines
from services.logs.lines import Entry
from services.model import Endpoint

MOST_LINES = 5000
"""The newest lines that one reading brings."""
SERVER = "inference-server"
"""The container that answers requests; the others of an instance get it ready."""


@dataclass(frozen=True)
class Asked:
    """Which lines: by time, deployment names, and words that are all in one line; no name is every deployment.

    ``span`` counts back from now by Azure's clock; with ``since`` or ``until`` the absolute time counts instead, and
    the one that is not said is ``span`` before the other, or now. ``is_server`` chooses the inference server's lines,
    else those of the containers that get an instance ready.
    """

    span: timedelta = timedelta(hours=1)
    since: datetime | None = None
    until: datetime | None = None
    deployments: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    is_server: bool = True


@dataclass(frozen=True)
class Kept:
    """The newest lines that are like what was asked for: the entries of each instance, in its order.

    ``is_cut`` says that there may be older ones; ``partial`` why rows are missing, else "".
    """

    logs: tuple[tuple[Entry, ...], ...]
    is_cut: bool
    partial: str = ""


def read(conn: Connection, endpoint: Endpoint, asked: Asked) -> Kept:
    """The lines of ``endpoint`` that are like ``asked``, at most MOST_LINES. Raises SluiceError."""
    what = f"The console log of {endpoint.name} could not be read."
    kql = (
        f"{_narrowed(asked)}| project TimeGenerated, DeploymentName, InstanceId, Message"
        f" | top {MOST_LINES} by TimeGenerated desc"
    )
    span = span_of(conn, what, asked.span, asked.since, asked.until)
    found = ask_table(conn, what, endpoint.id, CONSOLE, kql, span)
    return Kept(logs_of(found.records()), len(found.rows) >= MOST_LINES, found.partial)


def logs_of(rows: Sequence[Mapping[str, Any]]) -> tuple[tuple[Entry, ...], ...]:
    """The entries of each instance from the rows of all, the newest row first. Pure.

    Lines that belong together are one entry. A line that says no time has that of its row.
    """
    by_instance: defaultdict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    for row in reversed(rows):
        at = row.get("TimeGenerated")
        if isinstance(at, datetime):
            whose = (str(row.get("DeploymentName") or ""), str(row.get("InstanceId") or ""))
            by_instance[whose].append((at.astimezone(UTC), str(row.get("Message") or "")))
    counts: defaultdict[str, int] = defaultdict(int)
    made = []
    for (deployment, _), written in sorted(by_instance.items()):
        first = counts[deployment]
        counts[deployment] += len(written)
        grouped = lines.entries(deployment, [text for _, text in written], first)
        made.append(
            tuple(replace(each, at=lines.moment(each.lines[0]) or written[each.number - first][0]) for each in grouped)
        )
    return tuple(made)


def _narrowed(asked: Asked) -> str:
    parts = [f"ContainerName {'==' if asked.is_server else '!='} {literal(SERVER)}"]
    if asked.deployments:
        parts.append(f"DeploymentName in~ ({', '.join(map(literal, asked.deployments))})")
    parts += [f"Message contains {word} or DeploymentName contains {word}" for word in map(literal, asked.words)]
    return "".join(f"| where {part} " for part in parts)
