"""The scoring script of an MLflow model that is deployed without one. It runs in the model's own environment.

Requests are as in "Deploy MLflow models to online endpoints": ``{"input_data": ..., "params": {...}}``, where
input_data is a table (``columns``, ``index``, ``data``), a list of records, or tensors as nested lists, by name or
alone.
"""

from __future__ import annotations

import base64
import json
import os
from datetime import date
from pathlib import Path
from typing import Any

# Only the environment of the model has to have these.
import mlflow.pyfunc  # type: ignore[import-not-found]
import numpy
import pandas

model: Any = None


def init() -> None:
    """Load the model below AZUREML_MODEL_DIR."""
    global model
    found = sorted(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("MLmodel"), key=lambda path: len(path.parts))
    if not found:
        raise FileNotFoundError("The model has no file named MLmodel.")
    model = mlflow.pyfunc.load_model(str(found[0].parent))


def run(raw_data: str) -> object:
    """Predict. Raises ValueError with a sentence when the request has another form."""
    request = json.loads(raw_data)
    if not isinstance(request, dict) or "input_data" not in request:
        raise ValueError("Request must contain a top level key named 'input_data'")
    arguments = {"params": request["params"]} if request.get("params") else {}
    return plain(model.predict(read(request["input_data"]), **arguments))


def read(sent: Any) -> object:  # noqa: ANN401 - whatever JSON holds
    """What ``predict`` gets for an input_data."""
    schema = model.metadata.get_input_schema()
    is_tensor = schema is not None and schema.is_tensor_spec()
    if isinstance(sent, dict) and "data" in sent and set(sent) <= {"columns", "index", "data"}:
        return _typed(pandas.DataFrame(sent["data"], columns=sent.get("columns"), index=sent.get("index")), schema)
    if is_tensor and isinstance(sent, dict):
        return {name: numpy.array(values) for name, values in sent.items()}
    if is_tensor:
        return numpy.array(sent, dtype=schema.numpy_types()[0])
    if isinstance(sent, dict):
        return _typed(pandas.DataFrame({name: _column(values) for name, values in sent.items()}), schema)
    if isinstance(sent, list) and sent and isinstance(sent[0], dict):
        return _typed(pandas.DataFrame(sent), schema)
    names = schema.input_names() if schema is not None and schema.has_input_names() else None
    return _typed(pandas.DataFrame(sent, columns=names), schema)


def _column(values: object) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _typed(table: pandas.DataFrame, schema: Any) -> pandas.DataFrame:  # noqa: ANN401 - mlflow may be absent here
    """The table with the column types of the signature where JSON says less than it: 1 may mean 1.0."""
    if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
        return table
    for name, wanted in zip(schema.input_names(), schema.pandas_types(), strict=True):
        if name in table.columns and numpy.dtype(wanted).kind in "iufb":
            table[name] = table[name].astype(wanted)
    return table


def plain(value: object) -> object:
    """A prediction as JSON can carry it: tables become records, arrays become lists."""
    if isinstance(value, pandas.DataFrame):
        return plain(value.to_dict(orient="records"))
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | pandas.Series):
        return [plain(each) for each in value]
    if isinstance(value, numpy.ndarray | numpy.generic):
        return plain(value.tolist()) if value.dtype == object else value.tolist()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date) else value
