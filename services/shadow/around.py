"""Where a run is looked after: its workspace, what Azure holds of its endpoint, and the two clocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.azure.connection import Connection
from services.model import Deployment, Endpoint, WorkspaceRef
from services.shadow.model import Run


class Azure(Protocol):
    """What is read of Azure: as :mod:`services.azure.endpoints` has it."""

    def get_endpoint(self, conn: Connection, name: str) -> Endpoint:
        """One endpoint."""

    def list_deployments(self, conn: Connection, endpoint: str) -> list[Deployment]:
        """Its deployments."""


@dataclass(frozen=True)
class Around:
    """``here`` is this machine's clock, which the journal and the leases have."""

    conn: Connection
    azure: Azure
    here: Callable[[], datetime]

    def now(self) -> datetime:
        """The present by Azure's clock."""
        return self.azure_time(self.here())

    def azure_time(self, at: datetime) -> datetime:
        """A moment of this machine's clock by Azure's."""
        return self.conn.clock.of(at)

    def conn_of(self, run: Run) -> Connection:
        """The connection, looking at the workspace of ``run``."""
        return self.conn.at(WorkspaceRef.of(run.endpoint_id))

    def found(self, conn: Connection, run: Run) -> tuple[Endpoint, list[Deployment]]:
        """The endpoint of ``run`` and its deployments as Azure holds them now. Raises NotFound, SluiceError."""
        name = run.endpoint_id.rsplit("/", 1)[-1]
        return self.azure.get_endpoint(conn, name), self.azure.list_deployments(conn, name)
