"""Which values of a resource may be secrets, and documents without them.

Azure shows environment variables and tags to everybody who may read a deployment, and people put passwords there all
the same. A screen that is shared should not spread them. What cannot be told from its name or shape is not found: this
is discretion, not protection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.azure.cloud import Json

_NAMED_SECRET = re.compile(
    r"secret|passw|pwd|token|credential|api_?-?key|connection_?-?str|conn_?str|signature|private|"
    r"(?:^|[_.-])(?:key|keys|pass|sas|auth|cert|dsn)(?:$|[_.-])|(?:account|access|shared|master|primary|secondary)_?key",
    re.IGNORECASE,
)
_SHAPED_SECRET = re.compile(
    r"(?:accountkey|sharedaccesskey|password|pwd|sig)=|\beyJ[\w-]+\.[\w-]+|-----BEGIN|://[^/\s:@]+:[^/\s@]+@|\bBearer\s",
    re.IGNORECASE,
)
_RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9+_=-][A-Za-z0-9+/_=-]{23,}")
"""One word of 24 or more letters and digits, mixed: what generators of keys make. A path begins with a slash."""
_FIELD = re.compile(r"(?:primary|secondary)Key|accessToken|password|\w*secret|sasToken|connectionString", re.IGNORECASE)
_GUARDED = frozenset({"environmentVariables", "tags"})


@dataclass(frozen=True)
class Hidden:
    """Stands in a document where a value was that may be a secret."""

    name: str


def looks_secret(name: str, value: object) -> bool:
    """Whether a variable or tag of this name with this value may be a secret. Numbers, switches and "" are none."""
    text = str(value)
    if not text or isinstance(value, bool | int | float) or re.fullmatch(r"[\d.]{1,9}|true|false", text, re.IGNORECASE):
        return False
    return bool(_NAMED_SECRET.search(name) or _SHAPED_SECRET.search(text) or _RANDOM.fullmatch(text))


def without_secrets(document: Json) -> Json:
    """A copy of an ARM document with :class:`Hidden` in place of each value that may be a secret."""
    if isinstance(document, list):
        return [without_secrets(each) for each in document]
    if not isinstance(document, dict):
        return document
    return {name: _guarded(value) if name in _GUARDED else _field(name, value) for name, value in document.items()}


def hidden_names(document: Json) -> tuple[str, ...]:
    """The names of what :func:`without_secrets` has hidden in a document, in its order."""
    if isinstance(document, Hidden):
        return (document.name,)
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return tuple(name for each in inner for name in hidden_names(each))


def _field(name: str, value: Json) -> Json:
    if isinstance(value, str) and value and _FIELD.fullmatch(name):
        return Hidden(name)
    return without_secrets(value)


def _guarded(values: Json) -> Json:
    if not isinstance(values, dict):
        return without_secrets(values)
    return {name: Hidden(name) if looks_secret(name, value) else value for name, value in values.items()}
