"""Bodies to begin with: from a sample file, from the endpoint's swagger.json, by the convention of MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.azure.connection import Connection
from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.payloads.document import Json
from services.payloads.samples import SAMPLE_FILE, sample_for
from services.payloads.schema import body_schema, columns, example
from services.payloads.shape import is_mlflow, shape_problem
from services.payloads.swagger import swagger_of

__all__ = ["Template", "is_mlflow", "shape_problem", "swagger_of", "templates"]

SAMPLE, SWAGGER, MLFLOW = "Sample file", "Schema of the endpoint", "MLflow input_data"
_WIDEST = 100


@dataclass(frozen=True)
class Template:
    """A body to begin with. ``note`` says where it comes from; with an empty ``body``, why there is none."""

    name: str
    body: str
    note: str


def templates(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], samples_dir: Path
) -> tuple[Template, ...]:
    """What there is for ``endpoint``, the most fitting first, those without a body last.

    Asks its swagger.json, which takes as long as the model takes to answer, up to ten seconds; kept for some minutes.
    """
    document, failure = _swagger(conn, endpoint)
    found = [_sample(endpoint, samples_dir), _from_swagger(document, failure), _mlflow(document)]
    if is_mlflow(deployments):
        found.insert(1, found.pop())
    return tuple(sorted(found, key=lambda each: not each.body))


def pretty(value: Json, indent: str = "") -> str:
    """JSON for people: what fits on a line stays on one."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value:
        return line
    is_nested = any(isinstance(each, dict | list) for each in (value.values() if isinstance(value, dict) else value))
    if len(indent) + len(line) <= _WIDEST and not is_nested:
        return line
    inside = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(name, ensure_ascii=False)}: {pretty(each, inside)}" for name, each in value.items()]
        return "{\n" + ",\n".join(inside + part for part in parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inside + pretty(each, inside) for each in value) + f"\n{indent}]"


def _swagger(conn: Connection, endpoint: Endpoint) -> tuple[Mapping[str, Json], str]:
    try:
        return swagger_of(conn, endpoint), ""
    except SluiceError as error:
        return {}, f"{error.what} {error.why}"


def _sample(endpoint: Endpoint, samples_dir: Path) -> Template:
    sample = sample_for(endpoint.name, samples_dir)
    if sample is None:
        return Template(SAMPLE, "", f"No YAML file below {samples_dir} defines {endpoint.name} with a {SAMPLE_FILE}.")
    return Template(SAMPLE, sample, f"{SAMPLE_FILE}, kept beside the endpoint's YAML file.")


def _from_swagger(document: Mapping[str, Json], failure: str) -> Template:
    if failure:
        return Template(SWAGGER, "", failure)
    schema = body_schema(document)
    if schema is None:
        note = "The endpoint has a swagger.json, but its scoring script declares no schema (@input_schema)."
        return Template(SWAGGER, "", note)
    note = "Made from the endpoint's swagger.json. The values are examples."
    return Template(SWAGGER, pretty(example(schema, document)), note)


def _mlflow(document: Mapping[str, Json]) -> Template:
    schema = body_schema(document)
    names = columns(schema, document) if schema is not None else ()
    note = "What MLflow models without a scoring script take. "
    note += "Its columns are those of swagger.json." if names else "Put in the columns of your model."
    shown = list(names) or ["column_1", "column_2"]
    body = {"input_data": {"columns": shown, "index": [0], "data": [[0] * len(shown)]}}
    return Template(MLFLOW, pretty(body), note)
