"""The instances of a deployment as people can tell them apart. Pure.

Azure names an instance by a long id of which only a part differs.
"""

from __future__ import annotations

from collections.abc import Iterable

SHORTEST = 5
"""Fewer letters at the end of an id are hard to find again in a log."""


def short_names(ids: Iterable[str]) -> dict[str, str]:
    """Id → its shortest end of SHORTEST letters or more that no other of ``ids`` has, the whole id when none is."""
    wanted = sorted(set(ids))
    found: dict[str, str] = {}
    for each in wanted:
        others = [other for other in wanted if other != each]
        lengths = range(SHORTEST, len(each))
        end = next((n for n in lengths if not any(other.endswith(each[-n:]) for other in others)), len(each))
        found[each] = each[-end:] if end < len(each) else each
    return found
