"""Which headers and variables hold secrets. Their values are never written to disk or into a file.

What cannot be told from its name or shape is not found. The endpoint's own key is never among them: it is added when a
request leaves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from services.resources.masking import looks_secret

_SECRET_NAME = re.compile(
    r"authori[sz]ation|cookie|credential|passw|passphrase|secret|token(?!s)|bearer|jwt|api_?-?key|(?:^|[_.-])subscription"
    r"|(?:access|account|functions|shared|master|primary|secondary)[_.-]?key"
    r"|(?:^|[_.-])(?:keys?|auth|pwd|pass|sig|sas|dsn|session|signature)(?:$|[_.-])",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"^\s*(?:bearer|basic|digest|negotiate|sharedaccesssignature)\s+\S|\beyJ[\w-]{8,}\.[\w-]+|-----BEGIN"
    r"|[?&;](?:sig|code|key|token|access_token|api[-_]?key)=[^&\s]|(?:accountkey|sharedaccesskey|password|pwd)="
    r"|\b(?:sk|pk|gh[a-z]|github_pat|xox[a-z]|hf)[-_][\w-]{16,}|://[^/\s:@]+:[^/\s@]+@",
    re.IGNORECASE,
)
_NAMES_SOMETHING = re.compile(r"(?:^|[_.-])(?:id|trace|request|correlation|etag)|id$|traceparent", re.IGNORECASE)
"""Such a header holds a random text that is no secret."""
_NO_SECRETS = frozenset({"azureml-model-session", "x-ms-azureml-model-session"})
"""Azure's answers name the deployment here."""
_ONLY_VARIABLE = re.compile(r"(?:Bearer\s+)?\{\{\s*[\w$.-]+\s*\}\}", re.IGNORECASE)


def is_secret(name: str, value: str = "") -> bool:
    """Whether a header or variable that a person has written may hold a secret, by its name or its value."""
    if _is_secret(name, value):
        return True
    return bool(value) and not _NAMES_SOMETHING.search(name) and looks_secret("", value)


def without_secrets(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Headers as they may be kept: the name of a secret one stays, its value does not.

    A value that is nothing but a ``{{variable}}`` is no secret.
    """
    return tuple(
        (name, value if _ONLY_VARIABLE.fullmatch(value.strip()) or not is_secret(name, value) else "")
        for name, value in headers
    )


def answer_headers_without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """The same for the headers of an answer, in which random texts name requests and servers."""
    return {name: "" if _is_secret(name, value) else value for name, value in headers.items()}


def _is_secret(name: str, value: str) -> bool:
    if name.lower() in _NO_SECRETS:
        return False
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))
