"""Which of the files describe an endpoint or a deployment, and what is wrong with them, by line.

A file may hold several documents. The kind of one follows from its ``$schema``, else from its fields. Other YAML files,
such as conda files, are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from services.deploying import mistakes, schema
from services.deploying.encodings import BINARY, other_encoding
from services.deploying.located_yaml import BadYaml, Located, read, read_each
from services.deploying.model import Document, Finding, Kind, Level, Place

MAX_BYTES = 1_000_000
"""Largest YAML file that is read. The largest sensible one has a few kilobytes."""
MAX_FILES = 500
"""YAML files that are looked at; a model may bring many of its own."""
_SUFFIXES = (".yml", ".yaml")
_KINDS = {"managedonlineendpoint": Kind.ENDPOINT, "managedonlinedeployment": Kind.DEPLOYMENT}
_OTHERS = {
    "kubernetesonlineendpoint": "a Kubernetes endpoint",
    "kubernetesonlinedeployment": "a deployment on Kubernetes",
    "batchendpoint": "a batch endpoint",
    "batchdeployment": "a batch deployment",
}
_SCHEMA_NAME = re.compile(r"([A-Za-z]+)\.schema\.json$")
_ONLY_ENDPOINTS = {"auth_mode", "traffic", "mirror_traffic", "public_network_access"}
_ONLY_DEPLOYMENTS = {"endpoint_name", "instance_type", "instance_count", "code_configuration", "request_settings"}
_ONLY = {Kind.ENDPOINT: frozenset(_ONLY_ENDPOINTS), Kind.DEPLOYMENT: frozenset(_ONLY_DEPLOYMENTS)}
_LOOKS_MEANT = re.compile(
    r"^\s*[\"']?(?:endpoint_name|auth_mode|instance_type|code_configuration)\s*[\"']?\s*:|OnlineEndpoint\.schema|"
    r"OnlineDeployment\.schema",
    re.MULTILINE,
)


def find(folder: Path, files: Iterable[str]) -> tuple[tuple[Document, ...], tuple[Finding, ...]]:
    """The documents among ``files``, endpoints first, and what is wrong. ``files`` are relative to ``folder``."""
    documents: list[Document] = []
    findings: list[Finding] = []
    names = list(files)
    candidates = sorted((name for name in names if name.lower().endswith(_SUFFIXES)), key=_order)
    for name in candidates[:MAX_FILES]:
        found, wrong = read_file(folder / name, name, is_alone=len(candidates) == 1)
        documents += found
        findings += wrong
    if len(candidates) > MAX_FILES:
        what = f"Only {MAX_FILES} of {len(candidates)} YAML files were looked at."
        findings.append(
            Finding(Level.WARNING, "many-yaml", Place(), what, "The others lie deeper.", "Send fewer files.")
        )
    findings += _twice(documents)
    if not documents and not any(each.level is Level.ERROR for each in findings):
        findings += _broken(folder, candidates) or [_misnamed(names) or _nothing(bool(candidates))]
    return _ordered(documents), tuple(findings)


def _broken(folder: Path, candidates: list[str]) -> list[Finding]:
    """What keeps YAML files from being read, of which nothing says that they are meant; asked when none is."""
    found = [each for name in candidates[:MAX_FILES] for each in read_file(folder / name, name, is_alone=True)[1]]
    return [each for each in found if each.level is Level.ERROR and each.code != "not-a-mapping"]


def read_file(path: Path, name: str, *, is_alone: bool = False) -> tuple[list[Document], list[Finding]]:
    """The documents of one file and what is wrong with them. A broken file counts when it is alone, or when it seems
    to be meant as an endpoint or a deployment."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            return [], [_too_large(name, size)] if is_alone or _is_meant(path) else []
        content = path.read_bytes()
    except OSError as error:
        return [], [_error("unreadable", name, 0, f"{name} cannot be read.", f"{error.strerror}.", "Send it again.")]
    text, problem = decoded(content, name)
    if problem is not None:
        is_meant = is_alone or _LOOKS_MEANT.search(content.replace(b"\0", b"").decode("latin-1")) is not None
        return [], [problem] if is_meant else []
    return parse(text, name, is_alone=is_alone)


