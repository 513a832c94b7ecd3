"""What can be done to a body besides typing it: begin from a template, upload a file, lay it out, save it."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import replace
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.json_text import formatted
from services.model import Deployment, Endpoint
from services.payloads.payload import Payload
from services.payloads.templates import Template, templates
from services.scoring.json_check import check_json
from services.scoring.request import JSON
from ui import context, problem, readers, words
from ui.labels import plain
from ui.test.answer import body_text
from ui.test.send import draft, shape_notice
from ui.test.send.draft import LARGEST_EDITED, Draft

LARGEST_FILE_MB = 20


def show(endpoint: Endpoint, deployments: Sequence[Deployment], made: Draft) -> None:
    """Draw the row of tools above the editor."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="body_tools"):
        _templates(endpoint, deployments, made)
        with st.popover("File", icon=":material/upload_file:", key=f"file_tool:{endpoint.name}:{made.revision}"):
            st.file_uploader(
                f"A body of up to {LARGEST_FILE_MB} MB",
                key=_upload_key(endpoint, made),
                max_upload_size=LARGEST_FILE_MB,
                help="Text opens in the editor. What is large or no text is sent as it is, with its content type.",
                on_change=_take_file,
                args=(endpoint,),
            )
        st.button("Format", key="format", disabled=made.file is not None, on_click=_format, args=(endpoint,))
        _saving(endpoint, made)


def held_file(endpoint: Endpoint, made: Draft) -> None:
    """Draw what stands in place of the editor while a file is sent."""
    size = words.count(len(made.bytes), "byte")
    st.html(
        f'<p class="label">Body</p><p class="working">The file <b>{escape(made.file_name)}</b>, {size}, is sent as it '
        "is.</p>"
    )
    st.button("Write a body instead", key="drop_file", on_click=_drop_file, args=(endpoint,))


def with_file(made: Draft, content: bytes, name: str, said_type: str) -> Draft:
    """The draft with an uploaded file as its body: in the editor when it is short text, else held beside it. Pure."""
    content_type = _type_of(name, said_type)
    text = body_text.text_of(content) if len(content) <= LARGEST_EDITED else None
    common = replace(made, content_type=content_type, payload="", is_new=False)
    if text:
        return replace(common, body=text.removeprefix("\ufeff"), file=None, file_name="")
    return replace(common, file=content, file_name=name)


def _type_of(name: str, said_type: str) -> str:
    """Browsers name no type for what they do not know; .jsonl and .csv they name as their machine happens to."""
    if name.lower().endswith(".csv"):
        return "text/csv"
    return said_type or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _upload_key(endpoint: Endpoint, made: Draft) -> str:
    return f"upload:{endpoint.name}:{made.revision}"


def _take_file(endpoint: Endpoint) -> None:
    made = draft.of(endpoint)
    uploaded = st.session_state.get(_upload_key(endpoint, made)) if made else None
    if made is not None and uploaded is not None:
        draft.put(endpoint, with_file(made, uploaded.getvalue(), uploaded.name, uploaded.type or ""))


def _drop_file(endpoint: Endpoint) -> None:
    made = draft.of(endpoint)
    if made is not None:
        draft.put(endpoint, replace(made, file=None, file_name="", content_type=JSON, is_new=False))


def _format(endpoint: Endpoint) -> None:
    made = draft.of(endpoint)
    if made is not None and check_json(made.body) is None:
        draft.put(endpoint, replace(made, body=formatted(made.body), is_new=False))


def _templates(endpoint: Endpoint, deployments: Sequence[Deployment], made: Draft) -> None:
    # With the draft's revision in its key it closes when something has been taken from it.
    key = f"templates_tool:{endpoint.name}:{made.revision}"
    menu = st.popover("Templates", icon=":material/description:", key=key, on_change="rerun")
    if not menu.open:
        return
    folder = context.settings().samples_dir
    conn, _, _ = readers.key(endpoint.workspace_ref)
    with menu:
        with st.spinner("Looking for templates", show_time=True):
            found = templates(conn, endpoint, deployments, folder if folder.is_absolute() else context.ROOT / folder)
        shape_notice.ask(endpoint)
        for number, each in enumerate(found):
            if each.body:
                st.button(plain(each.name), key=f"template:{number}", on_click=_begin_with, args=(endpoint, each))
            else:
                st.html(f'<p class="label">{escape(each.name)}</p>')
            st.caption(plain(each.note))
        if not found:
            st.caption("There is no sample and no schema to begin from. Type a body, or upload a file.")


def _begin_with(endpoint: Endpoint, template: Template) -> None:
    made = draft.of(endpoint) or Draft()
    draft.put(
        endpoint,
        replace(made, body=template.body, file=None, file_name="", content_type=JSON, payload="", is_new=False),
    )


def _saving(endpoint: Endpoint, made: Draft) -> None:
    with st.popover("Save", icon=":material/bookmark_add:", key=f"save_tool:{endpoint.name}:{made.revision}"):
        name_key = f"save_name:{endpoint.name}:{made.revision}"
        name = st.text_input("Name in the library", made.payload, key=name_key, max_chars=120)
        if st.button("Save as payload", key="save_payload", type="primary", disabled=not (name or "").strip()):
            try:
                saved = _save(endpoint, made, (name or "").strip())
            except SluiceError as error:
                problem.show(error, key="save_payload")
            else:
                made.payload = saved.name
                st.caption(plain(f"Saved as {saved.name}. It is in the view Payloads."))


def _save(endpoint: Endpoint, made: Draft, name: str) -> Payload:
    """Save what is written: over the payload that it began as when the name is still its own."""
    library = context.library()
    known = next((each for each in library.all(endpoint.id) if each.name == name == made.payload), None)
    payload = replace(
        known or Payload("", name, b""),
        body=made.bytes,
        content_type=made.content_type,
        headers=made.headers,
        timeout_seconds=made.timeout_seconds,
    )
    return library.save(endpoint.id, payload)
