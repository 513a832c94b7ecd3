"""The question before something that counts, such as a deletion: what will happen, in one sentence or two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from services.errors import SluiceError
from ui import problem

_ASKED, _FAILED = "asked_to_delete", "delete_failed"


@dataclass(frozen=True)
class Question:
    """``place`` is the view that asks. ``act`` does it; it may raise SluiceError. ``about`` is the id of what the view
    shows, where it may show another one next."""

    place: str
    title: str
    sentence: str
    verb: str
    act: Callable[[], None]
    about: str = ""


def begin(question: Question) -> None:
    """Ask from the next drawing on. For callbacks."""
    st.session_state[_ASKED] = question
    st.session_state.pop(_FAILED, None)


def fail(place: str, error: SluiceError) -> None:
    """Show in the view ``place`` from the next drawing on that something could not be done. For callbacks."""
    # The session keeps the words alone.
    error.__cause__ = error.__context__ = None
    st.session_state[_FAILED] = (place, error.with_traceback(None))


def forget_failure() -> None:
    """Show no failure of before any more. For callbacks."""
    st.session_state.pop(_FAILED, None)


def show(place: str, about: str = "") -> None:
    """Draw the open question of this view, and why the last one could not be done. A question about something else than
    ``about`` is taken back: whoever has gone on meanwhile would answer it for what is on the screen now."""
    failed: tuple[str, SluiceError] | None = st.session_state.get(_FAILED)
    if failed is not None and failed[0] == place:
        problem.show(failed[1], key=f"ask_{place}")
    asked: Question | None = st.session_state.get(_ASKED)
    if asked is not None and asked.place == place and asked.about != about:
        _close()
    elif asked is not None and asked.place == place:
        # A dialog that is not drawn in every run closes under the person's hands.
        st.dialog(asked.title, on_dismiss=_close)(_question)(asked)


def _question(asked: Question) -> None:
    # A paragraph of plain text: names of a person's own are in it.
    st.text(asked.sentence)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="ask_cancel", on_click=_close):
            st.rerun()
        if st.button(asked.verb, key="ask_confirm", type="primary", on_click=_act, args=(asked,)):
            st.rerun()


def _close() -> None:
    st.session_state.pop(_ASKED, None)


def _act(asked: Question) -> None:
    _close()
    try:
        asked.act()
    except SluiceError as error:
        fail(asked.place, error)
    else:
        st.session_state.pop(_FAILED, None)
