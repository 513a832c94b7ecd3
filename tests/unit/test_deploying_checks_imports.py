"""Imports of the scoring script against what the environment is known to bring, wherever its conda file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.azure.asset_versions import AssetVersion
from services.deploying import bundles, packages, starter
from services.deploying.checking import judge
from services.deploying.facts import AssetFacts, Facts
from services.deploying.model import Finding, Level
from services.deploying.references import assets
from tests.deployable import write_quick_start
from tests.local_azure import ROOT

SERVER = frozenset({"azureml-inference-server-http"})
WITHOUT_CONDA_FILE = "environment:\n  image: mcr.microsoft.com/azureml/minimal-py311-inference:latest\n"


def _kit(folder: Path) -> Path:
    for name, text in starter.files("my-endpoint", True).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def _article(folder: Path) -> Path:
    write_quick_start(folder, "digits", {"blue": 2})
    return folder


def _found(folder: Path, facts: Facts | None = None) -> list[Finding]:
    bundle = bundles.from_folder(folder, folder.parent)
    return [each for each in (*bundle.findings, *judge(bundle, facts or Facts())) if each.level is not Level.NOTE]


def _import(folder: Path, line: str) -> None:
    script = folder / "code" / "score.py"
    script.write_text(f"{line}\n{script.read_text()}")


@pytest.mark.parametrize("write", [_kit, _article])
def test_a_module_that_nothing_brings_is_a_warning_at_its_line(tmp_path: Path, write: object) -> None:
    assert callable(write)
    folder = write(tmp_path / "files")
    assert _found(folder) == []
    _import(folder, "import nosuchlib_zz")
    [found] = _found(folder)
    assert (found.code, found.level) == ("import-unknown", Level.WARNING)
    assert (found.place.file, found.place.line) == ("code/score.py", 1)
    assert "nosuchlib_zz" in found.what


@pytest.mark.parametrize("sample", ["", "wine"])
def test_the_samples_import_what_their_environment_brings(sample: str) -> None:
    assert _found(ROOT / "samples" / sample) == []


def test_an_image_without_a_conda_file_tells_nothing_of_what_it_has(tmp_path: Path) -> None:
    folder = _kit(tmp_path / "files")
    path = folder / "blue-deployment.yml"
    text = path.read_text()
    start, end = text.index("environment:"), text.index("instance_type:")
    path.write_text(text[:start] + WITHOUT_CONDA_FILE + text[end:])
    _import(folder, "import nosuchlib_zz")
    assert _found(folder) == []


def test_a_conda_file_within_the_yaml_counts_with_its_lines(tmp_path: Path) -> None:
    folder = _kit(tmp_path / "files")
    path = folder / "blue-deployment.yml"
    within = (
        "  conda_file:\n    dependencies:\n      - python=3.11\n      - pip\n      - pip:\n"
        "          - azureml-inference-server-http\n          - numpy=1.26\n"
    )
    path.write_text(path.read_text().replace("  conda_file: ./environment/conda.yml\n", within))
    [found] = _found(folder)
    line = path.read_text().splitlines().index("          - numpy=1.26") + 1
    assert (found.code, found.place.file, found.place.line) == ("conda-requirement", "blue-deployment.yml", line)
    path.write_text(path.read_text().replace("numpy=1.26", "numpy==1.26"))
    _import(folder, "import numpy, nosuchlib_zz")
    assert ["nosuchlib_zz" in each.what for each in _found(folder)] == [True]


def test_a_registered_environment_is_known_by_the_conda_file_that_azure_has(tmp_path: Path) -> None:
    folder = _article(tmp_path / "files")
    path = folder / "blue-deployment.yml"
    text = path.read_text()
    start, end = text.index("environment:"), text.index("instance_type:")
    path.write_text(f"{text[:start]}environment: azureml:scoring:4\n{text[end:]}")
    _import(folder, "import numpy, nosuchlib_zz")
    [asset] = [each for found in bundles.from_folder(folder, folder.parent).documents for each in assets(found)]

    def facts(**properties: str) -> Facts:
        return Facts(assets={asset: AssetFacts(AssetVersion("", "scoring", "4", False, properties))})

    conda = "dependencies:\n  - python=3.11\n  - numpy\n  - pip:\n    - azureml-inference-server-http\n"
    [found] = _found(folder, facts(image="openmpi4.1.0-ubuntu20.04", condaFile=conda))
    assert "azureml:scoring:4" in found.what
    assert "nosuchlib_zz" in found.what
    # Nothing tells what an image of one's own has.
    assert _found(folder, facts(image="mine.azurecr.io/scoring:4")) == []
    assert _found(folder) == []


@pytest.mark.parametrize(
    "module",
    [
        *("flask", "flask_cors", "werkzeug", "gunicorn", "inference_schema", "pydantic", "opentelemetry.sdk"),
        *("requests", "psutil", "dateutil", "pytz", "wrapt", "azure.core.exceptions", "azure.identity"),
        *("azureml.contrib.services.aml_request", "azureml_inference_server_http"),
    ],
)
def test_the_inference_server_brings_what_it_needs_itself(module: str) -> None:
    assert packages.missing([(packages.needed_name(module), 1)], SERVER, ()) == ()


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("numpy", "numpy"),
        ("cv2.typing", "opencv-python"),
        ("azureml.core.model", "azureml-core"),
        ("azure.storage.blob", "azure-storage-blob"),
        ("azure.storage.blob.BlobClient", "azure-storage-blob"),
        ("azure.cosmos.CosmosClient", "azure-cosmos"),
        ("google.cloud.storage", "google-cloud-storage"),
        ("google.protobuf", "protobuf"),
    ],
)
def test_a_module_is_missing_until_its_own_package_is_there(module: str, package: str) -> None:
    needed = [(packages.needed_name(module), 1)]
    assert [each[2] for each in packages.missing(needed, SERVER | {"azure-keyvault-secrets"}, ())] == [package]
    assert packages.missing(needed, SERVER | {package}, ()) == ()


@pytest.mark.parametrize(
    "line", ["from azure.storage import blob", "from azure.storage.blob import BlobClient", "import azure.storage.blob"]
)
def test_every_way_to_import_from_a_shared_name_asks_for_its_package(tmp_path: Path, line: str) -> None:
    folder = _kit(tmp_path / "files")
    _import(folder, line)
    [found] = _found(folder)
    assert "azure-storage-blob" in found.fix
