"""Regular expressions that read a text once: they say what Python's own say, and never take long."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.expectations.budget import Budget, TooMuch
from services.expectations.patterns import PatternRefused, compiled

ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", "^", "$", r"\.", "(?:)"])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda both: f"(?:{both[0]}|{both[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?"])).map(
            lambda both: f"(?:{both[0]}){both[1]}"
        ),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS, st.text("ab1.", max_size=8))
def test_it_says_what_python_says(expression: str, text: str) -> None:
    # Python's $ also fits before a line break at the end; the texts here have none.
    assert compiled(expression).search(text, Budget()) == bool(re.search(expression, text))
    assert compiled(expression).fullmatch(text, Budget()) == bool(re.fullmatch(expression, text))


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r"^[A-Z]{2}-\d{4}$", "AB-1234"),
        (r"^(?<year>\d{4})-(?P<month>\d\d)$", "2026-03"),
        (r"[]a]", "]"),
        (r"[[:x&&y]", "["),
        (r"\u00e4|\x41", "ä"),
        (r"colou?r|grey", "the colour"),
    ],
)
def test_what_schemas_use_is_known(expression: str, text: str) -> None:
    assert compiled(expression).search(text, Budget())


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("(?=a)", "(?="),
        (r"(a)\1", r"\1"),
        ("a)", "unexpected )"),
        ("(a", "missing )"),
        ("[b-a]", "b-a"),
        ("*a", "no argument for repetition operator: *"),
        ("a{9999}", "{9999}"),
        (r"(?:\pL?){100}", "too large"),
        ("a" * 501, "longer than 500"),
        ("\ud800", "half of a character"),
    ],
)
def test_what_is_not_known_is_refused_in_words(expression: str, why: str) -> None:
    with pytest.raises(PatternRefused, match=re.escape(why)):
        compiled(expression)


def test_half_of_a_character_in_an_answer_is_read_over() -> None:
    assert compiled("^a.b$").search("a\ud800b", Budget())


@pytest.mark.parametrize("expression", ["(a+)+$", "^(a|a)*$", "(a*)*b", "a*a*a*a*a*a*b", "[ab]*a[ab]{300}c"])
@pytest.mark.timeout(20)
def test_a_pattern_that_keeps_python_busy_for_ever_is_over_soon(expression: str) -> None:
    assert not compiled(expression).search("a" * 10_000 + "!", Budget())


def test_a_text_beyond_the_budget_is_given_up() -> None:
    with pytest.raises(TooMuch):
        compiled("(?:[ab]?){300}a{300}c").search("ab" * 100_000, Budget())
