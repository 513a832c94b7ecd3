"""What the list of endpoints shows, as far as it has been read. Only the search for workspaces waits for Azure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import streamlit as st

from services.azure import workspaces as azure_workspaces
from services.azure.connection import Connection, Workspace
from services.azure.workspaces import Subscription
from services.errors import SluiceError
from services.fleet import fleet_numbers
from services.fleet.fleet import FleetView, Scope
from services.fleet.fleet_numbers import Numbers, NumbersReading
from ui import context, readers, scope
from ui.behind import Behind, Look

FIRST_WAIT_SECONDS = 0.4
"""A workspace that answers in this time is drawn at once, without a picture of nothing before it."""
SEARCH_SECONDS = 300
KEEP_SECONDS = 180
"""Numbers older than this are not shown while new ones are read: the age in the strip is that of the endpoints."""
_STEP_SECONDS = 0.02
_PARALLEL_SEARCHES = 8


@dataclass(frozen=True)
class _Counted:
    """Numbers, and the ids that were asked for: an endpoint without numbers has no data, one not asked for is new."""

    asked: frozenset[str]
    reading: NumbersReading


@dataclass(frozen=True)
class Seen:
    """The list as far as it is known. ``is_busy`` while more comes.

    ``numbers`` are of the endpoints ``asked`` for; both hold ids in lower case, and an endpoint asked for and without
    numbers has no data.
    """

    view: FleetView
    numbers: Mapping[str, Numbers]
    asked: frozenset[str]
    problems: tuple[SluiceError, ...]
    is_busy: bool


@dataclass(frozen=True)
class Place:
    """A workspace that can be chosen, with the subscription it is in."""

    subscription: Subscription
    workspace: Workspace


@dataclass(frozen=True)
class Found:
    """What the search for workspaces has found, and the subscriptions that it could not look into."""

    places: tuple[Place, ...]
    problems: tuple[SluiceError, ...]


def asked() -> Scope:
    """Which workspaces the list looks at. Raises NotFound for an address that is none, NotConfigured."""
    return Scope(None) if scope.lists_all() else Scope((scope.workspace(),))


def first_look(wanted: Scope) -> Seen:
    """:func:`look`, after a short wait for a scope that nobody has looked at yet."""
    seen = look(wanted)
    until = time.monotonic() + FIRST_WAIT_SECONDS
    while seen.view.read_at is None and not seen.view.is_complete and time.monotonic() < until:
        time.sleep(_STEP_SECONDS)
        seen = look(wanted)
    return seen


def look(wanted: Scope) -> Seen:
    """What is known of ``wanted`` now. Raises NotConfigured."""
    view = context.fleet().view(wanted, max_age_seconds=readers.RESOURCE_SECONDS)
    if view.read_at is not None:
        readers.note(readers.Reading(view, view.read_at))
    numbers = _numbers(view)
    counted = numbers.value
    problems = counted.reading.problems if counted else ()
    return Seen(
        view=view,
        numbers=counted.reading.numbers if counted else {},
        asked=counted.asked if counted else frozenset(),
        problems=(*problems, *([numbers.problem] if numbers.problem else [])),
        is_busy=not view.is_complete or numbers.is_reading,
    )


def _numbers(view: FleetView) -> Look[_Counted]:
    if not view.members:
        return Look(None, is_reading=False, problem=None)
    conn, members = context.connection(), view.members
    ids = frozenset(member.endpoint.id.lower() for member in members)

    def read() -> _Counted:
        return _Counted(ids, fleet_numbers.read_numbers(conn, members, conn.now()))

    return _behind().look(
        (context.generation(), view.scope),
        read,
        max_age_seconds=readers.METRIC_SECONDS,
        keep_seconds=KEEP_SECONDS,
        # While the list is still growing, every round of numbers is one for all that is there when it begins.
        suits=lambda counted: ids <= counted.asked,
    )


@st.cache_resource(show_spinner=False)
def _behind() -> Behind[_Counted]:
    return Behind()


def forget() -> None:
    """Read everything again; what is there is shown until then."""
    readers.forget()
    _behind().forget()


def search() -> Found:
    """Every workspace that the signed-in identity can see; waits for Azure. Raises SluiceError."""
    return _search(context.connection(), context.generation())


def search_again() -> None:
    """Forget what :func:`search` has found."""
    _search.clear()


@st.cache_data(ttl=SEARCH_SECONDS, max_entries=4, show_spinner="Looking for workspaces…")
def _search(_conn: Connection, generation: int) -> Found:  # noqa: ARG001 - part of the key
    subscriptions = azure_workspaces.list_subscriptions(_conn)

    def look_into(subscription: Subscription) -> list[Place] | SluiceError:
        try:
            found = azure_workspaces.list_workspaces(_conn, subscription.id)
        except SluiceError as error:
            return error
        return [Place(subscription, workspace) for workspace in found]

    with ThreadPoolExecutor(_PARALLEL_SEARCHES, thread_name_prefix="workspaces") as pool:
        answers = list(pool.map(look_into, subscriptions))
    return Found(
        tuple(place for answer in answers if isinstance(answer, list) for place in answer),
        tuple(answer for answer in answers if isinstance(answer, SluiceError)),
    )
