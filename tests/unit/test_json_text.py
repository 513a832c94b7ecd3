"""Laying JSON out changes nothing but the spaces between its parts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.json_text import formatted
from services.scoring.json_check import check_json

LONG = "1" * 5000
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(value=values, ascii_only=st.booleans())
def test_it_reads_like_pythons_own_layout(value: object, ascii_only: bool) -> None:
    assert formatted(json.dumps(value, ensure_ascii=ascii_only)) == json.dumps(value, indent=2, ensure_ascii=False)


@pytest.mark.parametrize("number", [LONG, "1e400", "0.10000000000000000001", "1.0", "-0"])
def test_numbers_keep_every_digit(number: str) -> None:
    assert check_json(number) is None
    assert formatted(f"[{number}]") == f"[\n  {number}\n]"


def test_repeated_keys_stay() -> None:
    assert formatted('{"a":1,"a":2}') == '{\n  "a": 1,\n  "a": 2\n}'


def test_half_a_surrogate_pair_stays_escaped_and_a_whole_one_is_written_out() -> None:
    assert formatted(r'["\ud800", "\ud83d\ude00"]') == '[\n  "\\ud800",\n  "😀"\n]'
