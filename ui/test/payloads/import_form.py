"""Bring payloads into the library: paste them or choose a file, look at what was found, add them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from uuid import uuid4

import streamlit as st

from services.errors import SluiceError
from services.model import Endpoint
from services.payloads.from_csv import SHAPES
from services.payloads.importing import Imported, from_file, from_text
from services.payloads.payload import Payload
from ui import context, problem, words
from ui.test.history import opened
from ui.test.payloads import import_rows
from ui.test.send import header_lines

_FOUND = "import_found"
_MOST_PROBLEMS = 20
LARGEST_FILE_MB = 20
_ANY_COLUMNS = "Whatever the file names"
_EXAMPLE = """curl https://…/score -H "Content-Type: application/json" -d '{"data": [[1, 2]]}'"""


def is_open(endpoint: Endpoint) -> bool:
    """Whether the form is shown for this endpoint."""
    return _key(endpoint) in st.session_state


def begin(endpoint: Endpoint) -> None:
    """Open the form, empty. For callbacks."""
    close(endpoint)
    st.session_state[_key(endpoint)] = uuid4().hex


def close(endpoint: Endpoint) -> None:
    """Leave the form, with all that was put into it. For callbacks."""
    st.session_state.pop(_key(endpoint), None)
    st.session_state.pop(_FOUND, None)


def show(endpoint: Endpoint, payloads: Sequence[Payload]) -> None:
    """Draw the form, what it finds in what was given, and the button that adds it. Raises StoreFailed."""
    token = st.session_state[_key(endpoint)]
    st.header("Import payloads", anchor=False)
    text = st.text_area(
        "Paste a curl command, JSON or JSON lines",
        height=140,
        key=f"import_text:{token}",
        placeholder=_EXAMPLE,
        persist_state="session",
    )
    file = st.file_uploader(
        f"Or choose a file: CSV, JSON or JSONL, up to {LARGEST_FILE_MB} MB",
        type=["csv", "tsv", "json", "jsonl", "ndjson", "txt", "sh"],
        key=f"import_file:{token}",
        max_upload_size=LARGEST_FILE_MB,
    )
    found = None
    if file is not None:
        shape, columns = _csv_choices(payloads) if file.name.lower().endswith((".csv", ".tsv")) else ("split", ())
        found = _read(endpoint, file.name, file.getvalue(), shape, columns)
    elif (text or "").strip():
        found = _read(endpoint, "", (text or "").encode(errors="replace"), "split", ())
    tags = ""
    if found is not None:
        _show_found(found, payloads)
        tags = _tags_field(token, found)
    _foot(endpoint, found, tags)


def _csv_choices(payloads: Sequence[Payload]) -> tuple[str, tuple[str, ...]]:
    """What a row becomes, and the columns that are expected."""
    known = {each.name: import_rows.columns_of(each.body) for each in payloads}
    with_columns = [name for name, columns in known.items() if columns]
    shape = st.selectbox("A row becomes", list(SHAPES), format_func=lambda each: SHAPES[each][0], key="import_shape")
    if not with_columns:
        return shape, ()
    like = st.selectbox(
        "Columns as in the payload",
        [_ANY_COLUMNS, *with_columns],
        key="import_like",
        help="Columns that are missing or unknown are named then, and the others are put into its order.",
    )
    return shape, known.get(like, ())


def _read(endpoint: Endpoint, name: str, data: bytes, shape: str, columns: tuple[str, ...]) -> Imported:
    """What is in it, remembered: reading a large file again at every click would make each of them slow."""
    mark = (endpoint.id, name, hashlib.sha256(data).hexdigest(), shape, columns)
    known: tuple[object, Imported] | None = st.session_state.get(_FOUND)
    if known is not None and known[0] == mark:
        return known[1]
    if name:
        found = from_file(name, data, endpoint.scoring_uri, shape=shape, columns=columns)
    else:
        found = from_text(data.decode(), endpoint.scoring_uri)
    st.session_state[_FOUND] = (mark, found)
    return found


def _show_found(found: Imported, payloads: Sequence[Payload]) -> None:
    if found.problems:
        shown = "".join(f"<li>{escape(str(each))}</li>" for each in found.problems[:_MOST_PROBLEMS])
        more = len(found.problems) - _MOST_PROBLEMS
        rest = f"<li>And {words.count(more, 'more problem')}.</li>" if more > 0 else ""
        what = "Some of it cannot be imported." if found.payloads else "Nothing in it can be imported."
        st.html(f'<section class="problem" role="alert"><h2>{what}</h2><ul>{shown}{rest}</ul></section>')
    if found.notes:
        notes = "".join(f"<li>{escape(each)}</li>" for each in found.notes)
        st.html(f'<section class="notice"><ul>{notes}</ul></section>')
    if found.payloads:
        import_rows.show(found.payloads, [each.name for each in payloads])


def _tags_field(token: str, found: Imported) -> str:
    if not found.payloads:
        return ""
    return (
        st.text_input(
            "Tags for all of these", key=f"import_tags:{token}", placeholder="Parted by commas", persist_state="session"
        )
        or ""
    )


def _foot(endpoint: Endpoint, found: Imported | None, tags: str) -> None:
    count = len(found.payloads) if found else 0
    with st.container(horizontal=True, key="import_foot"):
        is_added = st.button(
            f"Add {words.count(count, 'payload')}" if count else "Add",
            key="import_add",
            type="primary",
            disabled=not count,
        )
        st.button("Cancel", key="import_cancel", on_click=close, args=(endpoint,))
    if not is_added or found is None:
        return
    try:
        _add(endpoint, found, header_lines.tags(tags))
    except SluiceError as error:
        problem.show(error, key="import")
    else:
        st.rerun()


def _add(endpoint: Endpoint, found: Imported, tags: tuple[str, ...]) -> None:
    library = context.library()
    kept = library.add_all(
        endpoint.id, [replace(each, tags=tuple(dict.fromkeys((*each.tags, *tags)))) for each in found.payloads]
    )
    _add_variables(endpoint, found.variables)
    close(endpoint)
    opened.put(opened.PAYLOAD, kept[0].id)
    st.toast(f"Added {words.count(len(kept), 'payload')}.")


def _add_variables(endpoint: Endpoint, variables: Mapping[str, str]) -> None:
    """A variable that has a value here keeps it."""
    known = context.library().variables(endpoint.id)
    for name, value in variables.items():
        if name not in known:
            context.library().set_variable(endpoint.id, name, value)


def _key(endpoint: Endpoint) -> str:
    return f"import_form:{endpoint.id}"
