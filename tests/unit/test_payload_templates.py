"""Bodies made of OpenAPI documents, and warnings about bodies of another shape."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payloads.schema import body_schema, columns, example
from services.payloads.shape import is_mlflow, shape_problem
from services.payloads.templates import pretty
from tests.values import deployments

NUMBER = {"type": "number", "format": "double"}
RECORDS = {
    # What inference-schema 1.8 makes of @input_schema("input_data", PandasParameterType(…, orient="records")).
    "type": "object",
    "properties": {
        "input_data": {
            "type": "array",
            "items": {"type": "object", "properties": {"age": NUMBER, "city": {"type": "string"}}},
            "format": "pandas.DataFrame:records",
        }
    },
    "example": {"input_data": [{"age": 1.5, "city": "Bonn"}]},
}
SPLIT = {
    "type": "object",
    "properties": {
        "input_data": {
            "type": "object",
            "properties": {"columns": {"type": "array", "items": {"type": "string"}}},
            "example": {"columns": ["age", "city"], "index": [0], "data": [[1.5, "Bonn"]]},
        }
    },
}


def swagger(schema: Any) -> dict[str, Any]:
    """As Microsoft's inference server writes OpenAPI 2."""
    parameter = {"name": "serviceInputPayload", "in": "body", "schema": {"$ref": "#/definitions/ServiceInput"}}
    return {
        "swagger": "2.0",
        "paths": {"/": {"get": {}}, "/score": {"post": {"parameters": [parameter]}}},
        "definitions": {"ServiceInput": schema},
    }


def openapi(schema: Any) -> dict[str, Any]:
    """The same as OpenAPI 3."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/ServiceInput"}}}
    return {
        "openapi": "3.0.3",
        "paths": {"/score": {"post": {"requestBody": {"content": content}}}},
        "components": {"schemas": {"ServiceInput": schema}},
    }


def made(document: dict[str, Any]) -> object:
    schema = body_schema(document)
    assert schema is not None
    return example(schema, document)


@pytest.mark.parametrize("write", [swagger, openapi])
def test_the_example_of_a_schema_is_taken(write: Any) -> None:
    assert made(write(RECORDS)) == RECORDS["example"]


@pytest.mark.parametrize("write", [swagger, openapi])
def test_without_an_example_one_is_made_of_the_types(write: Any) -> None:
    schema = {
        "allOf": [
            {"properties": {"data": {"type": "array", "items": {"type": "array", "items": NUMBER}}}},
            {"properties": {"when": {"type": "string", "format": "date"}}},
        ],
        "properties": {
            "unit": {"enum": ["mm", "cm"]},
            "size": {"type": ["null", "integer"], "minimum": 3},
            "either": {"oneOf": [{"type": "boolean"}, NUMBER]},
            "deep": {"default": [1]},
            "text": {"type": "string"},
            "none": {"type": "nonsense"},
        },
        "type": "object",
    }
    assert made(write(schema)) == {
        "data": [[0.0]],
        "when": "2026-01-31",
        "unit": "mm",
        "size": 3,
        "either": False,
        "deep": [1],
        "text": "text",
        "none": None,
    }


def test_a_script_without_a_schema_has_none() -> None:
    assert body_schema(swagger({"type": "object", "example": {}})) is None
    assert body_schema({}) is None
    assert body_schema({"paths": {"/score": {"get": {}}}}) is None


def test_an_example_beside_the_schema_counts() -> None:
    content = {"application/json": {"example": {"data": [1]}}}
    assert made({"paths": {"/x": {"post": {"requestBody": {"content": content}}}}}) == {"data": [1]}


def test_circles_end() -> None:
    document = swagger({"type": "object", "properties": {"next": {"$ref": "#/definitions/ServiceInput"}}})
    assert len(json.dumps(made(document))) < 1000
    assert made(swagger({"$ref": "#/definitions/ServiceInput", "type": "object"})) == {}


JSON = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["#/definitions/ServiceInput", "object", "array"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["$ref", "type", "properties", "items", "allOf", "oneOf", "enum", "required", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_no_document_breaks_the_reading(schema: object, body: object) -> None:
    for document in (swagger(schema), openapi(schema), {"paths": schema}):
        found = body_schema(document)
        if found is not None:
            pretty(example(found, document))
            columns(found, document)
        shape_problem(json.dumps(body), document)


def test_columns_are_those_of_records_or_of_a_split_example() -> None:
    for schema in (RECORDS, SPLIT):
        document = swagger(schema)
        assert columns(schema, document) == ("age", "city")
    assert columns({"type": "object"}, {}) == ()


@pytest.mark.parametrize(
    ("schema", "body", "words"),
    [
        (RECORDS, {"input_data": [{"age": 1, "city": "x"}]}, None),
        (RECORDS, {"data": []}, "The body lacks input_data, which the endpoint's schema asks for."),
        (RECORDS, [{"age": 1}], "The body is a list; the endpoint takes an object with input_data."),
        (RECORDS, 5, "The body is a single value; the endpoint takes an object with input_data."),
        (RECORDS, {"input_data": [{"age": 1, "city": "x"}, {"age": 1}]}, "input_data[1] lacks city."),
        (
            SPLIT,
            {"input_data": {"columns": ["age", "town"], "data": [[1, 2]]}},
            "input_data.columns lacks city and has town, which the endpoint's schema does not know.",
        ),
        ({"required": ["rows"]}, {"row": []}, "The body lacks rows, which the endpoint's schema asks for."),
        ({"properties": {"threshold": NUMBER}}, {}, None),
        ({"type": "object", "example": {}}, {"anything": 1}, None),
    ],
)
def test_a_body_of_another_shape_is_named(schema: Any, body: object, words: str | None) -> None:
    assert shape_problem(json.dumps(body), swagger(schema)) == words


def test_rows_that_do_not_fit_their_columns_are_named_without_any_schema() -> None:
    table = {"columns": ["a", "b"], "index": [0, 1], "data": [[1, 2], [3]]}
    assert shape_problem(json.dumps({"input_data": table}), None) == "input_data.data[1] has 1 values for 2 columns."
    table["data"] = [[1, 2]]
    assert shape_problem(json.dumps({"input_data": table}), None) == "input_data.index has 2 entries for 1 rows."
    assert shape_problem(b"no json", swagger(RECORDS)) is None
    assert shape_problem(b"\xff", swagger(RECORDS)) is None


def test_a_model_without_a_scoring_script_needs_input_data() -> None:
    (blue,) = deployments("blue")
    bare = replace(blue, raw={"properties": {"model": "azureml:m:1", "codeConfiguration": None}})
    assert is_mlflow([blue, bare])
    assert not is_mlflow([blue, replace(bare, raw={"properties": {"model": "m", "environmentId": "e"}})])

    words = shape_problem('{"data": []}', None, needs_input_data=True)
    assert words is not None
    assert "lacks input_data" in words
    assert shape_problem('{"input_data": []}', None, needs_input_data=True) is None


def test_bodies_are_written_for_people() -> None:
    body = {"input_data": {"columns": ["a", "b"], "data": [[1, 2], [3, 4]], "x": {}}}
    assert json.loads(pretty(body)) == body
    assert pretty(body).splitlines()[2] == '    "columns": ["a", "b"],'
    assert all(len(line) < 110 for line in pretty({"data": [[[0] * 9] * 9] * 9}).splitlines())
