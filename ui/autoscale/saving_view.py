"""What a save would change, the question before it, and the switches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from typing import Any
from uuid import uuid4

import streamlit as st

from services.autoscale import editing, saving
from services.autoscale.by_hand import at_once
from services.autoscale.lint import flagged, lint, refused, summary
from services.autoscale.remark import Remark, Situation
from services.autoscale.settings import Setting
from services.azure.connection import Connection
from services.jobs.worker import Worker
from services.model import Deployment, Endpoint
from ui import ask, context, readers, words
from ui.autoscale import draft, reading, writing
from ui.turns import Turns

PLACE = "autoscale"
POLL_SECONDS = 0.5
_FOLLOWED = "Azure Monitor follows it within a minute"
_OTHER = "The setting was changed elsewhere: take that one first."
_OFF = "The setting is off: nothing is scaled until it is switched on."


def show(
    endpoint: Endpoint,
    deployment: Deployment,
    made: draft.Draft,
    remarks: Sequence[Remark],
    known: Situation,
    *,
    is_outdated: bool,
) -> None:
    """Draw the changes of the draft and what can be done with it. ``remarks`` are what lint says of it in the situation
    ``known``; ``is_outdated`` says that Azure holds something else by now than what it was begun from."""
    changes = made.changes if made.is_touched else ()
    if changes:
        st.html(f'<ul class="changes">{"".join(map(_line, changes))}</ul>')
    else:
        st.html('<p class="hint">Nothing: this is what Azure holds.</p>')
    against = _against(made, tuple(remarks), known, is_outdated=is_outdated)
    with st.container(horizontal=True, key="autoscale_act"):
        st.button(
            "Save…",
            key="autoscale_save",
            type="primary",
            icon=":material/save:",
            disabled=not made.is_touched or bool(against),
            help=against or "Asks first.",
            on_click=_ask_to_save,
            args=(endpoint, deployment, made, known),
        )
        st.button(
            "Discard changes",
            key="autoscale_discard",
            disabled=not made.is_touched,
            on_click=draft.forget,
            args=(deployment,),
        )
        if made.base is not None and not made.is_touched:
            on = bool(made.base.enabled)
            st.button(
                "Switch off…" if on else "Switch on…",
                key="autoscale_switch",
                on_click=_ask_to_switch,
                args=(endpoint, deployment, made.base, not on, known),
            )
            st.button(
                "Delete…",
                key="autoscale_delete",
                icon=":material/delete:",
                on_click=_ask_to_delete,
                args=(endpoint, deployment, made.base),
            )
    if made.is_touched and against:
        st.html(f'<p class="hint" role="status">Cannot be saved. {escape(against)}</p>')


def _against(made: draft.Draft, remarks: tuple[Remark, ...], known: Situation, *, is_outdated: bool) -> str:
    """Why Azure would certainly not take the draft; "" when it may."""
    if is_outdated:
        return _OTHER
    found = refused(remarks, () if made.base is None else lint(made.base.raw, known))
    told = dict.fromkeys(f"{each.what[:-1]}{f' ({each.place})' if each.place else ''}" for each in found)
    return f"Azure refuses it: {'; '.join(told)}." if told else ""


def show_outdated(deployment: Deployment, made: draft.Draft, held: Setting | None) -> None:
    """Say that Azure holds something else by now than what is being edited."""
    what = "The setting was changed elsewhere while you edit."
    if made.kept_at is not None:
        what = f"Your changes of {words.moment(made.kept_at)} are older than what Azure holds."
    now = "has no autoscale setting any more" if held is None else f"holds {summary(held)}"
    st.html(
        '<section class="problem drift" role="status">'
        f"<h2>{escape(what)}</h2>"
        f"<dl><dt>Now</dt><dd>Azure {escape(now)}.</dd>"
        "<dt>Next</dt><dd>Take it, and make your changes again: yours cannot be saved over it.</dd></dl></section>"
    )
    st.button("Take theirs", key="autoscale_theirs", on_click=draft.saved, args=(deployment, held))


def _line(change: editing.Change) -> str:
    before, after = escape(change.before), escape(change.after)
    if not change.before:
        return f'<li class="added"><b>{escape(change.where)}</b> {after}</li>'
    if not change.after:
        return f'<li class="gone"><b>{escape(change.where)}</b> <s>{before}</s></li>'
    return f"<li><b>{escape(change.where)}</b> <s>{before}</s> → {after}</li>"


def _text(change: editing.Change) -> str:
    if not change.before:
        return f"+ {change.where}: {change.after}"
    return (
        f"~ {change.where}: {change.before} → {change.after}" if change.after else f"− {change.where}: {change.before}"
    )


def _ask_to_save(endpoint: Endpoint, deployment: Deployment, made: draft.Draft, known: Situation) -> None:
    made = draft.now(deployment, made)
    assert made.document is not None
    remarks = lint(made.document, known)
    if _against(made, remarks, known, is_outdated=False):
        return  # A limit was typed with the press. The page says by now why it cannot be saved.
    lines = [f"The autoscale setting of {deployment.name} on {context.connection().cloud_name}:"]
    lines += [_text(each) for each in made.changes]
    lines += [*_spoken(remarks), "", _followed(deployment, Setting.of(made.document), known)]
    title = "Save the autoscale setting?" if made.base else "Set up autoscale?"
    act = partial(_save, endpoint, deployment, made.base, made.document, uuid4().hex)
    ask.begin(ask.Question(PLACE, title, "\n".join(lines), "Save", act, about=deployment.id))


def _spoken(remarks: tuple[Remark, ...]) -> list[str]:
    """What lint has against a setting, as lines of a question."""
    against = flagged(remarks)
    return ["", "Against it:", *(f"• {each.what} {each.why}" for each in against)] if against else []


def _followed(deployment: Deployment, setting: Setting, known: Situation) -> str:
    """What Azure Monitor does right after a save."""
    if not setting.enabled:
        return _OFF
    moves = at_once(setting, deployment.instance_count, known.now)
    return f"{_FOLLOWED}: {deployment.name} goes {moves} at once." if moves else f"{_FOLLOWED}."


def _ask_to_switch(endpoint: Endpoint, deployment: Deployment, base: Setting, on: bool, known: Situation) -> None:
    document = editing.with_enabled(base.raw, on)
    if on:
        said = f"Azure Monitor will scale {deployment.name} by this setting."
        lines = [*_spoken(lint(document, known)), "", _followed(deployment, Setting.of(document), known)]
        said = "\n".join([said, *lines])
    else:
        said = (
            f"{deployment.name} keeps the {deployment.instance_count} instances that it has now. The setting is kept."
        )
    verb = "Switch on" if on else "Switch off"
    act = partial(_save, endpoint, deployment, base, document, uuid4().hex)
    ask.begin(ask.Question(PLACE, f"{verb} autoscale?", said, verb, act, about=deployment.id))


def _ask_to_delete(endpoint: Endpoint, deployment: Deployment, base: Setting) -> None:
    said = (
        f"The autoscale setting {base.name} will be deleted: {summary(base)}. {deployment.name} keeps the "
        f"{deployment.instance_count} instances that it has now."
    )
    act = partial(_delete, endpoint, deployment, base, uuid4().hex)
    ask.begin(ask.Question(PLACE, "Delete the autoscale setting?", said, "Delete", act, about=deployment.id))


def _save(
    endpoint: Endpoint, deployment: Deployment, base: Setting | None, document: Mapping[str, Any], decision: str
) -> None:
    def act(conn: Connection, worker: Worker, who: str) -> Setting:
        return saving.save(conn, worker, deployment, base, document, who, job_id=decision)

    doing = f"Saving the autoscale setting of {deployment.name}"
    is_on = bool(document["properties"].get("enabled"))
    done = "Saved. Azure Monitor follows it within a minute." if is_on else f"Saved. {_OFF}"
    writing.begin(endpoint, deployment, decision, doing, done, act)


def _delete(endpoint: Endpoint, deployment: Deployment, base: Setting, decision: str) -> None:
    def act(conn: Connection, worker: Worker, who: str) -> None:
        saving.delete(conn, worker, deployment, base, who, job_id=decision)

    doing = f"Deleting the autoscale setting of {deployment.name}"
    writing.begin(endpoint, deployment, decision, doing, "The autoscale setting is deleted.", act)


def settle(deployment: Deployment) -> None:
    """Take over what came of a write that is over: what Azure holds then, or why it could not be done."""
    ended = writing.take(deployment)
    if ended is None:
        return
    _read_again()
    if ended.problem is not None:
        ask.fail(PLACE, ended.problem)
    else:
        draft.saved(deployment, ended.held)
        st.toast(ended.done)


def show_write(write: writing.Write, made: draft.Draft) -> None:
    """Draw the write that is under way, in place of what could be changed meanwhile."""
    _follow(write, Turns())
    if made.is_touched:
        st.html(f'<ul class="changes">{"".join(map(_line, made.changes))}</ul>')


@st.fragment(run_every=POLL_SECONDS)
def _follow(write: writing.Write, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    st.html(f'<p class="working" role="status">{escape(write.doing)}… It goes on when you leave this page.</p>')
    if is_by_itself and write.over.is_set():
        _read_again()
        st.rerun()


def _read_again() -> None:
    reading.forget()
    readers.forget_resources()
