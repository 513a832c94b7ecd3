"""Which files of its model a scoring script opens, as far as its text says, and whether the model has them. Pure.

Azure puts the file or folder that a deployment names as its model below ``AZUREML_MODEL_DIR``, under its own name
(how-to-deploy-online-endpoints). A path that forgets that name is the most usual reason why ``init()`` fails.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

_VARIABLE = "AZUREML_MODEL_DIR"
_MOST_NAMED = 3
_MOST_LOOKED_AT = 1_000


def opened(source: bytes) -> tuple[tuple[str, int], ...]:
    """The paths below AZUREML_MODEL_DIR that the script spells out, with their lines; () when it does not compile."""
    try:
        tree = ast.parse(source)
        named = _named(tree)
        return tuple((path, node.lineno) for node in _outermost(tree, named) if (path := _path(node, named)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def is_there(path: str, model: Path) -> bool:
    """Whether the path leads to something when ``model`` is what was uploaded."""
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts:
        return True
    return parts[0] == model.name and model.joinpath(*parts[1:]).exists()


def suggestions(path: str, model: Path) -> tuple[str, ...]:
    """What may have been meant: files of the same name first, else some that are there."""
    if model.is_file():
        return (model.name,)
    files = []
    for each in model.rglob("*"):
        if each.is_file():
            files.append(f"{model.name}/{each.relative_to(model).as_posix()}")
        if len(files) >= _MOST_LOOKED_AT:
            break
    same = [each for each in sorted(files) if PurePosixPath(each).name == PurePosixPath(path).name]
    return tuple(same or sorted(files))[:_MOST_NAMED]


def _named(tree: ast.Module) -> frozenset[str]:
    """Names that are given the folder of the model, and nothing else."""
    given: dict[str, bool] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    is_folder = _path(node.value, frozenset()) == ""
                    given[target.id] = given.get(target.id, True) and is_folder
    return frozenset(name for name, is_folder in given.items() if is_folder)


def _outermost(node: ast.AST, named: Collection[str]) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr) and _path(child, named):
            yield child
        else:
            yield from _outermost(child, named)


def _path(node: ast.expr, named: Collection[str]) -> str | None:
    """The path below the model's folder that an expression means, "" for the folder; None for anything else."""
    if isinstance(node, ast.Name):
        return "" if node.id in named else None
    if _is_variable(node):
        return ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _joined(node.left, [node.right], named)
    if isinstance(node, ast.Call) and not node.keywords and node.args:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in ("join", "Path", "PurePath"):
            return _joined(node.args[0], node.args[1:], named)
        if called == "joinpath" and isinstance(node.func, ast.Attribute):
            return _joined(node.func.value, node.args, named)
    return None


def _joined(first: ast.expr, rest: list[ast.expr], named: Collection[str]) -> str | None:
    base = _path(first, named)
    words = [each.value for each in rest if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if base is None or len(words) != len(rest) or any(word.startswith("/") or "*" in word for word in words):
        return None
    return "/".join(part.strip("/") for part in (base, *words) if part.strip("/"))


def _is_variable(node: ast.expr) -> bool:
    """os.getenv("…"), os.environ["…"] or os.environ.get("…"), with or without a default."""
    if isinstance(node, ast.Subscript):
        return _is_environ(node.value) and _is_name(node.slice)
    if not isinstance(node, ast.Call) or not node.args or not _is_name(node.args[0]):
        return False
    called = node.func
    if isinstance(called, ast.Attribute):
        return called.attr == "getenv" or (called.attr == "get" and _is_environ(called.value))
    return isinstance(called, ast.Name) and called.id == "getenv"


def _is_environ(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "environ") or (
        isinstance(node, ast.Name) and node.id == "environ"
    )


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == _VARIABLE
