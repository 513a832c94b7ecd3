"""Requests of Sluice itself that name one of the two deployments of a run: they are no traffic of callers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from services.loadtest.report import KIND as LOAD
from services.replay.keeping import KIND as COMPARE
from services.results import Result
from services.shadow.model import Run


def own_requests(
    run: Run,
    results: Iterable[Result],
    told: Collection[str] = (),
    azure_time: Callable[[datetime], datetime] = lambda at: at,
) -> Iterator[str]:
    """A sentence for each load test and replay that fell into ``run``, the oldest first.

    ``told`` are the ids of results that the run tells of already. A test that was killed leaves no result.
    ``azure_time`` turns a moment of this machine's clock into one of Azure's, which a run has.
    """
    for each in sorted(results, key=lambda result: result.at):
        began, ended = azure_time(_began(each)), azure_time(each.at)
        if each.id in told or ended <= (run.set_at or run.started_at) or began >= (run.ended_at or run.ends_at):
            continue
        span = f"{began.astimezone(UTC):%d %b %H:%M} to {ended.astimezone(UTC):%H:%M} UTC"
        if each.kind == LOAD and each.content.get("deployment") in (run.pair.live, run.pair.candidate):
            name, sent = each.content["deployment"], int(each.content.get("sent", 0))
            yield f"A load test sent {sent:,} requests that name {name} from {span}. They are counted too."
        asked = (each.content.get("live"), each.content.get("candidate"))
        names = [name for name in (run.pair.live, run.pair.candidate) if name in asked]
        if each.kind == COMPARE and names:
            both = " and ".join(names)
            yield f"A replay sent requests that name {both} from {span}. They are counted too."


def _began(result: Result) -> datetime:
    if result.kind == LOAD:
        return result.at - timedelta(seconds=float((result.content.get("plan") or {}).get("seconds", 0)))
    said = result.content.get("started_at")
    return datetime.fromisoformat(said) if said else result.at
