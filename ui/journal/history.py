"""The journal of one endpoint on its Traffic page: every change, and the way back to any earlier split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from services.errors import SluiceError
from services.journal.entry import APPLIED, CHANGE, DRIFT, FIRST_SEEN, Entry
from services.model import Endpoint, Split
from ui import colours, context, problem, readers
from ui.components.timeline import Act, Detail, Item, Part, read_act, timeline
from ui.journal import entry_words
from ui.traffic import draft

FIRST, MORE = 6, 20
"""How many entries are shown at first, and how many more at each press of the button."""
RESTORE, UNDO = "restore", "undo"


def show(endpoint: Endpoint) -> None:
    """Draw the journal of ``endpoint``, newest first. Restoring fills the draft; plan and preflight come as ever."""
    st.header("History", anchor=False)
    count_key, key = f"history_shown:{endpoint.id}", f"history:{endpoint.name}"
    count = st.session_state.setdefault(count_key, FIRST)
    try:
        entries = context.journal().entries(endpoint_id=endpoint.id, limit=count + 1)
        found = restored(entries)
    except SluiceError as error:
        problem.show(error, key="history")
        return
    if not entries:
        st.html('<p class="lead">Nothing yet. Every change of this endpoint\'s split will be listed here.</p>')
        return
    shown = entries[:count]

    def acted() -> None:
        chosen = read_act(key)
        entry = next((each for each in shown if chosen and each.id == chosen[0]), None)
        if entry is None or chosen is None:
            return
        split = entry.before if chosen[1] == UNDO else entry.after
        if split is not None:
            wish(endpoint, split, entry)

    deployments = {each.name for each in readers.deployments(endpoint)}
    timeline(
        f"Changes of {endpoint.name}, newest first",
        items(shown, endpoint.split, deployments, found, why_off=why_off(endpoint)),
        key=key,
        on_act=acted,
    )
    if len(entries) > count:
        st.button("Show older", key="history_older", on_click=_show_more, args=(count_key,))


def wish(endpoint: Endpoint, split: Split, entry: Entry) -> None:
    """Fill the draft with an earlier split, and say what comes next. Raises StoreFailed.

    The journal may know a newer split than the page has read: the wish begins there, and the page reads again.
    """
    known = context.journal().known(endpoint.id)
    readers.forget_resources()
    draft.wish(replace(endpoint, split=known.split) if known else endpoint, split, restores=entry.id)
    st.toast("The earlier split is prepared above. Look at what will change, then shift traffic.", duration="long")


def why_off(endpoint: Endpoint) -> str:
    """Why nothing can be restored here, "" when it can. Raises SluiceError."""
    if endpoint.is_kubernetes:
        return "Kubernetes endpoints are read only here."
    if not readers.standing().permissions.can_change_traffic:
        return "Your role may not change traffic."
    return ""


def items(
    entries: Sequence[Entry],
    now: Split,
    deployments: set[str],
    gone_back_to: Mapping[str, Entry],
    *,
    why_off: str = "",
) -> list[Item]:
    """The entries as the timeline draws them, for an endpoint that holds ``now``. Pure."""
    newest = next((each for each in entries if _held(each)), None)
    return [
        item(each, gone_back_to.get(each.restores), _acts(each, newest, now, deployments, why_off)) for each in entries
    ]


def item(entry: Entry, gone_back_to: Entry | None, acts: tuple[Act, ...] = ()) -> Item:
    """One entry as the timeline draws it. Pure."""
    palette = colours.of_deployments([*entry.after.live, *entry.after.mirror])
    ordered = sorted(entry.after.live.items(), key=lambda share: (-share[1], share[0]))
    sentences = (entry_words.by(entry), entry_words.took(entry), entry_words.restores(entry, gone_back_to))
    failed = entry.failure.why if entry.failure else ""
    return Item(
        id=entry.id,
        when=entry_words.when(entry_words.effective_at(entry)),
        outcome=entry_words.outcome(entry),
        tone=entry_words.tone(entry),
        words=entry_words.whole(entry.after),
        parts=tuple(Part(percent, palette[name]) for name, percent in ordered),
        was=f"before: {entry_words.whole(entry.before)}" if entry.before is not None else "",
        lines=tuple(filter(None, [" ".join(filter(None, sentences))])),
        quote=entry.reason,
        note=" ".join(filter(None, (entry_words.meaning(entry), failed, *entry.overwrote))),
        details=details(entry),
        acts=acts,
    )


def details(entry: Entry) -> tuple[Detail, ...]:
    """What support would ask for. Pure."""
    found = []
    if entry.kind == CHANGE:
        found.append(Detail("Asked for", entry_words.when(entry.began_at)))
        sent = entry_words.when(entry.sent_at) if entry.sent_at else "never"
        found.append(Detail("Sent to Azure", sent))
    elif entry.kind == DRIFT:
        found.append(Detail("Noticed", entry_words.when(entry.began_at)))
    if entry.ended_at:
        found.append(Detail("Ended" if entry.kind == CHANGE else "Decided", entry_words.when(entry.ended_at)))
    if entry.held is not None and entry.held != entry.after:
        found.append(Detail("Azure held", entry_words.whole(entry.held)))
    if entry.failure:
        found.append(Detail("What", entry.failure.what))
        found.append(Detail("Next", entry.failure.next_step))
    if entry.request_ids:
        found.append(Detail("Request ids", ", ".join(entry.request_ids), code=True))
    found.append(Detail("Entry", entry.id, code=True))
    return tuple(found)


def restored(entries: Sequence[Entry]) -> dict[str, Entry]:
    """The entries that some of ``entries`` went back to, by their id. Raises StoreFailed."""
    journal = context.journal()
    known = {each.id: each for each in entries}
    wanted = {each.restores for each in entries if each.restores}
    found = {one: known.get(one) or journal.entry(one) for one in wanted}
    return {one: entry for one, entry in found.items() if entry is not None}


def _held(entry: Entry) -> bool:
    return entry.kind in (DRIFT, FIRST_SEEN) or entry.outcome == APPLIED


def _acts(entry: Entry, newest: Entry | None, now: Split, deployments: set[str], why_off: str) -> tuple[Act, ...]:
    if not _held(entry):
        return ()
    acts = []
    if entry is newest and entry.before is not None and entry.before != now:
        acts.append(Act(UNDO, "Undo this change", why_off or _gone(entry.before, deployments)))
    if entry.after != now:
        acts.append(Act(RESTORE, "Restore this split", why_off or _gone(entry.after, deployments)))
    return tuple(acts)


def _gone(split: Split, deployments: set[str]) -> str:
    gone = sorted({*split.live, *split.mirror} - deployments)
    if not gone:
        return ""
    return f"{', '.join(gone)} {'does' if len(gone) == 1 else 'do'} not exist any more."


def _show_more(key: str) -> None:
    st.session_state[key] += MORE
