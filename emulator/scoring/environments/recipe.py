"""What has to be installed for a deployment: from its conda file, its curated environment, its image, or its model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from emulator.scoring.environments import curated
from emulator.scoring.environments.conda import SERVER, Requirements, name_of, read_conda, read_pip
from emulator.scoring.model import DeploymentFailed, DeploymentSpec

_MLFLOW = ("mlflow", "mlflow-skinny")


def recipe(spec: DeploymentSpec) -> Requirements:
    """What a deployment needs, the inference server included.

    `brings_server` of the answer says whether Azure would have found the server too. Raises
    DeploymentFailed("ImageBuildFailure") when a conda file cannot be read.
    """
    try:
        wanted = _wanted(spec)
    except ValueError as error:
        raise DeploymentFailed("ImageBuildFailure", str(error)) from None
    if SERVER in map(name_of, wanted.lines):
        return replace(wanted, brings_server=True)
    if not wanted.brings_server:
        note = (
            f"WARNING: neither the image nor the conda file brings {SERVER}; it is added here. On Azure this deployment"
            " would fail."
        )
        wanted = replace(wanted, notes=(*wanted.notes, note))
    return replace(wanted, lines=(*wanted.lines, SERVER))


def _wanted(spec: DeploymentSpec) -> Requirements:
    if spec.conda_yaml and spec.conda_yaml.strip():
        found = read_conda(spec.conda_yaml)
        return replace(found, brings_server=curated.brings_server(spec.image) or bool(spec.curated))
    if spec.mlflow and spec.code_path is None:
        return replace(_of_mlflow(spec.model_path), brings_server=True)
    if spec.curated:
        note = f"The curated environment {spec.curated} is stood in for by the newest versions of its libraries."
        return Requirements(curated.libraries(spec.curated), (note,), brings_server=True)
    if curated.brings_server(spec.image):
        return Requirements(curated.libraries(spec.image), (), brings_server=True)
    return Requirements((), ())


def _of_mlflow(model: Path | None) -> Requirements:
    """The environment that an MLflow model names: its conda file, else its requirements.txt."""
    found = sorted(model.rglob("MLmodel"), key=lambda path: len(path.parts)) if model and model.is_dir() else []
    if not found:
        raise ValueError("The model has no file named MLmodel, so it is no MLflow model.")
    root = found[0].parent
    conda, listing = root / _conda_name(found[0]), root / "requirements.txt"
    if conda.is_file() and conda.resolve().is_relative_to(root.resolve()):
        wanted = read_conda(conda.read_text(encoding="utf-8"))
    elif listing.is_file():
        notes: list[str] = []
        lines = read_pip([listing.read_text(encoding="utf-8")], notes)
        wanted = Requirements(tuple(lines), tuple(notes))
    else:
        wanted = Requirements((), ("The model names no environment.",))
    if not any(name_of(line) in _MLFLOW for line in wanted.lines):
        wanted = replace(wanted, lines=(*wanted.lines, "mlflow"))
    return wanted


def _conda_name(path: Path) -> str:
    """The conda file that MLmodel names: ``env`` is its name, or a mapping with one."""
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        environment = document["flavors"]["python_function"].get("env")
    except (yaml.YAMLError, RecursionError, AttributeError, TypeError, KeyError):
        raise ValueError("The model's file MLmodel has no flavour named python_function.") from None
    name = environment.get("conda") if isinstance(environment, dict) else environment
    return str(name or "conda.yaml")
