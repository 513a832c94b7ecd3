"""How much room the quota has for more instances of a deployment: the same sum as for a scaling by hand.

Sources as in :mod:`services.quota.cores` and :mod:`services.quota.limits`.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.azure.connection import Connection
from services.azure.usages import Usage, VmSize, size_named, sizes, usages
from services.quota.cores import need
from services.quota.limits import Limit, binding


@dataclass(frozen=True)
class Quota:
    """What is known of the cores that a deployment's instances count against.

    ``size`` is None when its instance type is not offered, or nothing could be read; ``problem`` says which.
    """

    size: VmSize | None = None
    usages: tuple[Usage, ...] = ()
    problem: str = ""

    def lacks(self, before: int, after: int) -> str:
        """Why there is no room for ``after`` instances in place of ``before``, with the arithmetic; "" where there is,
        or where that is not known."""
        limit = self._limit(before, after)
        if self.size is None or limit is None or limit.more <= 0 or limit.rest >= 0:
            return ""
        takes = f"{after} instances take {need(self.size, after).words} cores of {self.size.family}"
        return f"{takes}, {limit.more} more than now. Free of {limit.name}: {limit.sums}."

    def most(self, before: int, after: int) -> int:
        """The largest number from ``before`` to ``after`` that there is room for."""
        return next((count for count in range(after, before, -1) if not self.lacks(before, count)), before)

    def _limit(self, before: int, after: int) -> Limit | None:
        if self.size is None:
            return None
        more = need(self.size, after).cores - need(self.size, before).cores
        return binding(self.size.family, self.usages, lambda _: more)


def read(conn: Connection, region: str, instance_type: str) -> Quota:
    """The quota for ``instance_type`` in ``region``. Raises SluiceError."""
    size = size_named(sizes(conn, region), instance_type)
    if size is None:
        return Quota(problem=f"{region} does not offer {instance_type} by Azure's list of instance types.")
    return Quota(size, usages(conn, region))
