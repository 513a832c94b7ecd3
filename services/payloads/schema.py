"""What an OpenAPI document says about the body of a scoring request: its schema, an example of it, its columns.

Reads OpenAPI 2 ("swagger") and 3 as Microsoft's inference server and people write them. Documents come from scripts of
strangers: circular references, nonsense and endless nesting end in less, never in an exception.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.payloads.document import Json

_DEEPEST = 12
_MOST_PROPERTIES = 500
_GENERIC: tuple[Mapping[str, Json], ...] = ({"type": "object", "example": {}}, {"type": "object"}, {})
"""What Microsoft's inference server says of a run() without @input_schema (its swagger.py)."""
_PLAIN: Mapping[str, Json] = {"string": "text", "number": 0.0, "integer": 0, "boolean": False, "null": None}
_FORMATS: Mapping[str, str] = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "byte": "AA==",
}


def body_schema(document: Mapping[str, Json]) -> Mapping[str, Json] | None:
    """The schema of what is posted to the scoring path, None when the document says nothing of it."""
    for operation in _posts(document):
        found = _schema_of(operation, document)
        if found is not None:
            return None if found in _GENERIC else found
    return None


def example(schema: Json, document: Mapping[str, Json]) -> Json:
    """A value that fits ``schema``: its own example where it has one, else one made of its types."""
    return _example(schema, document, _DEEPEST)


def resolved(schema: Json, document: Mapping[str, Json]) -> Mapping[str, Json]:
    """``schema`` with its reference followed and the parts of ``allOf`` put together."""
    for _ in range(_DEEPEST):
        if not isinstance(schema, Mapping) or "$ref" not in schema:
            break
        schema = _referred(schema["$ref"], document)
    if not isinstance(schema, Mapping):
        return {}
    parts = schema.get("allOf")
    if not isinstance(parts, list):
        return schema
    whole: dict[str, Json] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in parts[:_DEEPEST]:
        # One level is what people write; deeper ones are read as they stand.
        part = _referred(part["$ref"], document) if isinstance(part, Mapping) and "$ref" in part else part
        if isinstance(part, Mapping):
            properties = {**_mapping(part.get("properties")), **_mapping(whole.get("properties"))}
            required = [*_list(part.get("required")), *_list(whole.get("required"))]
            whole = {**part, **whole, "properties": properties, "required": required}
    return whole


def columns(schema: Mapping[str, Json], document: Mapping[str, Json]) -> tuple[str, ...]:
    """The columns of the table inside a body of this schema, () when it has none or does not name them.

    Looked for below ``input_data`` and ``data``, or in the body itself: the names of records, or the ``columns`` of an
    example in the orientation "split".
    """
    for place in _tables(schema, document):
        listed = _mapping(example(place, document)).get("columns")
        if isinstance(listed, list) and listed and all(isinstance(each, str) for each in listed):
            return tuple(listed)
        items = resolved(place.get("items"), document)
        names = tuple(str(name) for name in _mapping(items.get("properties")))
        if names:
            return names
    return ()


def _tables(schema: Mapping[str, Json], document: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    properties = _mapping(schema.get("properties"))
    for name in ("input_data", "data"):
        if name in properties:
            yield resolved(properties[name], document)
    yield schema


def _posts(document: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    paths = _mapping(document.get("paths"))
    # The scoring path first: others may take bodies too.
    for path in sorted(paths, key=lambda path: not str(path).rstrip("/").endswith("/score")):
        operation = _mapping(paths[path]).get("post")
        if isinstance(operation, Mapping):
            yield operation


def _schema_of(operation: Mapping[str, Json], document: Mapping[str, Json]) -> Mapping[str, Json] | None:
    for parameter in _list(operation.get("parameters")):
        if isinstance(parameter, Mapping) and parameter.get("in") == "body":
            return resolved(parameter.get("schema"), document)
    content = _mapping(_mapping(operation.get("requestBody")).get("content"))
    for media_type in sorted(content, key=lambda name: "json" not in str(name)):
        described = _mapping(content[media_type])
        schema = dict(resolved(described.get("schema"), document))
        if "example" in described:
            schema["example"] = described["example"]
        return schema
    return None


def _example(schema: Json, document: Mapping[str, Json], depth: int) -> Json:
    found = resolved(schema, document)
    for name in ("example", "default", "const"):
        if name in found:
            return found[name]
    for name in ("examples", "enum"):
        if isinstance(found.get(name), list) and found[name]:
            return found[name][0]
    if depth <= 0:
        return None
    for name in ("oneOf", "anyOf"):
        if isinstance(found.get(name), list) and found[name]:
            return _example(found[name][0], document, depth - 1)
    return _made(found, document, depth)


def _made(schema: Mapping[str, Json], document: Mapping[str, Json], depth: int) -> Json:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if kind == "object" or (kind is None and "properties" in schema):
        properties = list(_mapping(schema.get("properties")).items())[:_MOST_PROPERTIES]
        # A whole table of nested objects would multiply.
        return {str(name): _example(each, document, depth - 1 - len(properties) // 50) for name, each in properties}
    if kind == "array" or (kind is None and "items" in schema):
        return [_example(schema["items"], document, depth - 1)] if "items" in schema else []
    if kind == "string":
        return _FORMATS.get(str(schema.get("format")), _PLAIN["string"])
    if kind in ("number", "integer") and isinstance(schema.get("minimum"), int | float):
        return schema["minimum"]
    return _PLAIN.get(str(kind))


def _referred(reference: Json, document: Mapping[str, Json]) -> Json:
    """What a reference inside of the document means; those to other documents mean nothing here."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return {}
    found: Any = document
    for step in reference[2:].split("/"):
        found = _mapping(found).get(step.replace("~1", "/").replace("~0", "~"))
    return found


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else []
