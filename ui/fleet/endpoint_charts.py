"""Small charts of many endpoints: P95, requests and errors of the last hour, from the numbers of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlencode

from services.fleet import attention
from services.fleet.fleet import Member
from services.fleet.fleet_hour import Minutes
from services.fleet.fleet_numbers import Numbers
from services.model import Endpoint
from ui import colours, words
from ui.components.multiples import Card, Curve, Plot
from ui.components.table import Row, View
from ui.fleet.endpoint_table import Listing

MOST_CARDS = 60
"""More small charts than this are no overview, and cost the browser more than they show."""
ORDERS = {
    "By name": "name",
    "Most errors first": "-errors",
    "Slowest first": "-p95",
    "Most requests first": "-requests",
}
"""How the cards can be ordered, as the table's own order would be written."""
_VALUES: dict[str, Callable[[Numbers], float | None]] = {
    "errors": lambda numbers: numbers.summary.error_percent,
    "p95": lambda numbers: numbers.summary.p95_ms,
    "requests": lambda numbers: numbers.summary.requests_per_minute,
}


def chosen(pairs: Iterable[tuple[Member, Row]], view: View) -> list[Member]:
    """The members whose row in the table would be shown by ``view``: every searched word, and any of the filters."""
    terms = view.search.lower().split()

    def matches(row: Row) -> bool:
        text = "\n".join([*(part for cell in row.cells for part in (cell.text, cell.note)), row.also]).lower()
        return all(term in text for term in terms) and (not view.filters or bool(set(view.filters) & set(row.marks)))

    return [member for member, row in pairs if matches(row)]


def ordered(members: Sequence[Member], numbers: dict[str, Numbers], order: str) -> list[Member]:
    """``members`` in an order of ORDERS. What has no number stands at the end, the same numbers by name."""
    by_name = sorted(members, key=lambda member: member.endpoint.name.lower())
    read = _VALUES.get(order.removeprefix("-"))
    if read is None:
        return by_name

    def place(member: Member) -> tuple[bool, float]:
        found = numbers.get(member.endpoint.id.lower())
        value = None if found is None else read(found)
        return value is None, -(value or 0.0)

    return sorted(by_name, key=place)


def card(member: Member, numbers: Numbers | None, listing: Listing, *, is_counting: bool = False) -> Card:
    """The card of one endpoint. ``is_counting``: its numbers are still to come. Pure."""
    endpoint = member.endpoint
    workspace = endpoint.workspace_ref
    elsewhere = {} if workspace.is_same(listing.home) else {"workspace": workspace.address}
    return Card(
        id=endpoint.id,
        name=endpoint.name,
        place=workspace.name if listing.has_many else "",
        href=f"metrics?{urlencode({'endpoint': endpoint.name, **elsewhere})}",
        plots=_plots(endpoint, numbers, "reading…" if is_counting else words.NO_DATA),
        note="; ".join(need.words for need in attention.needs(member, numbers, listing.now)),
    )


def _plots(endpoint: Endpoint, numbers: Numbers | None, nothing: str) -> tuple[Plot, ...]:
    if numbers is None:
        labels = (("P95", "ms"), ("Requests", "/min"), ("Errors", "/min"))
        return tuple(Plot(label, unit, nothing, (), nothing="") for label, unit in labels)
    summary, hour = numbers.summary, numbers.hour
    palette = colours.of_deployments([*hour.p95_ms, *endpoint.split.live, *endpoint.split.mirror])
    p95 = tuple(Curve(_named(name, endpoint), values, palette[name]) for name, values in hour.p95_ms.items())
    requests = _curves(Curve("requests", hour.requests, tone="plain"))
    # A line of nothing but 0 for the callers' mistakes would only lie under the other one.
    refused = [Curve("client", hour.client_errors, tone="busy")] if any(hour.client_errors) else []
    errors = _curves(Curve("server", hour.server_errors, tone="bad"), *refused)
    return (
        Plot("P95", "ms", words.milliseconds(summary.p95_ms), p95),
        Plot("Requests", "/min", words.rate(summary.requests_per_minute), requests),
        Plot("Errors", "/min", words.percent(summary.error_percent), errors),
    )


def _named(deployment: str, endpoint: Endpoint) -> str:
    is_shadow = deployment == endpoint.split.mirror_target and not endpoint.split.live_percent(deployment)
    return f"{deployment}, mirror" if is_shadow else deployment


def _curves(*curves: Curve) -> tuple[Curve, ...]:
    return tuple(curve for curve in curves if _has_data(curve.values))


def _has_data(values: Minutes) -> bool:
    return any(value is not None for value in values)
