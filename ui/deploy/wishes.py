"""What somebody has pressed and what needs a check first: it is done when the check is there and finds nothing new."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import streamlit as st

from services.deploying.checking import NOT_CHECKED
from services.deploying.model import Finding, Level
from ui.deploy.draft import Draft, Prepared, Work

_WISH, _HELD = "deploy_wish", "deploy_held_back"


@dataclass(frozen=True)
class Wish:
    """``go`` is done with what ``work`` prepares. ``seen`` is what the person had before their eyes."""

    work: Work
    seen: frozenset[tuple[str, str]]
    go: Callable[[Prepared], None]


def begin(made: Draft, seen: Iterable[Finding], go: Callable[[Prepared], None]) -> None:
    """Do ``go`` when the check that has just begun has ended. For callbacks."""
    st.session_state.pop(_HELD, None)
    if made.work is not None:
        st.session_state[_WISH] = Wish(made.work, serious(seen), go)


def look(made: Draft, prepared: Prepared) -> None:
    """Do what was wished if its check is ``prepared``, or say why it is held back."""
    wish: Wish | None = st.session_state.get(_WISH)
    if wish is not None and (made.work is not wish.work or wish.work.done.is_set()):
        del st.session_state[_WISH]
        if made.work is wish.work:
            if prepared.can_apply and serious(prepared.findings) <= wish.seen:
                wish.go(prepared)
            else:
                st.session_state[_HELD] = id(wish.work)
    if made.work is not None and st.session_state.get(_HELD) == id(made.work):
        more = " Press the button once more if you want it all the same." if prepared.can_apply else ""
        st.html(
            '<p class="notice" role="alert">Nothing has been started: the files were checked anew, and this was '
            f"found.{more}</p>"
        )


def serious(findings: Iterable[Finding]) -> frozenset[tuple[str, str]]:
    """What of a check nobody should come upon in the last question: errors, and what could not be looked at. Pure."""
    return frozenset(
        (each.code, f"{each.what} {each.why}")
        for each in findings
        if each.level is Level.ERROR or each.code == NOT_CHECKED
    )
