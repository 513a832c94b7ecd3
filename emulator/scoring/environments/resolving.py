"""From requirements to the exact set of packages, with the nearest version where the one asked for cannot be had."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from packaging.specifiers import SpecifierSet

from emulator.scoring.environments.build_log import BuildLog
from emulator.scoring.environments.conda import OPTIONS, Requirements, is_pinned, name_of, unpinned

Uv = Callable[..., Awaitable[tuple[int, str]]]
"""Runs uv with arguments; gives its exit code and what it said."""

_VERSION = re.compile(r"\d+(?:\.\d+)*")
_PATCHES = 60


class Resolver:
    """Finds the packages for one build. Everything is for the Python that runs the local Azure, from wheels only."""

    def __init__(self, uv: Uv, python: str, version: str, folder: Path, log: BuildLog) -> None:
        """``python`` is the interpreter, ``version`` its version; drafts are written into ``folder``."""
        self._uv = uv
        self._python = python
        self._version = version
        self._folder = folder
        self._log = log

    async def resolve(self, wanted: Requirements, strict: bool) -> tuple[str, ...]:
        """One line for each package, with its exact version, after the pip options.

        Raises DeploymentFailed("ImageBuildFailure") when there is no such package, when versions exclude each other,
        or, if ``strict``, when something that is asked for cannot be had here.
        """
        if not fits(wanted.python, self._version):
            said = f"Python {wanted.python} cannot be had here"
            if strict:
                raise self._log.failed(f"error: {said}; there is {self._version}.")
            self._log.write(f"WARNING: {said}: it was replaced by {self._version}.")
        lines = wanted.lines
        replaced: dict[str, str] = {}
        while True:
            code, output, packages = await self._compile(lines)
            if not code:
                break
            if strict or "was not found in the package registry" in output:
                raise self._log.failed(output)
            changed = await self._relax(lines, output, replaced)
            if changed == lines:
                raise self._log.failed(output)
            lines = changed
        self._tell(wanted.lines, lines, packages)
        options = tuple(line for line in wanted.lines if line.startswith(OPTIONS))
        return (*options, *packages)

    async def _relax(self, lines: Sequence[str], output: str, replaced: dict[str, str]) -> tuple[str, ...]:
        """The lines with other versions for those that uv blames and that no index has.

        What was replaced before and still does not fit loses its version. A pin that can be had stays: when such pins
        exclude each other, Azure fails too.
        """
        named = set(re.findall(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*[<>=!~]=?", output))
        blamed = {name_of(name) for name in named}
        changed = list(lines)
        for number, line in enumerate(lines):
            if not is_pinned(line) or name_of(line) not in blamed:
                continue
            if line in replaced:
                changed[number] = unpinned(line)
            elif (await self._compile([line]))[0]:
                changed[number] = await self._nearest(line)
                replaced[changed[number]] = line
        return tuple(changed)

    async def _nearest(self, line: str) -> str:
        """The requirement with the version nearest to the one it names: of the same minor version if there is one,
        then the next higher, then the highest below."""
        head, semicolon, marker = unpinned(line).partition(" ;")
        for versions, lowest in _ladder(line):
            code, _, packages = await self._compile([f"{head}{versions}{semicolon}{marker}"], lowest=lowest)
            found = next((each for each in packages if name_of(each) == name_of(line)), None)
            if not code and found:
                return f"{head}=={found.partition('==')[2]}{semicolon}{marker}"
        return unpinned(line)

    async def _compile(self, lines: Sequence[str], lowest: bool = False) -> tuple[int, str, tuple[str, ...]]:
        listing, found = self._folder / "requirements.in", self._folder / "requirements.draft"
        listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
        # uv prefers what an old output names.
        found.unlink(missing_ok=True)
        code, output = await self._uv(
            *("pip", "compile", "--quiet", "--only-binary", ":all:", "--no-header", "--no-annotate"),
            *("--resolution", "lowest-direct" if lowest else "highest"),
            *("--python", self._python, "--output-file", str(found), str(listing)),
        )
        text = found.read_text(encoding="utf-8") if found.exists() and not code else ""
        return code, output, tuple(line for line in text.splitlines() if line and not line.startswith(("#", "-")))

    def _tell(self, asked: Sequence[str], taken: Sequence[str], packages: Sequence[str]) -> None:
        versions = {name_of(line): line for line in packages}
        for before, after in zip(asked, taken, strict=True):
            if before != after:
                found = versions.get(name_of(after), after)
                self._log.write(
                    f"WARNING: {before} cannot be had for Python {self._version}: it was replaced by {found}."
                )


def fits(wanted: str, version: str) -> bool:
    """Whether Python ``version`` is of a minor version that ``wanted`` (PEP 440, "" for any) allows."""
    minor = ".".join(version.split(".")[:2])
    allowed = SpecifierSet(wanted)
    return any(f"{minor}.{patch}" in allowed for patch in range(_PATCHES))


def _ladder(line: str) -> Iterator[tuple[str, bool]]:
    """Versions to try instead of the first one that a requirement names, nearest first; and whether the lowest of them
    is the nearest."""
    found = _VERSION.search(line[len(unpinned(line).partition(" ;")[0]) :])
    if not found:
        return
    version = found[0]
    if "." in version:
        minor = ".".join(version.split(".")[:2])
        yield f">={version},=={minor}.*", True
        yield f"=={minor}.*", False
    yield f">={version}", True
    yield f"<{version}", False
