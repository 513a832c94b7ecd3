"""From a conda file to requirements that PyPI can satisfy. Pure.

Azure builds the file with conda in a Linux image; here conda and pip packages both come from PyPI, for the Python that
runs the local Azure. Channels have no meaning then. Every change of meaning becomes a note for the build log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

SERVER = "azureml-inference-server-http"

_RENAMED = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "tensorflow-gpu": "tensorflow",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "matplotlib-base": "matplotlib",
    "dask-core": "dask",
    "opencv": "opencv-python-headless",
    "py-opencv": "opencv-python-headless",
    "pillow-simd": "pillow",
    "msgpack-python": "msgpack",
    "azureml-defaults": SERVER,
}
_NOT_PYTHON = frozenset(
    {
        *("python", "pip", "cudatoolkit", "cudnn", "cpuonly", "pytorch-cuda", "pytorch-mutex", "libgcc-ng", "libgcc"),
        *("libstdcxx-ng", "openssl", "nomkl", "mkl", "blas", "openblas", "libopenblas", "gcc", "gxx", "gcc_linux-64"),
        *("gxx_linux-64", "ca-certificates", "git"),
    }
)
_SPEC = re.compile(r"(?:[^:\s]+::)?([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(.*)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_COMPARISONS = re.compile(r"(?:(?:[<>]=?|==|!=|~=)\s*[\w.*+!]+\s*,?\s*)+")


@dataclass(frozen=True)
class Requirements:
    """What is to be installed, one requirement or pip option per line, and what a reader of the log must know.

    `python` is the Python that the file asks for, such as ``3.8`` or ``>=3.9,<3.11``, "" when it does not.
    `brings_server` says whether something else than these lines brings the inference server.
    """

    lines: tuple[str, ...]
    notes: tuple[str, ...]
    python: str = ""
    brings_server: bool = False


def read_conda(text: str | None) -> Requirements:
    """Read a conda file; None or an empty one asks for nothing. Raises ValueError with a sentence."""
    try:
        document: Any = yaml.safe_load(text or "")
    except yaml.YAMLError as error:
        raise ValueError(f"The conda file is not YAML: {' '.join(str(error).split())}") from None
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise ValueError("The conda file must be a mapping with a list of dependencies.")
    lines: list[str] = []
    notes: list[str] = []
    python = ""
    for entry in document.get("dependencies") or []:
        if isinstance(entry, str):
            python = _python(entry) or python
            line = _from_conda(entry, notes)
            lines += [line] if line else []
        elif isinstance(entry, dict) and set(entry) == {"pip"}:
            lines += [_from_pip(str(item), notes) for item in entry["pip"] or []]
        else:
            raise ValueError(f"The conda file has a dependency that is neither a name nor a pip list: {entry!r}.")
    return Requirements(tuple(dict.fromkeys(lines)), tuple(notes), python)


def name_of(requirement: str) -> str:
    """The normalised package name of a requirement (PEP 503), "" for a pip option or a URL."""
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match and "://" not in requirement.split("@")[0] else ""


def is_pinned(requirement: str) -> bool:
    """Whether a requirement names a version, so that dropping it can help."""
    return bool(name_of(requirement)) and any(sign in requirement for sign in "<>=~!")


def unpinned(requirement: str) -> str:
    """The requirement without its version; extras and markers stay."""
    head, semicolon, marker = requirement.partition(";")
    return re.split(r"[<>=~!]", head)[0].strip() + (f" {semicolon}{marker}" if semicolon else "")


def _python(entry: str) -> str:
    """The version of Python that an entry asks for, as PEP 440 says it, "" for another entry or any version."""
    match = _SPEC.fullmatch(entry.strip())
    return _version(match[2].strip()) or "" if match and match[1].lower() == "python" else ""


def _from_pip(item: str, notes: list[str]) -> str:
    item = item.strip()
    if name_of(item) == "azureml-defaults":
        notes.append(f"{item} is replaced by {SERVER}, the part of it that serves.")
        return SERVER
    return item


def _from_conda(entry: str, notes: list[str]) -> str:
    match = _SPEC.fullmatch(entry.strip())
    if not match:
        raise ValueError(f"The conda file has a dependency that cannot be read: {entry!r}.")
    name, version = match[1].lower(), match[2].strip()
    if name in _NOT_PYTHON:
        notes.append(f"{entry} is left out: it is not a package of PyPI, or comes with the local Azure's own Python.")
        return ""
    renamed = _RENAMED.get(name, name)
    if renamed != name:
        notes.append(f"{entry} is called {renamed} on PyPI.")
    if renamed == SERVER:
        return SERVER
    wanted = _version(version)
    if wanted is None:
        notes.append(f"The version of {entry} cannot be said to PyPI and is left out.")
    return renamed + (wanted or "")


def _version(text: str) -> str | None:
    """A conda version as PEP 440: ``=1.2`` means 1.2.*, ``=1.2=build`` and ``1.2`` mean exactly 1.2."""
    if not text or text == "*":
        return ""
    if _COMPARISONS.fullmatch(text):
        return re.sub(r"\s+", "", text).rstrip(",")
    exact = re.fullmatch(r"=?\s*([\w.+!]+)(?:\s+|=)[\w.*]+|([\w.+!]+)", text)
    if exact:
        return f"=={exact[1] or exact[2]}"
    fuzzy = re.fullmatch(r"=\s*([\w.+!]+?)(?:\.?\*)?", text)
    return f"=={fuzzy[1]}.*" if fuzzy else None
