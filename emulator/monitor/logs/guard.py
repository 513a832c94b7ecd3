"""What a translated query may touch: the tables of Log Analytics, and no function that looks outside.

The engine is told not to open files. This is the second lock: it reads the parsed statement, not its text, and lets
through what is known. Names of the engine's own catalogue stay closed even to a query that calls something of its own
by such a name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

_TABLE_FUNCTIONS = frozenset({"unnest", "generate_series", "range", "json_each", "json_tree"})
_CLOSED = re.compile(
    r"read_|scan_|write_|duckdb_|pragma_|parquet|sniff|glob$|getenv|getvariable|setvariable|query|current_setting"
    r"|set_config|which_secret|load_|install|copy|pg_|txid|current_(database|schema|catalog|query)|in_search_path"
    r"|version$|nextval|currval|sql_auto|json_(de)?serialize|json_execute",
    re.IGNORECASE,
)


class NotAllowed(Exception):
    """A query that reaches beyond the tables; `name` is what it names."""

    def __init__(self, name: str, is_table: bool) -> None:
        super().__init__(name)
        self.name = name
        self.is_table = is_table


def check(statement: Mapping[str, Any], tables: Collection[str], closed: Collection[str]) -> None:
    """Raise :class:`NotAllowed` when a statement, as DuckDB's `json_serialize_sql` gives it, reaches too far.

    It may read `tables`, spelled exactly so, and what it defines itself under a name that is not in `closed` (lower
    case).
    """
    nodes = list(_nodes(statement))
    own = {str(entry["key"]) for node in nodes for entry in _entries(node)}
    for node in nodes:
        kind = node.get("type")
        if kind == "BASE_TABLE":
            name = str(node.get("table_name"))
            is_own = name in own and name.lower() not in closed
            if node.get("schema_name") or node.get("catalog_name") or not (name in tables or is_own):
                raise NotAllowed(name, True)
        elif kind == "TABLE_FUNCTION":
            name = str(node["function"].get("function_name"))
            if name.lower() not in _TABLE_FUNCTIONS:
                raise NotAllowed(name, False)
        elif kind == "FUNCTION":
            name = str(node.get("function_name"))
            if _CLOSED.match(name):
                raise NotAllowed(name, False)
        elif kind == "COLUMN_DATA" or (kind == "SHOW_REF" and not _describes_query(node)):
            raise NotAllowed(str(kind), True)


def _describes_query(node: Mapping[str, Any]) -> bool:
    """Whether it is what `getschema` becomes: the columns of a query, which is looked through like any other."""
    return node.get("show_type") == "DESCRIBE" and bool(node.get("query")) and not node.get("table_name")


def _entries(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = node.get("cte_map")
    entries: list[Mapping[str, Any]] = found.get("map", []) if isinstance(found, dict) else []
    return entries


def _nodes(root: object) -> Iterator[Mapping[str, Any]]:
    """Every object in a JSON document. A loop, because queries nest deeper than Python's stack."""
    waiting = [root]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)
