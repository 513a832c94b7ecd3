"""What a document makes that is not there yet: what it consists of, what it takes of the quota, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.azure.usages import size_named
from services.deploying.capacity import Offer, instances_of
from services.deploying.changes import short
from services.deploying.model import Document, Kind
from services.deploying.wanted import deployment_wanted
from services.quota.cores import need
from services.quota.prices import HOURS_OF_A_MONTH, Price, cost
from ui.quota.deployments_view import amount

Row = tuple[str, str]


def rows(document: Document, offer: Offer, prices: Sequence[Price]) -> tuple[Row, ...]:
    """Names and values of what is made, those that cost first. What is not known is left out. Pure."""
    found = _endpoint(document) if document.kind is Kind.ENDPOINT else _deployment(document, offer, prices)
    return tuple((name, value) for name, value in found if value)


def _endpoint(document: Document) -> tuple[Row, ...]:
    shares = document.content.get("traffic")
    traffic = ", ".join(f"{name} {share} %" for name, share in shares.items()) if isinstance(shares, Mapping) else ""
    is_private = document.content.get("public_network_access") == "disabled"
    return (
        ("Callers sign in by", str(document.content.get("auth_mode") or "key")),
        ("Live traffic", traffic),
        ("Public network access", "disabled" if is_private else ""),
    )


def _deployment(document: Document, offer: Offer, prices: Sequence[Price]) -> tuple[Row, ...]:
    wanted = deployment_wanted(document, {"properties": {}})["properties"]
    code = wanted.get("codeConfiguration") or {}
    script = f", script {code['scoringScript']}" if code.get("scoringScript") else ""
    return (
        *_instances(str(document.content.get("instance_type") or ""), instances_of(document), offer, prices),
        ("Model", short(wanted["model"])),
        ("Code", f"{short(code['codeId'])}{script}" if code.get("codeId") else ""),
        ("Environment", short(wanted["environmentId"])),
    )


def _instances(name: str, count: int | None, offer: Offer, prices: Sequence[Price]) -> tuple[Row, ...]:
    if not name or not count:
        return ()
    size, paid = size_named(offer.sizes, name), cost(prices, name, offer.region, count)
    price = "not known: the price table is on the Quota page"
    if paid is not None:
        month = f"{amount(paid.per_month)} {paid.currency} in a month of {HOURS_OF_A_MONTH} hours"
        price = f"{amount(paid.per_hour)} {paid.currency} an hour, {month}"
    return (
        ("Instances", f"{count} × {size.name if size else name}"),
        ("Cores of the quota", need(size, count).words if size else ""),
        ("Price", price),
    )
