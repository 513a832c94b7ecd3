"""Where two answers differ: two parsed JSON documents, compared place by place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Json: TypeAlias = Any
"""What ``json.loads`` returns."""
Kind = Literal["value", "missing", "added", "type"]

MOST_DIFFERENCES = 1000
"""How many differences are looked for unless told otherwise; two long documents may differ everywhere."""

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SEGMENT = re.compile(r"\['(?:[^'\\]|\\.)*'\]|\[\d+\]")
_ESCAPED = {"'": "\\'", "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True)
class Difference:
    """One place where two documents differ.

    ``path`` is an RFC 9535 JSONPath that finds it. ``missing`` is on the left only, ``added`` on the right only: the
    other side is None then. ``type`` says that the two are of different JSON types, ``value`` that they are of one.
    """

    path: str
    kind: Kind
    left: Json
    right: Json

    @property
    def field(self) -> str:
        """The path with every place in a list as ``[*]``: the same for all rows of an answer."""
        return _SEGMENT.sub(lambda found: "[*]" if found[0][1] != "'" else found[0], self.path)


def differences(
    left: Json, right: Json, *, tolerance: float = 0.0, limit: int = MOST_DIFFERENCES
) -> tuple[Difference, ...]:
    """The differences of two parsed JSON documents, in the order of ``left``; the first ``limit`` of them.

    Lists are compared place by place, as the rows of an answer are. Two numbers are the same when they differ by no
    more than ``tolerance`` times the larger one; 1 is 1.0, and NaN is NaN. True is no number.
    """
    found: list[Difference] = []
    # A stack of its own: a document may be nested deeper than Python calls.
    waiting: list[tuple[str, Json, Json]] = [("$", left, right)]
    while waiting and len(found) < limit:
        path, one, other = waiting.pop()
        if isinstance(one, _Absent):
            found.append(Difference(path, "added", None, other))
        elif isinstance(other, _Absent):
            found.append(Difference(path, "missing", one, None))
        elif type_of(one) != type_of(other):
            found.append(Difference(path, "type", one, other))
        elif isinstance(one, dict | list):
            waiting.extend(reversed(list(_inside(path, one, other))))
        elif not is_same(one, other, tolerance):
            found.append(Difference(path, "value", one, other))
    return tuple(found)


def is_same(left: Json, right: Json, tolerance: float = 0.0) -> bool:
    """Whether two scalars of one JSON type are the same, numbers within ``tolerance`` times the larger one."""
    if left == right:
        return True
    if type_of(left) != "number" or type_of(right) != "number":
        return False
    if left != left or right != right:
        return bool(left != left and right != right)
    if not tolerance:
        return False
    try:
        return math.isclose(left, right, rel_tol=tolerance)
    except OverflowError:  # a whole number beyond what a float holds
        if isinstance(left, float) or isinstance(right, float):
            return False
        return bool(abs(left - right) <= int(tolerance * 1e15) * max(abs(left), abs(right)) // 10**15)


def type_of(value: Json) -> str:
    """The JSON type of a parsed value: null, boolean, number, string, array or object."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


class _Absent:
    """Stands for what a side does not have; JSON's null is a value."""


_ABSENT = _Absent()


def _inside(path: str, left: Json, right: Json) -> Iterator[tuple[str, Json, Json]]:
    if isinstance(left, list):
        for place in range(max(len(left), len(right))):
            one = left[place] if place < len(left) else _ABSENT
            yield f"{path}[{place}]", one, right[place] if place < len(right) else _ABSENT
        return
    for name, value in left.items():
        yield child(path, name), value, right.get(name, _ABSENT)
    for name, value in right.items():
        if name not in left:
            yield child(path, name), _ABSENT, value


def child(path: str, name: str) -> str:
    """The path of the member ``name`` of the object at ``path``."""
    if _PLAIN_NAME.fullmatch(name):
        return f"{path}.{name}"
    return f"{path}['" + "".join(_escaped(letter) for letter in name) + "']"


def _escaped(letter: str) -> str:
    # Half of a pair of surrogates, which JSON may hold, cannot be shown or written to a file.
    is_odd = letter < " " or "\ud800" <= letter <= "\udfff"
    return _ESCAPED.get(letter) or (f"\\u{ord(letter):04x}" if is_odd else letter)
