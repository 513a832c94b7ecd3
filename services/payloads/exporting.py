"""Payloads as a file that imports again equal, holds no secrets, and can be run in CI."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from services.payloads.document import body_document, document_of
from services.payloads.payload import Payload
from services.payloads.redaction import is_secret

FORMAT = "sluice-payloads"
VERSION = 1


def export(payloads: Iterable[Payload], variables: Mapping[str, str] | None = None) -> str:
    """The text of the file. Bodies are kept byte by byte; values of secret headers are left out."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "variables": {name: value for name, value in (variables or {}).items() if not is_secret(name, value)},
        "payloads": [document_of(payload) | body_document(payload.body) for payload in payloads],
    }
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a character cannot be written as UTF-8
        return json.dumps(document, indent=2) + "\n"
    return text
