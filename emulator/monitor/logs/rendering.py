"""From DuckDB's types to those of Log Analytics. Most of the work is done by the engine, in the statement itself."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

_TYPES = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT"), "int"),
    **dict.fromkeys(("BIGINT", "UINTEGER", "UBIGINT", "HUGEINT", "UHUGEINT"), "long"),
    **dict.fromkeys(("DOUBLE", "FLOAT"), "real"),
    "BOOLEAN": "bool",
    "INTERVAL": "timespan",
    "UUID": "guid",
    "JSON": "dynamic",
    "DATE": "datetime",
}
# Trailing zeros of the fraction are left out, and the point with them.
_DATETIME = "rtrim(rtrim(strftime(CAST({0} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%f'), '0'), '.') || 'Z'"
_EXPRESSIONS = {
    "datetime": _DATETIME,
    "dynamic": "CAST(to_json({0}) AS VARCHAR)",
    "guid": "CAST({0} AS VARCHAR)",
    "decimal": "CAST({0} AS VARCHAR)",
    # In Kusto a text is never null.
    "string": "coalesce(CAST({0} AS VARCHAR), '')",
}


class Column(NamedTuple):
    """A column of an answer."""

    name: str
    type: str


def column(name: str, duckdb_type: str) -> Column:
    """A column as Log Analytics describes it, from the engine's type."""
    if duckdb_type.endswith("]") or duckdb_type.startswith(("STRUCT", "MAP")):
        return Column(name, "dynamic")
    if duckdb_type.startswith("TIMESTAMP"):
        return Column(name, "datetime")
    if duckdb_type.startswith("DECIMAL"):
        return Column(name, "decimal")
    return Column(name, _TYPES.get(duckdb_type, "string"))


def statement(translated: str, columns: Sequence[Column]) -> str:
    """The statement that gives every value of a translated query as it is written into the answer."""
    names = [f"c{number}" for number in range(len(columns))]
    shown = [_EXPRESSIONS.get(each.type, "{0}").format(name) for name, each in zip(names, columns, strict=True)]
    return f"SELECT {', '.join(shown)} FROM ({translated}) AS answer({', '.join(names)})"  # noqa: S608 - translated


def rows_text(rows: Sequence[tuple[Any, ...]], columns: Sequence[Column]) -> bytes:
    """Rows as they stand in the answer, with commas between them and no brackets around them."""
    changes = [(number, _CHANGES[each.type]) for number, each in enumerate(columns) if each.type in _CHANGES]
    if changes:
        rows = [_changed(row, changes) for row in rows]
    return json.dumps(rows, separators=(",", ":"), ensure_ascii=False)[1:-1].encode("utf-8", "replace")


def _changed(row: tuple[Any, ...], changes: Sequence[tuple[int, Callable[[Any], Any]]]) -> tuple[Any, ...]:
    values = list(row)
    for number, change in changes:
        if values[number] is not None:
            values[number] = change(values[number])
    return tuple(values)


def _real(value: float) -> float | str:
    """JSON has no such numbers; Kusto writes them as texts."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _timespan(value: timedelta) -> str:
    """[-][d.]hh:mm:ss[.fffffff], as Kusto writes a timespan."""
    microseconds = abs(value) // timedelta(microseconds=1)
    seconds, fraction = divmod(microseconds, 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    sign, before = "-" if value < timedelta() else "", f"{days}." if days else ""
    return f"{sign}{before}{text}{f'.{fraction:06}0' if fraction else ''}"


_CHANGES: dict[str, Callable[[Any], Any]] = {"real": _real, "timespan": _timespan}
