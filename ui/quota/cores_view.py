"""The cores of each family with their arithmetic, and whether another deployment fits."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.azure.usages import VmSize, size_named
from services.quota.cores import need
from services.quota.ledger import Family
from services.quota.limits import fits
from services.quota.reading import Overview
from ui import words
from ui.components.table import Cell, Column, Row, Share, table

MOST_INSTANCES = 50
"""Of a deployment (how-to-manage-quotas)."""
ALL = "All families"
_USUAL = "Standard_DS3_v2"
RESERVE = (
    "Azure reserves a fifth more instances for upgrades, rounded up, so a deployment takes "
    "cores × ceil(instances × 1.2). Some instance types are exempt. Cores count against the limit of their family and "
    "against that of all families together; the tighter one decides."
)
_COLUMNS = (
    Column("Family"),
    Column("Used", number=True, csv="used_cores"),
    Column("Limit", number=True, csv="limit_cores"),
    Column("Free", number=True, csv="free_cores"),
    Column("Share", csv="used_percent"),
    Column("How it adds up", wraps=True),
)
_HELD = "var(--accent)"
_OTHER = "var(--quiet)"


def show(overview: Overview) -> None:
    """Draw both."""
    st.header("Cores", anchor=False)
    if not overview.has_quota:
        st.html('<p class="notice" role="note">The quota could not be read, so nobody knows what is free.</p>')
    else:
        busy = [each for each in overview.families if each.usage.used or each.holdings]
        rest = [each for each in overview.families if each not in busy]
        table(
            "Cores by family",
            _COLUMNS,
            [row(each) for each in (*busy, *((overview.total,) if overview.total else ()))],
            key="quota_families",
            download="sluice-quota.csv",
            nothing="No core of this region is used.",
            stacks=True,
        )
        if rest:
            with st.expander(f"{len(rest)} more families, of which nothing is used"):
                table(
                    "Unused families", _COLUMNS, [row(each) for each in rest], key="quota_unused_families", stacks=True
                )
    _calculator(overview)


def row(family: Family) -> Row:
    """The family as a row. Pure."""
    usage = family.usage
    name = ALL if usage.is_total else usage.family
    percent = round(100 * usage.used / usage.limit) if usage.limit else 0
    held = min(percent, round(100 * family.held / usage.limit)) if usage.limit else 0
    shares = tuple(
        share
        for share in (Share("deployments", held, _HELD), Share("elsewhere", percent - held, _OTHER))
        if share.percent
    )
    return Row(
        usage.family,
        (
            Cell(name, code=not usage.is_total, strong=usage.is_total),
            Cell(str(usage.used), sort=usage.used),
            Cell(str(usage.limit), sort=usage.limit) if usage.limit is not None else Cell("none", muted=True),
            Cell(str(usage.free), sort=usage.free, tone="" if usage.free else "bad")
            if usage.free is not None
            else Cell("no limit", muted=True),
            Cell(f"{percent} %", sort=percent, shares=shares) if usage.limit else Cell("no limit", muted=True),
            Cell(family.words, note=words.count(len(family.holdings), "deployment")),
        ),
    )


def _calculator(overview: Overview) -> None:
    if not overview.offered:
        return
    st.html('<p class="label">Does another deployment fit?</p>')
    names = [each.name for each in overview.offered]
    with st.container(horizontal=True, vertical_alignment="bottom", key="quota_calculator"):
        usual = next((number for number, name in enumerate(names) if name == _USUAL), 0)
        name = st.selectbox("Instance type", names, index=usual, key="quota_type", width=280)
        count = st.number_input(
            "Instances", min_value=1, max_value=MOST_INSTANCES, value=1, step=1, key="quota_instances", width=140
        )
    size: VmSize | None = size_named(overview.offered, name)
    if size is not None:
        wanted = need(size, int(count))
        said, has_room = f"{wanted.words} cores. What is free is not known.", True
        if overview.has_quota:
            said, has_room = fits(wanted, overview.usages)
        st.html(f'<p class="{"hint" if has_room else "notice"}" role="status">{escape(said)}</p>')
