"""Which headers and variables hold secrets. Their values are never written to disk or into a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_SECRET_NAME = re.compile(
    r"authori[sz]ation|cookie|credential|passw|passphrase|secret|token(?!s)|bearer|jwt"
    r"|api[-_.]?key|access[-_.]?key|account[-_.]?key|subscription[-_.]?key|functions[-_.]?key|shared[-_.]?key"
    r"|(?:^|[-_.])(?:key|auth|pwd|sig|sas|session|signature)(?:$|[-_.])",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"^\s*(?:bearer|basic|digest|negotiate|sharedaccesssignature)\s+\S"
    r"|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
    r"|[?&;](?:sig|code|key|token|access_token|api[-_]?key)=[^&\s]"
    r"|\b(?:sk|pk|ghp|gho|github_pat|xox[abp]|hf)[-_][\w-]{16,}"
    r"|\bAccountKey=",
    re.IGNORECASE,
)
_NO_SECRETS = frozenset({"azureml-model-session", "x-ms-azureml-model-session"})
"""Azure's answers name the deployment here."""
_ONLY_VARIABLE = re.compile(r"(?:Bearer\s+)?\{\{\s*[\w$.-]+\s*\}\}", re.IGNORECASE)


def is_secret(name: str, value: str = "") -> bool:
    """Whether a header or variable looks as if it held a secret, by its name or its value."""
    if name.lower() in _NO_SECRETS:
        return False
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))


def without_secrets(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Headers as they may be kept: the name of a secret one stays, its value does not.

    A value that is nothing but a ``{{variable}}`` is no secret.
    """
    return tuple((name, value if _may_be_kept(name, value) else "") for name, value in headers)


def mapping_without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """The same for the headers of an answer."""
    return dict(without_secrets(headers.items()))


def _may_be_kept(name: str, value: str) -> bool:
    return bool(_ONLY_VARIABLE.fullmatch(value.strip())) or not is_secret(name, value)
