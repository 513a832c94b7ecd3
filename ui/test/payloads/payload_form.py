"""Write a payload of the library, or change one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import uuid4

import streamlit as st

from services.errors import Conflict, RuleBroken, SluiceError
from services.model import Endpoint
from services.payloads.payload import Payload
from services.payloads.variables import names_in
from services.scoring.json_check import check_json
from services.scoring.request import JSON, LONGEST_TIMEOUT_SECONDS, SHORTEST_TIMEOUT_SECONDS
from ui import context, problem
from ui.labels import listed
from ui.test.answer.body_text import text_of
from ui.test.history import opened
from ui.test.payloads import expectations_editor
from ui.test.payloads.payload_rows import expects, size
from ui.test.send import header_lines
from ui.test.send.draft import LARGEST_EDITED

LARGEST_FILE_MB = 20
_BODY_HEIGHT = 260


@dataclass(frozen=True)
class Form:
    """An open form: what it began with, and a ``token`` that no other form has."""

    payload: Payload
    token: str


def begin(endpoint: Endpoint, payload: Payload) -> None:
    """Change ``payload``; one without an id becomes a new one. For callbacks."""
    close(endpoint)
    st.session_state[_key(endpoint)] = Form(payload, uuid4().hex)


def begin_new(endpoint: Endpoint) -> None:
    """Write a payload from nothing. For callbacks."""
    begin(endpoint, Payload("", "", b""))


def begin_copy(endpoint: Endpoint, payload: Payload) -> None:
    """Write one that begins as ``payload`` is. For callbacks."""
    begin(endpoint, replace(payload, id="", name=f"{payload.name} copy", changed_at=None))


def of(endpoint: Endpoint) -> Form | None:
    """The form that is open for this endpoint, None when none is."""
    found: Form | None = st.session_state.get(_key(endpoint))
    return found


def close(endpoint: Endpoint) -> None:
    """Leave the form, with all that was written into it. For callbacks."""
    st.session_state.pop(_key(endpoint), None)


def show(endpoint: Endpoint, form: Form) -> None:
    """Draw the form with its buttons."""
    before, token = form.payload, form.token
    st.header("Edit payload" if before.id else "New payload", anchor=False)
    name = st.text_input("Name", before.name, max_chars=120, key=f"payload_name:{token}", persist_state="session")
    tags = st.text_input(
        "Tags",
        ", ".join(before.tags),
        key=f"payload_tags:{token}",
        placeholder="Parted by commas: smoke, edge case",
        persist_state="session",
    )
    body = _body(form)
    left, right = st.columns([2, 1])
    with left:
        content_type = st.text_input(
            "Content type", before.content_type, key=f"payload_type:{token}", persist_state="session"
        )
    with right:
        limit = st.number_input(
            "Time limit, s",
            min_value=SHORTEST_TIMEOUT_SECONDS,
            max_value=LONGEST_TIMEOUT_SECONDS,
            value=before.timeout_seconds,
            step=10.0,
            format="%g",
            key=f"payload_limit:{token}",
            persist_state="session",
        )
    headers = st.text_area(
        "Headers, one per line",
        header_lines.written(before.headers),
        height=80,
        key=f"payload_headers:{token}",
        placeholder="X-Trace: {{$uuid}}",
        persist_state="session",
    )
    with st.expander(f"Expected of the answer: {expects(before)}", key=f"payload_expected:{token}"):
        answer = _answer(form)
        expectations = expectations_editor.edit(before.expectations, key=f"expectations:{token}", answer=answer)
    with st.container(horizontal=True, key="payload_form_foot"):
        is_saved = st.button("Save", key="payload_save", type="primary", icon=":material/save:")
        st.button("Cancel", key="payload_cancel", on_click=close, args=(endpoint,))
    if is_saved:
        try:
            made = replace(
                before,
                name=(name or "").strip(),
                body=body,
                content_type=(content_type or "").strip() or JSON,
                headers=header_lines.read(headers or ""),
                timeout_seconds=limit,
                tags=header_lines.tags(tags or ""),
                expected_answer=answer,
                expectations=expectations,
            )
            _save(endpoint, made)
        except Conflict as error:
            problem.show(error, key="payload_form")
            _give_way(endpoint, form)
        except SluiceError as error:
            problem.show(error, key="payload_form")
        else:
            st.rerun()


def _body(form: Form) -> bytes:
    """Draw what edits the body, and return it. A file that is chosen comes before what is written."""
    before, token = form.payload.body, form.token
    text = text_of(before) if len(before) <= LARGEST_EDITED else None
    written = before
    if text is None:
        kind = "binary" if text_of(before) is None else "too large to be edited here"
        st.html(f'<p class="label">Body</p><p class="hint">{size(len(before))}, {kind}. A file takes its place.</p>')
    else:
        found = st.text_area("Body", text, height=_BODY_HEIGHT, key=f"payload_body:{token}", persist_state="session")
        written = (found or "").encode()
        said = _said_of(found or "")
        if said:
            st.caption(said)
    with st.expander("Take the body from a file"):
        file = st.file_uploader(
            f"A file of up to {LARGEST_FILE_MB} MB",
            key=f"payload_file:{token}",
            max_upload_size=LARGEST_FILE_MB,
        )
    if file is None:
        return written
    st.caption(f"The body is the file, {size(file.size)}. Take it out to write the body here.")
    return file.getvalue()


def _answer(form: Form) -> str:
    """Draw what edits the expected answer, and return it. One that is too large can be kept or dropped."""
    before, token = form.payload.expected_answer, form.token
    if len(before) > LARGEST_EDITED:
        is_kept = st.checkbox(
            f"Keep the expected answer, {size(len(before.encode()))}", True, key=f"payload_keep:{token}"
        )
        return before if is_kept else ""
    found = st.text_area(
        "An answer that is right",
        before,
        height=160,
        key=f"payload_answer:{token}",
        placeholder="The answer to compare with; it can be taken from the history",
        persist_state="session",
    )
    return found or ""


def _said_of(text: str) -> str:
    """What is worth knowing about a body while it is written. A body need not be JSON."""
    names = names_in(text)
    if names:
        return f"Filled in when it is sent: {', '.join(names)}."
    found = check_json(text) if text.strip() else None
    return f"Not JSON in line {found.line}, column {found.column}: {found.message}" if found else ""


def _save(endpoint: Endpoint, made: Payload) -> None:
    """Raises RuleBroken for what cannot be kept or sent, StoreFailed."""
    if not made.name:
        raise RuleBroken("The payload was not saved.", "It has no name.", "Give it one.")
    made.request().check()
    saved = context.library().save(endpoint.id, made)
    close(endpoint)
    opened.put(opened.PAYLOAD, saved.id)
    gone = [name for name, value in made.headers if (name, value) not in saved.headers]
    if gone:
        st.toast(f"Saved. The value of {listed(gone)} looks like a secret and was not kept.", duration="long")
    else:
        st.toast("The payload was saved.")


def _give_way(endpoint: Endpoint, form: Form) -> None:
    """The person has been told that somebody else changed the payload: the next Save counts."""
    current = context.library().get(form.payload.id)
    changed_at = current.changed_at if current else None
    st.session_state[_key(endpoint)] = replace(form, payload=replace(form.payload, changed_at=changed_at))


def _key(endpoint: Endpoint) -> str:
    return f"payload_form:{endpoint.id}"
