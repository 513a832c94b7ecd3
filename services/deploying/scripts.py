"""A scoring script: read, compiled and looked at, never executed. Pure.

The rules are those of Microsoft's inference server (azureml-inference-server-http, ``user_script.py``): a module with
``init()`` and ``run(…)``, whose parameters can be given by name.
"""

from __future__ import annotations

import ast
import difflib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.deploying.encodings import BINARY, other_encoding
from services.deploying.imported import CALLED, Import, imports_of
from services.deploying.model import Finding, Level, Place

MAX_BYTES = 300_000
"""Some ten thousand lines. A script beyond this is not one that a person wrote, and reading it takes many seconds."""
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_FIX_DEFINE = {
    "init": "Define def init(): at the top level. It runs once, when the container starts; it may do nothing.",
    "run": "Define def run(data): at the top level. It gets the body of each request and returns the answer.",
}


@dataclass(frozen=True)
class Script:
    """What is known of a script. ``imports`` are those of the module, of init and of run, without those below an ``if``
    or a ``try``."""

    findings: tuple[Finding, ...]
    imports: tuple[Import, ...] = ()
    file: str = ""


def look_at(source: bytes, file: str) -> Script:
    """Check a scoring script. ``file`` is where it is among the files."""
    if len(source) > MAX_BYTES:
        why = f"It has {len(source):,} bytes, and at most {MAX_BYTES:,} are looked at."
        return Script((_finding(Level.WARNING, "script-large", file, 0, "The scoring script was not checked.", why),))
    tree = parse(source, file)
    if isinstance(tree, Finding):
        return Script((tree,))
    found = [finding for name in CALLED for finding in _function(tree, name, file)]
    return Script(tuple(found), tuple(imports_of(tree.body, CALLED)), file)


