"""Where two answers differ."""

import json
from typing import Any

import jsonpath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.replay.differences import Difference, differences

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
HUGE = 10**400


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"a": 1}, {"a": 2}, Difference("$.a", "value", 1, 2)),
        ({"a": 1}, {"a": "1"}, Difference("$.a", "type", 1, "1")),
        ({"a": True}, {"a": 1}, Difference("$.a", "type", True, 1)),
        ({"a": None}, {}, Difference("$.a", "missing", None, None)),
        ({}, {"a b": 1}, Difference("$['a b']", "added", None, 1)),
        ([1, 2], [1, 2, 3], Difference("$[2]", "added", None, 3)),
        ([[1], [2]], [[1], [3]], Difference("$[1][0]", "value", 2, 3)),
        ("yes", "no", Difference("$", "value", "yes", "no")),
        ({"it's": 0}, {"it's": 1}, Difference("$['it\\'s']", "value", 0, 1)),
        ([HUGE], [HUGE + 1], Difference("$[0]", "value", HUGE, HUGE + 1)),
    ],
)
def test_a_difference_is_found_with_its_place_and_kind(left: Any, right: Any, expected: Difference) -> None:
    assert differences(left, right) == (expected,)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (json.loads('{"a": NaN}'), json.loads('{"a": NaN}')),
        ([1], [1.0]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([0.0], [-0.0]),
    ],
)
def test_what_says_the_same_does_not_differ(left: Any, right: Any) -> None:
    assert differences(left, right) == ()


def test_numbers_within_the_tolerance_are_the_same() -> None:
    assert differences([1.0], [1.0 + 1e-10], tolerance=1e-9) == ()
    assert differences([1.0], [1.0 + 1e-8], tolerance=1e-9) != ()
    assert differences([float("inf")], [1e300], tolerance=1e-9) != ()
    assert differences([HUGE], [HUGE + 1], tolerance=1e-9) == ()
    assert differences([HUGE], [2 * HUGE], tolerance=1e-9) != ()


def test_no_more_differences_are_returned_than_were_asked_for() -> None:
    assert [each.path for each in differences([0] * 100, [1] * 100, limit=3)] == ["$[0]", "$[1]", "$[2]"]


def test_a_deeply_nested_document_is_compared() -> None:
    left: Any = 1
    right: Any = 2
    for _ in range(20_000):
        left, right = [left], [right]
    (found,) = differences(left, right)
    assert (found.left, found.right) == (1, 2)


def test_the_field_of_a_path_is_the_same_for_all_rows() -> None:
    (found,) = differences({"rows": [{"a[0]": [1]}]}, {"rows": [{"a[0]": [2]}]})
    assert found.path == "$.rows[0]['a[0]'][0]"
    assert found.field == "$.rows[*]['a[0]'][*]"


@given(_JSON)
def test_a_document_does_not_differ_from_itself(document: Any) -> None:
    assert differences(document, json.loads(json.dumps(document))) == ()


@given(_JSON, _JSON)
def test_every_path_finds_what_the_difference_says(left: Any, right: Any) -> None:
    for each in differences(left, right):
        if each.kind != "added" and isinstance(left, dict | list):
            assert [repr(found) for found in jsonpath.findall(each.path, left)] == [repr(each.left)]
        if each.kind != "missing" and isinstance(right, dict | list):
            assert [repr(found) for found in jsonpath.findall(each.path, right)] == [repr(each.right)]


@given(_JSON, _JSON)
def test_the_two_sides_can_be_exchanged(left: Any, right: Any) -> None:
    exchanged = {"missing": "added", "added": "missing", "value": "value", "type": "type"}
    one = {(each.path, each.kind) for each in differences(left, right)}
    assert one == {(each.path, exchanged[each.kind]) for each in differences(right, left)}
