"""What a reading says beside its numbers: what is missing, what taints it, and what would help. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from services.model import Deployment
from services.shadow.cells import Cells
from services.shadow.choosing import Survey
from services.shadow.console_rows import OWN_LINE
from services.shadow.model import Pair
from services.traffic.shares import wilson
from services.visibility.judging import CONSOLE_LOG, TRAFFIC_LOG

_Z = 3.3


def without_rows(pair: Pair, surveys: Mapping[str, Survey], refused: Mapping[str, str], live: str) -> Iterable[str]:
    """Why there are no latencies of single requests, and what to switch on. ``live``: why not from the live logs."""
    yield (
        f"Latencies are not judged: no source has single requests of both {pair.live} and {pair.candidate}. "
        "Percentiles of minutes read too low for the deployment with fewer requests."
    )
    for name, category in ((TRAFFIC_LOG, "traffic log"), (CONSOLE_LOG, "console log")):
        if name in refused:
            yield f"The {category}: {refused[name]}"
    if live:
        yield f"The container logs, read live: {live}"
    console = surveys.get(CONSOLE_LOG)
    if console is not None and not console.is_sent:
        yield (
            "What helps: switch on the console log (category AmlOnlineEndpointConsoleLog). Microsoft's inference "
            "server writes a line with its time for each request, mirrored ones included."
        )
    else:
        yield (
            f"What helps: a line such as “{OWN_LINE}” for each request in the logs of both containers. Microsoft's "
            "inference server writes it; a server of your own has to."
        )


def without_counts(pair: Pair, refused: Mapping[str, str]) -> Iterable[str]:
    """Why nothing is counted."""
    yield f"No source counts the requests of both {pair.live} and {pair.candidate} in this window."
    yield from (f"{source}: {why}" for source, why in refused.items())


def of_container_log(pair: Pair, deployments: Sequence[Deployment]) -> Iterable[str]:
    """What is to be known of latencies from the live logs."""
    yield (
        "Latencies are those of the containers' newest lines: minutes that have left the log have none. The console "
        "log (category AmlOnlineEndpointConsoleLog) keeps them."
    )
    for each in deployments:
        if each.name in (pair.live, pair.candidate) and each.instance_count > 1:
            yield f"{each.name} has {each.instance_count} instances, and its live log may be that of one of them."


def of_callers(pair: Pair, counted: Cells, minutes: Sequence[datetime]) -> Iterable[str]:
    """Whether one arm refuses requests as the callers' mistake that the other takes."""
    told: list[tuple[str, int, int]] = []
    for name in (pair.live, pair.candidate):
        cells = [counted.at(name, at) for at in minutes]
        told.append((name, sum(each.refused for each in cells), sum(each.requests for each in cells)))
    (low, few, n), (high, many, m) = sorted(told, key=lambda one: one[1] / max(1, one[2]))
    if n and m and wilson(few, n, _Z)[1] < wilson(many, m, _Z)[0]:
        yield (
            f"{high} answered {many:,} of {m:,} requests as the callers' mistake, {low} {few:,} of {n:,}. "
            "They do not count as errors, so see why before you rely on the verdict."
        )
