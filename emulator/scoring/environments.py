"""Python environments for instances: built by uv, found again by content, with a log of how each came about.

An environment is ``environments/<hash>/`` with ``venv``, ``requirements.txt``, ``build.log`` and, once it can be used,
``complete``. Without that marker the folder is what an interrupted build left, and is built again.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uv

from emulator.scoring.conda import Requirements, is_pinned, name_of, read_conda, unpinned
from emulator.scoring.model import DeploymentFailed

BUILD_SECONDS = 1800.0

_FORMAT = "1"
_PYTHON = ".".join(map(str, sys.version_info[:3]))
_CREDENTIALS = re.compile(r"//[^@/\s]+@")
_FROM_PIP_TO_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
}
_NOT_FOR_UV = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX")


@dataclass(frozen=True)
class Environment:
    """A usable environment."""

    python: Path
    build_log: Path


class BuildLog:
    """The build log: lines with a time, appended as things happen."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, *lines: str) -> None:
        """Append lines."""
        with self.path.open("a", encoding="utf-8") as file:
            for line in lines:
                file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {_CREDENTIALS.sub('//***@', line)}\n")


class Environments:
    """All environments of one state folder. Builds of the same content wait for each other."""

    def __init__(self, folder: Path, caller_environment: Mapping[str, str]) -> None:
        """``caller_environment`` holds the variables that the person who started the server had."""
        self._folder = folder
        self._variables = _uv_variables(caller_environment)
        self._locks: dict[str, asyncio.Lock] = {}

    def folder_for(self, conda_yaml: str | None) -> Path:
        """Where the environment of this conda file is or will be. Raises DeploymentFailed when it cannot be read."""
        return self._folder / _key(_read(conda_yaml))

    async def prepare(self, conda_yaml: str | None, image: str) -> Environment:
        """The environment of a conda file, built when it is not there yet.

        Raises DeploymentFailed("ImageBuildFailure") with the line of the build log that says why.
        """
        requirements = _read(conda_yaml)
        key = _key(requirements)
        folder = self._folder / key
        environment = Environment(folder / "venv" / "bin" / "python", folder / "build.log")
        async with self._locks.setdefault(key, asyncio.Lock()):
            if not (folder / "complete").exists():
                if folder.exists():
                    await asyncio.to_thread(shutil.rmtree, folder)
                folder.mkdir(parents=True)
                await self._build(folder, environment, requirements, image)
                (folder / "complete").touch()
        return environment

    async def _build(self, folder: Path, environment: Environment, requirements: Requirements, image: str) -> None:
        log = BuildLog(environment.build_log)
        log.write(
            "Building the environment of the deployment.",
            f"The image {image or '(none)'} is not pulled and conda channels are not asked: conda and pip packages are "
            f"resolved from PyPI, as wheels only, for Python {_PYTHON}, the one that runs the local Azure.",
            *(f"Note: {note}" for note in requirements.notes),
        )
        code, output = await self._uv(log, "venv", "--python", sys.executable, str(folder / "venv"))
        if code:
            raise _failed(log, output)
        lines = requirements.lines
        while True:
            listing = folder / "requirements.txt"
            listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
            log.write("Requirements:", *(f"  {line}" for line in lines))
            code, output = await self._uv(
                log,
                *("pip", "install", "--only-binary", ":all:"),
                *("--python", str(environment.python), "--requirement", str(listing)),
            )
            if not code:
                break
            lines = _without_impossible_pins(lines, output, log)
        for asked, taken in zip(requirements.lines, lines, strict=True):
            if asked != taken:
                installed = _installed(name_of(taken), output)
                log.write(f"WARNING: {asked} cannot be had for Python {_PYTHON}: it was replaced by {installed}.")
        log.write("The environment is complete.")

    async def _uv(self, log: BuildLog, *arguments: str) -> tuple[int, str]:
        command = [uv.find_uv_bin(), "--no-progress", "--color", "never", *arguments]
        process = await asyncio.create_subprocess_exec(
            *command,
            env=self._variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), BUILD_SECONDS)
        except TimeoutError:
            return 1, f"error: The build took longer than {BUILD_SECONDS:.0f} seconds."
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        text = output.decode(errors="replace")
        log.write(*text.splitlines())
        return process.returncode or 0, text


def _read(conda_yaml: str | None) -> Requirements:
    try:
        return read_conda(conda_yaml)
    except ValueError as error:
        raise DeploymentFailed("ImageBuildFailure", str(error)) from None


def _key(requirements: Requirements) -> str:
    content = "\n".join((_FORMAT, _PYTHON, sys.base_prefix, *requirements.lines))
    return hashlib.sha256(content.encode()).hexdigest()[:20]


def _uv_variables(caller: Mapping[str, str]) -> dict[str, str]:
    """The caller's own variables, with an index configured for pip offered to uv too, and no Python downloads."""
    variables = {name: value for name, value in caller.items() if name not in _NOT_FOR_UV}
    for pip_name, uv_name in _FROM_PIP_TO_UV.items():
        if pip_name in caller:
            variables.setdefault(uv_name, caller[pip_name])
    variables["UV_PYTHON_DOWNLOADS"] = "never"
    return variables


def _without_impossible_pins(lines: Sequence[str], output: str, log: BuildLog) -> tuple[str, ...]:
    """The requirements without the versions that uv names as impossible; raises DeploymentFailed when none is left."""
    named = set(re.findall(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*[<>=!~]=?", output))
    blamed = {name_of(name) for name in named}
    impossible = [line for line in lines if is_pinned(line) and name_of(line) in blamed]
    if not impossible or "No solution found" not in output or "was not found in the package registry" in output:
        raise _failed(log, output)
    for line in impossible:
        log.write(f"WARNING: {line} cannot be had here; trying the nearest that can: {unpinned(line)}.")
    return tuple(unpinned(line) if line in impossible else line for line in lines)


def _installed(name: str, output: str) -> str:
    for line in output.splitlines():
        added = line.strip().removeprefix("+ ")
        if name_of(added) == name:
            return added
    return name


def _failed(log: BuildLog, output: str) -> DeploymentFailed:
    """The failure, with what uv said in one line."""
    lines = [line.strip(" ×╰─▶│├·") for line in output.splitlines()]
    start = next((i for i, line in enumerate(lines) if line.startswith(("error", "No solution"))), len(lines) - 1)
    reason = " ".join(line for line in lines[max(start, 0) :] if line) or "uv ended without a word"
    log.write("The build failed.")
    return DeploymentFailed("ImageBuildFailure", f"The environment could not be built: {reason}")
