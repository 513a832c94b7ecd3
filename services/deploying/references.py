"""What a deployment's file refers to: files of the bundle, and assets that are registered in Azure.

Of the files only names and kinds are looked at; nothing is asked of Azure here.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.deploying.model import Bundle, Document, FieldPath, Finding, Kind, Level, Place

_SHORT = re.compile(r"azureml:(?P<name>[^:/@]+)(?::(?P<version>[^:/@]+)|@(?P<label>[^:/@]+))")
_LONG = re.compile(
    r"(?:azureml:)?(?P<workspace>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/workspaces/[^/]+)/"
    r"(?P<collection>models|environments|codes)/(?P<name>[^/]+)/(?P<how>versions|labels)/(?P<version>[^/]+)",
    re.IGNORECASE,
)
_REGISTRY = re.compile(
    r"azureml://registries/(?P<registry>[^/]+)/(?:models|environments)/(?P<name>[^/]+)"
    r"(?:/(?:versions|labels)/(?P<version>[^/]+))?",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"(?:https?|wasbs?|abfss?|adl|azureml|runs|git\+https?)://|azureml:", re.IGNORECASE)
_MOST_LISTED = 4


@dataclass(frozen=True)
class Asset:
    """A reference to a registered asset. ``collection`` is models, environments or codes; ``label`` is "latest" or ""
    when a ``version`` is named. ``workspace`` is an ARM id, "" for the deployment's own; ``registry`` a name or ""."""

    text: str
    field: FieldPath
    collection: str
    name: str
    version: str = ""
    label: str = ""
    workspace: str = ""
    registry: str = ""

    @property
    def what(self) -> str:
        """ "model", "environment" or "code"."""
        return self.collection.removesuffix("s")


@dataclass(frozen=True)
class LocalFile:
    """A path that the file names: where in the document, what for people, and whether it must be a folder or a file."""

    text: str
    field: FieldPath
    what: str
    must_be: str = ""


def mapping(value: object) -> Mapping[str, Any]:
    """``value`` when it is a mapping, else an empty one: what the schema refuses is told elsewhere."""
    return value if isinstance(value, Mapping) else {}


def assets(document: Document) -> tuple[Asset, ...]:
    """The registered assets that the document refers to."""
    return tuple(found for field, collection in _asset_fields() if (found := _asset(document, field, collection)))


def local_files(document: Document) -> tuple[LocalFile, ...]:
    """The files and folders that the document refers to, as it names them."""
    if document.kind is not Kind.DEPLOYMENT:
        return ()
    environment = mapping(document.content.get("environment"))
    given = (
        (mapping(document.content.get("model")).get("path"), ("model", "path"), "model", ""),
        (
            mapping(document.content.get("code_configuration")).get("code"),
            ("code_configuration", "code"),
            "code folder",
            "folder",
        ),
        (environment.get("conda_file"), ("environment", "conda_file"), "conda file", "file"),
        (mapping(environment.get("build")).get("path"), ("environment", "build", "path"), "build context", "folder"),
    )
    return tuple(
        LocalFile(text, field, what, must_be)
        for text, field, what, must_be in given
        if isinstance(text, str) and text.strip() and not _ELSEWHERE.match(text)
    )


def locate(bundle: Bundle, document: Document, wanted: LocalFile) -> Path | Finding:
    """Where a file or folder is on this machine, or what is wrong with it. Never outside the bundle's folder."""
    root = bundle.folder.resolve()
    base = (bundle.folder / document.file).parent
    place = document.place(*wanted.field)
    shown = wanted.text.strip()
    lexical = Path(os.path.normpath(base.resolve() / shown))
    if "\\" in shown and not lexical.exists():
        what = f"The {wanted.what} {shown} is written with backslashes."
        why = "Only Windows takes them for folders; here and in pipelines they are part of a name."
        return Finding(Level.ERROR, "path-backslash", place, what, why, f"Write {shown.replace(chr(92), '/')}.")
    if not lexical.is_relative_to(root) or not lexical.resolve().is_relative_to(root):
        what = f"The {wanted.what} {shown} lies outside of the files that were given."
        why = f"Paths count from the folder of {document.file}, and nothing above the given files is read."
        fix = "Upload the folder that holds both, or put the files beside the YAML and name that path."
        return Finding(Level.ERROR, "path-outside", place, what, why, fix)
    if not lexical.exists():
        what = f"The {wanted.what} {shown} is not among the files."
        why = f"Paths count from the folder of {document.file}, so it would be {_relative(lexical, root)}."
        fix = _other_folder(bundle, document, wanted, root) or _nearest(bundle, lexical, root)
        return Finding(Level.ERROR, "path-missing", place, what, why, fix)
    if wanted.must_be and (lexical.is_dir() != (wanted.must_be == "folder")):
        is_now = "a folder" if lexical.is_dir() else "a file"
        what = f"The {wanted.what} {shown} is {is_now}."
        why = f"Azure needs a {wanted.must_be} here."
        fix = "Name the file in that folder."
        if wanted.must_be == "folder":
            fix = f"Name the folder that the file is in: {wanted.field[-1]}: {shown.rpartition('/')[0] or '.'}"
        return Finding(Level.ERROR, "path-kind", place, what, why, fix)
    if lexical.is_dir() and not any(each.is_file() for each in lexical.rglob("*")):
        what = f"The {wanted.what} {shown} is an empty folder."
        return Finding(
            Level.ERROR, "path-empty", place, what, "There is nothing to upload.", "Put a file into it: any will do."
        )
    return _bad_link(lexical, wanted, place) or lexical


