"""Headers as a person writes them: one per line, ``Name: value``. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from services.errors import RuleBroken


def written(headers: Sequence[tuple[str, str]]) -> str:
    """One line for each header."""
    return "\n".join(f"{name}: {value}" for name, value in headers)


def read(text: str) -> tuple[tuple[str, str], ...]:
    """The headers that ``text`` names; empty lines say nothing. Raises RuleBroken for a line that is no header."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            why = f"Line {number} of the headers is not of the form Name: value."
            raise RuleBroken("The headers cannot be read.", why, "Write one header per line.")
        found.append((name.strip(), value.strip()))
    return tuple(found)


def tags(text: str) -> tuple[str, ...]:
    """Tags as they are written: parted by commas, each once, in the order given."""
    return tuple(dict.fromkeys(each for each in (part.strip() for part in text.split(",")) if each))
