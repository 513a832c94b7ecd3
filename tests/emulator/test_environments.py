"""Environments for instances, really built from PyPI."""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emulator.scoring.conda import read_conda, unpinned
from emulator.scoring.environments import Environment, Environments
from emulator.scoring.model import DeploymentFailed, DeploymentSpec
from emulator.scoring.recipe import recipe

SERVER = "azureml-inference-server-http"


def deployment(**changes: Any) -> DeploymentSpec:
    spec = DeploymentSpec(
        endpoint="shop",
        deployment="blue",
        instance_count=1,
        code_path=Path("code"),
        scoring_script="score.py",
        model_path=None,
        model_name="",
        model_version="",
        conda_yaml=None,
        image="mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu-inference:latest",
        environment_variables={},
        request_timeout_ms=5000,
        max_concurrent_requests=1,
    )
    return replace(spec, **changes)


def prepare(folder: Path, *conda: str | None, strict: bool = False) -> list[Environment]:
    async def all_at_once() -> list[Environment]:
        environments = Environments(folder, os.environ, strict)
        wanted = [recipe(deployment(conda_yaml=text)) for text in conda]
        return await asyncio.gather(*(environments.prepare(each, "image:1") for each in wanted))

    return asyncio.run(all_at_once())


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("numpy", "numpy"),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy 1.26.4", "numpy==1.26.4"),
        ("scikit-learn=1.2.2=py38_0", "scikit-learn==1.2.2"),
        ("conda-forge::scipy>=1.2,<3", "scipy>=1.2,<3"),
        ("pytorch=2.1", "torch==2.1.*"),
    ],
)
def test_conda_packages_become_requirements(conda: str, pip: str) -> None:
    assert read_conda(f"dependencies: ['{conda}']").lines == (pip,)


def test_what_pypi_does_not_have_is_left_out_and_said() -> None:
    found = read_conda("dependencies: [python=3.8, pip=21, cudatoolkit=11, {pip: [azureml-defaults==1.53, joblib]}]")
    assert found.lines == (SERVER, "joblib")
    assert [note.split()[0] for note in found.notes] == [
        "python=3.8",
        "pip=21",
        "cudatoolkit=11",
        "azureml-defaults==1.53",
    ]


@pytest.mark.parametrize(
    "text", ["dependencies: [", "- a list", "dependencies: [{conda: [x]}]", "dependencies: ['=what?']"]
)
def test_a_conda_file_that_cannot_be_read_fails_the_build_with_a_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(DeploymentFailed, match="The conda file") as failure:
        prepare(tmp_path, text)
    assert failure.value.code == "ImageBuildFailure"


def test_a_pin_is_dropped_with_extras_and_marker_kept() -> None:
    assert unpinned('joblib[x]~=1.2.0 ; python_version > "3"') == 'joblib[x] ; python_version > "3"'


def test_the_same_content_is_built_once(tmp_path: Path) -> None:
    text = "dependencies: [{pip: [six]}]"
    first, second, other = prepare(tmp_path, text, text, None)
    assert first == second != other
    log = first.build_log.read_text()
    assert log.count("Building the environment") == 1
    assert "resolved from PyPI" in log
    assert "conda channels are not asked" in log
    written = first.build_log.stat().st_mtime_ns
    [again] = prepare(tmp_path, f"{text}\n# a comment changes nothing")
    assert (again, again.build_log.stat().st_mtime_ns) == (first, written)
    code = "import six, azureml_inference_server_http; print(six.__name__)"
    assert subprocess.check_output([first.python, "-c", code], text=True) == "six\n"
    missing = subprocess.run([other.python, "-c", "import six"], capture_output=True, check=False)
    assert missing.returncode == 1


def test_a_build_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    [environment] = prepare(tmp_path, None)
    folder = environment.python.parents[2]
    (folder / "complete").unlink()
    environment.python.unlink()
    prepare(tmp_path, None)
    assert (folder / "complete").exists()
    assert subprocess.run([environment.python, "-c", "import flask"], check=False).returncode == 0


def test_a_package_that_does_not_exist_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(DeploymentFailed, match="sluice-no-such-package was not found") as failure:
        prepare(tmp_path, "dependencies: [{pip: [sluice-no-such-package==1.0]}]")
    assert failure.value.code == "ImageBuildFailure"
    log = next(tmp_path.glob("*/build.log")).read_text()
    assert "sluice-no-such-package" in log
    assert log.endswith("The build failed.\n")


def test_a_pin_that_cannot_be_had_is_replaced_loudly(tmp_path: Path) -> None:
    [environment] = prepare(tmp_path, "dependencies: [markupsafe=0.9, {pip: [six==1.16.0]}]")
    log = environment.build_log.read_text()
    assert "WARNING: markupsafe==0.9.* cannot be had" in log
    assert "it was replaced by markupsafe==" in log
    code = "from importlib.metadata import version; print(version('six'))"
    assert subprocess.check_output([environment.python, "-c", code], text=True) == "1.16.0\n"
