"""Payloads out of a CSV table: its columns become what a model reads."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence

from services.payloads.document import Json
from services.payloads.imported import Imported, Problem, refused
from services.payloads.payload import Payload

MOST_ROWS = 1000
MOST_COLUMNS = 2000
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,300}", re.ASCII)


def _split(columns: Sequence[str], row: Sequence[Json]) -> Json:
    return {"input_data": {"columns": list(columns), "index": [0], "data": [list(row)]}}


def _input_records(columns: Sequence[str], row: Sequence[Json]) -> Json:
    return {"input_data": [dict(zip(columns, row, strict=True))]}


def _data_rows(_columns: Sequence[str], row: Sequence[Json]) -> Json:
    return {"data": [list(row)]}


def _data_records(columns: Sequence[str], row: Sequence[Json]) -> Json:
    return {"data": [dict(zip(columns, row, strict=True))]}


def _record(columns: Sequence[str], row: Sequence[Json]) -> Json:
    return dict(zip(columns, row, strict=True))


SHAPES: Mapping[str, tuple[str, Callable[[Sequence[str], Sequence[Json]], Json]]] = {
    "split": ('MLflow table: {"input_data": {"columns", "index", "data"}}', _split),
    "records": ('MLflow records: {"input_data": [{…}]}', _input_records),
    "data": ('Rows: {"data": [[…]]}', _data_rows),
    "data records": ('Named rows: {"data": [{…}]}', _data_records),
    "object": ("The row itself: {…}", _record),
}
"""Shapes that a row can be given: by name what a person reads, and the rule. ``split`` and ``records`` are those of
"Deploy MLflow models to online endpoints" (how-to-deploy-mlflow-models-online-endpoints)."""


def from_csv(text: str, name: str = "Imported", *, shape: str = "split", columns: Sequence[str] = ()) -> Imported:
    """One payload per row. The first line names the columns.

    ``columns`` are those that the model expects; given, a missing or unknown one refuses the table, and the values are
    put into their order. Numbers, true, false and empty cells become JSON numbers, booleans and null; everything else,
    and numbers with leading zeros, stays text.
    """
    first = text.split("\n", 1)[0]
    separator = max((",", ";", "\t"), key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        return refused(f"It is no CSV: {error}.")
    numbered = [(number, row) for number, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]
    if len(numbered) < 2:
        return refused("It needs a line with the names of the columns, and at least one row below it.")
    head = [cell.strip() for cell in numbered[0][1]]
    problem = _head_problem(head, columns)
    if problem:
        return refused(problem, "columns")
    order = [head.index(column) for column in columns] or list(range(len(head)))
    return _payloads(numbered[1:], head, order, name, shape)


def _payloads(
    rows: Sequence[tuple[int, list[str]]], head: Sequence[str], order: Sequence[int], name: str, shape: str
) -> Imported:
    _, rule = SHAPES[shape]
    names = [head[index] for index in order]
    payloads, problems = [], []
    for number, row in rows[:MOST_ROWS]:
        if len(row) != len(head):
            problems.append(Problem(f"row {number}", f"It has {len(row)} values for {len(head)} columns."))
            continue
        body = json.dumps(rule(names, [_value(row[index]) for index in order]), ensure_ascii=False)
        payloads.append(Payload("", f"{name} {number - 1}", body.encode()))
    if len(rows) > MOST_ROWS:
        problems.append(Problem("", f"Only the first {MOST_ROWS} of {len(rows)} rows were read."))
    return Imported(tuple(payloads), tuple(problems))


def _head_problem(head: Sequence[str], expected: Sequence[str]) -> str:
    if len(head) > MOST_COLUMNS:
        return f"It has {len(head)} columns; {MOST_COLUMNS} can be read."
    if "" in head:
        return f"Column {head.index('') + 1} has no name."
    twice = sorted({column for column in head if head.count(column) > 1})
    if twice:
        return f"{_listed(twice)} is there more than once."
    missing = [column for column in expected if column not in head]
    unknown = [column for column in head if column not in expected] if expected else []
    parts = [f"Missing: {_listed(missing)}."] if missing else []
    return " ".join(parts + ([f"Unknown: {_listed(unknown)}."] if unknown else []))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown


def _value(cell: str) -> Json:
    text = cell.strip()
    if text == "":
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if not _NUMBER.fullmatch(text):
        return cell
    if _WHOLE.fullmatch(text):
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else cell
