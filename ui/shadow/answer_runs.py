"""Comparisons of answers inside shadow tests: one for each run, in threads of the process, so that no page can lose
them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.model import Endpoint
from services.payloads.consent import Consent
from services.replay.record import Item
from services.shadow.answering import Comparing, Places
from services.shadow.model import Run
from ui import context, readers
from ui.latest import Latest


def of(run: Run) -> Comparing | None:
    """The newest one of this run since the process began, None without one."""
    return _all().of(run.id)


def begin(
    endpoint: Endpoint,
    run: Run,
    items: Sequence[Item],
    *,
    source: str,
    seed: int,
    parallel: int,
    left_out: Sequence[str],
    may_drift: bool,
) -> bool:
    """Compare in the background; False when it is done already for this run.

    Raises RuleBroken when nothing can be compared, StoreFailed, and what reading the connection raises.
    """
    conn, _, _ = readers.key(endpoint.workspace_ref)
    places = Places(context.shadow().runs, context.results(), Consent(context.store()).keeps_bodies(context.person()))
    made = Comparing(
        conn,
        endpoint,
        run,
        items,
        places,
        source=source,
        seed=seed,
        parallel=parallel,
        left_out=left_out,
        may_drift=may_drift,
    )
    if not _all().take(run.id, made):
        return False
    made.start()
    return True


@st.cache_resource(show_spinner=False)
def _all() -> Latest[Comparing]:
    return Latest()