def _bad_link(uploaded: Path, wanted: LocalFile, place: Place) -> Finding | None:
    """A link on which azure-ai-ml breaks when it uploads the folder: it follows all of them."""
    for parent, folders, files in os.walk(uploaded):
        for path in (Path(parent, name) for name in sorted([*folders, *files])):
            target = Path(os.path.realpath(path)) if path.is_symlink() else None
            if target is None or (target.exists() and not Path(os.path.realpath(parent)).is_relative_to(target)):
                continue
            does = "leads back to a folder that it lies in" if target.exists() else "leads nowhere"
            what = f"In the {wanted.what} {wanted.text.strip()}, {path.relative_to(uploaded).as_posix()} {does}."
            why = "It is a symbolic link, and azure-ai-ml breaks on it when it uploads the folder."
            fix = "Remove the link, or put the files in its place."
            # What such a file leaves out is not looked at when the rest is uploaded.
            has_ignored = any((uploaded / each).is_file() for each in (".amlignore", ".gitignore"))
            level = Level.WARNING if has_ignored else Level.ERROR
            return Finding(level, "path-link", place, what, why, fix)
    return None


def _asset_fields() -> Iterator[tuple[FieldPath, str]]:
    yield ("model",), "models"
    yield ("environment",), "environments"
    yield ("code_configuration", "code"), "codes"


def _asset(document: Document, field: FieldPath, collection: str) -> Asset | None:
    value: object = document.content
    for step in field:
        value = mapping(value).get(str(step))
    if not isinstance(value, str):
        return None
    text = value.strip()
    if found := _SHORT.fullmatch(text):
        return Asset(text, field, collection, found["name"], found["version"] or "", found["label"] or "")
    if found := _LONG.fullmatch(text):
        if found["collection"].lower() != collection:
            return None
        is_label = found["how"].lower() == "labels"
        version, label = ("", found["version"]) if is_label else (found["version"], "")
        return Asset(text, field, collection, found["name"], version, label, workspace=found["workspace"])
    if found := _REGISTRY.fullmatch(text):
        return Asset(text, field, collection, found["name"], found["version"] or "", registry=found["registry"])
    return None


def _other_folder(bundle: Bundle, document: Document, wanted: LocalFile, root: Path) -> str:
    """The folder in which the scoring script is after all, when that of the code is missing."""
    script = mapping(document.content.get("code_configuration")).get("scoring_script")
    if wanted.what != "code folder" or not isinstance(script, str) or not script:
        return ""
    folders = [each[: -len(script)].rstrip("/") for each in bundle.files if f"/{each}".endswith(f"/{script}")]
    if not folders:
        return ""
    base = (bundle.folder / document.file).parent.resolve()
    return f"{script} is in another folder: write code: {os.path.relpath(root / folders[0], base)}"


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _nearest(bundle: Bundle, missing: Path, root: Path) -> str:
    """What to do about a missing path: the most alike of the files and folders that are there."""
    folders = {parent.as_posix() for each in bundle.files for parent in Path(each).parents if parent.name}
    there = sorted({*bundle.files, *folders})
    wanted = _relative(missing, root)
    same_name = [each for each in there if Path(each).name.lower() == missing.name.lower()]
    alike = same_name or difflib.get_close_matches(wanted, there, 1, 0.7)
    if alike:
        return f"Did you mean {alike[0]}? Otherwise add the missing files."
    listed = ", ".join(there[:_MOST_LISTED]) + (", …" if len(there) > _MOST_LISTED else "")
    are = "is only" if len(there) == 1 else "are"
    return f"Add it to the files. There {are} {listed}." if there else "Upload it together with the YAML."
