"""Lay JSON text out for reading without changing what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_INDENT = "  "


def formatted(text: str) -> str:
    """The JSON ``text`` with one value per line. ``text`` must be JSON.

    Works on the text itself: numbers keep every digit (``1e400``, integers of any length) and repeated keys stay.
    Escaped characters are written out where they can be; half of a surrogate pair stays escaped, because it is no
    character.
    """
    return "".join(_pieces(_PART.findall(text)))


def on_one_line(text: str) -> str:
    """The JSON ``text`` on one line. ``text`` must be JSON. Works on the text itself, as :func:`formatted` does."""
    return "".join({",": ", ", ":": ": "}.get(part, part) for part in _PART.findall(text))


def canonical(value: object) -> str:
    """The one text of a parsed JSON value: the same for any order of names and any spaces. Raises ValueError and
    RecursionError for what cannot be written.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _pieces(parts: list[str]) -> Iterator[str]:
    depth = 0
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if part in "{[":
            depth += 1
            yield part if following in "}]" else f"{part}\n{_INDENT * depth}"
            continue
        if part in "}]":
            depth -= 1
        yield {",": f",\n{_INDENT * depth}", ":": ": "}.get(part) or _written_out(part)
        if following and following in "}]":
            yield f"\n{_INDENT * (depth - 1)}"


def _written_out(part: str) -> str:
    if "\\u" not in part:
        return part
    plain = json.dumps(json.loads(part), ensure_ascii=False)
    return part if any("\ud800" <= character <= "\udfff" for character in plain) else plain
