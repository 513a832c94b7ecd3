"""Payloads out of curl commands, JSON, JSON Lines and CSV; and exports that import again as they were."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.expectations.expectation import Expectation
from services.payloads.exporting import export
from services.payloads.importing import Imported, from_csv, from_curl, from_file, from_json, from_jsonl, from_text
from services.payloads.payload import Payload
from tests.local_azure import ROOT

URI = "https://digits.westeurope.inference.ml.azure.com/score"


def only(found: Imported) -> Payload:
    assert found.problems == ()
    assert len(found.payloads) == 1
    return found.payloads[0]


def bodies(found: Imported) -> list[object]:
    return [json.loads(each.body) for each in found.payloads]


def why(found: Imported) -> str:
    assert found.payloads == ()
    assert len(found.problems) == 1
    return str(found.problems[0])


def test_a_curl_command_as_people_write_it() -> None:
    found = from_curl(
        f"""curl --request POST '{URI}/' \\
          -H 'Authorization: Bearer open-sesame' -H "Content-Type: application/json" \\
          --header 'azureml-model-deployment: green' -H 'X-Trace: it'"'"'s' -m 12.5 \\
          -d '{{"data": ["it\\u0027s {{{{city}}}} $5"]}}' | jq .""",
        URI,
    )

    assert only(found) == Payload(
        "",
        "Imported",
        b'{"data": ["it\\u0027s {{city}} $5"]}',
        headers=(("X-Trace", "it's"),),
        timeout_seconds=12.5,
    )
    assert found.notes == (
        "The header Authorization was left out. Sluice adds the endpoint's key by itself.",
        "The deployment green was left out. Choose it when you send.",
    )


def test_a_curl_command_as_browsers_copy_it() -> None:
    found = from_text(
        r"""$ curl 'https://elsewhere.example/v1/x?code=open-sesame' -H 'accept: */*' -H 'accept-encoding: gzip, br'
        """.strip()
        + r""" -b 'sid=open-sesame' -H 'x-api-key: open-sesame' --compressed --data-raw $'{"a":"don\'t \u00e9 \n"}'""",
        URI,
    )

    payload = only(found)
    assert payload.body == '{"a":"don\'t é \n"}'.encode()
    assert payload.headers == (("accept", "*/*"), ("x-api-key", ""))
    assert "The address elsewhere.example/v1/x is not this endpoint's and was left out." in found.notes
    assert "The value of x-api-key looks like a secret and was left out." in found.notes
    assert "sesame" not in repr(found)


@pytest.mark.parametrize(
    ("command", "body", "content_type"),
    [
        ("curl u -d '[1]'", b"[1]", "application/json"),
        ("curl u -d a=1 --data b=2", b"a=1&b=2", "application/x-www-form-urlencoded"),
        ("curl u --json '{\"a\":' --json '1}'", b'{"a":1}', "application/json"),
        ("curl -sSXPOST u -HContent-Type:text/csv -d1,2", b"1,2", "text/csv"),
        ("curl --data-raw @name u -H 'content-type: text/plain'", b"@name", "text/plain"),
        ('curl u -d "{\\"a\\": 1}"', b'{"a": 1}', "application/json"),
        ("curl -d '[1]' -- u", b"[1]", "application/json"),
        ("curl -kLd '[1]' u > answer.json", b"[1]", "application/json"),
    ],
)
def test_ways_to_say_the_same(command: str, body: bytes, content_type: str) -> None:
    payload = only(from_curl(command))
    assert (payload.body, payload.content_type) == (body, content_type)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("curl u -d @body.json", "-d @body.json: the file is not here. Choose the file itself, with its content type."),
        ("curl u --data-binary @x", "the file is not here"),
        ("curl u -F a=@b", "a form of several parts cannot be imported"),
        ("curl u -T x", "the file is not here"),
        ("curl -G u -d a=1", "only POST"),
        ("curl -X PUT u -d a=1", "-X PUT: only POST"),
        ("curl u", "It sends no body (-d)."),
        ("curl u v -d 1", "It names 2 addresses"),
        ("curl u -d 'abc", "A quote is opened and not closed."),
        ("curl u -d", "Nothing follows -d."),
        ("curl u -d 1 -m soon", "soon is no time limit."),
        ("curl u -H @headers -d 1", "the file with headers is not here"),
        ("wget u", "It does not begin with curl."),
        ("curl.exe u -d 1", "PowerShell or Windows cmd"),
        ("curl ^\n u -d 1", "PowerShell or Windows cmd"),
        ("curl `\n u -d 1", "PowerShell or Windows cmd"),
        ('curl ^"https://x/^" -d 1', "PowerShell or Windows cmd"),
    ],
)
def test_commands_that_cannot_be_imported_say_why(command: str, reason: str) -> None:
    assert reason in why(from_curl(command))


def test_quoting_that_went_wrong_is_told() -> None:
    found = from_curl('curl u -H "Content-Type: application/json" -d "{"a": 1}"')
    assert any("The body is not JSON (line 1, column 2" in note for note in found.notes)


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_of_commands(text: str) -> None:
    from_curl(f"curl {text}", URI)
    from_text(text)


def test_json_is_one_body_as_it_was_written() -> None:
    text = '{"a": 1.10, "b": 1e999, "c": [1, 2]}'
    assert only(from_json(f"\n {text}\n", "one")) == Payload("", "one", text.encode())
    assert only(from_json("[1, 2]")).body == b"[1, 2]"
    assert only(from_json("[" + "9" * 5000 + "]")).body == b"[" + b"9" * 5000 + b"]"


def test_an_array_of_objects_is_one_body_each() -> None:
    found = from_json('[{"a": 1.10} ,\n\t[[2], "]"], {"b": "ü"}]', "rows")

    assert [each.body for each in found.payloads] == [b'{"a": 1.10}', b'[[2], "]"]', '{"b": "ü"}'.encode()]
    assert [each.name for each in found.payloads] == ["rows 1", "rows 2", "rows 3"]
    assert found.notes == ("The array was taken as 3 bodies. Each is sent by itself.",)


def test_problems_in_json_are_named_by_line() -> None:
    assert why(from_json('{"a": 1,\n "b" 2}')).startswith("Line 2, column 6: Expecting ':'")
    assert "NaN is not a JSON value" in why(from_json("[NaN]"))
    assert "nested too deeply" in why(from_json("[" * 100_000 + "]" * 100_000))


def test_json_lines_are_one_body_each_and_broken_ones_are_named() -> None:
    found = from_jsonl('{"a": 1}\n\n{"a": }\n[2]\r\n')

    assert bodies(found) == [{"a": 1}, [2]]
    assert [each.name for each in found.payloads] == ["Imported 1", "Imported 4"]
    assert [problem.where for problem in found.problems] == ["line 3, column 7"]
    assert why(from_jsonl(" \n")) == "There is no line in it."


def test_no_import_is_endless() -> None:
    many = from_jsonl("1\n" * 1001)
    assert (len(many.payloads), str(many.problems[0])) == (1000, "Only the first 1000 of 1001 were read.")
    assert len(from_json("[" + ",".join(["{}"] * 1001) + "]").payloads) == 1000
    assert len(from_csv("a\n" + "1\n" * 1001).payloads) == 1000
    assert "larger than 20 MB" in why(from_text("x" * (20 * 2**20 + 1)))
    assert "larger than 20 MB" in why(from_file("x.csv", bytes(20 * 2**20 + 1)))


def test_pasted_text_is_recognized() -> None:
    assert bodies(from_text('{"a": 1}\n{"a": 2}')) == [{"a": 1}, {"a": 2}]
    assert bodies(from_text('{\n"a": 1}')) == [{"a": 1}]
    assert only(from_text("curl u -d 1")).body == b"1"
    assert why(from_text("  ")) == "There is nothing in it."
    assert why(from_text("hello")).startswith("Line 1, column 1: ")


def test_files_are_read_by_their_ending() -> None:
    assert bodies(from_file("a.JSONL", b"[1]\n[2]")) == [[1], [2]]
    assert bodies(from_file("a.json", b"\xef\xbb\xbf[1]")) == [[1]]
    assert from_file("wine.csv", b"a\n1").payloads[0].name == "wine 1"
    assert only(from_file("request.sh", b"curl u -d 1")).body == b"1"
    assert why(from_file("a.json", b"1\n\xff")) == "Line 2: It is not UTF-8 text. Save it as UTF-8."


def test_a_table_becomes_input_data_row_by_row() -> None:
    found = from_csv('a,b c,d\r\n1,"x, ""y""",\r\n-2.5,007,TRUE\n', "wine")

    assert bodies(found) == [
        {"input_data": {"columns": ["a", "b c", "d"], "index": [0], "data": [[1, 'x, "y"', None]]}},
        {"input_data": {"columns": ["a", "b c", "d"], "index": [0], "data": [[-2.5, "007", True]]}},
    ]
    assert [each.name for each in found.payloads] == ["wine 1", "wine 2"]


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ("records", {"input_data": [{"a": 1, "b": "x"}]}),
        ("data", {"data": [[1, "x"]]}),
        ("data records", {"data": [{"a": 1, "b": "x"}]}),
        ("object", {"a": 1, "b": "x"}),
    ],
)
def test_other_shapes_of_a_row(shape: str, body: object) -> None:
    assert bodies(from_csv("a;b\n1;x", shape=shape)) == [body]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1e3", 1000.0), (".5", 0.5), ("1e999", "1e999"), ("nan", "nan"), ("1_000", "1_000"), ("0x1", "0x1"), ("0", 0)],
)
def test_cells_are_numbers_where_json_has_them(cell: str, value: object) -> None:
    assert bodies(from_csv(f"a\n{cell}", shape="object")) == [{"a": value}]


