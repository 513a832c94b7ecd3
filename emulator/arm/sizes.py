"""The instance types that managed online endpoints run on.

Names, families, cores, GPUs and the exemption from the reserved fifth: the public "Managed online endpoints SKU list".
Memory: the public tables of virtual machine sizes, in GiB.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VmSize:
    """One instance type.

    `memory_gb` is in GiB. `gpus` counts a part of a GPU as one. `reserves` says whether Azure holds a fifth more cores
    than the instances need, for upgrades.
    """

    name: str
    family: str
    cores: int
    memory_gb: float
    gpus: int = 0
    reserves: bool = True


def find_size(name: str) -> VmSize | None:
    """The instance type of this name, compared without case, or None."""
    return _BY_NAME.get(name.lower())


def _series(family: str, pattern: str, per_core: float, *cores: int) -> list[VmSize]:
    """Sizes of a series that gives the same memory to each core; `#` in the pattern stands for the cores."""
    return [VmSize(f"Standard_{pattern.replace('#', str(each))}", family, each, each * per_core) for each in cores]


_GENERAL = (2, 4, 8, 16, 32, 48, 64, 96)
_STORAGE = (8, 16, 32, 48, 64, 80)

SIZES: tuple[VmSize, ...] = (
    *_series("standardDASv4Family", "D#as_v4", 4, *_GENERAL),
    *_series("standardDAv4Family", "D#a_v4", 4, *_GENERAL),
    *(
        VmSize(f"Standard_DS{number}_v2", "standardDSv2Family", cores, cores * 3.5)
        for number, cores in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 16))
    ),
    *_series("standardESv3Family", "E#s_v3", 8, 2, 4, 8, 16, 32, 48),
    VmSize("Standard_E64s_v3", "standardESv3Family", 64, 432),
    *_series("standardFSv2Family", "F#s_v2", 2, 2, 4, 8, 16, 32, 48, 64, 72),
    *_series("standardFXMDVSFamily", "FX#mds", 21, 4, 12, 24, 36, 48),
    *_series("standardLASv3Family", "L#as_v3", 8, *_STORAGE),
    *_series("standardLSv2Family", "L#s_v2", 8, *_STORAGE),
    *_series("standardLSv3Family", "L#s_v3", 8, *_STORAGE),
    VmSize("Standard_NC24ads_A100_v4", "standardNCADSA100v4Family", 24, 220, 1, reserves=False),
    VmSize("Standard_NC48ads_A100_v4", "standardNCADSA100v4Family", 48, 440, 2, reserves=False),
    VmSize("Standard_NC96ads_A100_v4", "standardNCADSA100v4Family", 96, 880, 4, reserves=False),
    VmSize("Standard_NC4as_T4_v3", "standard NCASv3_T4 Family", 4, 28, 1),
    VmSize("Standard_NC8as_T4_v3", "standard NCASv3_T4 Family", 8, 56, 1),
    VmSize("Standard_NC16as_T4_v3", "standard NCASv3_T4 Family", 16, 110, 1),
    VmSize("Standard_NC64as_T4_v3", "standard NCASv3_T4 Family", 64, 440, 4),
    VmSize("Standard_NC6s_v2", "standardNCSv2Family", 6, 112, 1),
    VmSize("Standard_NC12s_v2", "standardNCSv2Family", 12, 224, 2),
    VmSize("Standard_NC24s_v2", "standardNCSv2Family", 24, 448, 4),
    VmSize("Standard_NC6s_v3", "standardNCSv3Family", 6, 112, 1),
    VmSize("Standard_NC12s_v3", "standardNCSv3Family", 12, 224, 2),
    VmSize("Standard_NC24s_v3", "standardNCSv3Family", 24, 448, 4),
    VmSize("Standard_NC40ads_H100_v5", "standardNCADSH100v5Family", 40, 320, 1, reserves=False),
    VmSize("Standard_NC80adis_H100_v5", "standardNCADSH100v5Family", 80, 640, 2, reserves=False),
    VmSize("Standard_ND96amsr_A100_v4", "standard NDAMSv4_A100Family", 96, 1900, 8, reserves=False),
    VmSize("Standard_ND96asr_v4", "standard NDASv4_A100 Family", 96, 900, 8, reserves=False),
    VmSize("Standard_ND40rs_v2", "standardNDSv2Family", 40, 672, 8, reserves=False),
    VmSize("Standard_ND96is_H100_v5", "standardNDv5H100Family", 96, 1900, 8, reserves=False),
    VmSize("Standard_ND96isr_H100_v5", "standardNDv5H100Family", 96, 1900, 8, reserves=False),
    VmSize("Standard_NV6ads_A10_v5", "standardNVADSA10v5Family", 6, 55, 1),
    VmSize("Standard_NV12ads_A10_v5", "standardNVADSA10v5Family", 12, 110, 1),
    VmSize("Standard_NV18ads_A10_v5", "standardNVADSA10v5Family", 18, 220, 1),
    VmSize("Standard_NV36ads_A10_v5", "standardNVADSA10v5Family", 36, 440, 1),
    VmSize("Standard_NV36adms_A10_v5", "standardNVADSA10v5Family", 36, 880, 1),
    VmSize("Standard_NV72ads_A10_v5", "standardNVADSA10v5Family", 72, 880, 2),
)
_BY_NAME = {size.name.lower(): size for size in SIZES}
