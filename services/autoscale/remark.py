"""What lint says of a setting, and what it knows of the deployment beside the setting itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.autoscale.room import Quota
from services.autoscale.words import title
from services.deploying.model import Level

REFUSED = frozenset(
    {
        *("profile-count", "profile-name", "rule-count", "no-limits", "min-over-max", "default-outside", "zero"),
        *("no-resource", "wrong-namespace", "unknown-metric", "unknown-dimension", "empty-dimension"),
        *("unknown-operator", "unknown-timeaggregation", "unknown-statistic", "unknown-type"),
        *("window", "grain", "grain-over-window", "cooldown", "no-value", "value-too-large", "no-room"),
        *("two-schedules", "frequency", "unknown-zone", "no-times", "unreadable-date", "ends-before-start"),
    }
)
"""Codes of errors for which Azure does not take the setting (REST reference of autoscale settings, 2022-10-01)."""


@dataclass(frozen=True)
class Remark:
    """One thing about a setting. ``code`` is stable; ``profile`` is a name, ``rule`` counts from 1, "" and 0 are all.

    An error would be refused by Azure, or does the opposite of what is meant; a warning works otherwise than it reads;
    a note explains.
    """

    level: Level
    code: str
    what: str
    why: str
    fix: str
    profile: str = ""
    rule: int = 0

    @property
    def is_refused(self) -> bool:
        """Whether Azure does not take a setting of which this is true."""
        return self.level is Level.ERROR and self.code in REFUSED

    @property
    def place(self) -> str:
        """Where it is, in words; "" for the setting."""
        rule = f"rule {self.rule}" if self.rule else ""
        return ", ".join(filter(None, (f"profile {title(self.profile)}" if self.profile else "", rule)))


@dataclass(frozen=True)
class Situation:
    """What is known of a deployment beside its setting.

    ``startup_seconds`` is how long a scale-out took until its instances answered, None when none was seen.
    ``others`` are names of the endpoint's other deployments. ``instances`` are those that it has now, and ``quota``
    what limits more of them; None where that is not known.
    """

    deployment_id: str
    now: datetime
    is_live: bool = False
    is_mirrored_to: bool = False
    startup_seconds: float | None = None
    others: tuple[str, ...] = ()
    instances: int | None = None
    quota: Quota | None = None

    @property
    def deployment(self) -> str:
        """The deployment's name."""
        return self.deployment_id.rstrip("/").rpartition("/")[2]

    @property
    def endpoint_id(self) -> str:
        """The ARM id of its endpoint."""
        return self.deployment_id.rstrip("/").rpartition("/deployments/")[0]
