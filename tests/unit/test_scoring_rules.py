"""What needs no endpoint: JSON problems, the meaning of a status, addresses refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.azure.connection import connect
from services.errors import RuleBroken
from services.scoring.answer import meaning_of
from services.scoring.json_check import JsonProblem, check_json
from services.scoring.request import ScoringRequest
from services.scoring.sending import send
from services.settings import Settings
from tests.values import endpoint


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1,}', JsonProblem(1, 9, "Expecting property name enclosed in double quotes.")),
        ('{\n  "a": [1 2]\n}', JsonProblem(2, 11, "Expecting ',' delimiter.")),
        ("{} x", JsonProblem(1, 4, "Extra data.")),
        ("", JsonProblem(1, 1, "The body is empty.")),
        ("  \n ", JsonProblem(1, 1, "The body is empty.")),
        ('{"NaN": 1,\n "b": NaN}', JsonProblem(2, 7, "NaN is not a JSON value.")),
        ("[-Infinity]", JsonProblem(1, 2, "-Infinity is not a JSON value.")),
        ("[" * 100_000, JsonProblem(1, 1, "The body is nested too deeply.")),
    ],
)
def test_what_is_not_json_is_located(text: str, problem: JsonProblem) -> None:
    assert check_json(text) == problem


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_whatever_is_json_passes(value: object) -> None:
    assert check_json(json.dumps(value)) is None


@given(st.text())
def test_any_text_gets_an_answer_inside_the_text(text: str) -> None:
    problem = check_json(text)

    assert problem is None or (1 <= problem.line <= text.count("\n") + 1 and 1 <= problem.column <= len(text) + 1)


@pytest.mark.parametrize("status", [200, 401, 403, 404, 408, 413, 418, 424, 429, 500, 502, 503, 504])
def test_every_status_means_something(status: int) -> None:
    assert meaning_of(status, {}).endswith(".")


def test_a_model_error_names_what_the_container_answered() -> None:
    headers = {"ms-azureml-model-error-statuscode": "500", "ms-azureml-model-error-reason": "model_error"}

    assert "It answered 500 (model_error)." in meaning_of(424, headers)


@pytest.mark.parametrize("uri", ["http://localhost:1/score", "", "ftp://x"])
def test_a_key_is_never_sent_without_tls(tmp_path: Path, uri: str) -> None:
    environ = {"AZURE_SUBSCRIPTION_ID": "s", "AZURE_RESOURCE_GROUP": "g", "AZUREML_WORKSPACE_NAME": "w"}
    conn = connect(Settings.read(environ, tmp_path))

    with pytest.raises(RuleBroken, match="TLS"):
        send(conn, endpoint({"blue": 100}, scoring_uri=uri), ScoringRequest(b"{}"))
