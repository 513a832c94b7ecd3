"""What the Quota page says, read at once: quota, instance types, deployments of all workspaces, their requests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from services.azure.connection import Connection, workspace
from services.azure.endpoints import list_deployments, list_endpoints
from services.azure.monitor import DEPLOYMENT_NAMESPACE, Answer, read_metrics
from services.azure.usages import Usage, VmSize, sizes, usages
from services.azure.workspaces import list_workspaces
from services.errors import SluiceError
from services.metrics import RATE, settled_until
from services.model import Deployment, Endpoint, Series, Window, WorkspaceRef
from services.quota.idle import Evidence, evidence
from services.quota.ledger import Family, Holding, families, holdings, total

DAYS = (1, 7, 14, 30)
"""How far back requests are looked for. Azure keeps these metrics for 93 days; one answer holds 30."""
_PARALLEL = 4
_HOUR = 3600
T = TypeVar("T")


@dataclass(frozen=True)
class Overview:
    """What was read of one subscription in one region.

    ``evidence`` is by the deployment's id in lower case. ``problems`` are the sources that could not be read: what
    they would have said is missing everywhere else. ``has_quota`` says whether the families could be read,
    ``has_all_deployments`` whether those of every workspace could; ``total`` is of all families together, None when
    Azure does not count it.
    """

    subscription_id: str
    region: str
    workspaces: tuple[WorkspaceRef, ...]
    families: tuple[Family, ...]
    offered: tuple[VmSize, ...]
    holdings: tuple[Holding, ...]
    evidence: Mapping[str, Evidence]
    window: Window
    problems: tuple[SluiceError, ...]
    has_quota: bool
    total: Family | None = None
    has_all_deployments: bool = True

    def evidence_of(self, holding: Holding) -> Evidence:
        """What is known of the use of a deployment."""
        return self.evidence[holding.deployment.id.lower()]

    @property
    def usages(self) -> tuple[Usage, ...]:
        """What is counted of every family, and of all together."""
        counted = (*self.families, *((self.total,) if self.total else ()))
        return tuple(each.usage for each in counted)


def read(conn: Connection, days: int) -> Overview:
    """Read it for the region and the subscription of the connection's workspace.

    Raises SluiceError when not even the workspace can be read; what else fails is among the problems.
    """
    home = workspace(conn)
    window = window_of(days, conn.now())
    problems: list[SluiceError] = []

    def tried(make: Callable[[], T]) -> T | None:
        try:
            return make()
        except SluiceError as error:
            problems.append(error)
            return None

    with ThreadPoolExecutor(_PARALLEL) as pool:
        asked_usages = pool.submit(tried, lambda: usages(conn, home.location))
        asked_sizes = pool.submit(tried, lambda: sizes(conn, home.location))
        near = tried(lambda: _in_region(conn, home.location))
        refs = near or []
        if not any(each.is_same(home.ref) for each in refs):
            refs = [home.ref, *refs]
        listed = list(pool.map(lambda ref: tried(lambda: list_endpoints(conn.at(ref))), refs))
        endpoints = [each for found in listed for each in found or ()]
        deployed = list(pool.map(lambda each: (each, tried(lambda: _deployments(conn, each))), endpoints))
        counted, offered = asked_usages.result(), asked_sizes.result() or ()
    held = holdings(offered, [(endpoint, found or []) for endpoint, found in deployed])
    asked = (near, *listed, *(found for _, found in deployed))
    answer = _requests(conn, held, window, home.location)
    if isinstance(answer, SluiceError):
        problems.append(answer)
    return Overview(
        subscription_id=conn.workspace.subscription_id,
        region=home.location,
        workspaces=tuple(refs),
        families=families(counted or (), held),
        offered=offered,
        holdings=held,
        evidence=_evidence(held, answer, window),
        window=window,
        problems=tuple(problems),
        has_quota=counted is not None,
        total=total(counted or (), held),
        has_all_deployments=all(each is not None for each in asked),
    )


def window_of(days: int, now: datetime) -> Window:
    """The last ``days`` in whole hours, as far as the metrics have settled."""
    end = settled_until(now)
    start = end - timedelta(days=days)
    return Window(start.replace(minute=0, second=0, microsecond=0), end, _HOUR)


def _in_region(conn: Connection, region: str) -> list[WorkspaceRef]:
    found = list_workspaces(conn, conn.workspace.subscription_id)
    return [each.ref for each in found if each.location == region.replace(" ", "").lower()]


def _deployments(conn: Connection, endpoint: Endpoint) -> list[Deployment]:
    return list_deployments(conn.at(endpoint.workspace_ref), endpoint.name)


def _requests(conn: Connection, held: Sequence[Holding], window: Window, region: str) -> Answer | SluiceError:
    try:
        return read_metrics(
            conn, [each.deployment.id for each in held], DEPLOYMENT_NAMESPACE, [RATE], window, region=region
        )
    except SluiceError as error:
        return error


def _evidence(held: Sequence[Holding], answer: Answer | SluiceError, window: Window) -> dict[str, Evidence]:
    by_id: defaultdict[str, list[Series]] = defaultdict(list)
    notes: tuple[str, ...] = (answer.why,) if isinstance(answer, SluiceError) else answer.notes
    for one in [] if isinstance(answer, SluiceError) else answer.series:
        by_id[one.resource_id.lower()].append(one)
    ids = [each.deployment.id.lower() for each in held]
    return {key: evidence(each, by_id[key], notes, window) for key, each in zip(ids, held, strict=True)}