def test_a_table_with_the_wrong_columns_is_refused_by_name() -> None:
    assert why(from_csv("a,c\n1,2", columns=("a", "b"))) == "Columns: Missing: b. Unknown: c."
    assert bodies(from_csv("b,a\n1,2", columns=("a", "b"), shape="data")) == [{"data": [[2, 1]]}]
    assert "Column 2 has no name." in why(from_csv("a,\n1,2"))
    assert "a is there more than once." in why(from_csv("a,a\n1,2"))
    assert "at least one row" in why(from_csv("a,b\n"))
    assert "It is no CSV" in why(from_csv('a,b\n"1,2'))


def test_a_row_of_another_length_is_named_and_the_others_are_read() -> None:
    found = from_csv("a,b\n1,2\n3\n4,5")
    assert len(found.payloads) == 2
    assert [str(problem) for problem in found.problems] == ["Row 3: It has 1 values for 2 columns."]


NAMES = st.text(min_size=1, max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
EXPECTATIONS = st.builds(
    Expectation,
    kind=st.sampled_from(["status", "time", "path", "schema", "length"]),
    value=VALUES,
    path=st.text(max_size=9),
    rule=st.text(max_size=9),
    tolerance=st.floats(0, 1e9),
)
PAYLOADS = st.builds(
    Payload,
    id=st.just(""),
    name=NAMES,
    body=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode()),
    content_type=st.sampled_from(["application/json", "image/png"]),
    headers=st.lists(st.tuples(st.sampled_from(["X-A", "Accept"]), st.text("abc 1ü", max_size=9)), max_size=3).map(
        tuple
    ),
    timeout_seconds=st.floats(0.1, 600),
    tags=st.lists(st.text(max_size=9), max_size=3).map(tuple),
    expected_answer=st.text(max_size=20),
    expectations=st.lists(EXPECTATIONS, max_size=2).map(tuple),
)


