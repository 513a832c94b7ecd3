"""Comparisons of answers inside shadow tests: one for each run, in threads of the process, so that no page can lose
them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import streamlit as st

from services.model import Endpoint
from services.payloads.consent import Consent
from services.replay.record import Item
from services.shadow.answering import Comparing, Places
from services.shadow.model import Run
from ui import context, readers


def of(run: Run) -> Comparing | None:
    """The newest one of this run since the process began, None without one."""
    return _all().get(_key(run))


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
    with _lock():
        before = of(run)
        if before is not None and not before.is_over:
            return False
        _all()[_key(run)] = made
    made.start()
    return True


@st.cache_resource(show_spinner=False)
def _all() -> dict[str, Comparing]:
    return {}


@st.cache_resource(show_spinner=False)
def _lock() -> threading.Lock:
    return threading.Lock()


def _key(run: Run) -> str:
    return f"{context.generation()}:{run.id}"
