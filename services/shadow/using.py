"""The settled minutes of two deployments together with what their instances used in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.azure.connection import Connection
from services.azure.monitor import DEPLOYMENT_NAMESPACE, read_metrics
from services.comparison.use import Use
from services.errors import SluiceError
from services.model import Deployment, Endpoint, Window
from services.shadow import rows
from services.shadow.load import MEMORY, PROCESSOR, per_minute, using
from services.shadow.model import Minute, Pair, Reading
from services.statuses import StatusSets

UNKNOWN = "What the instances use is not judged"
"""How every note begins that says why it is not known."""
_MINUTE = timedelta(minutes=1)
_LATE = timedelta(minutes=5)
"""For so long a minute is waited for whose processor is not told yet although that of others is."""
Uses = Mapping[datetime, Use]


def read(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    pair: Pair,
    since: datetime,
    until: datetime,
    *,
    began_at: datetime | None = None,
    source: str = "",
    statuses: StatusSets | None = None,
) -> Reading:
    """As :func:`services.shadow.rows.read`, with what the instances used. Why that is not known is a note."""
    found = rows.read(
        conn, endpoint, deployments, pair, since, until, began_at=began_at, source=source, statuses=statuses
    )
    if not found.minutes:
        return found
    types = {each.instance_type for each in deployments if each.name in (pair.live, pair.candidate)}
    if len(types) > 1:
        why = f"{UNKNOWN}: {pair.live} and {pair.candidate} run on unlike machines. Give both the same instance type."
        return replace(found, notes=(*found.notes, why))
    try:
        live, candidate = uses(conn, endpoint, deployments, pair, found.minutes)
    except SluiceError as error:
        return replace(found, notes=(*found.notes, f"{UNKNOWN}: {error.why}"))
    minutes = tuple(settled(found.minutes, live, candidate, conn.now()))
    lacking = [name for name, used in ((pair.live, live), (pair.candidate, candidate)) if not used]
    why = f"{UNKNOWN}: the deployment metrics have no processor or memory of {' and '.join(lacking)}."
    return replace(found, minutes=minutes, notes=(*found.notes, why) if lacking else found.notes)


def uses(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], pair: Pair, minutes: Sequence[Minute]
) -> tuple[Uses, Uses]:
    """What both used in ``minutes`` and shortly before, from the deployments' own metrics. Raises SluiceError."""
    ids = {each.name: each.id for each in deployments if each.name in (pair.live, pair.candidate)}
    window = Window(minutes[0].at - _LATE, minutes[-1].at + _MINUTE, 60)
    series = read_metrics(
        conn,
        list(ids.values()),
        DEPLOYMENT_NAMESPACE,
        [PROCESSOR, MEMORY],
        window=window,
        split_by=("instanceId",),
        region=endpoint.location,
    ).whole()

    def of(name: str) -> Uses:
        own = [each for each in series if each.resource_id.lower() == ids.get(name, "").lower()]
        busy, held = (per_minute(each for each in own if each.metric == metric) for metric in (PROCESSOR, MEMORY))
        return {at: using(busy.get(at, {}), held.get(at, {})) for at in {*busy, *held}}

    return of(pair.live), of(pair.candidate)


def settled(minutes: Iterable[Minute], live: Uses, candidate: Uses, now: datetime) -> Iterable[Minute]:
    """The minutes with what was used in them, up to one that is likely to be told a little later. Pure."""
    are_told = bool(live) and bool(candidate)
    for each in minutes:
        is_whole = each.at in live and each.at in candidate
        if are_told and not is_whole and now < each.at + _MINUTE + _LATE:
            return
        yield replace(
            each,
            live=replace(each.live, use=live.get(each.at)),
            candidate=replace(each.candidate, use=candidate.get(each.at)),
        )
