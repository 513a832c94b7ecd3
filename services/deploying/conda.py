"""A conda file: whether Azure can build an image from it, and whether the image would answer. Pure.

Azure gets the text of the file alone (``Environment.conda_file``), so nothing that lies beside it is in the build. What
a match specification may look like: conda's "MatchSpec"; what a pip requirement may: PEP 508.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from services.deploying.located_yaml import BadYaml, Located, read
from services.deploying.model import FieldPath, Finding, Level, Place
from services.deploying.packages import NOT_PACKAGES, SERVERS

MAX_BYTES = 1_000_000
_LONGEST = 1_000
OLDEST_PYTHON, FIRST_UNTRIED_PYTHON = Version("3.9"), Version("3.13")
"""The inference server 1.5 asks for Python 3.9 or newer, and names 3.12 as the last one that it is made for."""
_KEYS = frozenset({"name", "channels", "dependencies", "variables", "prefix", "platforms"})
_MATCH = re.compile(
    r"(?:(?P<channel>[^\s:\[\]]+)::)?(?P<name>_?[A-Za-z0-9][\w.-]*)\s*(?P<version>[^\[]*?)\s*(?P<brackets>\[[^\]]*\])?"
)
_VERSION = re.compile(
    r"(?:\*|(?:(?:[<>]=?|==?|!=|~=)?\s*v?\d[\w.+!*]*)(?:\s*[,|]\s*(?:[<>]=?|==?|!=|~=)?\s*v?\d[\w.+!*]*)*"
    r"(?:(?:\s+|=)[\w.*]+)?)?"
)
_OPTION = re.compile(r"(--?[a-z][a-z-]*)")
_FILE_OPTIONS = frozenset({"-r", "--requirement", "-c", "--constraint", "-e", "--editable"})
_LOCAL = re.compile(r"\.{1,2}[/\\]|[/~\\]|[A-Za-z]:\\|file:|[^\s@;\[]+\.whl\b")


@dataclass(frozen=True)
class CondaFile:
    """What is known of a conda file. ``packages`` are normalised names; ``is_complete`` says that they could all be
    read, so that what is not among them is not asked for."""

    findings: tuple[Finding, ...]
    packages: frozenset[str] = frozenset()
    is_complete: bool = False


def look_at(source: bytes, file: str, *, needs_server: bool) -> CondaFile:
    """Check a conda file. ``needs_server`` says whether nothing else brings the inference server."""
    if len(source) > MAX_BYTES:
        why = f"It has {len(source):,} bytes, and at most {MAX_BYTES:,} are looked at."
        return CondaFile((_Reader.whole(file, Level.ERROR, "conda-large", f"{file} is no conda file.", why, _NAME_IT),))
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError:
        what, fix = f"{file} is not UTF-8 text.", "Save it as UTF-8."
        return CondaFile((_Reader.whole(file, Level.ERROR, "conda-encoding", what, "Conda reads UTF-8.", fix),))
    try:
        documents = read(text)
    except BadYaml as error:
        finding = Finding(
            Level.ERROR, "conda-yaml", Place(file, error.line), f"{file} is not YAML.", error.why, error.fix
        )
        return CondaFile((finding,))
    if len(documents) != 1 or not isinstance(documents[0].content, dict):
        what, why = f"{file} is no conda file.", "A conda file is one mapping with a list of dependencies."
        is_list_of_pip = bool(re.search(r"^[A-Za-z][\w.\[\]-]*\s*(?:[=<>~]=.*)?$", text, re.MULTILINE))
        fix = "Its lines look like pip's: put them into a conda file, as a list below - pip:." if is_list_of_pip else ""
        return CondaFile((_Reader.whole(file, Level.ERROR, "conda-shape", what, why, fix or _NAME_IT),))
    return look_into(documents[0], file, needs_server=needs_server)


def look_into(document: Located, file: str, *, needs_server: bool) -> CondaFile:
    """Check a conda file that is read already: one that stands in a deployment's YAML, for example."""
    return _Reader(document, file).read(needs_server)


_NAME_IT = "Name the conda file of the environment, for example one with name, channels and dependencies."


