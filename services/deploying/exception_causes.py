"""What an exception of a scoring script means, and where in the person's own code it came from."""

from __future__ import annotations

import re
from dataclasses import replace

from services.deploying.exception_signs import PIP_NAMES, SIGNS
from services.deploying.log_exceptions import RAISED, Raised, Stage
from services.deploying.model import Cause
from services.deploying.signs import Found, made, shown

_ENVIRON = re.compile(r"<frozen os>$|(?:^|/)os\.py$")
"""The module whose mapping holds the environment's variables; newer Pythons have it built in."""

_GLOB = re.compile(r"\br?glob\(\s*[rf]?[\"'](?P<pattern>[^\"']+)[\"']")
"""``next(folder.rglob("*.pkl"))``: of a search that finds nothing, Python says StopIteration and no more."""


def cause_of(raised: Raised, source: str) -> Found:
    """What an exception means. ``source`` names the log; there is always an answer, if only that it was raised."""
    found = _special(raised, source)
    if found:
        return found
    line = raised.line
    for row in SIGNS:
        hit = row.pattern.search(line)
        if hit:
            return _placed(made(row, hit, line, raised.number, source), raised)
    return _general(raised, source)


def quoted_cause(line: str, source: str, number: int = 0) -> Found | None:
    """What an exception means of which only the line is known: Azure's messages quote it, and logs are cut off."""
    named = RAISED.match(line.strip())
    if not named or not named["type"].rpartition(".")[2].endswith(("Error", "Exception", "Interrupt", "Iteration")):
        return None
    found = cause_of(Raised(number, named["type"].rpartition(".")[2], named["text"] or "", None, "", "", ""), source)
    if found.cause.code != "error-in-log":
        return found
    sentence = f"The scoring script raised {named['type'].rpartition('.')[2]} while it started."
    return replace(found, certainty=75, cause=replace(found.cause, code="init-raised", cause=sentence))


def _special(raised: Raised, source: str) -> Found | None:
    """What needs more than the text: which file, which stage, which code."""
    name = raised.text.partition("'")[2].rpartition("'")[0]
    if raised.type in ("SyntaxError", "IndentationError", "TabError"):
        where = raised.own or raised.last.rpartition("/")[2] or "the script"
        return _row(
            "syntax-error",
            f"Python cannot read {where}: {raised.text or raised.type}.",
            "Correct that line. Code that works elsewhere may need a newer Python: set it in the conda file.",
            97,
            raised,
            source,
        )
    if raised.type == "FileNotFoundError" and raised.stage is Stage.IMPORT and not raised.own:
        return _row(
            "no-script",
            f"The scoring script {name.rpartition('/')[2] or name} is not in the code folder.",
            "Set scoring_script to the path below the code folder, with capitals and small letters as they are.",
            96,
            raised,
            source,
        )
    looked_for = _GLOB.search(raised.source) if raised.type == "StopIteration" else None
    if looked_for:
        where = f" ({raised.own})" if raised.own else ""
        return _row(
            "model-path",
            f"The script looks for {looked_for['pattern']} where no such file is{where}.",
            "AZUREML_MODEL_DIR is the folder above what was uploaded: an uploaded folder keeps its own name in it, so "
            "search with rglob, or name that folder first.",
            91,
            raised,
            source,
        )
    if raised.type == "KeyError" and _is_of_environment(raised) and name != "AZUREML_MODEL_DIR":
        return _row(
            "missing-variable",
            f"The script asks for the environment variable {name or raised.text}, which is not set.",
            "Add it to environment_variables of the deployment.",
            95,
            raised,
            source,
        )
    if raised.type == "ModuleNotFoundError" and name and _is_new(name):
        return _import(raised, name, source)
    return None


def _is_of_environment(raised: Raised) -> bool:
    return bool(_ENVIRON.search(raised.last)) or "environ[" in raised.source


def _is_new(name: str) -> bool:
    """Whether no row of the table knows more of a missing module."""
    text = f"ModuleNotFoundError: No module named '{name}'"
    return not any(row.pattern.search(text) for row in SIGNS)


def _import(raised: Raised, name: str, source: str) -> Found:
    package = PIP_NAMES.get(name.partition(".")[0], name.partition(".")[0])
    if "pickle" in raised.last or "joblib" in raised.last:
        return _row(
            "model-module",
            f"The model file needs the module {name}, which the environment does not have.",
            f"Add {package} to the conda file, in the version with which the model was saved.",
            95,
            raised,
            source,
        )
    sentence = f"{raised.own}, needs {name}" if raised.own else f"Something in the environment needs {name}"
    return _row(
        "import-package",
        f"{sentence}, which is neither a package of the environment nor a file of the code folder.",
        f"Add {package} to the pip packages of the conda file; or, if {name} is yours, put it into the code folder.",
        95,
        raised,
        source,
    )


def _general(raised: Raised, source: str) -> Found:
    where = f" ({raised.own})" if raised.own else ""
    if raised.type == "ImportError":
        cause, code, certainty = f"An import failed{where}: {raised.text}.", "import-failed", 88
        fix = "Give the packages in the conda file versions that fit together."
    elif raised.stage is Stage.RUN:
        cause, code, certainty = f"run() raised {raised.type}{where}.", "run-raised", 60
        fix = "Look at the line and at the request that was sent: most often the input has another form."
    elif raised.stage is Stage.INIT:
        cause, code, certainty = f"init() raised {raised.type}{where}.", "init-raised", 85
        fix = "Correct the script at that line. Run it with azmlinfsrv on your machine, or try it on the local Azure."
    elif raised.stage is Stage.IMPORT:
        cause, code, certainty = (
            f"The scoring script raised {raised.type} while it was loaded{where}.",
            "import-raised",
            85,
        )
        fix = "Correct the script at that line. Run it with azmlinfsrv on your machine, or try it on the local Azure."
    else:
        cause, code, certainty = (
            f"The container's log has an error of the type {raised.type}{where}.",
            "error-in-log",
            55,
        )
        fix = "Read the lines around it."
    return _row(code, cause, fix, certainty, raised, source)


def _row(code: str, cause: str, fix: str, certainty: int, raised: Raised, source: str) -> Found:
    where = f"{source}, line {raised.number}" if raised.number else source
    return Found(certainty, raised.number, Cause(code, cause, shown(raised.line), where, fix))


def _placed(found: Found, raised: Raised) -> Found:
    """The cause with the place in the person's own code."""
    if not raised.own:
        return found
    cause = found.cause
    text = f"{cause.cause.removesuffix('.')} ({raised.own})."
    certainty = found.certainty - 30 if raised.stage is Stage.RUN else found.certainty
    return Found(certainty, found.line, Cause(cause.code, text, cause.proof, cause.source, cause.fix))
