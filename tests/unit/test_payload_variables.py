"""Variables in payloads are replaced, and nothing else is touched."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import RuleBroken
from services.payloads.variables import fill, filled, names_in
from services.scoring.request import ScoringRequest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BROKEN_PLACES = ("{{}}", "{{ a b }}", "{{1}}", "{c}", "{{c}", "{{{{", "{{a|upper}}", "{{ü}}", "{{c\n}}", "{{$ uuid}}")


def put(text: str, **values: str) -> str:
    return fill(text, values, now=NOON, rng=Random(1))


def test_values_stand_in_for_their_names() -> None:
    assert put('{"a": {{n}}, "b": "{{ city }}"}', n="3", city="Köln") == '{"a": 3, "b": "Köln"}'
    assert fill("ü {{n}}".encode(), {"n": "é"}, now=NOON, rng=Random(1)) == "ü é".encode()


def test_some_values_are_made_anew_at_every_place() -> None:
    one, two, now, number = put("{{$uuid}} {{$uuid}} {{$now}} {{$random}}").split()

    assert one != two
    assert UUID(one).version == 4
    assert now == "2026-03-01T12:00:00Z"
    assert 0 <= int(number) <= 999_999


def test_an_unknown_variable_is_named_with_its_line() -> None:
    with pytest.raises(RuleBroken) as caught:
        put("{\n\n  {{n}} {{town}}", n="1")
    assert caught.value.why == "Line 3 uses {{town}}, which has no value."

    with pytest.raises(RuleBroken) as caught:
        put("{{$guid}}")
    assert "{{$uuid}}, {{$now}}, {{$random}}" in caught.value.next_step


def test_a_value_may_hold_braces_and_is_not_looked_through() -> None:
    assert put("{{a}}", a="{{b}} {{$uuid}}") == "{{b}} {{$uuid}}"


@pytest.mark.parametrize("text", BROKEN_PLACES)
def test_what_only_looks_like_a_variable_stays(text: str) -> None:
    assert put(text, a="!", c="!") == text


def test_bytes_that_are_no_text_stay() -> None:
    assert fill(b"\xff{{a}}", {"a": "1"}, now=NOON, rng=Random(1)) == b"\xff{{a}}"


def test_values_are_escaped_inside_the_strings_of_a_json_request_only() -> None:
    values = {"words": 'say "hi"\n', "list": '["a"]'}
    body = b'{"a": "\\"{{words}}", "b": {{list}}, "\\\\": "x"}'

    sent = filled(ScoringRequest(body, headers=(("X-Note", "{{list}}"),)), values, now=NOON, rng=Random(1))

    assert json.loads(sent.body) == {"a": '"say "hi"\n', "b": ["a"], "\\": "x"}
    assert sent.headers == (("X-Note", '["a"]'),)
    plain = filled(ScoringRequest(b'"{{list}}"', content_type="text/plain"), values, now=NOON, rng=Random(1))
    assert plain.body == b'"["a"]"'


def test_an_unknown_variable_in_a_json_string_is_named_with_its_line() -> None:
    with pytest.raises(RuleBroken, match=r"Line 2 uses \{\{town\}\}"):
        filled(ScoringRequest(b'{"a": 1,\n"b": "{{town}}"}'), {}, now=NOON, rng=Random(1))


def test_the_names_in_a_body_come_once_and_in_order() -> None:
    assert names_in(b"{{b}} {{a}} {{b}} {{$now}} {{}}") == ("b", "a", "$now")
    assert names_in(b"\xff{{b}}") == ()


LITERALS = st.text(alphabet=st.sampled_from('}$ab_ "\\\n1ü:,'), max_size=8)
PARTS = st.lists(
    st.tuples(LITERALS, st.sampled_from([*BROKEN_PLACES, "{{a}}", "{{ b_1 }}", "{{\tx.y-z}}"])), max_size=5
)
VALUES = {"a": "{{b_1}}", "b_1": "\\1", "x.y-z": ""}


@given(PARTS)
def test_exactly_the_variables_are_replaced(parts: list[tuple[str, str]]) -> None:
    # A dot between parts keeps one from completing another.
    text = ".".join(literal + "." + place for literal, place in parts)
    expected = ".".join(literal + "." + VALUES.get(place.strip("{} \t"), place) for literal, place in parts)

    assert fill(text, VALUES, now=NOON, rng=Random(1)) == expected


@given(st.text(alphabet=st.sampled_from('{}$ab_ "\\\n1ü'), max_size=60), st.booleans())
def test_text_without_variables_is_never_touched(text: str, is_json: bool) -> None:
    if not names_in(text):
        assert fill(text, {}, now=NOON, rng=Random(1), is_json=is_json) == text


@given(st.binary(max_size=200))
def test_any_bytes_without_braces_come_back_the_same(body: bytes) -> None:
    body = body.replace(b"{", b"")
    assert filled(ScoringRequest(body), {}, now=NOON, rng=Random(1)).body == body


def test_an_unknown_variable_of_a_header_is_looked_for_there() -> None:
    request = ScoringRequest(b"{}", headers=(("X-Run", "{{nope}}"),))
    with pytest.raises(RuleBroken) as caught:
        filled(request, {}, now=datetime(2026, 3, 1, tzinfo=UTC), rng=Random(1))
    assert caught.value.why == "The header X-Run uses {{nope}}, which has no value."