def parse(text: str, name: str, *, is_alone: bool = True) -> tuple[list[Document], list[Finding]]:
    """The documents of a text and what is wrong with them."""
    documents: list[Document] = []
    findings: list[Finding] = []
    try:
        for located in read_each(text):
            found, wrong = _document(located, name, is_alone=is_alone)
            documents += found
            findings += wrong
    except BadYaml as bad:
        if is_alone or documents or _LOOKS_MEANT.search(text):
            usual = mistakes.in_text(text, is_broken=True) or mistakes.Mistake(bad.code, bad.line, bad.why, bad.fix)
            what = f"{name} is no YAML that can be read."
            findings.append(_error(usual.code, name, usual.line, what, usual.why, usual.fix))
        return documents, findings
    other = mistakes.in_text(text, is_broken=False) if documents else None
    if other is not None:
        # First, because others follow from it.
        what = f"{name} is other YAML than it looks."
        findings.insert(0, _error(other.code, name, other.line, what, other.why, other.fix))
    return documents, findings


def stands_alone(path: Path) -> bool:
    """Whether a file holds one YAML document and nothing else: ``az ml`` refuses a second one, even an empty one.
    Raises OSError."""
    text, problem = decoded(path.read_bytes(), path.name)
    try:
        return problem is None and len(read(text)) == 1
    except BadYaml:
        return False


def decoded(content: bytes, name: str) -> tuple[str, Finding | None]:
    """A file's text. It has to be UTF-8, as for ``az ml``; which other encoding it seems to be in is said."""
    other = other_encoding(content)
    if other == BINARY:
        why = "It holds bytes that no text has, so it is another kind of file, whatever its name."
        fix = "Leave it out, or give it its right name."
        return "", _error("encoding", name, 0, f"{name} is no text.", why, fix)
    if not other:
        try:
            return content.decode("utf-8-sig"), None
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            why = f"Line {line} holds a byte that is not UTF-8 (0x{content[error.start]:02X})."
            why += " It seems to be Latin-1 or Windows-1252."
    else:
        line, why = 0, f"It is {other}, as some editors on Windows save it."
    fix = "Save it as UTF-8: in the editor's “Save as”, or with iconv."
    return "", _error("encoding", name, line, f"{name} is not UTF-8.", why, fix)


def kind_of(content: Mapping[str, Any]) -> Kind | str | None:
    """What a document describes: a kind, the words for one that Sluice does not deploy, or None for any other file."""
    found = _SCHEMA_NAME.search(str(content.get("$schema") or ""))
    if found:
        name = found[1].lower()
        kind = _KINDS.get(name)
        return mistakes.meant_kind(content, kind, _ONLY) if kind else _OTHERS.get(name)
    names = set(content)
    if names & _ONLY_DEPLOYMENTS == {"endpoint_name"} and names & _ONLY_ENDPOINTS:
        return Kind.ENDPOINT
    if "endpoint_name" in names or len(_ONLY_DEPLOYMENTS & names) > 1:
        return Kind.DEPLOYMENT
    if "name" in names and _ONLY_ENDPOINTS & names:
        return Kind.ENDPOINT
    return None


def _document(located: Located, name: str, *, is_alone: bool) -> tuple[list[Document], list[Finding]]:
    content = located.content
    if not isinstance(content, dict):
        if content is None or not is_alone:
            return [], []
        what = f"{name} is a {'list' if isinstance(content, list) else 'text'}, not a list of fields."
        fix = "Write one field per line: name: my-endpoint."
        return [], [_error("not-a-mapping", name, located.line, what, "A document is fields with values.", fix)]
    kind = kind_of(content)
    if isinstance(kind, Kind):
        document = Document(kind, name, content, located.lines)
        return [document], [*_other_schema(document), *schema.findings(document, located.repeated)]
    if kind is not None:
        what = f"{name} describes {kind}."
        why, fix = "Sluice deploys managed online endpoints.", "Use az ml for it."
        return [], [_error("other-kind", name, located.lines.get(("$schema",), located.line), what, why, fix)]
    if mistakes.is_arm(content):
        what = f"{name} describes a resource of Azure's REST API."
        why = "Its fields have other names there, and az ml does not take them."
        fix = "Write it as az ml has it: endpoint_name, instance_type, code_configuration. The starter kit shows how."
        return [], [_error("arm-form", name, located.line, what, why, fix)]
    return [], [_ignored(located, name)] if is_alone else []


