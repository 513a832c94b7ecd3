"""Saving and deleting settings in the background: one at a time for each deployment, found again from every page.

A write belongs to the process. The session that began it takes over what came of it; a failure that nobody has been
told also reaches the same person after a reload.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from services.autoscale.settings import Setting
from services.azure.connection import Connection
from services.errors import Conflict, ServiceFailed, SluiceError
from services.jobs.worker import Worker
from services.model import Deployment, Endpoint
from ui import context, readers

_MOST_FAILED = 20
_log = logging.getLogger("sluice.ui")


@dataclass
class Write:
    """One write. ``doing`` and ``done`` are words for people; ``held`` and ``problem`` are known once it is over."""

    id: str
    person: str
    doing: str
    done: str
    held: Setting | None = None
    problem: SluiceError | None = None
    over: threading.Event = field(default_factory=threading.Event)
    is_told: bool = False


def begin(
    endpoint: Endpoint,
    deployment: Deployment,
    decision: str,
    doing: str,
    done: str,
    act: Callable[[Connection, Worker, str], Setting | None],
) -> None:
    """Begin ``act``, which gets connection, worker and person and answers what Azure holds then. For callbacks.

    ``decision`` is made once for a decision of a person: the same one again is nothing. Raises Conflict while another
    write of the deployment's setting is under way, and what reading the connection raises.
    """
    conn, _, _ = readers.key(endpoint.workspace_ref)
    # The thread knows no session: everything is taken out of it here.
    worker, person = context.worker(), context.person()
    write = Write(decision, person, doing, done)
    with _lock():
        before = of(deployment)
        if before is not None and before.id == decision:
            return
        if before is not None and not before.over.is_set():
            raise Conflict(
                f"The autoscale setting of {deployment.name} was not changed.",
                "Another change of it is being written.",
                "Wait until that has ended, then decide again.",
            )
        if before is not None and before.problem is not None:
            # Whoever began it may not have been told: it must not go with the next write of somebody else.
            failed = _failed().setdefault(_key(deployment), [])
            failed.append(before)
            del failed[:-_MOST_FAILED]
        _writes()[_key(deployment)] = write
    st.session_state[_mine(deployment)] = decision
    threading.Thread(
        target=_work, args=(write, lambda: act(conn, worker, person)), name="autoscale-write", daemon=True
    ).start()


def of(deployment: Deployment) -> Write | None:
    """The newest write of a deployment's setting since the process began."""
    return _writes().get(_key(deployment))


def under_way(deployment: Deployment) -> Write | None:
    """The write of a deployment's setting that has not ended yet."""
    newest = of(deployment)
    return None if newest is None or newest.over.is_set() else newest


def take(deployment: Deployment) -> Write | None:
    """A write that is over and that this session has not been told of yet; None otherwise."""
    mine, person = st.session_state.get(_mine(deployment)), context.person()
    with _lock():
        newest = of(deployment)
        known = [*_failed().get(_key(deployment), ()), *([newest] if newest else ())]
        over = [each for each in known if each.over.is_set()]
        own = [each for each in over if each.id == mine]
        untold = [each for each in over if each.problem is not None and not each.is_told and each.person == person]
        found = next(iter([*own, *untold]), None)
        if found is not None:
            found.is_told = True
    if found is not None and found.id == mine:
        st.session_state.pop(_mine(deployment))
    return found


def _work(write: Write, act: Callable[[], Setting | None]) -> None:
    try:
        write.held = act()
    except SluiceError as error:
        # The process keeps the words alone.
        error.__cause__ = error.__context__ = None
        write.problem = error.with_traceback(None)
    except Exception as error:
        # Runs in a thread of its own: nobody else would hear of it, and the page would wait for ever.
        _log.exception("An autoscale setting could not be written")
        write.problem = ServiceFailed(
            "It is not known whether the autoscale setting was written.",
            f"Sluice itself failed with an unexpected {type(error).__name__}.",
            "Look at the setting that Azure holds now; if it comes again, report it with the server's log.",
        )
    finally:
        write.over.set()


@st.cache_resource(show_spinner=False)
def _writes() -> dict[str, Write]:
    return {}


@st.cache_resource(show_spinner=False)
def _failed() -> dict[str, list[Write]]:
    """Writes that have failed and were followed by another one, oldest first."""
    return {}


@st.cache_resource(show_spinner=False)
def _lock() -> threading.Lock:
    return threading.Lock()


def _key(deployment: Deployment) -> str:
    return f"{context.generation()}:{deployment.id.lower()}"


def _mine(deployment: Deployment) -> str:
    return f"autoscale_write:{deployment.id.lower()}"
