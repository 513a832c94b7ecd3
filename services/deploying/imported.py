"""What a Python source imports for sure, as far as its text says. Pure."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from services.deploying.packages import needed_name

CALLED = ("init", "run")
"""The functions of a scoring script that the inference server calls: what they import is imported for sure too."""


@dataclass(frozen=True)
class Import:
    """One module that is imported in ``line``: ``import a.b``, or ``from a.b import c``, whose ``names`` are ("c",).

    ``level`` counts the dots before the name, and ``module`` is "" in ``from . import c``.
    """

    module: str
    line: int
    names: tuple[str, ...] = ()
    level: int = 0


def imports_of(body: Iterable[ast.stmt], functions: Collection[str] = ()) -> Iterator[Import]:
    """What a module and ``functions`` of it import for sure: nothing that is below an if or a try."""
    for each in body:
        if isinstance(each, ast.Import):
            yield from (Import(alias.name, each.lineno) for alias in each.names)
        elif isinstance(each, ast.ImportFrom):
            names = tuple(alias.name for alias in each.names)
            yield Import(each.module or "", each.lineno, names, each.level)
        elif (isinstance(each, ast.FunctionDef) and each.name in functions) or isinstance(each, ast.With):
            yield from imports_of(each.body, functions)


def needed(imports: Iterable[Import]) -> Iterator[tuple[str, int]]:
    """The names that tell which package brings what is imported, with their lines; without those of Python itself."""
    for each in imports:
        if each.level or is_pythons(each.module):
            continue
        # "from azure.storage import blob" needs as much as "import azure.storage.blob".
        names = [f"{each.module}.{name}" for name in each.names] or [each.module]
        yield from ((needed_name(name), each.line) for name in names)


def is_pythons(module: str) -> bool:
    """Whether a module comes with Python itself."""
    return module.partition(".")[0] in sys.stdlib_module_names
