"""Python environments for instances: built by uv, found again by content, with a log of how each came about.

``environments/<request>/`` belongs to one wording of requirements: ``build.log``, and ``resolved.txt`` with the exact
packages once they are known. ``environments/sets/<set>/`` holds the ``venv`` of exactly these packages, and
``complete`` once it can be used; requests that resolve to the same set share it. A set without that marker is what an
interrupted build left, and is built again.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import uv

from emulator.scoring.environments.build_log import BuildLog
from emulator.scoring.environments.conda import Requirements
from emulator.scoring.environments.resolving import Resolver

BUILD_SECONDS = 1800.0
KEPT_SETS = 10
"""Unused sets that are kept, the newest, for the next deployment."""

_FORMAT = "2"
_PYTHON = ".".join(map(str, sys.version_info[:3]))
_FROM_PIP_TO_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
}
_SUPERVISOR = Path(__file__).parents[1] / "instances" / "supervisor.py"
_NOT_FOR_UV = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX")
_SECRETS = ("IDENTITY_", "AZURE_", "AZUREML_", "SLUICE_", "EMULATOR_", "MSI_", "ARM_")
"""Beginnings of names that uv has no use for: a package that came to run code while it is installed would see them."""


@dataclass(frozen=True)
class Environment:
    """A usable environment."""

    python: Path
    build_log: Path


class Environments:
    """All environments of one state folder. Builds of the same content wait for each other."""

    def __init__(self, folder: Path, caller_environment: Mapping[str, str], strict: bool = False) -> None:
        """``caller_environment`` holds the variables that the person who started the server had. ``strict`` fails a
        build whose versions cannot be had here, as Azure would have them."""
        self._folder = folder
        self._variables = _uv_variables(caller_environment)
        self._strict = strict
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def log_of(self, wanted: Requirements) -> Path:
        """Where the build log of these requirements is or will be."""
        return self._request(wanted) / "build.log"

    async def prepare(self, wanted: Requirements, image: str) -> Environment:
        """The environment with exactly these requirements, built when it is not there yet.

        Raises DeploymentFailed("ImageBuildFailure") with the line of the build log that says why.
        """
        request = self._request(wanted)
        log = BuildLog(request / "build.log")
        async with self._locks[request.name]:
            request.mkdir(parents=True, exist_ok=True)
            packages = _packages(request / "resolved.txt")
            if packages is None:
                log.path.unlink(missing_ok=True)
                packages = await self._resolve(request, wanted, image, log)
            target = self._folder / "sets" / _hash(*packages)
            async with self._locks[target.name]:
                if not (target / "complete").exists():
                    await self._install(target, packages, log)
                elif not (request / "resolved.txt").exists():
                    log.write("An environment with exactly these packages is there already.")
                # The newest of all now: pruning leaves it alone while its instances start.
                os.utime(target)
            _write(request / "resolved.txt", packages)
        return Environment(target / "venv" / "bin" / "python", log.path)

    async def prune(self, used: Collection[Path]) -> None:
        """Delete the oldest sets beyond :data:`KEPT_SETS` that no interpreter in ``used`` belongs to."""
        folder = self._folder / "sets"
        found = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        unused = [path for path in found if path / "venv" / "bin" / "python" not in used]
        for path in sorted(unused, key=lambda each: each.stat().st_mtime, reverse=True)[KEPT_SETS:]:
            async with self._locks[path.name]:
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)

    def _request(self, wanted: Requirements) -> Path:
        return self._folder / _hash(str(self._strict), wanted.python, *wanted.lines)

    async def _resolve(self, request: Path, wanted: Requirements, image: str, log: BuildLog) -> tuple[str, ...]:
        log.write(
            "Building the environment of the deployment.",
            f"The image {image or '(none)'} is not pulled and conda channels are not asked: conda and pip packages are "
            f"resolved from PyPI, as wheels only, for Python {_PYTHON}, the one that runs the local Azure.",
            *(note if note.startswith("WARNING") else f"Note: {note}" for note in wanted.notes),
            "Requirements:",
            *(f"  {line}" for line in wanted.lines),
        )

        async def run(*arguments: str) -> tuple[int, str]:
            return await self._uv(log, *arguments)

        packages = await Resolver(run, sys.executable, _PYTHON, request, log).resolve(wanted, self._strict)
        log.write("Packages:", *(f"  {line}" for line in packages))
        return packages

    async def _install(self, target: Path, packages: tuple[str, ...], log: BuildLog) -> None:
        if target.exists():
            await asyncio.to_thread(shutil.rmtree, target)
        target.mkdir(parents=True)
        _write(target / "requirements.txt", packages)
        venv = target / "venv"
        code, output = await self._uv(log, "venv", "--python", sys.executable, str(venv))
        if not code:
            code, output = await self._uv(
                log,
                *("pip", "sync", "--only-binary", ":all:"),
                *("--python", str(venv / "bin" / "python"), str(target / "requirements.txt")),
            )
        if code:
            raise log.failed(output)
        (target / "complete").touch()
        log.write("The environment is complete.")

    async def _uv(self, log: BuildLog, *arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", _SUPERVISOR, "-"),
            *(uv.find_uv_bin(), "--no-progress", "--color", "never", *arguments),
            env=self._variables,
            # While this end is open, uv may run: it does not outlive this process.
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            output = await asyncio.wait_for(process.stdout.read(), BUILD_SECONDS)
        except TimeoutError:
            return 1, f"error: The build took longer than {BUILD_SECONDS:.0f} seconds."
        finally:
            process.stdin.close()
            await process.wait()
        text = output.decode(errors="replace")
        log.write(*text.splitlines())
        return process.returncode or 0, text


def _hash(*parts: str) -> str:
    content = "\n".join((_FORMAT, _PYTHON, sys.base_prefix, *parts))
    return hashlib.sha256(content.encode()).hexdigest()[:20]


def _packages(path: Path) -> tuple[str, ...] | None:
    return tuple(path.read_text(encoding="utf-8").splitlines()) if path.exists() else None


def _write(path: Path, lines: tuple[str, ...]) -> None:
    """Write lines in one step: a reader finds all of them or no file."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    draft.replace(path)


def _uv_variables(caller: Mapping[str, str]) -> dict[str, str]:
    """The caller's own variables, with an index configured for pip offered to uv too, and no Python downloads."""
    variables = {
        name: value for name, value in caller.items() if name not in _NOT_FOR_UV and not name.startswith(_SECRETS)
    }
    for pip_name, uv_name in _FROM_PIP_TO_UV.items():
        if pip_name in caller:
            variables.setdefault(uv_name, caller[pip_name])
    variables["UV_PYTHON_DOWNLOADS"] = "never"
    return variables
