"""The text of a KQL query: what of it is code, how many rows it may answer, and the line of an error. Pure."""

from __future__ import annotations

import re

LONGEST = 20_000
"""Characters of a query that are taken."""
_NOT_CODE = re.compile(
    r"""//[^\n]*                      # a comment
    | ```.*?(?:```|\Z)                # a text over several lines
    | [hH]?@"(?:[^"]|"")*(?:"|\Z)     # a text without escapes
    | [hH]?@'(?:[^']|'')*(?:'|\Z)
    | [hH]?"(?:\\.|[^"\\\n])*(?:"|$)  # a text with escapes
    | [hH]?'(?:\\.|[^'\\\n])*(?:'|$)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_RENDER = re.compile(r"\|\s*render\b[^|]*\Z")
_SHAPED_ALREADY = re.compile(r"\A\s*(?:\.|print\b)|\|\s*(?:count|getschema)\s*\Z")


def code(text: str) -> str:
    """``text`` with comments blanked out and quoted texts written over, as long as it was and in the same lines."""
    return _NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " " if found[0].startswith("//") else "_", found[0]), text)


def bounded(text: str, most: int) -> str:
    """The query with a ``take`` at its end, so that it answers ``most`` rows at most.

    It stands on a line of its own, so that the positions of errors stay those of ``text``, and before a ``render``,
    which has to be last.
    """
    bare = code(text)
    end = len(bare.rstrip().rstrip(";").rstrip())
    bare = bare[:end]
    if not bare.strip() or _SHAPED_ALREADY.search(bare):
        return text[:end]
    rendered = _RENDER.search(bare)
    at = rendered.start() if rendered else end
    last = text[at:end]
    return f"{text[:at].rstrip()}\n| take {most}" + (f"\n{last}" if last else "")


def pointed(text: str, line: int | None, column: int | None) -> str:
    """The line of an error with a mark below the place, "" when the place is not known. Both count from 1."""
    lines = text.splitlines()
    if line is None or not 1 <= line <= len(lines):
        return ""
    found = lines[line - 1]
    if column is None or not 1 <= column <= len(found) + 1:
        return found
    return f"{found}\n{' ' * (column - 1)}^"
