"""What a failed creation leaves in Azure, and that it has to go before the next try."""

from __future__ import annotations

from services.azure import usages
from services.azure.connection import Connection, workspace
from services.azure.endpoints import list_deployments
from services.deploying.order import Item
from services.errors import ServiceFailed, SluiceError
from services.quota.cores import need


def left_behind(conn: Connection, item: Item, error: SluiceError, step: str = "") -> SluiceError:
    """``error`` with what is left of the deployment of ``item``, which Azure does not change any more. ``step`` is what
    to do where it was not made from files."""
    cores = _cores(conn, item)
    holds = f", and holds {cores} cores until it is deleted" if cores else " until it is deleted"
    what = f"{error.what} {item.resource} is there, failed{holds}."
    mend = f"Mend the files. Then delete {item.name} and create it again: Apply does both, when you switch it on."
    return ServiceFailed(what, error.why, step or mend, request_id=error.request_id)


def _cores(conn: Connection, item: Item) -> int:
    """The cores that count against the quota, 0 when they are not known."""
    try:
        named = (each for each in list_deployments(conn, item.endpoint) if each.name.lower() == item.name)
        found = next(named, None)
        if found is None:
            return 0
        size = usages.size_named(usages.sizes(conn, workspace(conn).location), found.instance_type)
        return need(size, found.instance_count).cores if size else 0
    except SluiceError:
        return 0
