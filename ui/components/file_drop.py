"""Chooses or drops files and folders, and sends each to this server in one request of its own, with its progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "sluice_file_drop",
    css=(_HERE / "file_drop.css").read_text(encoding="utf-8"),
    js=(_HERE / "file_drop.js").read_text(encoding="utf-8"),
)


def file_drop(
    label: str,
    hint: str,
    address: str,
    received: Sequence[tuple[str, int]],
    *,
    key: str,
    on_change: Callable[[], None],
    on_remove: Callable[[], None],
) -> None:
    """Draw the place for files. They are sent to ``address`` (see services.deploying.inbox).

    ``received`` are the names and bytes of what has arrived already. ``on_change`` is called when all that was chosen
    has been sent, ``on_remove`` when a person takes files out: read which with :func:`read_removed`.
    """
    _mount(
        key=key,
        data={"label": label, "hint": hint, "address": address, "received": [list(each) for each in received]},
        on_changed_change=on_change,
        on_remove_change=on_remove,
    )


def read_removed(key: str) -> tuple[str, ...]:
    """The names of the files that were taken out in ``key``, inside its ``on_remove``."""
    value: Any = st.session_state.get(key)
    names = value.get("remove") if hasattr(value, "get") else None
    return tuple(str(each) for each in names) if isinstance(names, list) else ()