def _other_schema(document: Document) -> list[Finding]:
    """The schema of the other kind. azure-ai-ml does not look at it; editors do."""
    found = _SCHEMA_NAME.search(str(document.content.get("$schema") or ""))
    if not found or _KINDS.get(found[1].lower()) is document.kind:
        return []
    what = f"{document.file} has the fields of a managed online {document.kind} and another $schema."
    fix = f"Name managedOnline{document.kind.value.capitalize()}.schema.json there."
    why = "The fields count. Editors take the $schema and mark them as wrong."
    return [Finding(Level.WARNING, "schema-other", document.place("$schema"), what, why, fix)]


def _ignored(located: Located, name: str) -> Finding:
    what = f"The document from line {located.line} on describes no endpoint and no deployment."
    why = "It has none of their fields, so it is not applied."
    fix = "If it is a conda file, send it as a file of its own."
    return Finding(Level.NOTE, "document-ignored", Place(name, located.line), what, why, fix)


def _is_meant(path: Path) -> bool:
    with path.open("rb") as file:
        return _LOOKS_MEANT.search(file.read(100_000).decode("latin-1")) is not None


def _too_large(name: str, size: int) -> Finding:
    why = f"It has {size / 1e6:,.1f} MB, and at most {MAX_BYTES / 1e6:.0f} MB are read."
    fix = "Keep data out of the YAML and refer to it as a file."
    return _error("yaml-too-large", name, 0, f"{name} is too large for a YAML document.", why, fix)


def _twice(documents: list[Document]) -> list[Finding]:
    seen: dict[tuple[Kind, str, str], Document] = {}
    found = []
    for each in documents:
        key = (each.kind, each.endpoint.lower(), each.name.lower())
        first = seen.setdefault(key, each)
        if first is each or not each.name:
            continue
        place, other = each.place("name"), first.place("name")
        why = f"{other.file}, line {other.line}, describes it too."
        what = f"The {each.kind} {each.name} is described twice."
        found.append(Finding(Level.ERROR, "described-twice", place, what, why, "Remove or rename one of the two."))
    return found


def _misnamed(names: Iterable[str]) -> Finding | None:
    """A file whose name hides that it is YAML: Windows does not show the end of endpoint.yml.txt."""
    found = next((each for each in sorted(names, key=_order) if each.lower().endswith((".yml.txt", ".yaml.txt"))), None)
    if found is None:
        return None
    why = "Only files whose names end in .yml or .yaml are read. Windows may not show the .txt."
    return _error("misnamed", found, 0, f"{found} is not read.", why, f"Name it {found[:-4]}.")


def _nothing(has_yaml: bool) -> Finding:
    why = "No YAML file has the fields of one." if has_yaml else "There is no YAML file among the files."
    fix = "An endpoint has name and auth_mode, a deployment has name and endpoint_name. The starter kit has both."
    return _error("no-document", "", 0, "No endpoint and no deployment is described.", why, fix)


def _ordered(documents: list[Document]) -> tuple[Document, ...]:
    return tuple(sorted(documents, key=lambda each: each.kind is not Kind.ENDPOINT))


def _order(name: str) -> tuple[int, str]:
    return name.count("/"), name


def _error(code: str, file: str, line: int, what: str, why: str, fix: str) -> Finding:
    return Finding(Level.ERROR, code, Place(file, line), what, why, fix)
