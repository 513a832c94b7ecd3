"""The body of an answer: laid out, as it came, or as a table, and to download."""

from __future__ import annotations

import mimetypes
from html import escape

import streamlit as st

from services import quantities
from services.scoring.answer import Answer
from ui import words
from ui.components.table import Cell, Column, Row, table
from ui.test.answer import class_scores
from ui.test.answer.body_reading import Reading, Table, cell_text, number_of, read

PRETTY, TABLE, RAW = "Pretty", "Table", "Raw"
MOST_SHOWN = 20_000
"""Characters of a text that the page shows; the rest is in the download."""
_TALL = 420
_LINES_BEFORE_TALL, _LETTERS_BEFORE_TALL = 20, 4000
_FEW_COLUMNS = 4
"""A table of so few columns is as narrow as its cells: across the page its values would be far from each other."""
_PREFERRED = "answer_shown_as"


def show(answer: Answer, file_name: str, key: str) -> None:
    """Draw the body. ``file_name`` is that of the download, without its suffix."""
    reading = read(answer)
    if reading.kind == "empty":
        st.html('<p class="label">Body</p><p class="lead">The answer has no body.</p>')
        return
    scores = class_scores.class_scores(reading.value)
    if scores:
        class_scores.show(scores, key)
    with st.container(horizontal=True, vertical_alignment="center", key=f"body_head:{key}"):
        chosen = _choice(reading, key)
        _download(answer, reading, file_name, key)
    for note in _notes(answer, reading):
        st.html(f'<p class="hint">{escape(note)}</p>')
    if chosen == TABLE and reading.table:
        _table(reading.table, file_name, key)
    elif reading.kind != "bytes":
        _text(reading.pretty if chosen == PRETTY else reading.text, reading, len(answer.body), chosen)


def _choice(reading: Reading, key: str) -> str:
    options = [
        *([PRETTY] if reading.pretty else []),
        *([TABLE] if reading.table else []),
        *([RAW] if reading.kind != "bytes" else []),
    ]
    if len(options) < 2:
        st.html('<p class="beside">Body</p>', width="content")
        return RAW
    preferred = st.session_state.get(_PREFERRED)
    widget = f"body_as:{key}:{'-'.join(options)}"

    def keep() -> None:
        st.session_state[_PREFERRED] = st.session_state[widget]

    chosen = st.segmented_control(
        "Body",
        options,
        default=preferred if preferred in options else options[0],
        key=widget,
        required=True,
        label_visibility="collapsed",
        on_change=keep,
    )
    return chosen or options[0]


def _download(answer: Answer, reading: Reading, file_name: str, key: str) -> None:
    body = answer.body
    suffix = ".json" if reading.kind == "json" else mimetypes.guess_extension(answer.content_type) or ".bin"
    st.download_button(
        f"Download, {quantities.size(len(body))}",
        # A function, so that a large body is handed over when it is asked for and not on every drawing.
        lambda: body,
        file_name=f"{file_name}{suffix}",
        # Never the answer's own type: no browser may run what an endpoint sent as a page of this origin.
        mime="application/octet-stream",
        icon=":material/download:",
        key=f"download_answer:{key}",
        on_click="ignore",
    )


def _notes(answer: Answer, reading: Reading) -> list[str]:
    notes = list(reading.notes)
    if reading.kind == "bytes":
        type_name = answer.content_type or "no content type"
        notes.append(f"These are bytes and no text ({type_name}), so they are not shown. Download them.")
    elif reading.is_part:
        notes.append(
            f"The body is larger than what is laid out here ({quantities.size(len(answer.body))}). "
            "Its beginning is shown as it came."
        )
    if reading.kind == "html":
        notes.append("This is a web page, which no scoring script sends by itself. Its source is shown.")
    return notes


def _text(text: str, reading: Reading, size: int, chosen: str) -> None:
    language = "json" if chosen == PRETTY else "html" if reading.kind == "html" else None
    if len(text) <= MOST_SHOWN:
        is_tall = text.count("\n") > _LINES_BEFORE_TALL or len(text) > _LETTERS_BEFORE_TALL
        st.code(text, language=language, wrap_lines=True, height=_TALL if is_tall else "content")
        return
    whole = f"characters of {quantities.size(size)}" if reading.is_part else f"of {len(text):,} characters"
    with st.expander(f"The first {MOST_SHOWN:,} {whole}"):
        st.code(text[:MOST_SHOWN], language=None, wrap_lines=True, height=_TALL)


def _table(found: Table, file_name: str, key: str) -> None:
    numeric = [
        all(number_of(row[place]) is not None for row in found.rows if row[place] is not None)
        for place in range(len(found.columns))
    ]
    columns = [
        Column(name or "(no name)", number=is_number, id=str(place), csv=name)
        for place, (name, is_number) in enumerate(zip(found.columns, numeric, strict=True))
    ]
    rows = [
        Row(str(place), (Cell(str(place + 1), sort=place, muted=True), *(_cell(value) for value in row)))
        for place, row in enumerate(found.rows)
    ]
    table(
        "The answer as a table",
        [Column("#", number=True, id="place"), *columns],
        rows,
        key=f"answer_table:{key}",
        compact=len(columns) <= _FEW_COLUMNS,
        download=f"{file_name}.csv",
    )
    less = []
    if found.total > len(found.rows):
        less.append(f"The first {len(found.rows):,} of {found.total:,} rows.")
    if found.left_out:
        less.append(f"{words.count(found.left_out, 'more column')} left out.")
    if less:
        st.caption(" ".join([*less, "The download above has everything."]))


def _cell(value: object) -> Cell:
    number = number_of(value)
    text = cell_text(value)
    if number is not None:
        return Cell(text, sort=number)
    return Cell(text, muted=value is None, csv=value if isinstance(value, str) and value != text else "")
