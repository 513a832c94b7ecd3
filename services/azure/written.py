"""Whether Azure holds what a request has sent, told later and by another process, without keeping what was sent. Pure.

What is kept are the places of the fields and one digest of all their values, slow to compute and with a salt: nobody
finds a secret by trying. Values are compared by what they mean: Azure may answer PT60M as PT1H, 70 as 70.0, and ids
and words in another case.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.azure.cloud import Json
from services.azure.documents import milliseconds

_EXACT = ("environmentvariables", "tags", "description")
"""What Azure keeps letter by letter."""
_WHOLE = ("tags", "traffic", "mirrortraffic")
"""Maps to which Azure adds nothing: what is not in them was taken out."""
_NEVER_TOLD = (
    "keys",
    "userassignedidentities",
    "principalid",
    "tenantid",
    "provisioningstate",
    "scoringuri",
    "swaggeruri",
)
"""What Azure takes and does not answer, or sets by itself whatever was sent."""
_MARKS = (("id",), ("name",), ("type",), ("etag",), ("systemdata",), ("properties", "properties"))
"""Where Azure writes down its own, such as its operations."""
_OFF = ("none", "false")
_COST = 2**13


def kept_of(body: Json, salt: bytes) -> dict[str, Any]:
    """What to keep of the body of a PUT or PATCH, as JSON. ``salt`` is random, made for this request."""
    paths = [list(path) for path in _paths(body, ())]
    return {"paths": paths, "salt": salt.hex(), "digest": _digest(body, paths, salt)}


def holds(document: Json, kept: Mapping[str, Any]) -> bool:
    """Whether all that :func:`kept_of` was given is in ``document``. What Azure adds by itself may be there."""
    return bool(_digest(document, kept["paths"], bytes.fromhex(kept["salt"])) == kept["digest"])


def _paths(value: Json, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    last = str(path[-1]).lower() if path else ""
    if value is None or last in _NEVER_TOLD or tuple(str(step).lower() for step in path) in _MARKS:
        # Nothing was said, so Azure takes what it likes.
        return
    if isinstance(value, Mapping) and last not in _WHOLE:
        for key in sorted(value, key=str):
            yield from _paths(value[key], (*path, str(key)))
    elif isinstance(value, list):
        yield (*path, "#")
        for number, each in enumerate(value):
            yield from _paths(each, (*path, number))
    else:
        yield path


def _digest(document: Json, paths: Sequence[Sequence[str | int]], salt: bytes) -> str:
    values = [_meaning(_at(document, path), [str(step).lower() for step in path]) for path in paths]
    text = json.dumps(values, sort_keys=True).encode()
    return hashlib.scrypt(text, salt=salt, n=_COST, r=8, p=1, dklen=16).hex()


def _at(document: Json, path: Sequence[str | int]) -> Json:
    found = document
    for step in path:
        if step == "#":
            found = len(found) if isinstance(found, list) else None
        elif isinstance(step, int):
            found = found[step] if isinstance(found, list) and step < len(found) else None
        elif isinstance(found, Mapping):
            found = found[step] if step in found else _other_case(found, step)
        else:
            return None
    return found


def _other_case(values: Mapping[str, Any], name: str) -> Json:
    return next((value for key, value in values.items() if str(key).lower() == name.lower()), None)


def _meaning(value: Json, path: Sequence[str]) -> Json:
    if isinstance(value, Mapping):
        is_exact = bool(path) and path[-1] in _EXACT
        told = {
            str(key) if is_exact else str(key).lower(): _meaning(each, [*path, str(key).lower()])
            for key, each in value.items()
        }
        return {key: each for key, each in told.items() if each != "" or is_exact}
    if isinstance(value, list):
        return [_meaning(each, path) for each in value]
    if path and (path[-1] in _EXACT or (len(path) > 1 and path[-2] in _EXACT[:2])):
        return "" if value is None else str(value)
    return _word(value, path[-1] if path else "")


def _word(value: Json, name: str) -> str:
    if value is None or value is False:
        return ""
    text = str(value).strip().lower()
    if text in _OFF:
        return ""
    if name == "location":
        return text.replace(" ", "")
    if (number := _number(text)) is not None:
        # No share, which Azure leaves out.
        return "" if number == 0 else repr(number)
    if (duration := milliseconds(text.upper(), -1)) >= 0:
        return f"{duration} ms"
    return _moment(text) or text


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _moment(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
