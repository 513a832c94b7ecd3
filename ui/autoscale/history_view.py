"""What autoscale did to the deployments of the endpoint in the last days."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.azure.autoscale_events import Scaling
from services.model import Endpoint
from ui import colours, context, scope, words
from ui.autoscale import reading
from ui.components.table import Cell, Column, Row, table
from ui.turns import Turns

POLL_SECONDS = 1.0
COLUMNS = (
    Column("When"),
    Column("Instances"),
    Column("Deployment"),
    Column("Took", number=True, help="From the decision until the new number of instances was there."),
    Column("Why", wraps=True),
)


def show(endpoint: Endpoint) -> None:
    """Draw the scalings of the last seven days."""
    st.header("What autoscale did", anchor=False)
    look = reading.events(endpoint)
    if look.value is None and look.problem is not None:
        error = look.problem
        st.html(f'<p class="hint">{escape(f"{error.what} {error.why} {error.next_step}")}</p>')
    elif look.value is None:
        _follow(endpoint, Turns())
    elif not look.value:
        # Not in an empty table: on a phone its end would be cut off.
        st.html('<p class="hint">Nothing in the last seven days. The activity log is 3 to 20 minutes late.</p>')
    else:
        table(f"What autoscale did to {endpoint.name}", COLUMNS, rows(look.value), key=f"scalings:{endpoint.name}")
    st.page_link(
        context.ROOT / "pages" / "metrics.py",
        label="See it on the charts",
        icon=":material/monitoring:",
        query_params={**scope.link(endpoint.workspace_ref, endpoint.name), "view": "instances"},
    )


def rows(scalings: tuple[Scaling, ...]) -> list[Row]:
    """The rows of the table, newest first. Pure."""
    names = sorted({each.deployment for each in scalings})
    palette = colours.of_deployments(names)
    return [
        Row(
            f"{each.correlation_id}:{number}",
            (
                Cell(words.moment(each.at), sort=each.at.timestamp()),
                Cell(counts(each), tone="bad" if each.is_failed else ""),
                Cell(each.deployment, colour=palette[each.deployment]),
                _took(each),
                Cell(each.reason or "not said", muted=not each.reason),
            ),
        )
        for number, each in enumerate(sorted(scalings, key=lambda each: each.at, reverse=True))
    ]


def counts(scaling: Scaling) -> str:
    """From how many to how many, and whether that failed."""
    old, new = ("?" if each is None else str(each) for each in (scaling.old, scaling.new))
    return f"{old} → {new}{', failed' if scaling.is_failed else ''}"


def _took(scaling: Scaling) -> Cell:
    if scaling.ended_at is None:
        return Cell("not known", muted=True)
    seconds = (scaling.ended_at - scaling.at).total_seconds()
    return Cell(words.elapsed(seconds), sort=seconds)


@st.fragment(run_every=POLL_SECONDS)
def _follow(endpoint: Endpoint, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    look = reading.events(endpoint)
    st.html('<p class="working" role="status">Reading the activity log…</p>')
    if is_by_itself and not look.is_reading:
        st.rerun()
