"""What the body of an answer is read as: values in, values out."""

from __future__ import annotations

import json

import pytest

from services.scoring.answer import Answer, Timing
from ui.test.answer.body_reading import MOST_READ, MOST_ROWS, Number, cell_text, number_of, read
from ui.test.answer.class_scores import MOST_BARS, bars, class_scores
from ui.test.answer.timing_bar import bar, parts


def answer(body: bytes | str, content_type: str = "application/json", *, is_cut: bool = False) -> Answer:
    raw = body.encode() if isinstance(body, str) else body
    headers = {"content-type": content_type} if content_type else {}
    return Answer(200, raw, headers, {}, Timing(1, 2, 3, 40, 5, 51), "blue", "id", None, 30.0, is_cut)


def parsed(value: object) -> object:
    return read(answer(json.dumps(value))).value


def test_json_is_laid_out_and_keeps_every_digit() -> None:
    reading = read(answer("[1e400, 12345678901234567890.0, " + "1" * 5000 + "]"))
    assert (reading.kind, reading.notes) == ("json", ())
    assert reading.pretty.splitlines()[1] == "  1e400,"
    assert reading.value[1] == "12345678901234567890.0"


def test_nan_is_shown_and_called_no_json() -> None:
    reading = read(answer('{"predictions": [{"a": NaN}, {"a": 1}]}'))
    assert reading.kind == "json"
    assert "NaN is not a JSON value" in reading.notes[0]
    assert reading.table is not None
    assert [cell_text(row[0]) for row in reading.table.rows] == ["NaN", "1"]
    assert number_of(reading.table.rows[0][0]) is None


def test_an_answer_that_calls_itself_json_and_is_not_says_where_it_breaks() -> None:
    reading = read(answer('{"a":\n  1,}'))
    assert (reading.kind, reading.text) == ("text", '{"a":\n  1,}')
    assert "line 2" in reading.notes[0]
    assert read(answer("plain words", "text/plain")).notes == ()


def test_a_cut_answer_is_not_blamed_for_broken_json() -> None:
    assert read(answer('{"a": [1, 2', is_cut=True)).notes == ()


def test_json_packed_into_a_string_is_unpacked() -> None:
    reading = read(answer(json.dumps(json.dumps({"predictions": [{"label": "a"}]}))))
    assert reading.pretty.splitlines()[0] == "{"
    assert reading.text.startswith('"{')
    assert reading.table is not None
    assert "packed" in reading.notes[0]


@pytest.mark.parametrize("text", ["<!DOCTYPE html><title>x</title>", "\n<html><body>Sign in</body></html>"])
def test_a_web_page_is_called_one_whatever_it_says_it_is(text: str) -> None:
    assert read(answer(text)).kind == "html"


def test_bytes_are_not_read_as_text() -> None:
    assert read(answer(b"\x89PNG\r\n", "image/png")).kind == "bytes"
    assert read(answer(b"\x00\x01\x02", "")).kind == "bytes"
    assert read(answer(b"", "")).kind == "empty"


def test_letters_that_cannot_be_read_are_told() -> None:
    reading = read(answer(b'{"name": "J\xfcrgen"}'))
    assert reading.value == {"name": "J\ufffdrgen"}
    assert "no UTF-8" in reading.notes[0]
    assert read(answer(b'{"name": "J\xfcrgen"}', "application/json; charset=latin-1")).value == {"name": "Jürgen"}
    assert "klingon" in read(answer(b"{}", "application/json; charset=klingon")).notes[0]


def test_of_a_huge_body_the_beginning_alone_is_read() -> None:
    reading = read(answer(b'["' + "ü".encode() * MOST_READ + b'"]'))
    assert reading.is_part
    assert len(reading.text) < 70_000
    assert "\ufffd" not in reading.text


def test_deep_nesting_is_shown_as_it_came() -> None:
    reading = read(answer("[" * 20_000 + "]" * 20_000))
    assert reading.kind == "text"
    assert "nested" in reading.notes[0]