class _Reader:
    """Reads one file and gathers what is wrong with it."""

    def __init__(self, document: Located, file: str) -> None:
        self._content: Mapping[str, object] = document.content
        self._lines = document.lines
        self._file = file
        self._findings: list[Finding] = []
        self._packages: dict[str, int] = {}
        self._is_complete = True
        self._has_pip_list = False

    @staticmethod
    def whole(file: str, level: Level, code: str, what: str, why: str, fix: str) -> Finding:
        """A finding about the whole file."""
        return Finding(level, code, Place(file), what, why, fix)

    def read(self, needs_server: bool) -> CondaFile:
        """Everything that is known of the file."""
        for key in self._content:
            if key not in _KEYS:
                why = "Conda knows name, channels, dependencies, variables, prefix and platforms, and ignores the rest."
                fix = (
                    "Put it into dependencies, as an entry: - pip: with its list below."
                    if key == "pip"
                    else "Remove it."
                )
                self._add(Level.WARNING, "conda-key", (key,), f"{key} means nothing in a conda file.", why, fix)
        entries = self._content.get("dependencies")
        if not isinstance(entries, list) or not entries:
            why = "Without it nothing is installed, not even Python."
            fix = "List at least python, pip, and below pip azureml-inference-server-http."
            self._add(Level.ERROR, "conda-empty", ("dependencies",), "There is no list of dependencies.", why, fix)
            return CondaFile(tuple(self._findings))
        for number, entry in enumerate(entries):
            self._entry(entry, ("dependencies", number))
        self._judge(needs_server)
        return CondaFile(tuple(self._findings), frozenset(self._packages), self._is_complete)

    def _entry(self, entry: object, path: FieldPath) -> None:
        if isinstance(entry, str):
            self._match(entry.strip(), path)
        elif isinstance(entry, dict) and set(entry) == {"pip"} and isinstance(entry["pip"], list):
            self._has_pip_list = True
            for number, each in enumerate(entry["pip"]):
                self._requirement(each, (*path, "pip", number))
        elif isinstance(entry, dict) and set(entry) == {"pip"} and entry["pip"] is None:
            self._add(
                Level.WARNING,
                "conda-pip-empty",
                path,
                "The list of pip is empty.",
                "What stands below it at the same depth is asked of conda.",
                "Indent the packages below pip: by two more spaces.",
            )
        else:
            self._is_complete = False
            why = "An entry is a package, such as numpy=1.26, or pip: with a list below it."
            fix = "Put the packages of pip into one list below - pip:, indented by two more spaces."
            self._add(Level.ERROR, "conda-entry", path, f"{_short(entry)} is no dependency.", why, fix)

    def _match(self, entry: str, path: FieldPath) -> None:
        found = _MATCH.fullmatch(entry) if len(entry) <= _LONGEST else None
        if found is None or not _VERSION.fullmatch(found["version"].strip()):
            self._is_complete = False
            why = "Conda reads a name and a version, such as numpy, numpy=1.26 or numpy>=1.26,<2."
            self._add(
                Level.ERROR, "conda-match", path, f"{_short(entry)} is no package for conda.", why, "Write it so."
            )
            return
        name = canonicalize_name(found["name"])
        self._add_package(name, path)
        if name == "python":
            self._python(found["version"].strip(), path)

    def _requirement(self, given: object, path: FieldPath) -> None:
        line = re.sub(r"(^|\s)#.*", "", given[:_LONGEST]).strip() if isinstance(given, str) else ""
        option = _OPTION.match(line)
        if option or _LOCAL.match(line) or re.search(r"@\s*file:", line):
            self._is_complete = False
            if option and option[1] not in _FILE_OPTIONS:
                return
            what = f"{_short(line)} names a file that is not in the build."
            why = "Only the text of the conda file goes to Azure, nothing that lies beside it."
            fix = "Write the packages out here, or put your own modules into the code folder."
            self._add(Level.ERROR, "conda-local-file", path, what, why, fix)
            return
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            self._is_complete = False
            # "numpy=1.26" is right for conda and wrong for pip.
            single = re.fullmatch(r"([\w.\[\],-]+)\s*=\s*([\w.]+)", line)
            fix = (
                f"Write {single[1]}=={single[2]}."
                if single
                else "Write it as pip takes it: numpy==1.26 or numpy>=1.26,<2."
            )
            why = str(error).splitlines()[0] + "."
            self._add(Level.ERROR, "conda-requirement", path, f"{_short(given)} is no requirement for pip.", why, fix)
            return
        self._add_package(canonicalize_name(requirement.name), path)

    def _add_package(self, name: str, path: FieldPath) -> None:
        self._packages.setdefault(name, self._line(path))
        if name in NOT_PACKAGES:
            what, why = f"{name} is a module, not a package.", "Nothing of use can be installed under that name."
            self._add(Level.WARNING, "conda-module", path, what, why, f"Write {NOT_PACKAGES[name]}.")

    def _python(self, version: str, path: FieldPath) -> None:
        try:
            wanted = SpecifierSet(_pep_440(version))
        except InvalidSpecifier:
            return
        minors = [Version(f"3.{minor}") for minor in range(4, 40)]
        allowed = [each for each in minors if any(Version(f"{each}.{patch}") in wanted for patch in range(40))]
        if version and not allowed:
            fix = "Write python=3.11."
            self._add(Level.ERROR, "conda-python", path, f"There is no Python {version}.", "Conda cannot find it.", fix)
        elif version and max(allowed) < OLDEST_PYTHON:
            what = f"Python {version.strip('= ')} is too old."
            why = f"The inference server needs Python {OLDEST_PYTHON} or newer."
            self._add(Level.ERROR, "conda-python", path, what, why, "Write python=3.11.")
        elif version and min(allowed) >= FIRST_UNTRIED_PYTHON:
            what = f"Python {version} is newer than what the inference server is published for."
            why = "Packages may have to be built from source, or conflict."
            self._add(Level.WARNING, "conda-python-new", path, what, why, "Write python=3.11 unless you need it.")

    def _judge(self, needs_server: bool) -> None:
        """What can only be said when all entries are read."""
        if "python" not in self._packages:
            why = "Conda then takes the newest one, and another one tomorrow."
            self._add(
                Level.WARNING, "conda-no-python", ("dependencies",), "No Python is named.", why, "Add python=3.11."
            )
        if self._has_pip_list and "pip" not in self._packages:
            why = "Conda warns of it and adds pip by itself, where it does at all."
            self._add(
                Level.WARNING, "conda-no-pip", ("dependencies",), "pip has a list and is not named.", why, "Add - pip."
            )
        if needs_server and not SERVERS & set(self._packages):
            why = "The container runs azmlinfsrv, finds nothing of that name, and never answers a probe."
            fix = "Add azureml-inference-server-http to the list below pip."
            what = "Nothing brings the inference server."
            level = Level.ERROR if self._is_complete else Level.WARNING
            self._add(level, "conda-no-server", ("dependencies",), what, why, fix)

    def _add(self, level: Level, code: str, path: FieldPath, what: str, why: str, fix: str) -> None:
        self._findings.append(Finding(level, code, Place(self._file, self._line(path)), what, why, fix))

    def _line(self, path: FieldPath) -> int:
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)


def _pep_440(version: str) -> str:
    """A version of conda as pip says it: ``=3.11`` and ``3.11.*`` mean 3.11.*, ``3.11`` and ``==3.11`` are exact."""
    plain = version.replace(" ", "")
    if not plain or plain == "*":
        return ""
    fuzzy = re.fullmatch(r"=?(\d[\d.]*?)(?:\.?\*)?", plain)
    if fuzzy:
        # conda's "python 3.11" finds 3.11.0 alone; people who write it mean any 3.11, and so does a check of its age.
        return f"=={fuzzy[1]}.*" if fuzzy[1].count(".") < 2 else f"=={fuzzy[1]}"
    built = re.fullmatch(r"=?(\d[\d.]*)=[\w*]+", plain)
    return f"=={built[1]}" if built else re.sub(r"([<>]=?\d[\d.]*?)\.\*", r"\1", plain)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
