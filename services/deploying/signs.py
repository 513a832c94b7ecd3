"""What a table of signs is made of: a pattern in a line, the cause it stands for, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.deploying.model import Cause

LONGEST_PROOF = 300
"""Characters of a line that is shown as a proof."""

_CERTAIN = 90
_LONGEST_LINE = 1_000
"""Characters of a line that are looked at: what says why something failed stands at its beginning."""
_PREFIX = re.compile(
    r"^(?:\d{4}-\d\d-\d\d[T ][\d:,.]+(?:Z|[+-]\d\d:?\d\d)?\s*(?:[-|]\s*[\w-]+/(?:run|finish)\s*\|?|:)?\s*)"
    r"(?:[DIWEC] \[\d+\] [\w.]+ - )?|^Kind: \w+, Name: .*?, Message: "
)
"""What stands before the text of a line: a time, the service of the image, the server's level and logger; or, for a
container's event, everything up to its message."""


@dataclass(frozen=True)
class Sign:
    """One row of a table. ``cause`` and ``fix`` may name the groups of ``pattern`` in braces.

    ``certainty`` orders causes: 100 is as good as proven, 50 a guess that anything better replaces.
    """

    code: str
    pattern: re.Pattern[str]
    cause: str
    fix: str
    certainty: int = _CERTAIN


@dataclass(frozen=True)
class Found:
    """A cause, how certain it is, and in which line of its source it was found (0 for none)."""

    certainty: int
    line: int
    cause: Cause


def sign(code: str, pattern: str, cause: str, fix: str, certainty: int = _CERTAIN) -> Sign:
    """A row whose pattern does not care about case."""
    return Sign(code, re.compile(pattern, re.IGNORECASE), cause, fix, certainty)


def bare(line: str) -> str:
    """A line without its time and logger."""
    return _PREFIX.sub("", line[:_LONGEST_LINE].rstrip(), count=1)


def match(signs: Sequence[Sign], line: str, number: int, source: str) -> Found | None:
    """The first sign of a table that is in a line. ``source`` says where the line is from."""
    text = bare(line)
    for each in signs:
        found = each.pattern.search(text)
        if found:
            return made(each, found, text, number, source)
    return None


def search(signs: Sequence[Sign], lines: Iterable[str], source: str) -> Iterator[Found]:
    """What the signs of a table find in lines, at most one for a line."""
    for number, line in enumerate(lines, 1):
        found = match(signs, line, number, source)
        if found:
            yield found


def made(row: Sign, found: re.Match[str], text: str, number: int, source: str) -> Found:
    """The cause of a row whose pattern was found in a text."""
    # Probes are named with a capital letter, which a sentence does not need.
    words = {
        name: (value or "").lower() if name == "kind" else value or "" for name, value in found.groupdict().items()
    }
    proof = shown(text)
    where = f"{source}, line {number}" if number else source
    return Found(
        row.certainty,
        number,
        Cause(row.code, row.cause.format(**words), proof, where, row.fix.format(**words)),
    )


def shown(text: str) -> str:
    """A line as a proof, cut to a readable length."""
    text = text.strip()
    return text if len(text) <= LONGEST_PROOF else text[:LONGEST_PROOF] + "…"
