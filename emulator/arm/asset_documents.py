"""Documents of codes, models and environments: what is fixed, what is archived, and how they are shown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emulator.arm.listing import has_pairs, wanted_pairs
from emulator.arm.rules import RuleBroken, check_objects, check_plain, check_texts
from emulator.documents import Document
from emulator.resources import MACHINE_LEARNING, Place


@dataclass(frozen=True)
class Kind:
    """One collection of assets.

    `required` names what a version cannot be without (one of it), `fixed` what of a version can never change, `added`
    what Azure shows beside what was sent.
    """

    collection: str
    title: str
    required: tuple[str, ...]
    fixed: tuple[str, ...]
    added: Mapping[str, Any]


CODES = Kind("codes", "Code", ("codeUri",), ("codeUri",), {})
# The SDK cannot read a model version without flavors.
MODELS = Kind("models", "Model", ("modelUri",), ("modelUri", "modelType"), {"flavors": {}, "stage": None})
ENVIRONMENTS = Kind(
    "environments",
    "Environment",
    ("image", "build"),
    ("image", "condaFile", "build", "inferenceConfig"),
    {"osType": "Linux", "environmentType": "UserCreated"},
)
KINDS = (CODES, MODELS, ENVIRONMENTS)
_VIEWS = ("All", "ActiveOnly", "ArchivedOnly")
# Source: the documentation of curated environments, which keeps this prefix for them.
_RESERVED = "azureml"


def new_properties(kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a version as it was sent, with what Azure fills in. Raises RuleBroken."""
    check_objects(body, "properties")
    sent: dict[str, Any] = body.get("properties") or {}
    _check_shared(sent)
    if not any(sent.get(field) for field in kind.required):
        raise RuleBroken(f"{kind.title} must have {' or '.join(kind.required)}.")
    check_plain(sent, *(field for field in kind.fixed if field not in ("build", "inferenceConfig")))
    return {**_empty(), **sent}


def container_properties(body: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a name as they were sent. Raises RuleBroken."""
    check_objects(body, "properties")
    sent: dict[str, Any] = body.get("properties") or {}
    _check_shared(sent)
    return {**_empty(), **{field: sent[field] for field in _empty() if sent.get(field) is not None}}


def _check_shared(sent: Mapping[str, Any]) -> None:
    """What names and versions both have. Inner properties need not be texts: the SDK sends a number among them."""
    check_objects(sent, "properties", "tags")
    check_plain(sent, "description")
    check_texts(sent.get("tags") or {}, "The tag")
    if not isinstance(sent.get("isArchived"), bool | None):
        raise RuleBroken("isArchived is true or false.")


def check_reserved(kind: Kind, name: str) -> None:
    """Names that Microsoft keeps for its own environments."""
    if kind is ENVIRONMENTS and name.lower().startswith(_RESERVED):
        raise RuleBroken(f"The environment name '{name}' begins with AzureML, which is reserved for curated ones.")


def changed_field(kind: Kind, before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first fixed field in which two versions differ."""
    return next((field for field in kind.fixed if before.get(field) != now.get(field)), None)


def view_filter(query: Mapping[str, str]) -> Callable[[bool], bool]:
    """Which of archived and active a list shows. Without listViewType it shows both. Raises RuleBroken."""
    asked = query.get("listViewType", "All")
    view = next((each for each in _VIEWS if each.lower() == asked.lower()), None)
    if view is None:
        raise RuleBroken(f"listViewType is {asked[:80]!r}; it must be {', '.join(_VIEWS)}.")
    return lambda archived: view == "All" or archived == (view == "ArchivedOnly")


def version_filter(query: Mapping[str, str]) -> Callable[[Document], bool]:
    """Which versions a list shows, by version, description, stage, tags, properties and the hash of their bytes."""
    tags, properties = wanted_pairs(query.get("tags", "")), wanted_pairs(query.get("properties", ""))

    def shown(document: Document) -> bool:
        known = document["properties"]
        inner = known.get("properties") or {}
        return (
            query.get("version", "").lower() in ("", document["version"].lower())
            and query.get("description", "").lower() in str(known.get("description") or "").lower()
            and query.get("stage", "") in ("", known.get("stage"))
            and has_pairs(known.get("tags") or {}, tags)
            and has_pairs(inner, properties)
            and query.get("hash", "") in ("", inner.get("hash_sha256"))
            and query.get("hashVersion", "") in ("", str(inner.get("hash_version")))
        )

    return shown


def show_version(kind: Kind, place: Place, document: Document, *, archived: bool) -> Document:
    """A version as Azure shows it."""
    name, version = document["name"], document["version"]
    return {
        "id": f"{place.workspace_id}/{kind.collection}/{name}/versions/{version}",
        "name": version,
        "type": f"{MACHINE_LEARNING}/workspaces/{kind.collection}/versions",
        "systemData": document["systemData"],
        "properties": {
            **kind.added,
            **document["properties"],
            "isArchived": archived,
            "provisioningState": "Succeeded",
        },
    }


def show_container(kind: Kind, place: Place, kept: Document | None, versions: Sequence[Document]) -> Document:
    """A name as Azure shows it. `kept` is what was sent for the name itself, `versions` are there or it is."""
    newest = max(versions, key=lambda each: str(each["systemData"]["createdAt"]), default=None)
    numbers = [int(each["version"]) for each in versions if each["version"].isascii() and each["version"].isdigit()]
    source = kept or newest
    assert source is not None
    return {
        "id": f"{place.workspace_id}/{kind.collection}/{source['name']}",
        "name": source["name"],
        "type": f"{MACHINE_LEARNING}/workspaces/{kind.collection}",
        "systemData": source["systemData"],
        "properties": {
            **_empty(),
            **(kept["properties"] if kept else {}),
            "isArchived": is_archived(kept, versions),
            "latestVersion": newest["version"] if newest else None,
            "nextVersion": str(max(numbers, default=0) + 1),
            "provisioningState": "Succeeded",
        },
    }


def is_archived(kept: Document | None, versions: Sequence[Document]) -> bool:
    """Whether a name is archived: it was said so, or all its versions are."""
    if kept is not None and kept["properties"]["isArchived"]:
        return True
    return bool(versions) and all(each["properties"].get("isArchived") for each in versions)


def _empty() -> dict[str, Any]:
    return {"description": None, "tags": {}, "properties": {}, "isArchived": False}
