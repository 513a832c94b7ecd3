"""Which process is changing which endpoint, until when. Every function runs in a transaction of its caller.

A lease runs out by itself when its process is gone. Its row stays until the change has an end: it is what says that a
change was interrupted.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from services.store import LEASES

LEASE_SECONDS = 30.0
"""How long a process that has stopped working keeps an endpoint to itself. It renews while it works."""


def is_held(connection: sa.Connection, cloud: str, key: str, now: datetime) -> bool:
    """Whether a living process has the endpoint."""
    found = connection.execute(
        sa.select(LEASES.c.expires_at).where(LEASES.c.cloud == cloud, LEASES.c.endpoint_id == key)
    ).scalar_one_or_none()
    return found is not None and _is_valid(found, now)


def take(connection: sa.Connection, cloud: str, key: str, entry_id: str, holder: str, now: datetime) -> bool:
    """Give the endpoint to ``holder``. False while a living process has it, be it the same one."""
    if is_held(connection, cloud, key, now):
        return False
    connection.execute(LEASES.delete().where(LEASES.c.cloud == cloud, LEASES.c.endpoint_id == key))
    expires_at = now.timestamp() + LEASE_SECONDS
    connection.execute(
        LEASES.insert().values(cloud=cloud, endpoint_id=key, entry_id=entry_id, holder=holder, expires_at=expires_at)
    )
    return True


def renew(connection: sa.Connection, entry_id: str, holder: str, now: datetime, seconds: float = LEASE_SECONDS) -> bool:
    """Let the lease end ``seconds`` from now. False when ``holder`` has lost it."""
    of_holder = (LEASES.c.entry_id == entry_id, LEASES.c.holder == holder)
    held = connection.execute(LEASES.update().where(*of_holder).values(expires_at=now.timestamp() + seconds))
    return held.rowcount == 1


def interrupted(connection: sa.Connection, cloud: str, now: datetime) -> list[str]:
    """The changes whose process has stopped renewing."""
    rows = connection.execute(sa.select(LEASES.c.entry_id, LEASES.c.expires_at).where(LEASES.c.cloud == cloud))
    return [str(row.entry_id) for row in rows if not _is_valid(row.expires_at, now)]


def last_of(connection: sa.Connection, cloud: str, key: str) -> str:
    """The change that has the endpoint or was interrupted with it, "" when there is none."""
    row = connection.execute(
        sa.select(LEASES.c.entry_id).where(LEASES.c.cloud == cloud, LEASES.c.endpoint_id == key)
    ).first()
    return str(row.entry_id) if row else ""


def end(connection: sa.Connection, entry_id: str) -> None:
    """Give the endpoint of a change free."""
    connection.execute(LEASES.delete().where(LEASES.c.entry_id == entry_id))


def _is_valid(expires_at: float, now: datetime) -> bool:
    # One that ends later than any lease can was written before the clock was set back: nobody would ever outlive it.
    return now.timestamp() < expires_at <= now.timestamp() + 2 * LEASE_SECONDS
