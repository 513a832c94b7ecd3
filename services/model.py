"""The values everything else passes around, and the legal rules of a split.

Percentages are whole numbers named ``…_percent``, durations are seconds named ``…_seconds`` (milliseconds where Azure
uses them, named ``…_ms``), moments are timezone-aware UTC and named ``…_at``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MAX_MIRROR_PERCENT = 50
"""Azure's limit for mirrored traffic (how-to-safely-rollout-online-endpoints)."""


_WORKSPACE_ID = re.compile(
    r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.MachineLearningServices/workspaces/([^/]+)",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(r"[\w.()-]{1,90}")


class SplitError(ValueError):
    """A split breaks one of Azure's rules. The text is a whole sentence meant for a person."""


def _shares(shares: Mapping[str, int]) -> dict[str, int]:
    return {name: percent for name, percent in sorted(shares.items()) if percent}


@dataclass(frozen=True)
class Split:
    """How an endpoint divides its requests.

    ``live`` maps deployment name to the percentage of requests it answers. ``mirror`` maps at most one deployment name
    to the percentage of live requests that are copied to it; its answers are thrown away. A deployment with a share of
    0 is left out of both, so that two splits that mean the same compare equal.
    """

    live: Mapping[str, int] = field(default_factory=dict)
    mirror: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "live", _shares(self.live))
        object.__setattr__(self, "mirror", _shares(self.mirror))

    @property
    def mirror_target(self) -> str | None:
        """The deployment that receives copies, or None."""
        return next(iter(self.mirror), None)

    @property
    def mirror_percent(self) -> int:
        """The percentage of live requests that are copied, 0 when nothing is mirrored."""
        return next(iter(self.mirror.values()), 0)

    def live_percent(self, deployment: str) -> int:
        """The percentage of requests that ``deployment`` answers, 0 when it has no share."""
        return self.live.get(deployment, 0)

    def check(self, deployments: Iterable[str]) -> None:
        """Raise :class:`SplitError` when the split breaks one of Azure's rules.

        The rules (how-to-safely-rollout-online-endpoints): whole percentages, live traffic sums to 0 or 100, mirror to
        one deployment, at most 50 %, never to one that also has live traffic, and only deployments that exist.
        """
        known = set(deployments)
        for name, percent in [*self.live.items(), *self.mirror.items()]:
            if isinstance(percent, bool) or not isinstance(percent, int):
                raise SplitError(f"The share of {name} is {percent!r}; Azure takes whole percentages only.")
            if not 0 <= percent <= 100:
                raise SplitError(f"The share of {name} is {percent} %; a share lies between 0 and 100 %.")
            if name not in known:
                raise SplitError(f"There is no deployment named {name} on this endpoint.")
        total = sum(self.live.values())
        if total not in (0, 100):
            raise SplitError(f"Live traffic adds up to {total} %; Azure accepts 100 %, or 0 % to stop all traffic.")
        if len(self.mirror) > 1:
            raise SplitError("Only one deployment can receive mirrored traffic.")
        if self.mirror_percent > MAX_MIRROR_PERCENT:
            raise SplitError(
                f"{self.mirror_percent} % mirrored traffic is more than the {MAX_MIRROR_PERCENT} % Azure allows."
            )
        if self.mirror_target in self.live:
            raise SplitError(f"{self.mirror_target} has live traffic; a deployment is live or mirrored, never both.")


@dataclass(frozen=True)
class WorkspaceRef:
    """Which Azure Machine Learning workspace: the three names that Azure identifies it by."""

    subscription_id: str
    resource_group: str
    name: str

    @classmethod
    def of(cls, resource_id: str) -> WorkspaceRef:
        """The workspace of an ARM id: its own, or one of anything below it. Raises ValueError for another id."""
        found = _WORKSPACE_ID.match(resource_id)
        if not found:
            raise ValueError(f"{resource_id!r} is not below an Azure Machine Learning workspace")
        return cls(*found.groups())

    @classmethod
    def parse(cls, address: str) -> WorkspaceRef:
        """The workspace of an :attr:`address`. Raises ValueError when the text is none."""
        parts = address.split("/")
        if len(parts) != 3 or not all(_PLAIN_NAME.fullmatch(part) for part in parts):
            raise ValueError(f"{address!r} is not subscription/resource group/workspace")
        return cls(*parts)

    @property
    def id(self) -> str:
        """ARM id."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )

    @property
    def address(self) -> str:
        """``subscription/resource group/name``, the short form of URLs."""
        return f"{self.subscription_id}/{self.resource_group}/{self.name}"

    def is_same(self, other: WorkspaceRef) -> bool:
        """Whether both name the same workspace. Azure compares names without case."""
        return self.address.lower() == other.address.lower()


@dataclass(frozen=True)
class Endpoint:
    """One managed online endpoint as Azure last reported it. ``raw`` is the whole ARM document."""

    id: str
    name: str
    workspace: str
    location: str
    state: str
    auth_mode: str
    scoring_uri: str
    swagger_uri: str
    split: Split
    description: str
    tags: Mapping[str, str]
    is_kubernetes: bool
    public_network_access: bool
    created_at: datetime | None
    created_by: str
    modified_at: datetime | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def workspace_ref(self) -> WorkspaceRef:
        """The workspace that the endpoint lives in."""
        return WorkspaceRef.of(self.id)


@dataclass(frozen=True)
class Deployment:
    """One deployment below an endpoint as Azure last reported it. ``raw`` is the whole ARM document.

    ``model`` and ``environment`` are short forms for people (``name:version``, or the folder name of an anonymous
    asset); the full ids are in ``raw``. ``worker_count`` is the number of processes that score in one instance.
    """

    id: str
    endpoint: str
    name: str
    state: str
    model: str
    environment: str
    instance_type: str
    instance_count: int
    request_timeout_ms: int
    max_concurrent_requests: int
    worker_count: int
    created_at: datetime | None
    modified_at: datetime | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Window:
    """A span of time to read metrics for: [start_at, end_at), in points of ``grain_seconds``."""

    start_at: datetime
    end_at: datetime
    grain_seconds: int


@dataclass(frozen=True)
class Series:
    """One metric of one resource over time, for one combination of dimension values.

    ``values`` has one entry per ``times`` entry, Azure's mean; None means that Azure has no data for that point, which
    is not 0. ``totals`` are the sums of the points, of metrics that count: empty for all others, None where Azure does
    not say them. ``dimensions`` has lower-case keys, as Azure answers them.
    """

    resource_id: str
    metric: str
    unit: str
    dimensions: Mapping[str, str]
    times: tuple[datetime, ...]
    values: tuple[float | None, ...]
    totals: tuple[float | None, ...] = ()
