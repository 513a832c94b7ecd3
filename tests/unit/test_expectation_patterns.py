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
        ("(?=a)", "looks ahead"),
        ("(?i)a", "sets flags"),
        (r"(a)\1", r"\1, not known here"),
        (r"\bcat", r"\b, not known here"),
        ("a)", "without its ("),
        ("(a", "without its )"),
        ("[a", "a [ without its ]"),
        ("[b-a]", "no class of characters"),
        ("*a", "nothing before *"),
        ("a++", "repeats a repetition"),
        ("a{3,2}", "3 is more than 2"),
        ("a{9999}", "too large"),
        ("(((){999}){999}){999}", "too large"),
        ("(" * 100, "nested too deeply"),
        ("a" * 501, "longer than"),
        ("\\", "not known here"),
    ],
)
def test_what_is_not_known_is_refused_in_words(expression: str, why: str) -> None:
    with pytest.raises(PatternRefused, match=re.escape(why)):
        compiled(expression)


@pytest.mark.parametrize("expression", ["(a+)+$", "^(a|a)*$", "(a*)*b", "a*a*a*a*a*a*b"])
@pytest.mark.timeout(20)
def test_a_pattern_that_keeps_python_busy_for_ever_is_over_soon(expression: str) -> None:
    assert not compiled(expression).search("a" * 10_000 + "!", Budget())


def test_a_text_beyond_the_budget_is_given_up() -> None:
    with pytest.raises(TooMuch):
        compiled("b").search("a" * 101, Budget(100))
