"""Two texts, line by line: what stands on one side only. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

MOST_LINES = 2000
"""Lines on both sides together; comparing takes time by their square."""
MOST_LETTERS = 2000
"""What is drawn of one line."""
CONTEXT_LINES = 3
SAME, LEFT, RIGHT, GAP = "same", "left", "right", "gap"
_MARKS = {SAME: " ", LEFT: "−", RIGHT: "+", GAP: "…"}
_SAID = {SAME: "", LEFT: "only on the left: ", RIGHT: "only on the right: ", GAP: "unchanged lines left out"}


@dataclass(frozen=True)
class Line:
    """One line: on both sides, on one of them, or a gap where unchanged lines are left out."""

    kind: str
    text: str = ""


def lines(left: str, right: str) -> tuple[Line, ...] | None:
    """The lines that differ with three around them, () when none does; None when there are too many to compare."""
    before, after = left.splitlines(), right.splitlines()
    if len(before) + len(after) > MOST_LINES:
        return None
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    found: list[Line] = []
    for group in matcher.get_grouped_opcodes(CONTEXT_LINES):
        if group[0][1] > 0:
            found.append(Line(GAP))
        for kind, start, end, other, last in group:
            if kind == "equal":
                found += [Line(SAME, each) for each in before[start:end]]
                continue
            found += [Line(LEFT, each) for each in before[start:end]]
            found += [Line(RIGHT, each) for each in after[other:last]]
    return tuple(found)


def html(found: tuple[Line, ...]) -> str:
    """The lines as HTML. Sides are told by a mark and by words for screen readers, not by colour alone."""
    label = 'role="group" aria-label="Differences line by line" tabindex="0"'
    return f'<div class="diff" {label}>{"".join(_drawn(found))}</div>'


def _drawn(found: tuple[Line, ...]) -> Iterator[str]:
    for each in found:
        text = each.text if len(each.text) <= MOST_LETTERS else f"{each.text[:MOST_LETTERS]} …"
        said = f'<span class="unseen">{_SAID[each.kind]}</span>' if _SAID[each.kind] else ""
        yield f'<p class="{each.kind}">{said}<i aria-hidden="true">{_MARKS[each.kind]}</i>{escape(text)}</p>'
