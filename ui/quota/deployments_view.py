"""Every deployment of the region with its cores, its cost and its use, and what deleting the idle ones would free."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

import streamlit as st

from services.quota.idle import Use
from services.quota.ledger import Holding
from services.quota.prices import HOURS_OF_A_MONTH, Cost, Price, cost, total
from services.quota.reading import Overview
from ui import context, scope, words
from ui.components.table import Cell, Column, Filter, Row, table

_FAILED = "failed"
_MOST_LINKS = 5
_TONES = {Use.USED: "good", Use.IDLE: "bad", Use.UNASKED: "busy", Use.TOO_NEW: "neutral", Use.NOT_KNOWN: "neutral"}
_COLUMNS = (
    Column("Deployment"),
    Column("State", wraps=True),
    Column("Cores", number=True, help="Of the quota, with the reserve for upgrades", csv="cores_of_quota"),
    Column("Use"),
    Column("Instance type"),
    Column("Instances", number=True),
    Column("An hour", number=True, csv="cost_per_hour"),
    Column("A month", number=True, help=f"{HOURS_OF_A_MONTH} hours", csv="cost_per_month"),
    Column("Evidence", wraps=True),
    Column("Workspace"),
)


def show(overview: Overview, prices: Sequence[Price]) -> None:
    """Draw the table, the sums, and the idle ones."""
    st.header("Deployments", anchor=False)
    costs = {each.deployment.id: price_of(each, prices) for each in overview.holdings}
    st.html(f'<p class="hint">{escape(sums(list(costs.values()), is_whole=overview.has_all_deployments))}</p>')
    idle = [each for each in overview.holdings if overview.evidence_of(each).use is Use.IDLE]
    unasked = [each for each in overview.holdings if overview.evidence_of(each).use is Use.UNASKED]
    failed = [each for each in overview.holdings if each.has_failed]
    kinds = [Filter(_FAILED, "Failed"), Filter(Use.IDLE, "Idle"), Filter(Use.UNASKED, "No requests, but a share")]
    table(
        "Deployments of the region",
        _COLUMNS,
        [row(overview, each, costs[each.deployment.id]) for each in by_family(overview)],
        key="quota_deployments",
        filters=[each for each, found in zip(kinds, (failed, idle, unasked), strict=True) if found],
        stacks=True,
        download="sluice-deployments.csv",
        nothing="No managed deployment was found in this region.",
    )
    if failed:
        _to_delete(failed)
    if idle:
        st.html(
            f'<p class="notice" role="note">{escape(freed(idle, [costs[each.deployment.id] for each in idle]))}</p>'
        )


def _to_delete(failed: Sequence[Holding]) -> None:
    held = ", ".join(f"{each.name} {words.count(each.cores, 'core')}" for each in failed if each.cores)
    holds = f" They hold cores all the same: {held}." if held else ""
    st.html(f'<p class="notice" role="note"><b>Failed.</b>{escape(holds)}</p>')
    for each in failed[:_MOST_LINKS]:
        st.page_link(
            context.ROOT / "pages" / "overview.py",
            label=f"Delete {each.name}",
            icon=":material/arrow_forward:",
            query_params={**scope.link(each.endpoint.workspace_ref, each.endpoint.name), "view": "Operate"},
        )


def by_family(overview: Overview) -> list[Holding]:
    """All deployments in the order of the families, those of unknown instance types last. Pure."""
    known = [each for family in overview.families for each in family.holdings]
    return known + [each for each in overview.holdings if each not in known]


def price_of(holding: Holding, prices: Sequence[Price]) -> Cost | None:
    """What a deployment costs by the table. Pure."""
    found = holding.deployment
    return cost(prices, found.instance_type, holding.endpoint.location, found.instance_count)


def row(overview: Overview, holding: Holding, price: Cost | None) -> Row:
    """A deployment as a row. Pure but for the address of its endpoint."""
    deployment, found = holding.deployment, overview.evidence_of(holding)
    place = holding.endpoint.workspace_ref
    where = {"view": "Operate"} if holding.has_failed else {}
    cores = Cell("not known", muted=True)
    if holding.need:
        cores = Cell(str(holding.need.cores), sort=holding.need.cores, note=holding.need.words)
    return Row(
        deployment.id,
        (
            Cell(holding.name),
            state(holding),
            cores,
            Cell(found.use.value, tone=_TONES[found.use]),
            Cell(deployment.instance_type, code=True),
            Cell(str(deployment.instance_count), sort=deployment.instance_count),
            _money(price, is_month=False),
            _money(price, is_month=True),
            Cell(found.words),
            Cell(place.name),
        ),
        href=f"overview?{urlencode(scope.link(place, holding.endpoint.name) | where)}",
        marks=(found.use.value, _FAILED) if holding.has_failed else (found.use.value,),
    )


def state(holding: Holding) -> Cell:
    """What Azure says of a deployment. One that failed holds its cores. Pure."""
    if not holding.has_failed:
        return Cell(holding.deployment.state or "not said", muted=not holding.deployment.state)
    holds = f"holds {words.count(holding.cores, 'core')} until it is deleted" if holding.cores else ""
    return Cell(holding.deployment.state, tone="bad", note=holds)


def _money(price: Cost | None, *, is_month: bool) -> Cell:
    if price is None:
        return Cell("no price", muted=True)
    value = price.per_month if is_month else price.per_hour
    return Cell(f"{amount(value)} {price.currency}", sort=float(value))


def amount(value: object) -> str:
    """An amount of money for people: two decimals, more where an hour costs less than ten."""
    number = float(str(value))
    return f"{number:,.2f}" if number >= 10 else f"{number:,.4g}"


def sums(costs: Sequence[Cost | None], *, is_whole: bool = True) -> str:
    """What all of them cost, in a sentence or two, with how many have no price, and whether there are more that could
    not be read. Pure."""
    if is_whole:
        return _sum(costs) if costs else "There is nothing to pay for."
    more = "Deployments that could not be read are not among these."
    return f"{_sum(costs)} {more}" if costs else "No deployment could be read."


def _sum(costs: Sequence[Cost | None]) -> str:
    found, unknown = total(costs)
    missing = f"{words.count(unknown, 'deployment')} of {len(costs)} without a price" if unknown else ""
    if not found:
        return "No price is known: add those of your contract below."
    said = " and ".join(f"{amount(each.per_hour)} {each.currency} an hour" for each in found)
    monthly = " and ".join(f"{amount(each.per_month)} {each.currency}" for each in found)
    whole = f"{said}, {monthly} in a month of {HOURS_OF_A_MONTH} hours"
    return f"{whole}, and {missing}, which is not in it." if missing else f"{whole}, instances × price."


def freed(idle: Sequence[Holding], costs: Sequence[Cost | None]) -> str:
    """What deleting the idle deployments frees, in sentences. Pure."""
    cores: dict[str, int] = {}
    for each in idle:
        if each.need:
            cores[each.need.size.family] = cores.get(each.need.size.family, 0) + each.need.cores
    of_families = ", ".join(f"{count} cores of {family}" for family, count in sorted(cores.items()))
    found, unknown = total(costs)
    money = " and ".join(f"{amount(each.per_month)} {each.currency} a month" for each in found)
    gains = " and ".join(part for part in (of_families, money) if part) or "what is not known"
    missing = f" {unknown} of them have no price." if unknown and found else ""
    names = ", ".join(each.name for each in idle[:8]) + (" …" if len(idle) > 8 else "")
    return (
        f"Idle: {names}. Deleting {'it' if len(idle) == 1 else 'them'} frees {gains}.{missing} A deployment cannot be "
        "stopped, its least is one instance: save its files on the Overview page first, and apply them again when "
        "it is needed. Azure does not say who is about to use it: ask its owner."
    )
