r"""Regular expressions that never take long: RE2 reads a text once, whatever the expression.

Python's own ``re`` goes back and tries again; an expression such as ``(a+)+$`` keeps it busy for hours, and nothing can
stop it. RE2 has no look-ahead, no look-behind and no back references; digits, words and spaces are ASCII.
"""

from __future__ import annotations

import re
from functools import lru_cache

import re2

from services.expectations.budget import Budget

LONGEST = 500
"""Characters of one expression."""
_MOST_MEMORY = 1024 * 1024
"""Bytes that RE2 may take for one expression; a larger one is refused."""
_CHEAP = 500
"""Characters times the size of the expression that take as long as one step."""
_UNICODE = re.compile(r"(\\\\)|\\u([0-9A-Fa-f]{4})")


class PatternRefused(ValueError):
    """An expression that cannot be used. The text says why, without a full stop."""


class Pattern:
    """One expression, ready to be used. Safe for threads. Raises PatternRefused."""

    def __init__(self, expression: str) -> None:
        if len(expression) > LONGEST:
            raise PatternRefused(f"it is longer than {LONGEST} characters")
        options = re2.Options()
        options.max_mem = _MOST_MEMORY
        options.never_capture = True
        options.log_errors = False
        # JSON Schema writes a character as ECMAScript does.
        written = _UNICODE.sub(lambda found: found[1] or rf"\x{{{found[2]}}}", expression)
        try:
            self._found = re2.compile(written, options)
        except re2.error as error:
            raise PatternRefused(error.args[0].decode(errors="replace")) from None
        except UnicodeEncodeError:
            raise PatternRefused("it holds half of a character") from None

    def search(self, text: str, budget: Budget) -> bool:
        """Whether it is found anywhere in ``text``. Raises TooMuch."""
        return self._found.search(self._read(text, budget)) is not None

    def fullmatch(self, text: str, budget: Budget) -> bool:
        """Whether the whole of ``text`` fits it. Raises TooMuch."""
        return self._found.fullmatch(self._read(text, budget)) is not None

    def _read(self, text: str, budget: Budget) -> bytes:
        # When RE2 runs out of memory it follows every part of the expression at every character.
        budget.spend(1 + len(text) * self._found.programsize // _CHEAP)
        return text.encode(errors="replace")


@lru_cache(maxsize=64)
def compiled(expression: str) -> Pattern:
    """The pattern of ``expression``. Raises PatternRefused."""
    return Pattern(expression)
