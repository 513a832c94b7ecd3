"""The list of endpoints: drawn as it arrives, with what could not be read beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.fleet.fleet import FleetView, Member, Scope
from ui import chosen, context, problem, readers, scope, words
from ui.components.table import Row, View, read_opened, read_view, table
from ui.deploy import begin
from ui.fleet import endpoint_multiples, endpoint_table, fleet_view, opening, samples, workspace_chooser
from ui.fleet.endpoint_table import Listing
from ui.fleet.fleet_view import Seen

_TABLE = "endpoints"
_LISTED = "listed_scopes"
_POLL_SECONDS = 1.0
_MOST_CARDS = 3
_VIEW = "endpoints_view"
_SEARCH, _SHOW, _SORT = "q", "show", "sort"
_LOOK, _LOOK_KEY, _LOOKED = "view", "endpoints_look", "endpoints_looked"
TABLE, CHARTS = "Table", "Charts"


@dataclass(frozen=True)
class Trouble:
    """Something that could not be read, and for which workspaces."""

    error: SluiceError
    workspaces: tuple[str, ...]


def heading() -> None:
    """Draw the page's title with the choice of workspaces beside it. Raises NotFound, NotConfigured."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="page_heading"):
        st.title("Endpoints", anchor=False, width="content")
        workspace_chooser.show()
        begin.endpoint_link()
    workspace_chooser.show_dialog()


def show(wanted: Scope) -> None:
    """Draw the list as far as it is known, and more of it as it arrives.

    Raises the SluiceError of the only workspace, or of the search for all of them, when there is nothing else to show.
    """
    seen = fleet_view.first_look(wanted)
    failed = [each.error for each in troubles(seen)]
    if seen.view.is_complete and not seen.view.members and len(failed) == 1 and len(seen.view.workspaces) <= 1:
        raise failed[0]
    if seen.view.members or not seen.view.is_complete:
        _show_switch()
    st.fragment(_draw, run_every=_POLL_SECONDS if seen.is_busy else None)(wanted, polls=seen.is_busy)


def _draw(wanted: Scope, *, polls: bool) -> None:
    opening.follow()
    seen = fleet_view.look(wanted)
    _show_troubles(troubles(seen))
    if _is_first_reading(seen.view):
        _show_progress(seen.view)
    if seen.view.members and st.session_state.get(_LOOK_KEY) == CHARTS:
        endpoint_multiples.show(seen, _view(), _remember)
    elif seen.view.members:
        _show_table(seen)
    elif seen.view.is_complete:
        _show_empty(seen.view)
    if polls and not seen.is_busy:
        # The whole page once more: the strip says how old the data is, and nothing asks every second any longer.
        st.rerun()


def _show_switch() -> None:
    """Draw the choice between the table and the charts: that of the URL, else what this session had before."""
    asked = st.query_params.get(_LOOK, "").capitalize() or st.session_state.get(_LOOKED)
    st.session_state[_LOOK_KEY] = CHARTS if asked == CHARTS else TABLE
    _remember_look()
    st.segmented_control(
        "View", [TABLE, CHARTS], key=_LOOK_KEY, required=True, label_visibility="collapsed", on_change=_remember_look
    )


def _remember_look() -> None:
    st.session_state[_LOOKED] = look = st.session_state[_LOOK_KEY]
    if look == CHARTS and st.query_params.get(_LOOK) != CHARTS.lower():
        st.query_params[_LOOK] = CHARTS.lower()
    elif look == TABLE:
        st.query_params.pop(_LOOK, None)


def _is_first_reading(view: FleetView) -> bool:
    """Whether this session has never seen the whole list; reading it again is not worth a word."""
    listed: set[object] = st.session_state.setdefault(_LISTED, set())
    key = (context.generation(), view.scope)
    if view.is_complete:
        listed.add(key)
    return key not in listed


def troubles(seen: Seen) -> list[Trouble]:
    """What could not be read, each failure once however many workspaces it befell."""
    found: dict[tuple[str, str], Trouble] = {}

    def add(error: SluiceError, workspace: str = "") -> None:
        key = (type(error).__name__, error.why if workspace else error.what)
        before = found.get(key)
        names = (*(before.workspaces if before else ()), *([workspace] if workspace else []))
        found[key] = Trouble(before.error if before else error, names)

    for error in seen.view.problems:
        add(error)
    for reading in seen.view.workspaces:
        if reading.problem:
            add(reading.problem, reading.workspace.name)
    for member in seen.view.members:
        if member.problem:
            add(member.problem)
    for error in seen.problems:
        add(error)
    return list(found.values())


