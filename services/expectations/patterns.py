r"""Regular expressions that never take long: a text is read once, whatever the expression.

Python's own ``re`` goes back and tries again; an expression such as ``(a+)+$`` keeps it busy for hours, and nothing can
stop it. Here all ways through the expression are followed at once (K. Thompson, Regular Expression Search Algorithm,
CACM 11(6), 1968). Known are literals, ``.``, classes, ``\d \w \s`` and their opposites, groups, ``|``, the quantifiers
``* + ? {m,n}``, ``^`` and ``$``: what RFC 9485 has, and most that JSON Schemas use. Digits, words and spaces are ASCII.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from services.expectations.budget import Budget
from services.expectations.pattern_syntax import Char, Choice, Edge, Node, PatternRefused, Repeat, Row, parse

MOST_STATES = 1000
_MOST_REMEMBERED = 2000

__all__ = ["Pattern", "PatternRefused", "compiled"]


@dataclass
class _Program:
    """States by number. A state reads a character, splits without reading, stands for an end of the text, or accepts.

    ``chars`` holds what a reading state accepts; it goes on to the next state. ``splits`` holds where others go on.
    """

    chars: dict[int, re.Pattern[str]] = field(default_factory=dict)
    splits: dict[int, tuple[int, ...]] = field(default_factory=dict)
    starts: set[int] = field(default_factory=set)
    ends: set[int] = field(default_factory=set)
    size: int = 0
    work: int = 0

    def add(self) -> int:
        if self.size >= MOST_STATES:
            raise PatternRefused("it is too large")
        self.size += 1
        return self.size - 1

    def emit(self, node: Node) -> None:
        """Add the states of ``node`` behind those that are there. Its last one leads to the next that is added."""
        self.work += 1
        if self.work > 10 * MOST_STATES:  # empty groups need no states, and could be repeated without an end
            raise PatternRefused("it is too large")
        if isinstance(node, Char):
            self.chars[self.add()] = node.accepts
        elif isinstance(node, Edge):
            (self.starts if node.is_start else self.ends).add(self.add())
        elif isinstance(node, Row):
            for part in node.parts:
                self.emit(part)
        elif isinstance(node, Choice):
            self._emit_choice(node)
        else:
            self._emit_repeat(node)

    def _emit_choice(self, node: Choice) -> None:
        fork, beginnings, leaving = self.add(), [], []
        for part in node.parts:
            beginnings.append(self.size)
            self.emit(part)
            leaving.append(self.add())
        self.splits[fork] = tuple(beginnings)
        self.splits |= dict.fromkeys(leaving, (self.size,))

    def _emit_repeat(self, node: Repeat) -> None:
        for _ in range(node.least):
            self.emit(node.part)
        if node.most is None:
            fork = self.add()
            self.emit(node.part)
            back = self.add()
            self.splits |= {back: (fork,), fork: (fork + 1, back + 1)}
            return
        forks = []
        for _ in range(node.most - node.least):
            forks.append(self.add())
            self.emit(node.part)
        self.splits |= {fork: (fork + 1, self.size) for fork in forks}


class Pattern:
    """One expression, ready to be used. Safe for threads."""

    def __init__(self, node: Node) -> None:
        self._program = _Program()
        self._program.emit(node)
        self._accept = self._program.add()
        self._next: dict[tuple[frozenset[int], str, bool], frozenset[int]] = {}

    def search(self, text: str, budget: Budget) -> bool:
        """Whether it is found anywhere in ``text``. Raises TooMuch."""
        return self._run(text, budget, anywhere=True)

    def fullmatch(self, text: str, budget: Budget) -> bool:
        """Whether the whole of ``text`` fits it. Raises TooMuch."""
        return self._run(text, budget, anywhere=False)

    def _run(self, text: str, budget: Budget, *, anywhere: bool) -> bool:
        states = self._closure({0}, at_start=True, at_end=not text)
        for place, letter in enumerate(text):
            budget.spend()
            if anywhere and self._accept in states:
                return True
            is_last = place == len(text) - 1
            states = self._step(states, letter, budget, anywhere=anywhere, at_end=is_last)
            if not states:
                return False
        return self._accept in states

    def _step(
        self, states: frozenset[int], letter: str, budget: Budget, *, anywhere: bool, at_end: bool
    ) -> frozenset[int]:
        known = None if at_end else self._next.get((states, letter, anywhere))
        if known is not None:
            return known
        budget.spend(len(states))
        chars = self._program.chars
        reached = {state + 1 for state in states if state in chars and chars[state].fullmatch(letter)}
        # A search may begin anew at every character.
        found = self._closure(reached | ({0} if anywhere else set()), at_start=False, at_end=at_end)
        if not at_end:
            if len(self._next) >= _MOST_REMEMBERED:
                self._next.clear()
            self._next[(states, letter, anywhere)] = found
        return found

    def _closure(self, states: set[int], *, at_start: bool, at_end: bool) -> frozenset[int]:
        seen: set[int] = set()
        waiting = list(states)
        while waiting:
            state = waiting.pop()
            if state in seen:
                continue
            seen.add(state)
            if state in self._program.splits:
                waiting.extend(self._program.splits[state])
            elif (at_start and state in self._program.starts) or (at_end and state in self._program.ends):
                waiting.append(state + 1)
        return frozenset(seen)


@lru_cache(maxsize=256)
def compiled(expression: str) -> Pattern:
    """The pattern of ``expression``. Raises PatternRefused."""
    return Pattern(parse(expression))
