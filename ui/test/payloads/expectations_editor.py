"""Say what is expected of an answer, without code: one row for each expectation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

import streamlit as st

from services.expectations.checking import problem
from services.expectations.expectation import Expectation
from services.expectations.suggestions import suggest, suggest_fields
from services.expectations.words import describe
from services.expectations.writing import CHOICES, Choice, Written, choice_of, read, written
from services.scoring.answer import Answer

_BY_WORDS = {each.words: each for each in CHOICES}


@dataclass
class _Rows:
    """The rows that are open, by number, with what each began as."""

    begun: dict[int, Expectation] = field(default_factory=dict)
    count: int = 0

    def add(self, expectations: Sequence[Expectation]) -> None:
        for each in expectations:
            self.begun[self.count] = each
            self.count += 1

    def remove(self, number: int) -> None:
        self.begun.pop(number, None)


def edit(
    expectations: Sequence[Expectation], key: str, *, answer: Answer | str | None = None
) -> tuple[Expectation, ...]:
    """Draw the rows, which begin as ``expectations``, and return what they say now.

    ``key`` tells one editor of a session from another. ``answer``, or its text, is one that expectations can be taken
    from. An expectation that cannot be judged is returned as well; the row says what is wrong with it.
    """
    state = f"{key}:rows"
    if state not in st.session_state:
        begun = _Rows()
        begun.add(expectations)
        st.session_state[state] = begun
    rows: _Rows = st.session_state[state]
    with st.container(key=f"{key.replace(':', '_')}_expectations", gap="small"):
        found = tuple(_row(key, number, begun, rows) for number, begun in list(rows.begun.items()))
        if not found:
            st.html('<p class="hint">Nothing is expected yet. A run leaves out what expects nothing.</p>')
        _tools(key, rows, found, answer)
    return found


def _tools(key: str, rows: _Rows, found: Sequence[Expectation], answer: Answer | str | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Add expectation", key=f"{key}:add", icon=":material/add:", on_click=_add_next(rows, found))
        suggested = suggest(answer) if isinstance(answer, Answer) else suggest_fields(answer or "")
        fresh = [each for each in suggested if each not in found]
        if fresh:
            st.button(
                "Take from the answer",
                key=f"{key}:suggest",
                icon=":material/rule:",
                help="; ".join(describe(each) for each in fresh),
                on_click=rows.add,
                args=(fresh,),
            )


def _add_next(rows: _Rows, found: Sequence[Expectation]) -> Callable[[], None]:
    """Adds what is most often expected and is not there yet."""
    kinds = {each.kind for each in found}
    usual = (Expectation("status", 200), Expectation("time", 1000), Expectation("path", "", "$", "equals"))
    following = next((each for each in usual if each.kind not in kinds), usual[-1])
    return lambda: rows.add([following])


def _row(key: str, number: int, begun: Expectation, rows: _Rows) -> Expectation:
    first = written(begun)
    name = f"{key}:{number}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        words = st.selectbox(
            f"Expectation {number + 1}",
            list(_BY_WORDS),
            index=CHOICES.index(choice_of(begun)),
            key=f"{name}:what",
            persist_state="session",
            width=180,
        )
        choice = _BY_WORDS[words]
        fields = _fields(name, choice, first)
        st.button(
            ":material/close:",
            key=f"{name}:remove",
            help=f"Remove expectation {number + 1}",
            on_click=rows.remove,
            args=(number,),
        )
    made = read(choice, fields)
    wrong = problem(made)
    st.html(f'<p class="{"tone bad" if wrong else "hint"}">{escape(wrong or describe(made) + ".")}</p>')
    return made


def _fields(name: str, choice: Choice, first: Written) -> Written:
    path = value = tolerance = ""
    if choice.has_path:
        example = "$.label" if choice.kind == "path" else "all of it"
        path = _text("Field, JSONPath", first.path, f"{name}:path", example, 150)
    if choice.is_long:
        value = st.text_area(
            choice.value,
            first.value,
            key=f"{name}:value",
            placeholder=choice.example,
            height=120,
            persist_state="session",
            width=320,
        )
    elif choice.value:
        value = _text(choice.value, first.value, f"{name}:value", choice.example, 125)
    if choice.has_tolerance:
        tolerance = _text("Give or take", first.tolerance, f"{name}:tolerance", "0.01", 90)
    return Written(path, value or "", tolerance)


def _text(label: str, value: str, key: str, example: str, width: int) -> str:
    found = st.text_input(label, value, key=key, placeholder=example, persist_state="session", width=width)
    return found or ""
