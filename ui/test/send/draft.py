"""The request that the person is writing, one per endpoint and session.

Other views put a request here ("Use this one"); the Send view draws it and sends it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import uuid4

import streamlit as st

from services.model import Endpoint
from services.scoring.request import DEFAULT_TIMEOUT_SECONDS, JSON

_SESSION = "draft_session"
SPLIT = "Through the split"
LARGEST_EDITED = 256 * 1024
"""Bytes of a body that the editor takes; a larger one is held as a file."""


@dataclass
class Draft:
    """``body`` is what the editor holds. ``file`` is sent instead of it while it is set.

    ``targets`` holds the one or two deployments the request goes to; SPLIT is one. ``revision`` grows whenever
    something other than the person's typing has changed the draft, so that the editor takes it over. ``payload`` is the
    name of the saved payload that it began as. ``is_new`` says that nobody has chosen this draft: what the browser has
    kept from before a reload counts more.
    """

    body: str = ""
    file: bytes | None = field(default=None, repr=False)
    file_name: str = ""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    targets: tuple[str, ...] = (SPLIT,)
    repeat: int = 1
    payload: str = ""
    revision: int = 0
    is_new: bool = False

    @property
    def bytes(self) -> bytes:
        """What is sent, its variables not yet put in."""
        return self.file if self.file is not None else self.body.encode()


def of(endpoint: Endpoint) -> Draft | None:
    """The draft of this session, None before the Send view has made one."""
    found: Draft | None = st.session_state.get(_key(endpoint))
    return found


def put(endpoint: Endpoint, draft: Draft) -> None:
    """Make ``draft`` the one of this session; the editor takes it over."""
    before = of(endpoint)
    draft.revision = (before.revision if before else 0) + 1
    st.session_state[_key(endpoint)] = draft


def take(
    endpoint: Endpoint,
    body: bytes,
    *,
    content_type: str = JSON,
    headers: tuple[tuple[str, str], ...] = (),
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    payload: str = "",
) -> None:
    """Put a request of another view here. The targets stay as they were. A body that is no text becomes a file."""
    before = of(endpoint)
    made = Draft(content_type=content_type, headers=headers, timeout_seconds=timeout_seconds, payload=payload)
    if before is not None:
        made.targets, made.repeat = before.targets, before.repeat
    try:
        made.body = body.decode() if len(body) <= LARGEST_EDITED else ""
    except UnicodeDecodeError:
        made.body = ""
    if body and not made.body:
        made.file, made.file_name = body, payload or "body"
    put(endpoint, made)


def session() -> str:
    """What tells this session from the one before a reload."""
    return str(st.session_state.setdefault(_SESSION, uuid4().hex))


def _key(endpoint: Endpoint) -> str:
    return f"draft:{endpoint.id}"
