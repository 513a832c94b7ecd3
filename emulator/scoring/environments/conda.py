"""From a conda file to requirements that PyPI can satisfy. Pure.

Azure builds the file with conda in a Linux image; here conda and pip packages both come from PyPI, for the Python that
runs the local Azure. Channels have no meaning then. Every change of meaning becomes a note for the build log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml
from packaging.specifiers import InvalidSpecifier, SpecifierSet

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
OPTIONS = ("--index-url", "--extra-index-url", "--find-links", "-i ", "-f ")
"""Options of pip that say where packages are; others are not for a list of requirements, or not for uv."""
_FILE = re.compile(
    r"(?:-r|-c|-e|--requirement|--constraint|--editable)(?![a-z-])|[^\s;]*\bfile:|[^;]*@\s*(?:file:|[./~\\])"
)
_PATH = re.compile(r"[./~\\]|[^\s;\[@]*[/\\]")
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
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"The conda file is not YAML: {' '.join(str(error).split())}") from None
    if document is None:
        document = {}
    entries = (document.get("dependencies") or []) if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("The conda file must be a mapping with a list of dependencies.")
    lines: list[str] = []
    notes: list[str] = []
    python = ""
    for entry in entries:
        if isinstance(entry, str):
            python = _python(entry) or python
            line = _from_conda(entry, notes)
            lines += [line] if line else []
        elif isinstance(entry, dict) and set(entry) == {"pip"} and isinstance(entry["pip"], list | None):
            lines += read_pip(entry["pip"] or [], notes)
        else:
            raise ValueError(f"The conda file has a dependency that is neither a name nor a pip list: {entry!r}.")
    return Requirements(tuple(dict.fromkeys(lines)), tuple(notes), python)


def read_pip(items: Iterable[object], notes: list[str]) -> list[str]:
    """Requirements and options of a pip section or a requirements.txt as uv takes them; ``notes`` gets what changes.

    Raises ValueError for what names files beside the list: on Azure only the list itself is in the image's build.
    """
    lines: list[str] = []
    for item in items:
        if not isinstance(item, str):
            raise ValueError(f"The conda file has a pip requirement that is no text: {item!r}.")
        lines += [line for each in item.splitlines() if (line := _from_pip(each, notes))]
    return lines


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
    if not match or match[1].lower() != "python":
        return ""
    version = _version(match[2].strip()) or ""
    try:
        return str(SpecifierSet(version))
    except InvalidSpecifier:
        raise ValueError(f"The conda file has a dependency that cannot be read: {entry!r}.") from None


def _from_pip(item: str, notes: list[str]) -> str:
    line = re.sub(r"(^|\s)#.*", "", item).strip()
    if _FILE.match(line) or ("://" not in line and _PATH.match(line)):
        raise ValueError(f"Could not open {line!r}: No such file or directory. Only the list itself is in the build.")
    if line.startswith("-") and not line.startswith(OPTIONS):
        notes.append(f"The option {line} is left out: packages come from PyPI as wheels only.")
        return ""
    if name_of(line) == "azureml-defaults":
        notes.append(f"{line} is replaced by {SERVER}, the part of it that serves.")
        return SERVER
    return line


def _from_conda(entry: str, notes: list[str]) -> str:
    match = _SPEC.fullmatch(entry.strip())
    if not match or match[2].startswith((":", "/")):
        raise ValueError(f"The conda file has a dependency that cannot be read: {entry!r}.")
    name, version = match[1].lower(), match[2].strip()
    if entry.strip().endswith("]"):
        notes.append(f"What {entry} has in brackets is left out.")
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
        # Only == and != take a star on PyPI.
        return re.sub(r"((?:[<>]=?|~=)[\w.+!]+?)\.\*", r"\1", re.sub(r"\s+", "", text)).rstrip(",")
    exact = re.fullmatch(r"=?\s*([\w.+!]+)(?:\s+|=)[\w.*]+|([\w.+!]+)", text)
    if exact:
        return f"=={exact[1] or exact[2]}"
    fuzzy = re.fullmatch(r"=\s*([\w.+!]+?)(?:\.?\*)?", text) or re.fullmatch(r"([\w.+!]+?)\.\*", text)
    return f"=={fuzzy[1]}.*" if fuzzy else None
