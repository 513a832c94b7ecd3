"""What Azure takes for names, variables and tags. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from services.errors import RuleBroken

_NAME = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9]){2,31}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,254}")
_MOST_TAGS, _MOST_TAG_NAME, _MOST_TAG_VALUE = 50, 512, 256
"""Azure Resource Manager's limits for tags (tag-resources)."""


def check_name(name: str, what: str) -> None:
    """Raise RuleBroken unless Azure takes ``name`` for an endpoint or a deployment (how-to-manage-quotas)."""
    if not _NAME.fullmatch(name) or len(name) > 32:
        why = f"{name!r} is no name that Azure takes: 3 to 32 letters, digits and single dashes, a letter first."
        raise RuleBroken(what, why, "Choose another name.")


def check_variables(variables: Mapping[str, str | None], what: str) -> None:
    """Raise RuleBroken when a name or a value cannot be one of an environment variable."""
    for name, value in variables.items():
        if not _VARIABLE.fullmatch(name):
            why = f"{name!r} is no name of a variable: letters, digits and underscores, no digit first."
            raise RuleBroken(what, why, "Correct the name.")
        if value is not None and "\0" in value:
            raise RuleBroken(what, f"The value of {name} has a NUL character.", "Take it out.")


def check_tags(tags: Mapping[str, str | None], before: Mapping[str, Any], what: str) -> None:
    """Raise RuleBroken when Azure would not take the tags that are there (``before``) with these changes."""
    for name, value in tags.items():
        if not name.strip() or len(name) > _MOST_TAG_NAME or re.search(r"[<>%&\\?/]", name):
            why = f"{name!r} is no name of a tag: up to {_MOST_TAG_NAME} characters without < > % & \\ ? /."
            raise RuleBroken(what, why, "Correct the name.")
        if value is not None and len(value) > _MOST_TAG_VALUE:
            raise RuleBroken(what, f"The value of {name} is longer than {_MOST_TAG_VALUE} characters.", "Shorten it.")
    left = {*before, *tags} - {name for name, value in tags.items() if value is None}
    if len(left) > _MOST_TAGS:
        raise RuleBroken(what, f"Azure takes {_MOST_TAGS} tags, not {len(left)}.", "Take some away.")
