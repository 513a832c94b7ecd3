"""What the checks have found in the files: where, what, why, and how it is mended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from services.deploying.model import Bundle, Finding, Level, Place
from ui import words
from ui.labels import plain

_ORDER = (Level.ERROR, Level.WARNING, Level.NOTE)
_MOST_SHOWN = 60
_LONGEST_LINE = 160
_LARGEST_READ = 1024 * 1024
OpenAt = Callable[[Place], tuple[Callable[..., None], tuple[Any, ...]] | None]


def show(bundle: Bundle, findings: Sequence[Finding], open_at: OpenAt) -> None:
    """Draw the findings, errors first, each with the line of the file that it is about and a way to it.

    ``open_at`` tells what brings a place into sight, None when nothing does.
    """
    if not findings:
        st.html('<div class="preflight"><p class="clear">Nothing speaks against it.</p></div>')
        return
    shown = findings[:_MOST_SHOWN]
    for number, (finding, line) in enumerate(zip(shown, lines_of(bundle, shown), strict=True)):
        way = open_at(finding.place) if finding.place.file else None
        with st.container(key=f"finding_{number}", gap=None):
            st.html(listed([finding], [line], with_place=way is None))
            if way is not None:
                go, args = way
                st.button(
                    f"Open {plain(where(finding))}",
                    key=f"open_finding_{number}",
                    type="tertiary",
                    icon=":material/arrow_forward:",
                    on_click=go,
                    args=args,
                )
    if len(findings) > _MOST_SHOWN:
        st.caption(f"And {len(findings) - _MOST_SHOWN} more. Mend these first.")


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors, then warnings, then notes; among them by file and line, each once. Pure."""
    found = dict.fromkeys(findings)
    return tuple(sorted(found, key=lambda each: (_ORDER.index(each.level), each.place.file, each.place.line)))


def summary(findings: Sequence[Finding]) -> str:
    """How many there are of each level: ``2 errors, 1 warning``. Pure."""
    counts = [(sum(each.level is level for each in findings), level.value) for level in _ORDER]
    return ", ".join(words.count(count, name) for count, name in counts if count) or "nothing found"


def has_errors(findings: Sequence[Finding]) -> bool:
    """Whether one of them would fail. Pure."""
    return any(each.level is Level.ERROR for each in findings)


def listed(findings: Sequence[Finding], lines: Sequence[str], *, with_place: bool = True) -> str:
    """The findings as HTML; ``lines`` are the lines of the files that they are about, "" where there is none. Pure."""
    items = "".join(_item(each, line, with_place) for each, line in zip(findings, lines, strict=True))
    return f'<ul class="deploy-findings">{items}</ul>'


def _item(finding: Finding, line: str, with_place: bool) -> str:
    quoted = f"<pre><code>{escape(line)}</code></pre>" if line else ""
    place = where(finding) if with_place else ""
    at = f'<span class="at">{escape(place)}</span>' if place else ""
    more = "".join(f"<p>{escape(text)}</p>" for text in (finding.why, finding.fix) if text)
    return (
        f'<li class="is-{finding.level.value}"><b><span class="unseen">{finding.level.value}: </span>'
        f"{escape(finding.what)}</b> {at}{quoted}{more}</li>"
    )


def where(finding: Finding) -> str:
    """Where a finding is: ``deployment.yml, line 7``, or "" when it is about the whole. Pure."""
    place = finding.place
    return f"{place.file}, line {place.line}" if place.line else place.file


def lines_of(bundle: Bundle, findings: Sequence[Finding]) -> list[str]:
    """The line of the file that each finding is about, "" where it names none or the file cannot be read."""
    texts: dict[str, list[str]] = {}
    found = []
    for each in findings:
        if each.place.file and each.place.line and each.place.file not in texts:
            texts[each.place.file] = _lines(bundle, each.place.file)
        text = texts.get(each.place.file, [])
        line = text[each.place.line - 1].strip() if 0 < each.place.line <= len(text) else ""
        found.append(line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…")
    return found


def _lines(bundle: Bundle, file: str) -> list[str]:
    if file not in bundle.files:
        return []
    path = Path(bundle.folder, file)
    try:
        if path.stat().st_size > _LARGEST_READ:
            return []
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
