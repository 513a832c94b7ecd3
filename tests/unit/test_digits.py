"""Numbers with a few digits are read without a table of powers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.digits import rounded


@pytest.mark.parametrize(
    ("number", "digits", "shown"),
    [
        (100.0, 2, "100"),
        (99.96, 2, "100"),
        (12_345.678, 3, "12,346"),
        (0.5, 3, "0.5"),
        (1.5e-7, 3, "0.00000015"),
        (0.00012345, 2, "0.00012"),
        (100 * 0.3, 6, "30"),
        (0.0, 3, "0"),
        (-0.0, 3, "0"),
        (1e-30, 3, "0"),
        (-12.34, 3, "−12.3"),
        (1e9, 3, "1,000,000,000"),
        (math.nan, 3, "no data"),
        (math.inf, 3, "without end"),
    ],
)
def test_a_number_has_as_many_digits_as_asked_and_no_power_of_ten(number: float, digits: int, shown: str) -> None:
    assert rounded(number, digits) == shown


def test_a_sign_is_shown_when_it_says_something() -> None:
    assert [rounded(each, 3, signed=True) for each in (1.5, -1.5, 0.0)] == ["+1.5", "−1.5", "0"]


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15), st.integers(1, 6))
def test_it_is_the_number_that_was_given(number: float, digits: int) -> None:
    shown = rounded(number, digits)
    assert "e" not in shown
    found = float(shown.replace(",", "").replace("−", "-"))
    assert found == pytest.approx(number, rel=10.0 ** (1 - digits), abs=1e-11)
