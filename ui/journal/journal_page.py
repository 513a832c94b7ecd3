"""What the Journal page is made of: its filters, the entries page by page, and the download."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlencode

import streamlit as st

from services.journal import listing
from services.journal.entry import CHANGE, DRIFT, FIRST_SEEN, Entry
from services.journal.export import to_csv
from services.journal.journal import Journal
from services.journal.listing import Wanted
from services.model import WorkspaceRef
from ui import chosen, context, scope
from ui.components.timeline import OPEN, Link, read_act, timeline
from ui.journal import entry_words, history

LIMIT = 25
"""How many entries one page shows."""
ALL = "All endpoints"
_FOUND, _AT, _GO = "journal", "journal_at", "journal_go"


def title() -> None:
    """Draw the page's title and what it is."""
    st.title("Journal", anchor=False)
    st.html(
        '<p class="hint">Every change of a split that was made with Sluice, and every one that was made elsewhere and '
        "noticed. What was before an endpoint was first seen is not known here. No entry ever changes.</p>"
    )


def controls() -> Wanted | None:
    """Draw the filters and return what they ask for; None while the journal is empty. Raises StoreFailed."""
    known = endpoint_names(context.journal().endpoints(), scope.home())
    if not known:
        return None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="journal_controls"):
        words = st.text_input(
            "Search", key="find", type="search", placeholder="Any word of an entry", width=190, bind="query-params"
        )
        name = st.selectbox("Endpoint", [ALL, *known], key="of", width=200, bind="query-params")
        kinds = st.pills("Kind", list(_KINDS), selection_mode="multi", key="kind", bind="query-params")
        outcomes = st.multiselect(
            "Ended",
            list(_OUTCOMES),
            key="ended",
            width=170,
            placeholder="In any way",
            bind="query-params",
        )
    return Wanted(
        endpoint_id=known.get(name, ""),
        kinds=frozenset(_KINDS[each] for each in kinds or ()),
        outcomes=frozenset(_OUTCOMES[each] for each in outcomes),
        words=words or "",
    )


_KINDS = {entry_words.KINDS[kind]: kind for kind in (CHANGE, DRIFT, FIRST_SEEN)}
_OUTCOMES = {said: outcome for outcome, said in entry_words.OUTCOMES.items()}


def endpoint_names(ids: Sequence[str], home: WorkspaceRef) -> dict[str, str]:
    """Name → ARM id, sorted by name. Endpoints of other workspaces bear their workspace's name too. Pure."""
    places = [(each, each.rsplit("/", 1)[1], WorkspaceRef.of(each)) for each in ids]
    names = Counter(name for _, name, place in places if not place.is_same(home))
    named = {}
    for each, name, place in places:
        if place.is_same(home):
            named[name] = each
        else:
            named[f"{name} in {place.name if names[name] == 1 else place.address}"] = each
    return dict(sorted(named.items()))


def show_empty() -> None:
    """Say what will be here."""
    st.html('<p class="lead">Nothing has been changed yet, with Sluice or elsewhere, since Sluice began to watch.</p>')
    st.page_link(context.ROOT / "pages" / "traffic.py", label="Shift traffic", icon=":material/call_split:")


def show(wanted: Wanted) -> None:
    """Draw one page of the entries asked for, the way to older and newer ones, and the download. Raises StoreFailed."""
    if _GO in st.session_state:
        _open(st.session_state.pop(_GO))
    journal = context.journal()
    at = _place(wanted)
    page = listing.find(journal, wanted, before=at[-1] if at else None, limit=LIMIT)
    if not page.entries:
        st.html('<p class="lead">No entry is like that. Ask for less.</p>')
        return
    home = scope.home()

    def acted() -> None:
        act = read_act(_FOUND)
        entry = next((each for each in page.entries if act and act == (each.id, OPEN)), None)
        if entry is not None:
            st.session_state[_GO] = entry

    restored = history.restored(page.entries)
    items = [replace(history.item(each, restored.get(each.restores)), link=_link(each, home)) for each in page.entries]
    timeline("Entries of the journal, newest first", items, key=_FOUND, on_act=acted)
    _foot(journal, wanted, at, page.older)


def _link(entry: Entry, home: WorkspaceRef) -> Link:
    query = scope.link(entry.workspace, entry.endpoint_name)
    place = "" if entry.workspace.is_same(home) else f"in {entry.workspace.name}"
    return Link(entry.endpoint_name, f"traffic?{urlencode(query)}", place)


def _open(entry: Entry) -> None:
    scope.choose(entry.workspace)
    chosen.choose(entry.endpoint_name)
    st.switch_page(context.ROOT / "pages" / "traffic.py", query_params=scope.link(entry.workspace, entry.endpoint_name))


def _place(wanted: Wanted) -> list[int]:
    """Where the shown page begins: one number for every step to older entries. Another question starts over."""
    asked, at = st.session_state.get(_AT, (wanted, []))
    if asked != wanted:
        at = []
    st.session_state[_AT] = (wanted, at)
    return list(at)


def _foot(journal: Journal, wanted: Wanted, at: list[int], older: int | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="journal_foot"):
        if at:
            st.button("Newer", key="journal_newer", on_click=_go, args=(wanted, at[:-1]))
        if older is not None:
            st.button("Older", key="journal_older", on_click=_go, args=(wanted, [*at, older]))
        st.download_button(
            "Download all of these, CSV",
            data=partial(_csv, journal, wanted),
            file_name="sluice-journal.csv",
            mime="text/csv",
            key="journal_download",
            icon=":material/download:",
            on_click="ignore",
        )


def _go(wanted: Wanted, at: list[int]) -> None:
    st.session_state[_AT] = (wanted, at)


def _csv(journal: Journal, wanted: Wanted) -> str:
    return to_csv(listing.everything(journal, wanted))
