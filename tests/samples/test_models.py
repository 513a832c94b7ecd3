"""The committed models do what the samples say about them."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy
import pytest
import sklearn

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
DIGITS = {"model-1": SAMPLES / "model-1", "model-2": SAMPLES / "model-2"}
WINES = {name: SAMPLES / "wine" / name for name in ("linear", "bayes", "forest")}

Started = Callable[[Path, Path], ModuleType]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Load a scoring script the way a container does: model folder in the environment, then init()."""

    def start(script: Path, model_dir: Path) -> ModuleType:
        monkeypatch.setenv("AZUREML_MODEL_DIR", str(model_dir))
        # Compiled files would become part of the code that a deployment uploads.
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        spec = importlib.util.spec_from_file_location("score", script)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.init()
        return module

    return start


@pytest.fixture
def digits(started: Started, request: pytest.FixtureRequest) -> ModuleType:
    folder = DIGITS[getattr(request, "param", "model-1")]
    return started(folder / "onlinescoring" / "score.py", folder)


@pytest.fixture
def wine(started: Started) -> ModuleType:
    return started(SAMPLES / "wine" / "onlinescoring" / "score.py", WINES["linear"])


def held_out(path: Path) -> tuple[list[Any], str]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row["answer"] for row in rows], json.dumps({"data": [row["data"] for row in rows]})


def accuracy(script: ModuleType, path: Path, field: str) -> float:
    answers, body = held_out(path)
    predictions = script.run(body)["predictions"]
    assert len(predictions) == len(answers)
    right: int = sum(got[field] == answer for got, answer in zip(predictions, answers, strict=True))
    return right / len(answers)


@pytest.mark.parametrize("digits", DIGITS, indirect=True)
def test_the_sample_request_is_a_seven(digits: ModuleType) -> None:
    answer = digits.run((SAMPLES / "sample-request.json").read_text())
    assert [prediction["digit"] for prediction in answer["predictions"]] == [7]
    assert answer["predictions"][0]["probability"] > 0.8
    json.dumps(answer)  # the server has to write it out


@pytest.mark.parametrize("name", WINES)
def test_the_sample_wine_is_of_class_1(started: Started, name: str) -> None:
    script = started(SAMPLES / "wine" / "onlinescoring" / "score.py", WINES[name])
    answer = script.run((SAMPLES / "wine" / "sample-request.json").read_text())
    assert [prediction["cultivar"] for prediction in answer["predictions"]] == ["class_1"]
    json.dumps(answer)


def test_green_reads_more_held_out_digits_than_blue_and_both_as_many_as_they_claim(started: Started) -> None:
    read = {
        name: accuracy(started(folder / "onlinescoring" / "score.py", folder), SAMPLES / "held-out.jsonl", "digit")
        for name, folder in DIGITS.items()
    }
    assert read["model-2"] > read["model-1"]
    for name, colour in (("model-1", "blue"), ("model-2", "green")):
        assert f"{read[name]:.1%}".replace("%", " %") in (SAMPLES / f"{colour}-deployment.yml").read_text()


@pytest.mark.parametrize(("name", "least"), [("linear", 0.98), ("bayes", 0.95), ("forest", 0.98)])
def test_every_wine_model_knows_the_held_out_wines(started: Started, name: str, least: float) -> None:
    script = started(SAMPLES / "wine" / "onlinescoring" / "score.py", WINES[name])
    assert accuracy(script, SAMPLES / "wine" / "held-out.jsonl", "cultivar") >= least


GOOD = [0] * 64


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('{"data": [[1, 2', "The request is not JSON: .* line 1 column"),
        ("", "The request is not JSON"),
        ("[]", "must look like"),
        ('{"data": []}', "at least one image"),
        ('{"rows": [[1]]}', "must look like"),
        (json.dumps({"data": [GOOD[:63]]}), r"data\[0\] must be a list of 64 numbers, found 63 values"),
        (json.dumps({"data": [GOOD, "seven"]}), r"data\[1\] must be a list of 64 numbers, found str"),
        (json.dumps({"data": [[17, *GOOD[1:]]]}), r"data\[0\]\[0\] must be a number from 0 to 16, found 17"),
        (json.dumps({"data": [["ink", *GOOD[1:]]]}), r"found 'ink'"),
        (json.dumps({"data": [[True, *GOOD[1:]]]}), "found True"),
        (json.dumps({"data": [[float("nan"), *GOOD[1:]]]}), "found nan"),
    ],
)
def test_a_bad_image_is_refused_with_a_sentence(digits: ModuleType, body: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        digits.run(body)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"alcohol": None}, r"data\[0\].alcohol must be a number, found None"),
        ({"alcohol": "strong"}, "found 'strong'"),
        ({"alcohol": float("inf")}, "found inf"),
    ],
)
def test_a_bad_measurement_is_refused_with_a_sentence(wine: ModuleType, change: dict[str, Any], sentence: str) -> None:
    body = json.loads((SAMPLES / "wine" / "sample-request.json").read_text())
    body["data"][0].update(change)
    with pytest.raises(ValueError, match=sentence):
        wine.run(json.dumps(body))


def test_a_missing_measurement_is_named(wine: ModuleType) -> None:
    body = json.loads((SAMPLES / "wine" / "sample-request.json").read_text())
    del body["data"][0]["proline"]
    with pytest.raises(ValueError, match="lacks proline"):
        wine.run(json.dumps(body))


def test_a_script_says_what_it_did_in_the_log(digits: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    digits.run((SAMPLES / "sample-request.json").read_text())
    assert "run: images=1 ms=" in capsys.readouterr().out


def test_one_environment_serves_every_deployment_and_names_the_versions_that_trained() -> None:
    files = [SAMPLES / folder / "environment" / "conda.yml" for folder in ("model-1", "model-2", "wine")]
    assert len({path.read_bytes() for path in files}) == 1
    text = files[0].read_text()
    for package, version in (
        ("scikit-learn", sklearn.__version__),
        ("numpy", numpy.__version__),
        ("joblib", joblib.__version__),
    ):
        assert f"- {package}={version}\n" in text


def test_model_files_are_small() -> None:
    files = list(SAMPLES.glob("**/*.joblib"))
    assert len(files) == 5
    assert max(path.stat().st_size for path in files) < 1_000_000
