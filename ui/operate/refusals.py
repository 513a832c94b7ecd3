"""Changes that could not be begun, kept by the process until the person has been told: the tab that waited may have
been closed or reloaded, and no job says it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from services.deploying.model import Job
from services.errors import SluiceError
from ui import context

_MOST_KEPT = 100


@dataclass(frozen=True)
class _Refusal:
    endpoint_id: str
    person: str
    problem: SluiceError


@dataclass
class _Untold:
    """What nobody has been told yet, by the id of the decision, oldest first."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    refusals: dict[str, _Refusal] = field(default_factory=dict)


def keeping(endpoint_id: str, decision: str, begin: Callable[[], Job]) -> Callable[[], Job]:
    """``begin``, which keeps why it has failed, for the person of this session. It may run in any thread."""
    untold, person = _untold(), context.person()

    def begun() -> Job:
        try:
            return begin()
        except SluiceError as error:
            # The process keeps the words alone.
            words = type(error)(error.what, error.why, error.next_step, request_id=error.request_id)
            with untold.lock:
                untold.refusals[decision] = _Refusal(endpoint_id, person, words)
                while len(untold.refusals) > _MOST_KEPT:
                    untold.refusals.pop(next(iter(untold.refusals)))
            raise

    return begun


def told(decision: str) -> None:
    """Who waited for it has been told."""
    untold = _untold()
    with untold.lock:
        untold.refusals.pop(decision, None)


def take(endpoint_id: str) -> SluiceError | None:
    """Why the last change of an endpoint could not be begun that this person has not been told of; it is then."""
    untold, person = _untold(), context.person()
    with untold.lock:
        mine = [
            decision
            for decision, each in untold.refusals.items()
            if (each.endpoint_id, each.person) == (endpoint_id, person)
        ]
        return [untold.refusals.pop(decision).problem for decision in mine][-1] if mine else None


@st.cache_resource(show_spinner=False)
def _untold() -> _Untold:
    return _Untold()
