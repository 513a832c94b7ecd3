"""Texts and values without what looks like a secret, for files that leave this machine.

What cannot be told from its name or shape is not found: this is discretion, not protection.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from services.payloads.redaction import is_secret
from services.resources.masking import looks_secret

MASK = "***"

_SECRETS = (
    re.compile(r"(?i)(\b(?:bearer|basic|sharedaccesssignature)\s+)[\w.~+/=:-]{8,}"),
    re.compile(r"()\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"),
    re.compile(r"(?s)()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    re.compile(r"(?i)([?&;](?:sig|code|key|token|access_token|api[-_]?key)=)[^&\s\"';]+"),
    re.compile(r"(?i)(\b(?:accountkey|sharedaccesskey|password|pwd)=)[^;\s\"']+"),
    re.compile(r"()\b(?:sk|pk|gh[a-z]|github_pat|xox[a-z]|hf)[-_][\w-]{16,}"),
    re.compile(r"(://[^/\s:@]+:)[^/\s@]+(?=@)"),
    re.compile(
        r"(?i)(\b[\w.-]{0,40}(?:secret|passw(?:or)?d|passphrase|token(?!s|iz)|api[-_]?key|account[-_]?key|access[-_]?key"
        r"|primary[-_]?key|secondary[-_]?key|connection[-_]?string)[\w.-]{0,40}[\"']?\s{0,3}[:=]\s{0,3})"
        r"(?:\"[^\"\n]*\"|'[^'\n]*'|(?![\w.]+\()[^\s,;}\]\"']+)"
    ),
)
"""What stands before a secret is the first group, and stays."""


_FIELD = re.compile(r"(?:primary|secondary)_?key|access_?token|password|\w*secret|sas_?token|connection_?string", re.I)
_GUARDED = ("environment_variables", "tags", "properties")
"""Fields in which people choose the names themselves, and put secrets all the same."""
_SHORTEST = 6
"""Characters of a known secret that is looked for in other texts: a shorter one is in every text by chance."""


def redacted_text(text: str, secrets: Collection[str] = ()) -> str:
    """A text with *** in place of what looks like a secret, and of ``secrets`` that are known."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASK)
    for pattern in _SECRETS:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


def redacted_value(value: object, secrets: Collection[str] = (), guarded: bool = False) -> object:
    """The same for a value of a document, by the names of its fields as well."""
    if isinstance(value, Mapping):
        return {str(name): _entry(str(name), each, secrets, guarded) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_value(each, secrets, guarded) for each in value]
    return redacted_text(value, secrets) if isinstance(value, str) else value


def secrets_in(value: object, guarded: bool = False) -> frozenset[str]:
    """What looks like a secret among the environment variables, tags and fields of a document."""
    if isinstance(value, Mapping):
        own = {str(each) for name, each in value.items() if _is_secret(str(name), each, guarded)}
        return frozenset(own).union(*(secrets_in(each, guarded or name in _GUARDED) for name, each in value.items()))
    if isinstance(value, list | tuple):
        return frozenset().union(*(secrets_in(each, guarded) for each in value))
    return frozenset()


def _entry(name: str, value: object, secrets: Collection[str], guarded: bool) -> object:
    if _is_secret(name, value, guarded):
        return MASK
    return redacted_value(value, secrets, guarded or name in _GUARDED)


def _is_secret(name: str, value: object, guarded: bool) -> bool:
    if value in ("", None) or isinstance(value, Mapping | list | tuple):
        return False
    if guarded:
        return looks_secret(name, value) or (isinstance(value, str) and is_secret(name, value))
    return bool(_FIELD.fullmatch(name))
