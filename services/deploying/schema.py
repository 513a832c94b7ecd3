"""What is wrong with the fields of an endpoint's or a deployment's YAML, line by line. Pure.

A value that ``az ml`` refuses is an error, one that it takes and changes without a word is a warning. What it does with
each value follows azure-ai-ml's schemas, and was tried with them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.azure.cloud import Json
from services.deploying import mistakes, schema_values
from services.deploying.located_yaml import Repeated
from services.deploying.model import Document, FieldPath, Finding, Kind, Level
from services.deploying.schema_fields import FIELDS, Field, Short, Sort, paths

_NAME = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9])*")
_ASSET = re.compile(r"azureml:.+")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
SHORTEST_NAME, LONGEST_NAME = 3, 32
MOST_FINDINGS = 100
"""Findings that are listed of one document."""


def findings(document: Document, repeated: Sequence[Repeated] = ()) -> list[Finding]:
    """What is wrong with the fields of ``document``, in the order of its lines."""
    found = [_repeated(document, each) for each in repeated]
    found += _fields(document, document.content, FIELDS[document.kind], ())
    found += _names(document)
    found += _together(document)
    found.sort(key=lambda each: each.place.line)
    rest = found[MOST_FINDINGS:]
    return [*found[:MOST_FINDINGS], *([_more(document, rest)] if rest else [])]


def _more(document: Document, rest: Sequence[Finding]) -> Finding:
    """What stands for findings that nobody would read any more; it matters as much as the worst of them."""
    level = min((each.level for each in rest), key=list(Level).index)
    why = f"Only the first {MOST_FINDINGS} are listed. The next is in line {rest[0].place.line}."
    what = f"{len(rest):,} more things are wrong in {document.file}."
    return Finding(level, "more-findings", rest[0].place, what, why, "Mend those above, then check again.")


def name_problem(name: str) -> tuple[str, str] | None:
    """A stable code and why Azure refuses ``name`` for an endpoint or a deployment; None when it takes it.

    Names have 3 to 32 characters: a letter, then letters, digits and single dashes (Microsoft: "Manage and increase
    quotas", section on managed online endpoints).
    """
    if len(name) < SHORTEST_NAME:
        return "name-too-short", f"It has {len(name)} characters, and {SHORTEST_NAME} to {LONGEST_NAME} are allowed."
    if len(name) > LONGEST_NAME:
        return "name-too-long", f"It has {len(name)} characters, and {SHORTEST_NAME} to {LONGEST_NAME} are allowed."
    if not _NAME.fullmatch(name):
        return "name-characters", "It has to begin with a letter; then come letters, digits and single dashes."
    return None


def _fields(
    document: Document, content: Mapping[Any, Any], known: Mapping[str, Field], path: FieldPath
) -> Iterator[Finding]:
    for name, value in content.items():
        here = (*path, name)
        if not isinstance(name, str) or name not in known:
            yield _unknown(document, here, known)
        elif not known[name].azures or value is None or (known[name].is_read and not isinstance(value, str)):
            yield from _value(document, here, value, known[name])
        elif name not in ("$schema", "kind"):
            what = f"{_dotted(here)} is not sent."
            why = "Only Azure sets it; in a file it has no effect."
            yield _finding(document, here, Level.NOTE, "field-of-azure", what, why, "It can stay or go.")
    # One that is spelled otherwise is told as unknown, with how it is spelled.
    given = {_snake(str(name)) for name in content}
    for name, each in known.items():
        if each.required and name not in given:
            what = f"{_dotted((*path, name))} is missing."
            why = f"Without it Azure does not take the {document.kind}."
            yield _finding(
                document, path, Level.ERROR, "field-missing", what, why, f"Add {name}: {_example(name, each, document)}"
            )


def _value(document: Document, path: FieldPath, value: Json, each: Field) -> Iterator[Finding]:
    if value is None:
        what = f"{_dotted(path)} has no value."
        fix = "Give it one, indent what belongs to it, or remove the line."
        yield _finding(document, path, Level.ERROR, "field-empty", what, "An empty field is not allowed.", fix)
        return
    if each.old:
        yield _finding(
            document, path, Level.NOTE, "field-old", f"{_dotted(path)} has no effect.", each.old, "Remove it."
        )
    if isinstance(value, str) and each.short is Short.ASSET:
        yield from _asset(document, path, value)
    elif isinstance(value, str) and each.short is Short.TEXT:
        return
    elif each.sort in (Sort.GROUP, Sort.EACH, Sort.WORDS, Sort.SHARES, Sort.FREE):
        yield from _mapping(document, path, value, each)
    elif each.sort is Sort.LIST:
        yield from _list(document, path, value, each)
    else:
        for wrong in schema_values.problems(value, each):
            what, fix = f"{_dotted(path)} {wrong.what}", mistakes.how_to_write(str(path[-1]), value) or wrong.fix
            yield _finding(document, path, wrong.level, wrong.code, what, wrong.why, fix)


def _mapping(document: Document, path: FieldPath, value: Json, each: Field) -> Iterator[Finding]:
    if not isinstance(value, dict):
        what = f"{_dotted(path)} takes {each.sort.value}, not {schema_values.sort_of(value)}."
        yield _finding(document, path, Level.ERROR, "field-type", what, *_how_to_write(path, value, each))
    elif each.sort is Sort.GROUP:
        yield from _fields(document, value, each.fields, path)
    elif each.sort is Sort.EACH and each.item is not None:
        for name, inner in value.items():
            yield from _value(document, (*path, name), inner, each.item)
    elif each.sort in (Sort.WORDS, Sort.SHARES):
        for name, inner in value.items():
            here = (*path, name)
            check = schema_values.word_problems if each.sort is Sort.WORDS else schema_values.share_problems
            for wrong in check(name, inner):
                what = f"{_dotted(here)} {wrong.what}"
                yield _finding(document, here, wrong.level, wrong.code, what, wrong.why, wrong.fix)


def _how_to_write(path: FieldPath, value: Json, each: Field) -> tuple[str, str]:
    name = str(path[-1])
    if usual := mistakes.how_to_write(name, value):
        return "It takes another form.", usual
    if isinstance(value, str) and "=" in value and each.sort in (Sort.WORDS, Sort.SHARES):
        key, _, text = value.partition("=")
        why = "key=value is for the command line; a file has one line for each."
        return why, f"Write {name}: and below it, indented, {key.strip()}: {text.split()[0] if text.split() else '…'}"
    if each.short is not Short.NOTHING:
        return f"In its place {each.short.value} may stand.", f"Write {name}: and the fields below it, indented."
    return "Its fields stand below it, indented.", f"Write {name}: and below it one line for each field."


def _list(document: Document, path: FieldPath, value: Json, each: Field) -> Iterator[Finding]:
    if not isinstance(value, list):
        what = f"{_dotted(path)} takes a list, not {schema_values.sort_of(value)}."
        fix = "Write each entry on a line of its own that begins with a dash."
        yield _finding(document, path, Level.ERROR, "field-type", what, "It can have several entries.", fix)
    elif each.item is not None:
        for place, inner in enumerate(value):
            yield from _value(document, (*path, place), inner, each.item)


def _asset(document: Document, path: FieldPath, value: str) -> Iterator[Finding]:
    if _ASSET.fullmatch(value):
        return
    name = str(path[-1])
    what = f"{_dotted(path)} is no reference to a registered asset."
    if re.fullmatch(r"[\w.-]+(?:[:@][\w.-]+)?", value) and not value.startswith("."):
        why, fix = "A reference begins with azureml:.", f"Write {name}: azureml:{value}"
    elif fix := mistakes.how_to_write(name, value):
        why = "It names an image, which stands one level deeper."
    else:
        why = "A path stands one level deeper."
        inner = "path" if name == "model" else "conda_file"
        fix = f"Write {name}: and below it, indented, {inner}: {value[:80]}"
    yield _finding(document, path, Level.ERROR, "reference-form", what, why, fix)


def _unknown(document: Document, path: FieldPath, known: Mapping[str, Field]) -> Finding:
    name = str(path[-1])
    snake = _snake(name)
    other = Kind.DEPLOYMENT if document.kind is Kind.ENDPOINT else Kind.ENDPOINT
    own = [each for each in paths(FIELDS[document.kind]) if each.rsplit(".", 1)[-1] == snake]
    near = [snake] if snake in known else difflib.get_close_matches(snake, known, 1, 0.7)
    if usual := mistakes.renamed(name, document.kind):
        fix = usual
    elif near:
        fix = f"Write {near[0]}."
    elif own:
        fix = f"It belongs to {own[0]}; look at the indentation."
    elif name in FIELDS[other]:
        fix = f"It belongs into the file of the {other}."
    else:
        fix = "Remove it, or look at how it is spelled."
    what = f"{_dotted(path)} is not known."
    why = f"The schema of a managed online {document.kind} has no such field here, and az ml refuses the file."
    return _finding(document, path, Level.ERROR, "field-unknown", what, why, fix)


def _snake(name: str) -> str:
    """endpointName and endpoint-name as endpoint_name."""
    return _CAPITAL.sub("_", name).lower().replace("-", "_")


def _names(document: Document) -> Iterator[Finding]:
    for field in ("name", "endpoint_name"):
        name = document.content.get(field)
        if not isinstance(name, str) or field not in FIELDS[document.kind]:
            continue
        problem = name_problem(name)
        if problem and mistakes.is_placeholder(name):
            what, why = f"“{name[:60]}” is a placeholder.", "Files are taken as they are; nothing is put in its place."
            yield _finding(document, (field,), Level.ERROR, "name-placeholder", what, why, "Write the name itself.")
        elif problem:
            what = f"“{name[:60]}” is no name that Azure takes."
            fix = "Choose another, such as my-endpoint or blue."
            yield _finding(document, (field,), Level.ERROR, problem[0], what, problem[1], fix)
        elif name != name.lower():
            what = f"{name} becomes {name.lower()}."
            why = "Azure keeps names in lower case."
            yield _finding(document, (field,), Level.NOTE, "name-upper-case", what, why, "Write it so.")


def _together(document: Document) -> Iterator[Finding]:
    """Fields that need or exclude each other."""
    content = document.content
    if str(content.get("type", "")).lower() == "kubernetes":
        what = "This is a deployment on Kubernetes."
        why = "Sluice deploys managed online endpoints."
        yield _finding(document, ("type",), Level.ERROR, "other-kind", what, why, "Use az ml for it.")
    scale = content.get("scale_settings")
    if isinstance(scale, dict) and scale.get("type") != "default":
        what = "scale_settings are for Kubernetes, except type: default."
        why = "Managed deployments are scaled by Azure Monitor."
        fix = "Remove them and make an autoscale rule after the deployment."
        yield _finding(document, ("scale_settings",), Level.WARNING, "scale-settings", what, why, fix)
    elif isinstance(scale, dict) and len(scale) > 1:
        extra = next(name for name in scale if name != "type")
        what = f"scale_settings.{extra} does not go with type: default."
        path = ("scale_settings", extra)
        yield _finding(document, path, Level.ERROR, "field-unknown", what, "az ml refuses the file.", "Remove it.")
    yield from _parts(document, content)


def _parts(document: Document, content: Mapping[str, Any]) -> Iterator[Finding]:
    model, code, environment = (content.get(name) for name in ("model", "code_configuration", "environment"))
    if isinstance(model, dict) and not model.get("path") and "local_path" not in model:
        what, why = "The model has no path.", "It says what is uploaded: a file or a folder beside this file."
        fix = mistakes.how_to_write("model", model) or "Add path, or refer to one: model: azureml:name:version."
        yield _finding(document, ("model",), Level.ERROR, "model-path", what, why, fix)
    path = model.get("path") if isinstance(model, dict) else None
    if isinstance(path, str) and _ASSET.fullmatch(path) and not path.startswith("azureml://"):
        what, why = f"model.path {path[:80]} is no path.", "az ml takes it for a file of that name."
        fix = f"Write model: {path[:80]} to refer to the registered model."
        yield _finding(document, ("model", "path"), Level.ERROR, "reference-as-path", what, why, fix)
    if isinstance(code, dict) and bool(code.get("code")) != bool(code.get("scoring_script")):
        lacking = "scoring_script" if code.get("code") else "code"
        what, why = f"code_configuration has no {lacking}.", "It needs both: the folder, and the script in it."
        fix = "Add scoring_script: score.py" if lacking == "scoring_script" else "Add code: with the script's folder."
        if lacking in content:
            fix = f"Indent {lacking} in line {document.place(lacking).line}, so that it belongs to code_configuration."
        yield _finding(document, ("code_configuration",), Level.ERROR, "code-half", what, why, fix)
    if isinstance(environment, dict):
        has_image, has_build = bool(environment.get("image")), bool(environment.get("build"))
        if has_image == has_build:
            what = "The environment has both image and build." if has_image else "The environment has no image."
            why = "It is made from an image, to which the conda file adds packages, or built from a Dockerfile."
            fix = "Remove one."
            if not has_image:
                fix = mistakes.how_to_write("environment", {} if environment.get("conda_file") else environment)
                fix = fix or "Add image, such as mcr.microsoft.com/azureml/minimal-py311-inference."
            yield _finding(document, ("environment",), Level.ERROR, "environment-image", what, why, fix)
    yield from _identity(document, content.get("identity"))


def _identity(document: Document, identity: Json) -> Iterator[Finding]:
    kind = str(identity.get("type", "")).lower().replace("_", "") if isinstance(identity, dict) else ""
    if isinstance(identity, dict) and kind == "userassigned" and not identity.get("user_assigned_identities"):
        what, why = "identity names no identity.", "type: user_assigned needs the id of one."
        fix = "Add user_assigned_identities: and below it - resource_id: with the ARM id."
        yield _finding(document, ("identity",), Level.ERROR, "identity-missing", what, why, fix)
    given = identity.get("user_assigned_identities") if isinstance(identity, dict) else None
    if isinstance(given, list) and len(given) > 1:
        what, why = f"identity names {len(given)} identities.", "az ml takes one."
        path = ("identity", "user_assigned_identities")
        yield _finding(document, path, Level.ERROR, "identity-many", what, why, "Leave one.")


def _repeated(document: Document, each: Repeated) -> Finding:
    what = f"{_dotted(each.path)} is given twice."
    why = f"Line {each.first_line} gives it too. The last one counts, the first is lost without a word."
    return _finding(document, each.path, Level.WARNING, "field-twice", what, why, "Remove one of the two.")


def _finding(document: Document, path: FieldPath, level: Level, code: str, what: str, why: str, fix: str) -> Finding:
    return Finding(level, code, document.place(*path), what, why, fix)


def _dotted(path: FieldPath) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) and text else f".{step}" if text else str(step)
    return text[:120]


def _example(name: str, each: Field, document: Document) -> str:
    own = "blue" if document.kind is Kind.DEPLOYMENT else "my-endpoint"
    known = {"name": own, "endpoint_name": "my-endpoint", "instance_type": "Standard_DS3_v2"}
    return known.get(name) or (each.choices[0] if each.choices else "…")
