"""The lines of a plan about words and variables, without what may be a secret. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.operating.change import Line
from services.resources.masking import looks_secret

HIDDEN = "hidden"


def hidden_lines(word: str, new: Mapping[str, str | None], before: Mapping[str, Any]) -> list[Line]:
    """Lines of values that are never shown."""
    return [
        Line(
            f"{word} {name}",
            HIDDEN if name in before else "",
            "" if value is None else f"{HIDDEN}, another value" if name in before else HIDDEN,
        )
        for name, value in new.items()
        if value != before.get(name)
    ]


def tag_lines(tags: Mapping[str, str | None], document: Mapping[str, Any]) -> list[Line]:
    """Lines of tags. One that looks like a secret is not shown."""
    before = document.get("tags") or {}
    lines = []
    for name, value in tags.items():
        if value == before.get(name):
            continue
        if looks_secret(name, value or "") or looks_secret(name, before.get(name, "")):
            lines.extend(hidden_lines("Tag", {name: value}, before))
        else:
            lines.append(Line(f"Tag {name}", str(before.get(name, "")), value or ""))
    return lines


def description_line(description: str | None, document: Mapping[str, Any]) -> list[Line]:
    """The line of the description, if it changes."""
    before = str((document.get("properties") or {}).get("description") or "")
    if description is None or description == before:
        return []
    return [Line("Description", before, description)]
