"""Lists as Azure answers them: filtered, in order, page by page.

Sources: the API description of OnlineEndpoints_List and OnlineDeployments_List. `$skip` is a continuation token; its
form is nobody's business but ours. Without a size everything is on one page, as clients find it on Azure.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from emulator.arm.rules import RuleBroken
from emulator.documents import Document
from emulator.http import query_value

_ORDERS: Mapping[str, tuple[str, bool]] = {
    "createdatasc": ("createdAt", False),
    "createdatdesc": ("createdAt", True),
    "updatedatasc": ("lastModifiedAt", False),
    "updatedatdesc": ("lastModifiedAt", True),
    # The spelling in which the SDK orders versions of models.
    "createdtime asc": ("createdAt", False),
    "createdtime desc": ("createdAt", True),
    "modifiedtime asc": ("lastModifiedAt", False),
    "modifiedtime desc": ("lastModifiedAt", True),
}


def page(found: Sequence[Document], query: Mapping[str, str], *, size: str, order: str, address: str) -> Document:
    """One page of rendered documents with its `nextLink`.

    `found` is sorted by name. `size` and `order` name the query parameters for the length of a page and its order,
    `address` is the list's absolute URL without a query. Raises RuleBroken for values that cannot be.
    """
    ordered = _in_order(found, query_value(query, order), order)
    start = _start(ordered, query_value(query, "$skip"))
    length = _length(query_value(query, size), size)
    value = ordered[start:] if length is None else ordered[start : start + length]
    following = start + len(value)
    link = None
    if following < len(ordered):
        kept = [(name, text) for name, text in query.items() if name.lower() != "$skip"]
        link = f"{address}?{urlencode([*kept, ('$skip', _token(following, value[-1]['name']))])}"
    return {"value": list(value), "nextLink": link}


def endpoint_filter(query: Mapping[str, str]) -> Callable[[Document], bool]:
    """Which endpoints a list shows: those that all of name, computeType, tags and properties allow."""
    name, kind = query_value(query, "name"), query_value(query, "computeType")
    tags, properties = wanted_pairs(query_value(query, "tags")), wanted_pairs(query_value(query, "properties"))
    if kind and kind.lower() not in ("managed", "kubernetes", "azuremlcompute"):
        raise RuleBroken(f"computeType is {kind!r}; it must be Managed, Kubernetes or AzureMLCompute.")

    def shown(document: Document) -> bool:
        return (
            (not name or document["name"].lower() == name.lower())
            and (not kind or str(document["kind"]).lower() == kind.lower())
            and has_pairs(document["tags"], tags)
            and has_pairs(document["properties"]["properties"], properties)
        )

    return shown


def wanted_pairs(text: str) -> list[tuple[str, str | None]]:
    """`key1,key2=value2`: keys that must be there, with their value when one is given."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return [(key, value if sign else None) for key, sign, value in (part.partition("=") for part in parts)]


def has_pairs(values: Mapping[str, Any], wanted: Sequence[tuple[str, str | None]]) -> bool:
    """Whether every wanted key is there, with its value when one is wanted."""
    return all(key in values and (value is None or values[key] == value) for key, value in wanted)


def _in_order(found: Sequence[Document], wanted: str, parameter: str) -> Sequence[Document]:
    if not wanted:
        return found
    if wanted.lower() not in _ORDERS:
        known = "CreatedAtAsc, CreatedAtDesc, UpdatedAtAsc or UpdatedAtDesc"
        raise RuleBroken(f"{parameter} is {wanted!r}; it must be {known}.")
    field, descending = _ORDERS[wanted.lower()]
    return sorted(found, key=lambda each: str(each["systemData"][field]), reverse=descending)


def _length(text: str, parameter: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 10**6 or len(text) > 9:
        raise RuleBroken(f"{parameter} is {text!r}; it must be a whole number from 1.")
    return int(text)


def _token(position: int, last: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([position, last]).encode()).decode().rstrip("=")


def _start(ordered: Sequence[Document], token: str) -> int:
    """Where the page begins: behind the last one of the page before, wherever that is by now."""
    if not token:
        return 0
    if token.isascii() and token.isdigit() and len(token) < 9:
        return int(token)
    try:
        position, last = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        names = [each["name"] for each in ordered]
        # When it is gone itself, what follows has moved up by one.
        return names.index(last) + 1 if last in names else max(0, int(position) - 1)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise RuleBroken("$skip is not a continuation token of this list.") from error
