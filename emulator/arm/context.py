"""What the handlers of the control plane share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emulator.documents import Documents
from emulator.faults import FaultBook
from emulator.identity.tokens import Principal, Tokens
from emulator.resources import Addresses, Place
from emulator.settings import SettingsStore
from emulator.state import Secrets
from emulator.storage.blobs import BlobStore

if TYPE_CHECKING:
    from emulator.monitor.activity import Activities
    from emulator.monitor.logs.console import ConsoleLines
    from emulator.scoring.gateway.process import Gateway
    from emulator.scoring.instances.fleet import Fleet
    from emulator.scoring.telemetry.events import Events
    from emulator.scoring.telemetry.gauges import Gauges
    from emulator.scoring.telemetry.rows import Telemetry


@dataclass(frozen=True)
class Context:
    """One running local Azure. `now` is epoch seconds; `home` is the workspace that the command line names."""

    home: Place
    addresses: Addresses
    secrets: Secrets
    tokens: Tokens
    documents: Documents
    settings: SettingsStore
    faults: FaultBook
    blobs: BlobStore
    fleet: Fleet
    gateway: Gateway
    telemetry: Telemetry
    gauges: Gauges
    events: Events
    activity: Activities
    console: ConsoleLines
    now: Callable[[], float]

    def moment(self) -> str:
        """The present as Azure writes it in documents."""
        return iso(self.now())

    def places(self) -> list[Place]:
        """Every workspace there is, the home workspace first."""
        kept = [Place(**found) for _, found in self.documents.all("workspace")]
        return [self.home, *(place for place in kept if place.key != self.home.key)]

    def find_place(self, subscription: str, group: str, workspace: str) -> Place | None:
        """The workspace of these names in its own spelling, None when there is none."""
        wanted = f"{subscription}/{group}/{workspace}".lower()
        if wanted == self.home.key:
            return self.home
        found = self.documents.get("workspace", wanted)
        return None if found is None else Place(**found)

    def place_of(self, endpoint: str) -> Place:
        """The workspace that an endpoint belongs to; names of endpoints are unique over all workspaces."""
        found = self.documents.get("endpoint", endpoint)
        kept = None if found is None else self.documents.get("workspace", found.get("workspace", self.home.key))
        return self.home if kept is None else Place(**kept)

    def system_data(self, caller: Principal, before: dict[str, str] | None = None) -> dict[str, str]:
        """Who made a document and when, and who changed it last."""
        now = self.moment()
        created = before or {"createdBy": caller.name, "createdByType": "User", "createdAt": now}
        return {**created, "lastModifiedBy": caller.name, "lastModifiedByType": "User", "lastModifiedAt": now}


def iso(epoch_seconds: float) -> str:
    """An ISO 8601 moment in UTC with microseconds."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