def parse(source: bytes, file: str) -> ast.Module | Finding:
    """A Python source, or why it does not compile. ``file`` is where it is among the files."""
    try:
        # Compiled and thrown away: some mistakes, such as a return outside of a function, show only then.
        tree = ast.parse(source, file)
        compile(tree, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        return _syntax(error, file, source)
    except (ValueError, RecursionError, MemoryError) as error:
        why = str(error) or "It nests too deeply."
        what = f"{file} cannot be compiled."
        return _finding(Level.ERROR, "script-unreadable", file, 0, what, why, "Save it as plain UTF-8 text.")
    return tree


def _syntax(error: SyntaxError, file: str, source: bytes) -> Finding:
    line = error.lineno or 0
    other = other_encoding(source)
    if other == BINARY:
        why, fix = "It holds bytes that no text has, so it is another kind of file.", "Name the Python script."
    elif other:
        why, fix = f"It is {other}, as some editors on Windows save it.", "Save it as UTF-8."
    else:
        text = (error.text or "").strip()
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        why = f"{error.msg}{f': {text[:100]}' if text else ''}. Read as Python {version}."
        fix = "Mend this line, then check again."
    what = f"{file} does not compile." if not line else f"{file} does not compile: line {line}."
    return _finding(Level.ERROR, "script-syntax", file, line, what, why, fix)


def _function(tree: ast.Module, name: str, file: str) -> Iterator[Finding]:
    bound = list(bindings(tree.body, name))
    if not bound:
        if any(is_star(each) for each in ast.walk(tree)):
            return
        what = f"{file} has no {name}()."
        where = next((each.lineno for each in ast.walk(tree) if isinstance(each, ast.stmt) and _is_def(each, name)), 0)
        why = "The inference server calls init() once and run() for each request, and stops when one is missing."
        why += f" The one in line {where} is inside something else." if where else ""
        fix = _FIX_DEFINE[name]
        others = {each.name: each.lineno for each in tree.body if isinstance(each, ast.FunctionDef)}
        alike = difflib.get_close_matches(name, set(others).difference(CALLED), 1, 0.6)
        if alike and not where:
            where, fix = others[alike[0]], f"Did you mean {alike[0]}() in line {others[alike[0]]}? Name it {name}."
        yield _finding(Level.ERROR, f"script-no-{name}", file, where, what, why, fix)
        return
    last = bound[-1]
    if isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _signature(last, name, file)


def _signature(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str, file: str) -> Iterator[Finding]:
    given = function.args
    line = function.lineno
    if isinstance(function, ast.AsyncFunctionDef):
        why = "The inference server calls it and does not await it, so nothing in it runs."
        what = f"{name}() is asynchronous."
        yield _finding(Level.ERROR, "script-async", file, line, what, why, f"Write def {name}, and asyncio.run in it.")
    # A decorator may give the function another signature.
    if function.decorator_list:
        return
    required = len(given.posonlyargs) + len(given.args) - len(given.defaults)
    required += sum(default is None for default in given.kw_defaults)
    if name == "init":
        if required:
            why = "The inference server calls init() without arguments."
            what = f"init() wants {required} argument{'s' if required > 1 else ''}."
            fix = "Read what it needs from environment variables: AZUREML_MODEL_DIR is where the model is."
            yield _finding(Level.ERROR, "script-init-arguments", file, line, what, why, fix)
        return
    names = [each.arg for each in (*given.args, *given.kwonlyargs) if each.arg != "request_headers"]
    fix = "Write def run(data): – data is the body of the request as text."
    if given.posonlyargs or given.vararg or given.kwarg:
        why = "The inference server gives arguments by name, and refuses *args, **kwargs and positional-only ones."
        what = "run() cannot be called by the inference server."
        yield _finding(Level.ERROR, "script-run-arguments", file, line, what, why, fix)
    elif not names:
        why = "The inference server gives it the body of the request and stops when there is nowhere to put it."
        yield _finding(Level.ERROR, "script-run-arguments", file, line, "run() takes no data.", why, fix)
    elif required - ("request_headers" in _required(given)) > 1:
        why = f"Without a schema the server gives one argument, {names[0]}. The others stay missing in each request."
        fix = "Take one argument, or describe them with @input_schema of inference-schema."
        what = f"run() wants {', '.join(names)}."
        yield _finding(Level.ERROR, "script-run-arguments", file, line, what, why, fix)


def _required(given: ast.arguments) -> set[str]:
    positional = given.args[: len(given.args) - len(given.defaults)] if given.defaults else given.args
    keyword = [each for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    return {each.arg for each in (*positional, *keyword)}


def bindings(body: Iterable[ast.stmt], name: str) -> Iterator[ast.stmt]:
    """The statements of a module that give ``name`` a value, in their order, also below if, try and with."""
    for each in body:
        if _is_def(each, name) or _assigns(each, name) or _imports_as(each, name):
            yield each
        for block in _blocks(each):
            yield from bindings(block, name)


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a statement that belong to the module itself: not those of functions and classes."""
    if isinstance(statement, ast.If | ast.For | ast.While):
        yield from (statement.body, statement.orelse)
    elif isinstance(statement, ast.With):
        yield statement.body
    elif isinstance(statement, ast.Try):
        yield from (statement.body, *(each.body for each in statement.handlers), statement.orelse, statement.finalbody)


def _is_def(node: ast.AST, name: str) -> bool:
    return isinstance(node, _DEFINITIONS) and node.name == name


def _assigns(node: ast.stmt, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(each, ast.Name) and each.id == name for target in targets for each in ast.walk(target))


def _imports_as(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom) and any((a.asname or a.name) == name for a in node.names)


def is_star(node: ast.AST) -> bool:
    """Whether it is a ``from … import *``, which may bind any name."""
    return isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names)


def _finding(level: Level, code: str, file: str, line: int, what: str, why: str, fix: str = "") -> Finding:
    return Finding(level, code, Place(file, line), what, why, fix or "Look at it yourself before you apply it.")
