"""Environments for instances, really built from PyPI."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import uv

from emulator.scoring.environments.build_log import BuildLog
from emulator.scoring.environments.cache import KEPT_SETS, Environment, Environments
from emulator.scoring.environments.conda import Requirements, read_conda, unpinned
from emulator.scoring.environments.recipe import recipe
from emulator.scoring.environments.resolving import Resolver, fits
from emulator.scoring.model import DeploymentFailed, DeploymentSpec
from tests.local_azure import ROOT

SERVER = "azureml-inference-server-http"
CONDA = "dependencies: [six]"
TABLES = ["numpy", "pandas", "scipy", "joblib", "scikit-learn"]


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
        ("numpy 1.26.*", "numpy==1.26.*"),
        ("numpy>=1.26.*", "numpy>=1.26"),
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
    "text",
    [
        *(
            "dependencies: [",
            "- a list",
            "[" * 1200,
            "dependencies: numpy",
            "dependencies: {six: 1}",
            "dependencies: 5",
        ),
        *("dependencies: [{conda: [x]}]", "dependencies: [{pip: six}]", "dependencies: [{pip: [5]}]"),
        *(
            "dependencies: ['=what?']",
            "dependencies: ['https://example.com/six.tar.bz2']",
            "dependencies: [python=new]",
        ),
    ],
)
def test_a_conda_file_that_cannot_be_read_fails_the_build_with_a_sentence(text: str) -> None:
    with pytest.raises(DeploymentFailed, match="The conda file") as failure:
        recipe(deployment(conda_yaml=text))
    assert failure.value.code == "ImageBuildFailure"


@pytest.mark.parametrize(
    "line",
    [
        *("-e .", "--editable=/code", "-r requirements.txt", "--constraint c.txt", "./package", "/code", "~/code"),
        *("file:///code", "six @ file:///code", "six@/code", "six @ ../code", "code/six-1.0.tar.gz"),
        r'"six\n-e /code"',
    ],
)
def test_a_pip_list_names_no_file_of_this_machine(line: str) -> None:
    with pytest.raises(DeploymentFailed, match="No such file or directory") as failure:
        recipe(deployment(conda_yaml=f"dependencies: [{{pip: [{line}]}}]"))
    assert failure.value.code == "ImageBuildFailure"


def test_options_that_are_not_about_where_packages_are_are_left_out_and_said() -> None:
    listing = ["--pre", "--no-binary :all:", "--extra-index-url https://example.com/x", "", "six  # why", "# no more"]
    found = read_conda(f"dependencies: [{{pip: {listing}}}]")
    assert found.lines == ("--extra-index-url https://example.com/x", "six")
    assert [note.split(" is ")[0] for note in found.notes] == ["The option --pre", "The option --no-binary :all:"]


def test_uv_gets_none_of_the_servers_own_variables(tmp_path: Path) -> None:
    caller = {"IDENTITY_HEADER": "x", "AZURE_X": "x", "SLUICE_X": "x", "UV_OFFLINE": "1", "PATH": "/bin"}
    assert set(Environments(tmp_path, caller)._variables) == {"UV_OFFLINE", "UV_PYTHON_DOWNLOADS", "PATH"}


def test_neither_log_nor_error_of_a_build_holds_a_password(tmp_path: Path) -> None:
    log = BuildLog(tmp_path / "build.log")
    log.write("Trying https://me:secret@example.com/simple")
    failure = log.failed("error: Failed to fetch https://me:secret@example.com/simple/six/")
    assert "secret" not in failure.message + log.path.read_text()


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


def test_an_environment_holds_what_was_asked_for_and_what_that_needs_and_nothing_else(tmp_path: Path) -> None:
    first, second, third = prepare(
        tmp_path,
        "dependencies: [six=1.16.0]",
        "dependencies: [pip, {pip: [azureml-defaults, six==1.16.0]}]",
        "dependencies: [{pip: [six==1.17.0]}]",
    )
    assert first.python == second.python != third.python
    assert first.build_log != second.build_log
    listing = [uv.find_uv_bin(), "pip", "freeze", "--python", str(first.python)]
    installed = set(subprocess.check_output(listing, text=True, stderr=subprocess.DEVNULL).split())
    assert installed == set((first.python.parents[2] / "requirements.txt").read_text().split())
    assert "six==1.16.0" in installed
    # Packages of ours that a scoring script on Azure would not find.
    assert not {name.partition("==")[0] for name in installed} & {"pip", "numpy", "aiohttp", "duckdb", "uvicorn"}


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ("numpy==1.19.5", "numpy==1.2"),
        ("markupsafe==2.1.99", "markupsafe==2.1.5"),
        ("markupsafe==99.0", "markupsafe==3."),
        ("markupsafe==0.9.*", "markupsafe=="),
    ],
)
def test_the_nearest_version_stands_in_for_one_that_cannot_be_had(tmp_path: Path, asked: str, taken: str) -> None:
    log = BuildLog(tmp_path / "build.log")
    environments = Environments(tmp_path, os.environ)

    async def run(*arguments: str) -> tuple[int, str]:
        return await environments._uv(log, *arguments)

    resolver = Resolver(run, sys.executable, "3.11.7", tmp_path, log)
    found = asyncio.run(resolver.resolve(Requirements((asked,), ()), strict=False))
    assert [line for line in found if line.startswith(taken)]
    assert f"WARNING: {asked} cannot be had for Python 3.11.7: it was replaced by {taken}" in log.path.read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dependencies: [markupsafe=0.9]", "No solution found .* markupsafe"),
        ("dependencies: [python=3.8, six]", r"Python ==3.8.\* cannot be had here"),
    ],
)
def test_strict_environments_take_nothing_else_than_what_is_asked_for(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DeploymentFailed, match=said) as failure:
        prepare(tmp_path, text, strict=True)
    assert failure.value.code == "ImageBuildFailure"


def test_versions_that_exclude_each_other_fail_the_build_as_on_azure(tmp_path: Path) -> None:
    with pytest.raises(DeploymentFailed, match="markupsafe") as failure:
        prepare(tmp_path, "dependencies: [{pip: [markupsafe==2.1.5, markupsafe==3.0.2]}]")
    assert failure.value.code == "ImageBuildFailure"


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [("", True), ("==3.11.*", True), ("==3.11.4", True), ("==3.8.*", False), (">=3.9,<3.11", False), (">=3.9", True)],
)
def test_a_python_of_the_same_minor_version_will_do(wanted: str, allowed: bool) -> None:
    assert fits(wanted, "3.11.7") is allowed


@pytest.mark.parametrize(
    ("changes", "lines", "brought"),
    [
        ({}, [SERVER], True),
        ({"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest"}, [SERVER], False),
        ({"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04", "conda_yaml": CONDA}, ["six", SERVER], False),
        ({"image": "ubuntu", "conda_yaml": f"dependencies: [pip: [{SERVER}]]"}, [SERVER], True),
        ({"image": "ubuntu", "conda_yaml": "dependencies: [azureml-defaults]"}, [SERVER], True),
        ({"conda_yaml": CONDA}, ["six", SERVER], True),
        ({"image": "", "curated": "sklearn-1.5"}, [*TABLES, SERVER], True),
        ({"image": "", "curated": "AzureML-lightgbm-3.2-ubuntu18.04-py37-cpu"}, ["lightgbm", *TABLES, SERVER], True),
        ({"image": "", "curated": "AzureML-acpt-pytorch-2.2"}, ["torch", "numpy", "pandas", SERVER], True),
        ({"image": "mcr.microsoft.com/azureml/sklearn-1.0-py38-cpu-inference:3"}, [*TABLES, SERVER], True),
    ],
)
def test_what_a_deployment_gets_depends_on_its_environment(
    changes: dict[str, Any], lines: list[str], brought: bool
) -> None:
    found = recipe(deployment(**changes))
    assert (list(found.lines), found.brings_server) == (lines, brought)
    assert any("On Azure this deployment would fail" in note for note in found.notes) is not brought


def test_unused_environments_are_deleted_when_there_are_many(tmp_path: Path) -> None:
    for number in range(KEPT_SETS + 3):
        venv = tmp_path / "sets" / str(number) / "venv" / "bin"
        venv.mkdir(parents=True)
        os.utime(tmp_path / "sets" / str(number), (number, number))
    used = tmp_path / "sets" / "0" / "venv" / "bin" / "python"
    asyncio.run(Environments(tmp_path, os.environ).prune({used}))
    left = {int(path.name) for path in (tmp_path / "sets").iterdir()}
    assert left == {0, *range(3, KEPT_SETS + 3)}


def test_a_build_that_is_killed_leaves_nothing_that_is_used(tmp_path: Path) -> None:
    code = f"""
import asyncio, os
from pathlib import Path
from emulator.scoring.environments.conda import Requirements
from emulator.scoring.environments.cache import Environments
asyncio.run(Environments(Path({str(tmp_path)!r}), os.environ).prepare(Requirements(({SERVER!r},), ()), ""))
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as builder:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("sets/*/venv/lib")):
            assert builder.poll() is None
            assert time.monotonic() < deadline
        found = psutil.Process(builder.pid).children(recursive=True)
        builder.kill()
    # Else it would go on to write into the folder in which the next build begins.
    assert psutil.wait_procs(found, 60)[1] == []
    assert not list(tmp_path.glob("sets/*/complete"))
    [environment] = prepare(tmp_path, None)
    assert (
        subprocess.run([environment.python, "-c", "import azureml_inference_server_http"], check=False).returncode == 0
    )
