"""Whether a body has the shape that an endpoint takes, as far as that is known. A warning, never a reason to refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from services.model import Deployment
from services.payloads.document import Json
from services.payloads.schema import body_schema, columns, resolved

_WRAPPERS = ("input_data", "data", "Inputs", "inputs")
"""Names under which Azure's own examples put what the model reads; a schema that has one needs it."""
_MOST_NAMED = 8
_MOST_ROWS = 1000


def is_mlflow(deployments: Sequence[Deployment]) -> bool:
    """Whether some deployment has neither a scoring script nor an environment: Azure then serves an MLflow model."""
    return any(_is_mlflow(each) for each in deployments)


def _is_mlflow(deployment: Deployment) -> bool:
    properties = deployment.raw.get("properties")
    if not isinstance(properties, Mapping):
        return False
    return (
        bool(properties.get("model"))
        and not properties.get("codeConfiguration")
        and not properties.get("environmentId")
    )


def shape_problem(
    body: str | bytes, swagger: Mapping[str, Json] | None, *, needs_input_data: bool = False
) -> str | None:
    """What is wrong with the shape of ``body``, in a sentence; None when nothing is known to be wrong.

    ``swagger`` is the endpoint's OpenAPI document, None when there is none. ``needs_input_data`` says that an MLflow
    model without a scoring script answers (:func:`is_mlflow`). What is no JSON is not looked at.
    """
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        return None
    schema = body_schema(swagger) if swagger else None
    if schema is not None and swagger is not None:
        found = _wrapper_problem(sent, resolved(schema, swagger)) or _column_problem(sent, columns(schema, swagger))
        if found:
            return found
    if needs_input_data and not (isinstance(sent, Mapping) and "input_data" in sent):
        return "The body lacks input_data, in which an MLflow model without a scoring script looks for its input."
    return _row_problem(sent)


def _wrapper_problem(sent: Json, schema: Mapping[str, Json]) -> str | None:
    properties, required = schema.get("properties"), schema.get("required")
    names = list(properties) if isinstance(properties, Mapping) else []
    needed = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    needed = needed or [name for name in names if name in _WRAPPERS]
    if needed and not isinstance(sent, Mapping):
        kind = "a list" if isinstance(sent, list) else "a single value"
        return f"The body is {kind}; the endpoint takes an object with {_listed(needed)}."
    missing = [name for name in needed if name not in sent]
    return f"The body lacks {_listed(missing)}, which the endpoint's schema asks for." if missing else None


def _column_problem(sent: Json, expected: Sequence[str]) -> str | None:
    if not expected:
        return None
    for found, where in _column_names(sent):
        missing = [name for name in expected if name not in found]
        unknown = [name for name in found if name not in expected]
        parts = [f"lacks {_listed(missing)}"] if missing else []
        parts += [f"has {_listed(unknown)}, which the endpoint's schema does not know"] if unknown else []
        if parts:
            return f"{where} {' and '.join(parts)}."
    return None


def _column_names(sent: Json) -> Iterator[tuple[list[str], str]]:
    """The names of columns that a body gives, each list with the place where it stands."""
    for name, table in _tables(sent):
        if isinstance(table, Mapping) and isinstance(table.get("columns"), list):
            yield [str(each) for each in table["columns"]], f"{name}.columns"
        elif isinstance(table, list):
            for number, row in enumerate(table[:_MOST_ROWS]):
                if isinstance(row, Mapping):
                    yield list(row), f"{name}[{number}]"


def _row_problem(sent: Json) -> str | None:
    """Rows of a table that do not fit its columns."""
    for name, table in _tables(sent):
        if not isinstance(table, Mapping):
            continue
        names, rows = table.get("columns"), table.get("data")
        if not isinstance(names, list) or not isinstance(rows, list):
            continue
        for number, row in enumerate(rows[:_MOST_ROWS]):
            if isinstance(row, list) and len(row) != len(names):
                return f"{name}.data[{number}] has {len(row)} values for {len(names)} columns."
        index = table.get("index")
        if isinstance(index, list) and len(index) != len(rows):
            return f"{name}.index has {len(index)} entries for {len(rows)} rows."
    return None


def _tables(sent: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(sent, Mapping):
        yield from ((name, sent[name]) for name in ("input_data", "data") if name in sent)
    elif isinstance(sent, list):
        yield "The body", sent


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else shown
