"""Looks into the files that were read, and changes them. What is typed stays with the draft until it is checked."""

from __future__ import annotations

import uuid
from collections.abc import Collection

import streamlit as st

from services.deploying import bundles
from services.deploying.model import Level, Place
from ui import readers, scope, words
from ui.deploy import choices, draft, making, typed
from ui.deploy.draft import Draft, Prepared
from ui.labels import plain

_EDITABLE = (".yml", ".yaml", ".py", ".txt", ".json", ".cfg", ".toml", ".md")
_OPEN, _FILE = "files_are_open", "edited_file"
_ASKED = "deploy_line"


def show(made: Draft, prepared: Prepared) -> None:
    """Draw the list of the files and the one that is chosen."""
    names = editable(prepared)
    if not names:
        return
    unread = made.unread()
    wrong = first_to_mend(prepared, names)
    with st.expander(
        "Look into a file, or change it",
        icon=":material/edit:",
        **choices.control(made, _OPEN, default=bool(unread) or bool(wrong)),
    ) as opened:
        if opened.open:
            _open(made, prepared, names, wrong or names[0], unread)


def _open(made: Draft, prepared: Prepared, names: list[str], first: str, unread: Collection[str]) -> None:
    made.choices.setdefault(_FILE, first)
    # Its words stay: a list that is marked anew while somebody opens it closes under their hands.
    st.selectbox("File", names, **choices.control(made, _FILE, first, names))
    if unread:
        st.caption(plain(f"Changed since the check: {', '.join(unread)}"))
    name, bundle = str(st.session_state[_FILE]), prepared.bundle
    text = making.read_text(bundle, name)
    if text is None:
        st.caption("This file is not there any more. Check again.")
        return

    def keep(said: str) -> None:
        made.edits[name] = said

    is_changed = name in unread
    typed.editor(
        f"Content of {name}",
        made.edits.get(name, text),
        key=_key(prepared, name),
        session=f"{bundle.folder.name}:{name}",
        keep=keep,
        mark=mark(prepared, name, is_changed=is_changed),
    )
    if not unread:
        return
    with st.container(horizontal=True):
        st.button(
            f"Check {words.count(len(unread), 'changed file')}",
            key="check_edited",
            icon=":material/fact_check:",
            on_click=_check,
            args=(made,),
        )
        if is_changed:
            st.button("Undo the changes of this file", key="undo_edited", on_click=_undo, args=(made, name, text))


def take(made: Draft) -> None:
    """Take over what was typed last, also when the browser has told it together with a press. For callbacks."""
    prepared, name = made.prepared, str(made.choices.get(_FILE, ""))
    if prepared is not None and name:
        typed.take(_key(prepared, name), lambda said: made.edits.update({name: said}))


def can_open(prepared: Prepared, place: Place) -> bool:
    """Whether a place is in a file that can be looked into here. Pure."""
    return place.file in editable(prepared)


def open_at(made: Draft, place: Place) -> None:
    """Open a file at a line. For callbacks."""
    made.choices |= {_OPEN: True, _FILE: place.file}
    ask(place)


def ask(place: Place) -> None:
    """Bring a line into sight, and mark it. For callbacks."""
    st.session_state[_ASKED] = (place, uuid.uuid4().hex)


def mark(prepared: Prepared, name: str, *, is_changed: bool = False) -> typed.Mark:
    """What is said of a file below it, and the line that was asked for."""
    place, turn = st.session_state.get(_ASKED) or (Place(), "")
    asked = place if place.file == name else Place()
    here = [each for each in prepared.findings if each.place.file == name and each.level is not Level.NOTE]
    found = next((each for each in here if each.place == asked), here[0] if here else None)
    turn = turn if asked.file else ""
    if is_changed:
        return typed.Mark("Changed since the check.", None, asked.line, turn)
    if found is None:
        return typed.Mark("", None, asked.line, turn)
    line = found.place.line
    return typed.Mark(f"Line {line}: {found.what}" if line else found.what, line, asked.line, turn)


def editable(prepared: Prepared) -> list[str]:
    """The files that a person may want to read or mend here: small ones with text, documents first. Pure.

    A pasted text is not among them: it stands further up, where it was typed.
    """
    described = dict.fromkeys(each.file for each in prepared.bundle.documents if each.file in prepared.small)
    others = (name for name in prepared.small if name.lower().endswith(_EDITABLE) and name not in described)
    return [name for name in (*described, *others) if name != bundles.PASTED]


def first_to_mend(prepared: Prepared, names: Collection[str]) -> str:
    """The file with the first error, "" when none has one. Pure."""
    wrong = (each.place.file for each in prepared.findings if each.level is Level.ERROR)
    return next((name for name in wrong if name in names), "")


def _key(prepared: Prepared, name: str) -> str:
    # Another reading has another text under the same name.
    return f"edited_text:{prepared.bundle.folder.name}:{name}"


def _check(made: Draft) -> None:
    take(made)
    draft.check_again(made, readers.key(scope.workspace())[0])


def _undo(made: Draft, name: str, text: str) -> None:
    made.edits[name] = text
