"""The request that the person is writing, one per endpoint and session.

Other views put a request here ("Use this one"); the Send view draws it and sends it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from uuid import uuid4

import streamlit as st

from services.errors import RuleBroken
from services.model import Endpoint
from services.payloads.redaction import without_secrets
from services.scoring.json_check import check_json, says_json
from services.scoring.request import DEFAULT_TIMEOUT_SECONDS, JSON, ScoringRequest

_SESSION = "draft_session"
SPLIT = "Through the split"
_PLACE = re.compile(r"\{\{[^{}\n]*\}\}")
LARGEST_EDITED = 256 * 1024
"""Bytes of a body that the editor takes; a larger one is held as a file."""

LARGEST_CHECKED = 4 * 1024 * 1024
"""Characters of a file that are read as JSON before it is sent; reading takes many times their memory."""


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

    @property
    def is_json(self) -> bool:
        """Whether the content type says that the body is JSON."""
        return says_json(self.content_type)

    @cached_property
    def file_problem(self) -> str:
        """Why the file is no JSON, "" when nothing is known against it: a very large one is not read."""
        if not self.file:
            return "The file is empty."
        try:
            text = self.file.decode()
        except UnicodeDecodeError:
            return "The file is not UTF-8 text, and JSON is."
        found = check_json(without_places(text)) if len(text) <= LARGEST_CHECKED else None
        if found is None:
            return ""
        return f"The file is not JSON in line {found.line}, column {found.column}: {found.message}"


def without_places(text: str) -> str:
    """``text`` with a number for every ``{{variable}}``, which may stand where any value may. Pure."""
    return _PLACE.sub(lambda place: "0".ljust(len(place[0])), text)


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


def kept(made: Draft) -> dict[str, Any]:
    """What the browser keeps of a draft beside its body, for after a reload: no header that may hold a secret. Pure."""
    plain = without_secrets(made.headers)
    return {
        "content_type": made.content_type,
        "headers": [list(header) for header in made.headers if header in plain],
        "timeout_seconds": made.timeout_seconds,
        "targets": list(made.targets),
        "payload": made.payload,
    }


def again(made: Draft, body: str, options: Mapping[str, Any]) -> Draft:
    """The draft as it was before a reload, from the body and the :func:`kept` of the browser. Pure.

    What makes no sense stays as it is in ``made``: a browser can send anything.
    """
    restored = replace(made, body=body, is_new=False)
    try:
        headers = tuple((str(name), str(value)) for name, value in options["headers"])
        limit, content_type = float(options["timeout_seconds"]), str(options["content_type"])
        targets, payload = tuple(map(str, options["targets"])), str(options["payload"])
        ScoringRequest(b"", content_type, headers, timeout_seconds=limit).check()
    except (KeyError, TypeError, ValueError, RuleBroken):
        return restored
    return replace(
        restored,
        content_type=content_type,
        headers=headers,
        timeout_seconds=limit,
        targets=targets if len(targets) in (1, 2) else made.targets,
        payload=payload,
    )


def session() -> str:
    """What tells this session from the one before a reload."""
    return str(st.session_state.setdefault(_SESSION, uuid4().hex))


def _key(endpoint: Endpoint) -> str:
    return f"draft:{endpoint.id}"
