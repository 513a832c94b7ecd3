"""One colour per deployment, the same on every page and chart.

Every colour here keeps at least 4.5:1 against white text and 3:1 against both page backgrounds (WCAG 2.2, 1.4.3 and
1.4.11), so that one value serves the light and the dark theme. A colour never stands alone: the deployment's name or a
symbol is always beside it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

NAMED = {
    "blue": "#286bdc",
    "green": "#12813f",
    "orange": "#b35109",
    "purple": "#914fc4",
    "teal": "#0a7b7b",
    "pink": "#c8327e",
    "yellow": "#8d6b07",
    "slate": "#587189",
    "red": "#cf303f",
    "violet": "#914fc4",
    "magenta": "#c229a9",
    "cyan": "#117797",
    "indigo": "#6b62cb",
    "lime": "#4d7915",
    "gold": "#8e6710",
    "brown": "#98643e",
    "black": "#626f84",
    "white": "#6b6f76",
    "gray": "#686f78",
    "grey": "#686f78",
}
"""Colours that a deployment can ask for by its name, alone or as a part of it (``blue-v2``)."""

PALETTE = ("blue", "green", "orange", "purple", "teal", "pink", "yellow", "slate")
"""The order in which deployments without a colour of their own are coloured, easiest to tell apart first."""


def of_deployments(names: Iterable[str]) -> dict[str, str]:
    """The colour of each deployment as ``#rrggbb``, decided by the names alone and never by their order.

    A name that is or contains a colour word gets that colour. Every other name starts at a place in the palette that
    its own letters fix, and moves on to the next free colour, so that siblings differ as long as the palette lasts.
    """
    chosen: dict[str, str] = {}
    unnamed: list[str] = []
    for name in sorted(set(names)):
        word = _colour_word(name)
        if word is None:
            unnamed.append(name)
        else:
            chosen[name] = NAMED[word]
    taken = set(chosen.values())
    for name in unnamed:
        colour = _next_free(zlib.crc32(name.encode()), taken)
        taken.add(colour)
        chosen[name] = colour
    return chosen


def on_dark(colour: str) -> str:
    """The same colour mixed with a quarter of white, for thin lines on the dark page. Components do the same in CSS."""
    parts = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(part * 0.75 + 255 * 0.25):02x}" for part in parts)


def _colour_word(name: str) -> str | None:
    return next((word for word in re.split(r"[^a-z]+", name.lower()) if word in NAMED), None)


def _next_free(start: int, taken: set[str]) -> str:
    size = len(PALETTE)
    places = [NAMED[PALETTE[(start + step) % size]] for step in range(size)]
    return next((colour for colour in places if colour not in taken), places[0])
