"""Lines of logs that grow while they are read: what is there stays in its place, and the newest come in below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "sluice_log_lines",
    css=(_HERE / "log_lines.css").read_text(encoding="utf-8"),
    js=(_HERE / "log_lines.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class LogLine:
    """One entry of a log. ``id`` never changes; ``source`` names who wrote it; ``level`` is one of services.logs.lines.

    ``time`` is what to show of its time, "" without one. The first ``stamp`` characters of ``text`` say the same and
    are not drawn.
    """

    id: str
    source: str
    time: str
    level: str
    text: str
    stamp: int = 0


def log_lines(
    label: str,
    lines: Sequence[LogLine],
    *,
    key: str,
    colours: dict[str, str],
    words: Sequence[str],
    nothing: str,
    note: str,
    file_name: str,
    on_find: Callable[[], None],
) -> None:
    """Draw the lines, the newest last, ``words`` marked in them.

    ``on_find`` is called when a request id in a line is pressed: see :func:`read_found`. ``nothing`` is said when there
    are no lines, ``note`` above the first one; ``file_name`` is the download's, without its ending.
    """
    _mount(
        key=key,
        data={
            "label": label,
            "lines": [[line.id, line.source, line.time, line.level, line.text, line.stamp] for line in lines],
            "colours": colours,
            "words": [word.lower() for word in words],
            "nothing": nothing,
            "note": note,
            "file": file_name,
        },
        on_find_change=on_find,
    )


def read_found(key: str) -> str:
    """The request id that was pressed in the lines ``key``, inside their ``on_find``."""
    value: Any = st.session_state.get(key)
    found = value.get("find") if hasattr(value, "get") else None
    return found if isinstance(found, str) else ""
