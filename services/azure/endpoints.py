"""Online endpoints and their deployments: list, read, and write the split without losing anything."""

from __future__ import annotations

from collections.abc import Callable

from services.azure.connection import Connection
from services.model import Deployment, Endpoint, Split


def list_endpoints(conn: Connection) -> list[Endpoint]:
    """All online endpoints of the workspace, sorted by name. Raises SluiceError."""
    raise NotImplementedError


def get_endpoint(conn: Connection, name: str) -> Endpoint:
    """One endpoint as Azure holds it now. Raises NotFound and the other SluiceErrors."""
    raise NotImplementedError


def list_deployments(conn: Connection, endpoint: str) -> list[Deployment]:
    """The deployments of ``endpoint``, sorted by name. Raises NotFound and the other SluiceErrors."""
    raise NotImplementedError


def write_split(
    conn: Connection, name: str, expected: Split, after: Split, *, on_phase: Callable[[str], None] = lambda _: None
) -> None:
    """Replace the split of endpoint ``name`` and nothing else, and wait until Azure has done it.

    ``on_phase`` hears "reading", "writing" and "waiting" as they begin.

    Raises Conflict when Azure no longer holds ``expected`` (then ``theirs`` is what it holds) or an operation is
    running, RuleBroken when Azure refuses the split, Timeout when the operation does not finish in time, and the other
    SluiceErrors.
    """
    raise NotImplementedError


def keys(conn: Connection, name: str) -> tuple[str, str]:
    """Primary and secondary key of endpoint ``name``. Never log or store them. Raises SluiceError."""
    raise NotImplementedError


def logs(
    conn: Connection, endpoint: str, deployment: str, lines: int = 200, container: str = "inference-server"
) -> str:
    """The newest ``lines`` lines of a deployment's container log.

    ``container`` is ``inference-server`` or ``storage-initializer``. Raises SluiceError.
    """
    raise NotImplementedError
