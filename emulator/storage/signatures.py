"""Shared access signatures for one container: what they allow, until when, signed with the state folder's key.

The parameters bear Azure's names (sr, sp, se, sig); the text that is signed is ours, as nobody else checks it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

VERSION = "2024-11-04"


def sign(key: str, container: str, permissions: str, expires: int) -> str:
    """A signature, as a query string, for `container` until the epoch second `expires`.

    `permissions` are Azure's letters: r read, a add, c create, w write, l list.
    """
    ends = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signature = _signature(key, container, permissions, ends)
    return urlencode({"sv": VERSION, "sr": "c", "sp": permissions, "se": ends, "sig": signature})


def allows(key: str, query: Mapping[str, str], container: str, permission: str, now: float) -> bool:
    """Whether the signature in `query` is ours, in date, for this container, and gives one letter of `permission`."""
    permissions, ends = query.get("sp", ""), query.get("se", "")
    expected = _signature(key, container, permissions, ends)
    if not hmac.compare_digest(expected.encode(), query.get("sig", "").encode()):
        return False
    expires = datetime.strptime(ends, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    return now < expires and any(letter in permissions for letter in permission)


def _signature(key: str, container: str, permissions: str, ends: str) -> str:
    text = "\n".join((VERSION, container, permissions, ends))
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()