@given(st.lists(PAYLOADS, max_size=3), st.dictionaries(st.sampled_from(["city", "n"]), st.text("ab", max_size=9)))
def test_an_export_imports_again_as_it_was(payloads: list[Payload], variables: dict[str, str]) -> None:
    file = export(payloads, variables).encode()
    found = from_file("library.json", file)

    assert found == Imported(tuple(payloads), variables=variables)


def test_an_export_holds_no_secrets() -> None:
    payload = Payload("", "one", b"{}", headers=(("Authorization", "Bearer open-sesame"), ("X-Key", "open-sesame")))
    text = export([payload], {"password": "open-sesame", "city": "Bonn"})

    assert "sesame" not in text
    assert from_json(text).variables == {"city": "Bonn"}


def test_the_file_in_the_documentation_is_what_an_export_looks_like() -> None:
    text = (ROOT / "docs" / "payloads.md").read_text(encoding="utf-8").split("```json\n")[1].split("```")[0]
    found = from_json(text)

    assert found.problems == ()
    assert json.loads(export(found.payloads, found.variables)) == json.loads(text)


def test_a_file_written_by_hand_may_hold_json_and_a_mapping_of_headers() -> None:
    document = {
        "format": "sluice-payloads",
        "version": 1,
        "payloads": [
            {"name": "one", "body": {"data": [1]}, "headers": {"X-A": "b"}, "expectations": [{"kind": "status"}]},
            {"name": "two"},
            {"name": 3, "body": ""},
            {"name": "four", "body": "", "expectations": [{"kind": "magic"}]},
            {"name": "five", "body_base64": "?"},
            {"name": "six", "body": "", "headers": [["a"]]},
            "seven",
            {"name": "eight", "body": "", "timeout_seconds": True},
        ],
    }
    found = from_json(json.dumps(document))

    assert found.payloads == (
        Payload("", "one", b'{"data": [1]}', headers=(("X-A", "b"),), expectations=(Expectation("status"),)),
    )
    assert [str(problem) for problem in found.problems] == [
        "Payload 2: it has neither body nor body_base64.",
        "Payload 3: name must be text.",
        "Payload 4: an expectation has no known kind.",
        "Payload 5: body_base64 is not base64.",
        "Payload 6: headers must be a list of [name, value] pairs of text.",
        "Payload 7: It is no JSON object.",
        "Payload 8: timeout_seconds must be a number.",
    ]
    assert "newer version" in why(from_json('{"format": "sluice-payloads", "version": 2}'))
    assert "no list of payloads" in why(from_json('{"format": "sluice-payloads", "version": 1}'))


@pytest.mark.parametrize("limit", [0, -5, 0.01, 900])
def test_a_time_limit_that_cannot_be_sent_is_not_imported(limit: float) -> None:
    document = {"format": "sluice-payloads", "version": 1, "payloads": [{"body": "1", "timeout_seconds": limit}]}
    assert [str(each) for each in from_json(json.dumps(document)).problems] == [
        "Payload 1: timeout_seconds must be between 0.1 and 600."
    ]


def test_a_time_limit_of_curl_is_brought_into_the_bounds() -> None:
    assert [from_curl(f"curl u -d 1 -m {said}").payloads[0].timeout_seconds for said in ("0.001", "7", "9000")] == [
        0.1,
        7,
        600,
    ]
