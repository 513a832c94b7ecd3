"""What a registered asset that is not there may have been meant to be: its other versions, or names that are alike."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.azure import asset_versions
from services.azure.connection import Connection

_GENERATED = re.compile(r"[0-9a-f-]{32,64}|CliV2AnonymousEnvironment", re.IGNORECASE)
"""Names of what was uploaded along with a deployment. Nobody means one of them."""
_MOST_NAMED = 3


@dataclass(frozen=True)
class Alternatives:
    """What there is instead. ``versions`` are the asset's own, newest first; without any, ``names`` are those of the
    other assets of the kind, and ``nearest`` is the one that is most alike, as ``name:version`` of its newest one, or
    "" when none is alike."""

    versions: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    nearest: str = ""


def alternatives(conn: Connection, collection: str, name: str) -> Alternatives:
    """Look for them in the connection's workspace: two or three small requests. ``collection`` is models, environments
    or codes. Raises SluiceError."""
    versions = asset_versions.versions_of(conn, collection, name)
    if versions:
        return Alternatives(versions)
    names = tuple(each for each in asset_versions.names_of(conn, collection) if not _GENERATED.fullmatch(each))
    near = alike(name, names)
    newest = asset_versions.versions_of(conn, collection, near, 1) if near else ()
    return Alternatives((), names, f"{near}:{newest[0]}" if newest else near)


def alike(name: str, names: Sequence[str]) -> str:
    """The one of ``names`` that looks most like ``name``, whatever its case; "" when none does."""
    lower = {each.lower(): each for each in names}
    found = difflib.get_close_matches(name.lower(), lower, 1, 0.6)
    longer = [each for each in sorted(names, key=len) if name.lower() in each.lower() or each.lower() in name.lower()]
    return lower[found[0]] if found else (longer[0] if longer and len(name) > _MOST_NAMED else "")


def words(collection: str, name: str, version: str, instead: Alternatives, where: str = "") -> tuple[str, str, str]:
    """What is missing, what there is, and what to do. ``version`` is "" for the newest one, ``where`` names another
    workspace than the own one."""
    what, place = collection.removesuffix("s"), f" in {where}" if where else ""
    if instead.versions:
        newest = ", ".join(instead.versions)
        is_one = len(instead.versions) == 1
        why = f"Its only version is {newest}." if is_one else f"Its newest versions are {newest}."
        return f"The {what} {name} has no version {version}{place}.", why, f"Write {name}:{instead.versions[0]}."
    missing = f"There is no {what} {name}{f', version {version}' if version else ''}{place}."
    count, shown = len(instead.names), ", ".join(sorted(instead.names)[:_MOST_NAMED])
    why = f"The workspace has {shown}." if count else f"No {what} is registered in the workspace."
    if count > _MOST_NAMED:
        why = f"The workspace has {count} others, such as {shown}."
    if instead.nearest:
        return missing, why, f"Did you mean {instead.nearest}?"
    return missing, why, "Register it first, or name one that is there." if count else "Register it first."
