"""How a regular expression is written, for :mod:`services.expectations.patterns`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

LONGEST = 500
"""Characters of one expression."""
_DEEPEST = 30
_QUANTIFIERS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_ESCAPE = re.compile(r"\\(?:[dDwWsSnrtfv]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[^\w\s])")
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL)
_COUNT = re.compile(r"\{(\d{1,4})(?:(,)(\d{1,4})?)?\}")
_DOUBTFUL = re.compile(r"(\\.)|[\[&~|]", re.DOTALL)
_GROUP = re.compile(r"\((\?:|\?P?<[A-Za-z_]\w*>|(?!\?))")


class PatternRefused(ValueError):
    """An expression that cannot be used. The text is a part of a sentence: "it …"."""


@dataclass(frozen=True)
class Char:
    """One character, by an expression for it alone."""

    accepts: re.Pattern[str]


@dataclass(frozen=True)
class Edge:
    """The start of the text, or its end."""

    is_start: bool


@dataclass(frozen=True)
class Row:
    """One after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """One of several."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """Again and again: at least ``least`` times, at most ``most``, None without an end."""

    part: Node
    least: int
    most: int | None


Node: TypeAlias = Char | Edge | Row | Choice | Repeat


def parse(expression: str) -> Node:
    """The parts of ``expression``. Raises PatternRefused."""
    if len(expression) > LONGEST:
        raise PatternRefused(f"it is longer than {LONGEST} characters")
    reader = _Reader(expression)
    node = reader.choice(0)
    if reader.place < len(expression):
        raise PatternRefused("it has a ) without its (")
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    def choice(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise PatternRefused("it is nested too deeply")
        parts = [self._row(depth)]
        while self._peek() == "|":
            self.place += 1
            parts.append(self._row(depth))
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _row(self, depth: int) -> Node:
        parts: list[Node] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._one(depth)))
        return Row(tuple(parts))

    def _one(self, depth: int) -> Node:
        first = self._peek()
        if first in "^$":
            self.place += 1
            return Edge(first == "^")
        if first == "(":
            found = _GROUP.match(self.text, self.place)
            if found is None:
                raise PatternRefused("it looks ahead or behind, or sets flags, which is not known here")
            self.place = found.end()
            node = self.choice(depth + 1)
            if self._peek() != ")":
                raise PatternRefused("it has a ( without its )")
            self.place += 1
            return node
        if first in "*+?" or _COUNT.match(self.text, self.place):
            raise PatternRefused(f"there is nothing before {first} that could repeat")
        return self._character(first)

    def _character(self, first: str) -> Char:
        text = re.escape(first)
        size = 1
        if first in "\\[":
            found = (_ESCAPE if first == "\\" else _CLASS).match(self.text, self.place)
            if found is None:
                what = (
                    "a [ without its ]" if first == "[" else f"{self.text[self.place : self.place + 2]}, not known here"
                )
                raise PatternRefused(f"it has {what}")
            text, size = found[0], len(found[0])
        elif first == ".":
            text = "."
        self.place += size
        return Char(_single(text))

    def _repeated(self, node: Node) -> Node:
        first = self._peek()
        found = _COUNT.match(self.text, self.place)
        least: int
        most: int | None
        if first in _QUANTIFIERS:
            least, most = _QUANTIFIERS[first]
            self.place += 1
        elif found:
            least = int(found[1])
            most = int(found[3]) if found[3] else None if found[2] else least
            self.place = found.end()
        else:
            return node
        if most is not None and most < least:
            raise PatternRefused(f"{least} is more than {most}")
        if self._peek() == "?":  # as few as can be: the same texts fit
            self.place += 1
        if self._peek() in _QUANTIFIERS:
            raise PatternRefused("it repeats a repetition")
        return Repeat(node, least, most)

    def _peek(self) -> str:
        return self.text[self.place : self.place + 1]


def _single(text: str) -> re.Pattern[str]:
    if text.startswith("["):
        # Plain characters in a class, which Python says it may read otherwise one day.
        text = "[" + _DOUBTFUL.sub(lambda found: found[1] or "\\" + found[0], text[1:])
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise PatternRefused(f"{text} is no class of characters: {error}") from None