@pytest.mark.parametrize(
    ("value", "columns", "first"),
    [
        ([{"a": 1, "b": "x"}, {"b": "y", "c": None}], ("a", "b", "c"), ["1", "x", ""]),
        ({"predictions": [{"digit": 7, "probability": 0.98}]}, ("digit", "probability"), ["7", "0.98"]),
        ([[1, 2], [3]], ("0", "1"), ["1", "2"]),
        ({"id": ["p", "q"], "score": [0.5, 2]}, ("id", "score"), ["p", "0.5"]),
        ([{"a": {"b": [1, 2.5]}}], ("a",), ['{"b": [1, 2.5]}']),
        ([{"a": "two\nlines " + "x" * 100}], ("a",), ["two lines " + "x" * 69 + "…"]),
    ],
)
def test_tables_are_found(value: object, columns: tuple[str, ...], first: list[str]) -> None:
    table = read(answer(json.dumps(value))).table
    assert table is not None
    assert table.columns == columns
    assert [cell_text(cell) for cell in table.rows[0]] == first


@pytest.mark.parametrize("value", [[], [1, 2], {}, {"a": 1}, [{"a": 1}, 2], "text", None, [[]], {"a": [1]}])
def test_what_is_no_table_is_not_made_one(value: object) -> None:
    assert read(answer(json.dumps(value))).table is None


def test_a_long_table_says_how_long_it_was() -> None:
    table = read(answer(json.dumps([{f"c{column}": 1 for column in range(50)}] * 700))).table
    assert table is not None
    assert (len(table.rows), table.total, len(table.columns), table.left_out) == (MOST_ROWS, 700, 40, 10)


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ([0.1, 0.7, 0.2], [[("0", 0.1), ("1", 0.7), ("2", 0.2)]]),
        ([[0.5, 0.5], [0.25, 0.75]], [[("0", 0.5), ("1", 0.5)], [("0", 0.25), ("1", 0.75)]]),
        ({"cat": 0.9, "dog": 0.1}, [[("cat", 0.9), ("dog", 0.1)]]),
        ({"predictions": [{"label": "a", "probabilities": {"a": 0.6, "b": 0.4}}]}, [[("a", 0.6), ("b", 0.4)]]),
        ([[{"label": "good", "score": 0.98}, {"label": "bad", "score": 0.02}]], [[("good", 0.98), ("bad", 0.02)]]),
        ({"labels": ["a", "b"], "scores": [0.9, 0.8], "sequence": "s"}, [[("a", 0.9), ("b", 0.8)]]),
    ],
)
def test_class_scores_are_found(value: object, items: list[list[tuple[str, float]]]) -> None:
    assert [[(s.label, s.score) for s in each] for each in class_scores(parsed(value))] == items


@pytest.mark.parametrize(
    "value",
    [
        [0, 1],
        [1.0, 0.0],
        [0.5],
        [0.5, 0.9],
        [0.5, "0.5"],
        [True, 0.5],
        {"predictions": [{"digit": 7, "probability": 0.98}]},
        [{"label": "a", "score": 0.9}, {"label": "a", "score": 0.1}],
        {"mean": 0.2, "std": 0.1},
        [],
        "0.5",
    ],
)
def test_what_are_no_class_scores_is_not_drawn_as_some(value: object) -> None:
    assert class_scores(parsed(value)) == ()


def test_bars_begin_with_the_best_and_count_the_rest() -> None:
    [scores] = class_scores(parsed({f"<b>{n}": weight / 78 for n, weight in enumerate(range(1, 13))}))
    html = bars(scores)
    assert html.index("&lt;b&gt;11") < html.index("&lt;b&gt;10")
    assert html.count("<li>") == MOST_BARS
    assert f"{12 - MOST_BARS} more" in html


def test_numbers_stay_what_the_answer_says() -> None:
    assert number_of(Number("1e400")) is None
    assert number_of("5") is None
    assert cell_text(Number("0.10")) == "0.10"


def test_the_parts_of_the_time_add_up_to_the_whole() -> None:
    timing = Timing(1, 2, 3, 40, 5, 51)
    assert [(kind, ms) for kind, _, ms in parts(timing, 30.0)] == [
        ("dns", 1),
        ("connect", 2),
        ("tls", 3),
        ("wait", 10),
        ("model", 30),
        ("download", 5),
    ]
    assert sum(ms for _, _, ms in parts(timing, None)) == timing.total_ms


def test_a_model_time_that_does_not_fit_is_not_cut_out_of_the_waiting() -> None:
    assert "model" not in [kind for kind, _, _ in parts(Timing(None, None, None, 10, 1, 11), 30.0)]


def test_a_connection_used_again_is_said_instead_of_zeros() -> None:
    html = bar(Timing(None, None, None, 10, 1, 11), None)
    assert "The connection was there already" in html
    assert "TLS" not in html
