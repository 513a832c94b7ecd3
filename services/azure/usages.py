"""What a subscription may use of a region, and the instance types that Azure offers there.

Both are read from Machine Learning's own lists: its cores are counted apart from those of other virtual machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from services.azure.connection import Connection
from services.azure.translation import understood
from services.errors import NotFound

API_VERSION = "2024-10-01"
_LOCATIONS = "Microsoft.MachineLearningServices/locations"
_CORES = "dedicatedcores"
_TOTAL = "totaldedicatedcores"


@dataclass(frozen=True)
class Usage:
    """How many dedicated cores of one ``family`` of instance types are used. ``limit`` is None when there is none.

    ``is_total`` says that all families of the region are counted together, by a limit of its own.
    """

    family: str
    used: int
    limit: int | None
    is_total: bool = False

    @property
    def free(self) -> int | None:
        """Cores that may still be used; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True)
class VmSize:
    """An instance type. ``hourly_price`` is what Azure estimates for Linux in ``currency``; None when it says none."""

    name: str
    family: str
    cores: int
    gpus: int
    memory_gb: float
    hourly_price: Decimal | None = None
    currency: str = ""


def usages(conn: Connection, region: str) -> tuple[Usage, ...]:
    """The cores of each family in ``region``, of the subscription of the connection's workspace, as Azure lists them,
    and those of all families together. Raises SluiceError.
    """
    call = conn.call(f"The quota in {region} could not be read.")
    found: dict[str, Usage] = {}
    for entry in conn.pages(_path(conn, region, "usages"), call, api_version=API_VERSION):
        with understood(call):
            kind, name = str(entry.get("type") or "").lower(), str(entry["name"]["value"])
            if _CORES not in kind:
                continue
            limit, is_total = int(entry["limit"]), name.lower().replace(" ", "") == _TOTAL
            # The same family is listed for each workspace that has a quota of its own; the subscription's is the first.
            usage = Usage(name, int(entry["currentValue"]), None if limit < 0 else limit, is_total)
            found.setdefault(name.lower(), usage)
    return tuple(found.values())


def sizes(conn: Connection, region: str) -> tuple[VmSize, ...]:
    """The instance types that Azure offers in ``region``. Raises SluiceError."""
    call = conn.call(f"The instance types in {region} could not be read.")
    reply = conn.send("GET", _path(conn, region, "vmSizes"), call, api_version=API_VERSION)
    with understood(call, reply.headers):
        return tuple(_size(entry) for entry in reply.body["value"] or [])


def size_named(offered: tuple[VmSize, ...], name: str) -> VmSize | None:
    """The instance type of this name, compared without case as Azure does; None when it is not offered."""
    return next((each for each in offered if each.name.lower() == name.lower()), None)


def _path(conn: Connection, region: str, what: str) -> str:
    short = region.replace(" ", "").lower()
    if not short.isalnum():
        raise NotFound(
            f"The region {region} could not be read.",
            "No region can have this name.",
            "Choose another workspace.",
        )
    return f"/subscriptions/{conn.workspace.subscription_id}/providers/{_LOCATIONS}/{short}/{what}"


def _size(entry: Mapping[str, Any]) -> VmSize:
    price, currency = _estimate(entry.get("estimatedVMPrices"))
    return VmSize(
        name=str(entry["name"]),
        family=str(entry.get("family") or ""),
        cores=int(entry["vCPUs"]),
        gpus=int(entry.get("gpus") or 0),
        memory_gb=float(entry.get("memoryGB") or 0),
        hourly_price=price,
        currency=currency,
    )


def _estimate(prices: object) -> tuple[Decimal | None, str]:
    """The price of an hour on Linux at the standard tier, if Azure tells it (VirtualMachineSize.estimatedVMPrices)."""
    if not isinstance(prices, Mapping) or str(prices.get("unitOfMeasure")) != "OneHour":
        return None, ""
    for each in prices.get("values") or []:
        if (str(each.get("osType")), str(each.get("vmTier"))) == ("Linux", "Standard"):
            try:
                return Decimal(str(each["retailPrice"])), str(prices.get("billingCurrency") or "")
            except (InvalidOperation, KeyError):
                return None, ""
    return None, ""
