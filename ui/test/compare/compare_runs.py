"""Comparisons on their way: one for each endpoint, in threads of the process, so that no page can lose them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from services.errors import ServiceFailed, SluiceError
from services.model import Endpoint
from services.payloads.consent import Consent
from services.replay.keeping import keep
from services.replay.record import Item
from services.replay.replaying import Replay, asker
from services.results import Results
from ui import context, readers

RESULT = "comparison"
"""The parameter of the address that says which kept comparison is open."""
_log = logging.getLogger("sluice.ui")


@dataclass
class Run:
    """A comparison and what became of it. ``kept`` is the id of its result, "" while it is not kept; ``problem`` is why
    it could not be. ``over`` is set when both are decided.
    """

    replay: Replay
    over: threading.Event
    kept: str = ""
    problem: SluiceError | None = None


def of(endpoint: Endpoint) -> Run | None:
    """The newest comparison of this endpoint since the process began, None without one."""
    return _runs().get(_key(endpoint))


def begin(
    endpoint: Endpoint, items: Sequence[Item], live: str, candidate: str, *, seed: int, parallel: int, tolerance: float
) -> bool:
    """Compare in the background; False when a comparison of this endpoint is under way already.

    Raises RuleBroken for a set that cannot be compared, and what reading the connection raises.
    """
    conn, _, _ = readers.key(endpoint.workspace_ref)
    stopped = threading.Event()
    replay = Replay(
        items,
        live,
        candidate,
        asker(conn, endpoint, stopped),
        seed=seed,
        parallel=parallel,
        tolerance=tolerance,
        stopped=stopped,
    )
    # The thread knows no session: everything is taken out of it here.
    results, keeps = context.results(), Consent(context.store()).keeps_bodies(context.person())
    run = Run(replay, threading.Event())
    with _lock():
        before = of(endpoint)
        if before is not None and not before.over.is_set():
            return False
        _runs()[_key(endpoint)] = run
    threading.Thread(target=_work, args=(run, results, endpoint.id, keeps), name="compare", daemon=True).start()
    return True


def forget(result_id: str) -> None:
    """Show the comparison that was kept as ``result_id`` no more."""
    with _lock():
        for key, run in list(_runs().items()):
            if run.kept == result_id:
                del _runs()[key]


def _work(run: Run, results: Results, endpoint_id: str, keeps_bodies: bool) -> None:
    try:
        run.replay.run()
        record = run.replay.record
        if record.triples:
            run.kept = keep(results, endpoint_id, record, keeps_bodies=keeps_bodies, at=datetime.now(UTC))
    except SluiceError as error:
        run.problem = error
    except Exception as error:
        # Runs in a thread of its own: nobody else would hear of it.
        _log.exception("A comparison failed inside Sluice")
        run.problem = ServiceFailed(
            "The comparison was not kept.",
            f"Sluice itself failed with an unexpected {type(error).__name__}.",
            "Download what is here; if it comes again, report it with the server's log.",
        )
    finally:
        run.over.set()


@st.cache_resource(show_spinner=False)
def _runs() -> dict[str, Run]:
    return {}


@st.cache_resource(show_spinner=False)
def _lock() -> threading.Lock:
    return threading.Lock()


def _key(endpoint: Endpoint) -> str:
    return f"{context.generation()}:{endpoint.id.lower()}"
