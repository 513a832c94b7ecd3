"""The modules of the code folder that a scoring script imports, and those that they import: read, never executed.

Pure but for the files. The inference server puts the code folder at the end of the module path (``aml_blueprint.py``),
so a package that is installed comes before a module of the same name: such names are not followed.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from services.deploying import scripts
from services.deploying.imported import Import, imports_of, is_pythons
from services.deploying.model import Finding, Level, Place

MOST_MODULES, MOST_BYTES = 200, 1_000_000
"""Of one script. What is beyond is not read, and a note says so."""
_STOPS = "The container stops when it is imported."


@dataclass(frozen=True)
class Source:
    """A file that is imported for sure. ``by`` is the place of the import, None for the scoring script itself.

    ``package`` is the package that it lies in, () for a module that lies in none.
    """

    file: str
    imports: tuple[Import, ...]
    by: Place | None = None
    package: tuple[str, ...] = ()


@dataclass(frozen=True)
class Followed:
    """The script and what it imports of its own folder, nearest first, and what is wrong with them."""

    sources: tuple[Source, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _Module:
    """What a dotted name leads to: a ``file``, the ``folders`` of a package, both, or nothing."""

    file: Path | None = None
    folders: tuple[Path, ...] = ()


def follow(
    script: scripts.Script, path: Path, folder: Path, root: Path, is_installed: Callable[[str], bool]
) -> Followed:
    """What ``script``, which is at ``path`` in the code ``folder``, imports from beside it. ``root`` is the folder that
    places are told from; ``is_installed`` says of a first name that a package may bring it."""
    if not script.file:
        return Followed()
    return _Walk(path, folder, root, is_installed).run(Source(script.file, script.imports))


class _Walk:
    """One way through the modules of a code folder. Each file is read once, so cycles end."""

    def __init__(self, path: Path, folder: Path, root: Path, is_installed: Callable[[str], bool]) -> None:
        self._roots = tuple(dict.fromkeys((folder, path.parent)))
        self._folder, self._root = folder.resolve(), root.resolve()
        self._is_installed = is_installed
        self._trees: dict[Path, ast.Module | None] = {path.resolve(): None}
        self._todo: deque[Source] = deque()
        self._bytes = 0
        self._is_cut = False
        self._findings: list[Finding] = []

    def run(self, first: Source) -> Followed:
        sources: list[Source] = []
        self._todo.append(first)
        while self._todo:
            source = self._todo.popleft()
            sources.append(source)
            for each in source.imports:
                self._import(source, each)
        if self._is_cut:
            what = f"Not all modules that {first.file} imports were looked at."
            why = f"At most {MOST_MODULES} files of {MOST_BYTES:,} bytes in all are read."
            fix = "Look at the others yourself before you apply it."
            self._findings.append(Finding(Level.NOTE, "modules-many", Place(first.file), what, why, fix))
        return Followed(tuple(sources), tuple(self._findings))

    def _import(self, source: Source, each: Import) -> None:
        parts = tuple(each.module.split(".")) if each.module else ()
        if each.level:
            kept = len(source.package) - each.level + 1
            if kept < 1:
                self._findings.append(_leads_out(source, each))
                return
            parts = source.package[:kept] + parts
        elif is_pythons(each.module) or self._is_installed(parts[0]):
            return
        by = Place(source.file, each.line)
        module = self._reach(parts, by)
        if module.folders and "*" not in each.names:
            # In a package's own file this import is what binds the name.
            is_itself = module.file is not None and module.file.resolve() == self._root / source.file
            for name in each.names:
                if is_itself or not self._may_bind(module, name):
                    self._reach((*parts, name), by)

    def _reach(self, parts: Sequence[str], by: Place) -> _Module:
        """The module of a dotted name. Every file on the way to it is imported by ``by``."""
        module = _Module(None, self._roots)
        for count in range(1, len(parts) + 1):
            module = _found(module.folders, parts[count - 1])
            if module.file is not None:
                self._read(module.file, tuple(parts[: count if module.folders else count - 1]), by)
            if not module.folders:
                # A name of a module that is no package is nothing that could be read.
                return module if count == len(parts) else _Module()
        return module

    def _may_bind(self, module: _Module, name: str) -> bool:
        """Whether a package gives the name a value itself: then no module of that name is imported for it."""
        if module.file is None:
            return False
        tree = self._trees.get(module.file.resolve())
        if tree is None or any(scripts.is_star(each) for each in tree.body):
            return True
        return any(next(scripts.bindings(tree.body, each), None) for each in (name, "__getattr__"))

    def _read(self, path: Path, package: tuple[str, ...], by: Place) -> None:
        real = path.resolve()
        if real in self._trees or not real.is_relative_to(self._folder):
            return
        if len(self._trees) > MOST_MODULES or self._bytes > MOST_BYTES:
            self._is_cut = True
            return
        self._trees[real] = None
        with path.open("rb") as file:
            text = file.read(scripts.MAX_BYTES + 1)
        self._bytes += len(text)
        if len(text) > scripts.MAX_BYTES:
            self._is_cut = True
            return
        shown = real.relative_to(self._root).as_posix()
        tree = scripts.parse(text, shown)
        if isinstance(tree, Finding):
            why = f"{tree.why} {by.file} imports it in line {by.line}. {_STOPS}"
            self._findings.append(replace(tree, why=why))
            return
        self._trees[real] = tree
        self._todo.append(Source(shown, tuple(imports_of(tree.body)), by, package))


def _found(folders: Sequence[Path], name: str) -> _Module:
    """A module below one of ``folders``, as Python looks for it: the first package or file, else folders without an
    ``__init__.py``, all together."""
    try:
        for folder in folders:
            package, file = folder / name, folder / f"{name}.py"
            if (package / "__init__.py").is_file():
                return _Module(package / "__init__.py", (package,))
            if next(folder.glob(f"{name}.*.so"), None) or (folder / f"{name}.so").is_file():
                return _Module()
            if file.is_file():
                return _Module(file)
        return _Module(None, tuple(each / name for each in folders if (each / name).is_dir()))
    except OSError:
        # A name that no file can have.
        return _Module()


def _leads_out(source: Source, each: Import) -> Finding:
    """A relative import for which there is no package: Python refuses it."""
    dots, names = "." * each.level, ", ".join(each.names)
    imported = f"{dots}{each.module}" if each.module else f"{names} from {dots}"
    what = f"{source.file} imports {imported}, and there is no package around it."
    why = "The inference server loads the scoring script as a single file, and the code folder is no package itself. "
    why += _STOPS if source.by is not None else "The container stops with ImportError."
    written = (
        f"{each.module} without the leading dot" if each.module else f"import {names.replace('*', 'and the name')}"
    )
    fix = f"Write {written}: the code folder is on the module path."
    return Finding(Level.ERROR, "import-relative", Place(source.file, each.line), what, why, fix)


def names_beside(sources: Sequence[Source], folder: Path, root: Path) -> frozenset[str]:
    """The names of what lies in the code ``folder`` and beside each of ``sources``: nobody else brings those."""
    folders = {folder, *((root / each.file).parent for each in sources)}
    return frozenset(_names(folders))


def _names(folders: set[Path]) -> Iterator[str]:
    for each in folders:
        # helper.cpython-311-x86_64-linux-gnu.so is the module helper.
        yield from (entry.name.partition(".")[0] if entry.is_file() else entry.name for entry in each.iterdir())
