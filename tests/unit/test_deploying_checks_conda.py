"""Conda files: what no image can be built from, or what would never answer."""

from __future__ import annotations

import pytest

from services.deploying import conda, packages
from services.deploying.model import Finding, Level

GOOD = """
name: digits
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip=23.*
  - numpy>=1.26,<2
  - conda-forge::scikit-learn=1.5=py311h0
  - scipy 1.11.*
  - blas[build=mkl]
  - joblib
  - pip:
      - azureml-inference-server-http~=1.4  # serves
      - inference-schema[numpy-support]==1.8
      - pandas==2.2.*; python_version >= "3.9"
      - torch @ https://download.pytorch.org/whl/torch-2.4.0-cp311-cp311-linux_x86_64.whl
      - --extra-index-url https://download.pytorch.org/whl/cpu
"""


def look(text: str, *, needs_server: bool = True) -> conda.CondaFile:
    """What is found in a text."""
    return conda.look_at(text.encode(), "conda.yml", needs_server=needs_server)


def of(entries: str, pip: str = "azureml-inference-server-http") -> str:
    """A conda file with these entries and this line below pip."""
    return f"dependencies:\n  - python=3.11\n  - pip\n{entries}  - pip:\n      - {pip}\n"


def codes(found: conda.CondaFile, level: Level | None = None) -> list[str]:
    """The codes of findings."""
    return [each.code for each in found.findings if level in (None, each.level)]


def only(found: conda.CondaFile) -> Finding:
    """The one finding."""
    [each] = found.findings
    return each


def test_a_usual_file_is_left_alone_and_its_packages_are_known() -> None:
    found = look(GOOD)
    assert found.findings == ()
    assert {"numpy", "scikit-learn", "pandas", "torch", "azureml-inference-server-http"} <= found.packages


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("numpy==", "conda-match"),
        ("numpy >> 1", "conda-match"),
        ("not a package at all", "conda-match"),
        ("{conda: [numpy]}", "conda-entry"),
        ("{numpy: 1.26}", "conda-entry"),
        ("[numpy]", "conda-entry"),
        ("3.11", "conda-entry"),
        ("python=2.7", "conda-python"),
        ("python=3.99", "conda-python"),
    ],
)
def test_what_conda_cannot_read_is_named_with_its_line(entry: str, code: str) -> None:
    found = [each for each in look(of(f"  - {entry}\n")).findings if each.level is Level.ERROR]
    assert [(each.code, each.place.line) for each in found] == [(code, 4)]


@pytest.mark.parametrize(
    ("line", "code", "fix"),
    [
        ("numpy=1.26", "conda-requirement", "numpy==1.26"),
        ("numpy 1.26", "conda-requirement", ""),
        ("-r requirements.txt", "conda-local-file", "code folder"),
        ("-e .", "conda-local-file", "code folder"),
        ("./wheels/mine-1.0-py3-none-any.whl", "conda-local-file", "code folder"),
        ("mine-1.0-py3-none-any.whl", "conda-local-file", "code folder"),
        ("mine @ file:///home/me/mine", "conda-local-file", "code folder"),
    ],
)
def test_what_pip_cannot_install_on_azure_is_named(line: str, code: str, fix: str) -> None:
    found = [each for each in look(of("", line)).findings if each.code != "conda-no-server"]
    assert [(each.code, each.place.line) for each in found] == [(code, 5)]
    assert fix in found[0].fix


def test_a_file_without_the_inference_server_is_refused_unless_something_else_brings_it() -> None:
    text = of("", "numpy")
    assert codes(look(text)) == ["conda-no-server"]
    assert codes(look(text, needs_server=False)) == []
    assert codes(look(of("", "azureml-defaults"))) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("dependencies: [python=3.11\n", "conda-yaml"),
        ("- python\n- numpy\n", "conda-shape"),
        ("numpy==1.26\npandas\n", "conda-shape"),
        ("", "conda-shape"),
        ("name: x\n", "conda-empty"),
        ("name: x\ndependencies: []\n", "conda-empty"),
        ("&a [*a]", "conda-yaml"),
    ],
)
def test_what_is_no_conda_file_is_told_so(text: str, code: str) -> None:
    assert code in codes(look(text), Level.ERROR)


def test_encodings_and_sizes_are_named() -> None:
    assert only(conda.look_at(GOOD.encode("utf-16"), "c.yml", needs_server=True)).code == "conda-encoding"
    huge = conda.look_at(b" " * (conda.MAX_BYTES + 1), "c.yml", needs_server=True)
    assert only(huge).code == "conda-large"
    assert codes(look(f"dependencies:\n  - 'numpy{' ' * 900_000}x'\n")) != []


def test_no_python_and_no_pip_are_warnings() -> None:
    found = look("dependencies:\n  - numpy\n  - pip:\n      - azureml-inference-server-http\n")
    assert codes(found, Level.WARNING) == ["conda-no-python", "conda-no-pip"]


def test_modules_are_known_by_the_packages_that_bring_them() -> None:
    asked = {"scikit-learn", "pyyaml", "azure-storage-blob", "azureml-inference-server-http"}
    imports = [(name, 1) for name in ("sklearn", "numpy", "joblib", "yaml", "azure", "flask", "helper")]
    assert packages.missing(imports, asked, {"helper"}) == ()
    found = packages.missing([("cv2", 3), ("pandas", 4), ("cv2", 9)], asked, set())
    assert found == (("cv2", 3, "opencv-python"), ("pandas", 4, "pandas"))
