"""Whether the quota has room for more instances, with the arithmetic in the sentence."""

from __future__ import annotations

from dataclasses import dataclass

from services.azure.connection import Connection
from services.azure.usages import size_named, sizes, usages
from services.errors import SluiceError
from services.quota.cores import need
from services.quota.limits import binding


@dataclass(frozen=True)
class Room:
    """What the quota says, in sentences, and whether by it Azure will refuse."""

    words: str
    is_refused: bool = False


def room(conn: Connection, region: str, instance_type: str, before: int, after: int) -> Room:
    """What ``after`` instances of ``instance_type`` in place of ``before`` take from the quota, and whether that is
    free. Also says so when it could not be read. Warns and never stops: Azure decides."""
    try:
        size = size_named(sizes(conn, region), instance_type)
        if size is None:
            return Room(f"{region} does not offer {instance_type} by Azure's list of instance types.", is_refused=True)
        counted = usages(conn, region)
    except SluiceError as error:
        return Room(f"Whether the quota has room was not checked: {error.why}")
    wanted, held = need(size, after), need(size, before).cores if before else 0
    more = wanted.cores - held
    takes = f"Quota: {wanted.words} cores of {size.family}"
    takes += f", {more} more than now." if before else "."
    limit = binding(size.family, counted, lambda _: more)
    if limit is None:
        return Room(f"{takes} Azure tells no limit for it.")
    # Of two limits the tighter one decides.
    free = f"{takes} Free of {limit.name}: {limit.sums}."
    if limit.rest >= 0:
        return Room(free)
    return Room(f"{free} Azure will refuse it: ask for more quota, or delete a deployment first.", is_refused=True)
