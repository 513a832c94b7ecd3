"""Which workspaces the list of endpoints looks at: the configured one, another one, or all that can be seen."""

from __future__ import annotations

import streamlit as st

from services.errors import SluiceError
from services.model import WorkspaceRef
from ui import problem, scope
from ui.components.table import Cell, Column, Row, read_opened, table
from ui.fleet import fleet_view
from ui.labels import plain

_CONTROL = "workspaces_shown"
_TABLE = "workspaces"
_IS_OPEN = "workspace_dialog_is_open"
_ALL = "all"
_COLUMNS = (Column("Workspace"), Column("Resource group"), Column("Subscription"), Column("Region"))


def show() -> None:
    """Draw the control for the heading of the page. Raises NotFound, NotConfigured."""
    options = _options()
    st.session_state[_CONTROL] = _ALL if scope.lists_all() else list(options)[-2]
    st.segmented_control(
        "Workspaces shown",
        list(options),
        format_func=options.__getitem__,
        key=_CONTROL,
        required=True,
        label_visibility="collapsed",
        on_change=_switch,
    )
    st.button("Other workspace…", icon=":material/search:", key="other_workspace", on_click=_open)


def show_dialog() -> None:
    """Draw the dialog with all workspaces while it is open."""
    if st.session_state.get(_IS_OPEN):
        # Drawn on every run of the page: the list that fills up behind it would close it otherwise.
        _dialog()


def way_back() -> None:
    """Offer the configured workspace when a page of another one could not be drawn."""
    home = scope.home()
    try:
        if scope.workspace().is_same(home):
            return
    except SluiceError:
        pass
    st.button(
        f"Go to the workspace {plain(home.name)}",
        icon=":material/home:",
        key="way_home",
        on_click=scope.list_one,
        args=(home,),
    )


def _options() -> dict[str, str]:
    """Address → label: the configured workspace, the chosen one if it is another, and all of them.

    A name that comes twice is told apart by its resource group.
    """
    home, chosen = scope.home(), scope.workspace()
    shown = [home] if chosen.is_same(home) else [home, chosen]
    names = [ref.name for ref in shown]
    labels = {
        ref.address: plain(ref.name if names.count(ref.name) == 1 else f"{ref.resource_group}/{ref.name}")
        for ref in shown
    }
    return {**labels, _ALL: "All workspaces"}


def _switch() -> None:
    wanted = st.session_state[_CONTROL]
    if wanted == _ALL:
        scope.list_all()
    elif wanted:
        scope.list_one(WorkspaceRef.parse(wanted))


def _open() -> None:
    st.session_state[_IS_OPEN] = True


def _close() -> None:
    st.session_state[_IS_OPEN] = False


@st.dialog("Choose a workspace", width="large", on_dismiss=_close)
def _dialog() -> None:
    try:
        found = fleet_view.search()
    except SluiceError as error:
        problem.show(error, key="workspaces", retry=fleet_view.search_again)
        return
    for number, failure in enumerate(found.problems):
        problem.show(failure, key=f"workspaces_{number}", retry=fleet_view.search_again)
    if not found.places:
        st.html('<p class="lead">No workspace can be seen with this identity.</p>')
        return
    table(
        f"Workspaces, {len(found.places)}",
        _COLUMNS,
        [_row(place) for place in found.places],
        key=_TABLE,
        current=scope.workspace().address,
        on_open=_chosen,
    )
    if not st.session_state[_IS_OPEN]:
        st.rerun()


def _row(place: fleet_view.Place) -> Row:
    ref = place.workspace.ref
    subscription = place.subscription
    return Row(
        ref.address,
        (
            Cell(ref.name),
            Cell(ref.resource_group),
            Cell(subscription.name or subscription.id, title=subscription.id),
            Cell(place.workspace.location),
        ),
        also=subscription.id,
    )


def _chosen() -> None:
    address = read_opened(_TABLE)
    if address:
        scope.list_one(WorkspaceRef.parse(address))
        _close()
