"""A setting without what may be a secret: addresses of webhooks, which carry keys in their path or query, what is sent
to them, the addresses of people, and tags that look like secrets. Pure.

What is hidden becomes an object, where Azure wants a string or a list: a file with hidden values should be refused and
not half applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from services.azure.cloud import Json
from services.resources.masking import Hidden, without_secrets

_ADDRESS, _PEOPLE, _SENT = "serviceuri", "customemails", "properties"
_MARK = "hidden"


@dataclass(frozen=True)
class Masked:
    """A document that may be shown, and the places whose values it does not show."""

    document: dict[str, Any]
    hidden: tuple[str, ...]


def masked(document: Mapping[str, Any]) -> Masked:
    """``document`` without what may be a secret. It is not changed."""
    places: list[str] = []
    shown = _tags(dict(document), places)
    properties = document.get("properties")
    if isinstance(properties, Mapping):
        shown["properties"] = {key: _walked(value, str(key), places) for key, value in properties.items()}
    return Masked(shown, tuple(places))


def shown(field: str, value: Json) -> Json:
    """The value of one field of a setting or of its properties, without what may be a secret."""
    if field.lower() == "tags":
        return _tags({"tags": value}, [])["tags"]
    return _walked(value, field, [])


def _tags(document: dict[str, Any], places: list[str]) -> dict[str, Any]:
    tags = document.get("tags")
    if isinstance(tags, Mapping):
        guarded = without_secrets({"tags": dict(tags)})["tags"]
        secret = [name for name, value in guarded.items() if isinstance(value, Hidden)]
        document["tags"] = guarded | {name: _hidden("") for name in secret}
        places.extend(f"tags.{name}" for name in secret)
    return document


def _walked(value: Json, where: str, places: list[str]) -> Json:
    if isinstance(value, list):
        return [_walked(each, f"{where}[{number}]", places) for number, each in enumerate(value, 1)]
    if not isinstance(value, Mapping):
        return value
    is_webhook = any(str(key).lower() == _ADDRESS for key in value)
    return {key: _field(str(key), each, f"{where}.{key}", places, is_webhook) for key, each in value.items()}


def _field(name: str, value: Json, where: str, places: list[str], is_webhook: bool) -> Json:
    kind = name.lower()
    if value and kind == _ADDRESS:
        places.append(where)
        return _hidden(_host(value))
    if value and kind == _PEOPLE:
        places.append(where)
        return _hidden(f"{len(value)} of them" if isinstance(value, list) else "")
    if value and is_webhook and kind == _SENT and isinstance(value, Mapping):
        return dict(_sent(value, where, places))
    return _walked(value, where, places)


def _sent(values: Mapping[str, Any], where: str, places: list[str]) -> Iterator[tuple[str, Json]]:
    for name, value in values.items():
        if value not in (None, ""):
            places.append(f"{where}.{name}")
        yield name, _hidden("") if value not in (None, "") else value


def _host(address: Json) -> str:
    try:
        return urlsplit(str(address)).hostname or ""
    except ValueError:
        return ""


def _hidden(what: str) -> dict[str, str]:
    return {_MARK: what}
