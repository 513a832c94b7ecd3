"""How many cores of the quota a deployment takes. Pure: documents go in, numbers and sentences come out.

Source: how-to-manage-quotas, "Virtual machine quota allocation for deployment": Azure reserves a fifth more instances
for upgrades, so ``ceil(1.2 × instances) × cores`` must be free. The instance types of :data:`NO_RESERVE` are exempt.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.azure.usages import VmSize

NO_RESERVE = frozenset(
    {
        "standard_nc24ads_a100_v4",
        "standard_nc48ads_a100_v4",
        "standard_nc96ads_a100_v4",
        "standard_nc40ads_h100_v5",
        "standard_nc80adis_h100_v5",
        "standard_nd96asr_v4",
        "standard_nd96amsr_a100_v4",
        "standard_nd40rs_v2",
        "standard_nd96is_h100_v5",
        "standard_nd96isr_h100_v5",
    }
)
"""Instance types without reserve, in lower case, by the list of instance types for managed online endpoints."""


@dataclass(frozen=True)
class Need:
    """The cores that ``instances`` of ``size`` take from the quota. ``reserved`` counts the instances that Azure
    counts: those, and the reserve for upgrades."""

    size: VmSize
    instances: int
    reserved: int

    @property
    def cores(self) -> int:
        """Cores that must be free, or are taken."""
        return self.size.cores * self.reserved

    @property
    def words(self) -> str:
        """The arithmetic: "4 cores × ceil(3 × 1.2) = 4 × 4 = 16"."""
        if self.size.name.lower() in NO_RESERVE:
            return f"{self.size.cores} cores × {self.instances} = {self.cores}"
        each = self.size.cores
        return f"{each} cores × ceil({self.instances} × 1.2) = {each} × {self.reserved} = {self.cores}"


def need(size: VmSize, instances: int) -> Need:
    """What ``instances`` of ``size`` take."""
    exempt = size.name.lower() in NO_RESERVE
    # Whole numbers: 1.2 × 5 is a little more than 6 in floating point.
    return Need(size, instances, instances if exempt else -(-instances * 6 // 5))