def _show_troubles(found: Sequence[Trouble]) -> None:
    if not found:
        return
    for trouble in found[:_MOST_CARDS]:
        _show_trouble(trouble)
    if len(found) > _MOST_CARDS:
        with st.expander(f"{words.count(len(found) - _MOST_CARDS, 'more failure')}"):
            for trouble in found[_MOST_CARDS:]:
                _show_trouble(trouble)
    st.button("Try again", key="retry_list", icon=":material/refresh:", on_click=fleet_view.forget)


def _show_trouble(trouble: Trouble) -> None:
    error, names = trouble.error, trouble.workspaces
    if not names:
        problem.show(error)
        return
    what = f"Workspace {names[0]}: {error.what}"
    if len(names) > 1:
        what = f"{len(names)} workspaces could not be read: {', '.join(names)}."
    problem.show(type(error)(what, error.why, error.next_step, request_id=error.request_id))


def _show_table(seen: Seen) -> None:
    view = seen.view
    listing = endpoint_table.Listing(home=scope.home(), now=readers.azure_now(), has_many=len(view.workspaces) > 1)
    table(
        f"Online endpoints, {len(view.members)}",
        endpoint_table.columns(listing, context.settings().statuses),
        rows(seen, listing),
        key=_TABLE,
        current=_current(view),
        filters=endpoint_table.filters(has_numbers=_is_counted(seen), is_listed=not _is_first_reading(view)),
        view=_view(),
        download="endpoints.csv",
        on_open=_open,
        on_view=_change_view,
    )


def rows(seen: Seen, listing: Listing) -> list[Row]:
    """One row per endpoint; numbers that nobody has asked for yet are being read, not missing. Pure."""

    def row(member: Member) -> Row:
        key = member.endpoint.id.lower()
        is_counting = seen.is_busy and key not in seen.asked
        return endpoint_table.row(member, seen.numbers.get(key), listing, is_counting=is_counting)

    return [row(member) for member in seen.view.members]


def _is_counted(seen: Seen) -> bool:
    return all(member.endpoint.id.lower() in seen.numbers for member in seen.view.members)


def _current(view: FleetView) -> str | None:
    name, workspace = chosen.carried(), scope.workspace()
    return next(
        (
            each.endpoint.id
            for each in view.members
            if each.endpoint.name == name and each.endpoint.workspace_ref.is_same(workspace)
        ),
        None,
    )


def _open() -> None:
    opening.press(read_opened(_TABLE), "overview.py")


def _view() -> View:
    """The search, filters and order: of the URL, else what this session had before."""
    asked = st.query_params
    if not {_SEARCH, _SHOW, _SORT} & set(asked):
        view: View = st.session_state.get(_VIEW, View())
    else:
        shown = tuple(filter(None, asked.get(_SHOW, "").split(",")))
        view = View(asked.get(_SEARCH, ""), shown, asked.get(_SORT, ""))
    _remember(view)
    return view


def _change_view() -> None:
    view = read_view(_TABLE)
    if view:
        _remember(view)


def _remember(view: View) -> None:
    st.session_state[_VIEW] = view
    for name, value in ((_SEARCH, view.search), (_SHOW, ",".join(view.filters)), (_SORT, view.sort)):
        if value and st.query_params.get(name) != value:
            st.query_params[name] = value
        elif not value:
            st.query_params.pop(name, None)


def _show_progress(view: FleetView) -> None:
    read = sum(each.is_done for each in view.workspaces)
    of = f"{read} of {words.count(len(view.workspaces), 'workspace')}" if view.workspaces else "Looking for workspaces"
    found = words.count(len(view.members), "endpoint")
    st.html(
        f'<p class="working"><b>Reading.</b> {escape(of)}, {found} so far. '
        f"{view.done} of at least {view.expected} calls to Azure are answered.</p>"
    )


def _show_empty(view: FleetView) -> None:
    if view.problems or any(each.problem for each in view.workspaces) or samples.are_coming():
        return
    if view.scope.workspaces is None:
        count = words.count(len(view.workspaces), "workspace")
        st.html(f'<p class="lead">{count} can be seen, and none has online endpoints yet.</p>')
        return
    st.html(
        '<p class="lead">This workspace has no online endpoints yet. <b>New endpoint</b> makes the first one, from '
        "your files or from a starter kit; so does <code>az ml online-endpoint create -f endpoint.yml</code>.</p>"
    )
    st.button("Look again", type="primary", icon=":material/refresh:", key="look_again", on_click=fleet_view.forget)
