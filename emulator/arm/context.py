"""What the handlers of the control plane share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emulator.documents import Documents
from emulator.identity.tokens import Principal, Tokens
from emulator.resources import Addresses, Place
from emulator.settings import SettingsStore
from emulator.state import Secrets
from emulator.storage.blobs import BlobStore

if TYPE_CHECKING:
    from emulator.scoring.fleet import Fleet
    from emulator.scoring.gateway_process import Gateway
    from emulator.scoring.telemetry import Telemetry


@dataclass(frozen=True)
class Context:
    """One running local Azure. `now` is epoch seconds."""

    place: Place
    addresses: Addresses
    secrets: Secrets
    tokens: Tokens
    documents: Documents
    settings: SettingsStore
    blobs: BlobStore
    fleet: Fleet
    gateway: Gateway
    telemetry: Telemetry
    now: Callable[[], float]

    def moment(self) -> str:
        """The present as Azure writes it in documents."""
        return iso(self.now())

    def system_data(self, caller: Principal, before: dict[str, str] | None = None) -> dict[str, str]:
        """Who made a document and when, and who changed it last."""
        now = self.moment()
        created = before or {"createdBy": caller.name, "createdByType": "User", "createdAt": now}
        return {**created, "lastModifiedBy": caller.name, "lastModifiedByType": "User", "lastModifiedAt": now}


def iso(epoch_seconds: float) -> str:
    """An ISO 8601 moment in UTC with microseconds."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
