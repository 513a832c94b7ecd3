"""KQL into DuckDB's SQL, in a process of its own.

A short text can stand for an endless statement (`let b = a + a; let c = b + b; …`), and translating is plain Python
that cannot be interrupted. Here it has a time and a memory of its own, and the server stays free meanwhile. The process
starts with the first query and ends with its standard input.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

MAX_SECONDS = 10
MAX_MEMORY_BYTES = 1_000_000_000
MAX_SQL_CHARACTERS = 1_000_000
"""A query beyond any of the three is refused as too complex."""

_ROOT = Path(__file__).resolve().parents[3]

TOO_COMPLEX = "The query is too complex."


class Translated(NamedTuple):
    """A statement and the values of its parameters."""

    sql: str
    parameters: dict[str, Any]


class NotTranslated(Exception):
    """A text that has no translation. `line` (from 1) and `column` (from 0) are set when it does not parse."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Translator:
    """Asks the process. Safe for threads."""

    def __init__(self, max_seconds: int = MAX_SECONDS) -> None:
        self._max_seconds = max_seconds
        self._lock = threading.Lock()
        self._is_closed = False
        self._process: subprocess.Popen[str] | None = None

    def translate(self, text: str, tables: Mapping[str, Sequence[str]], now: float) -> Translated:
        """The statement for a query on tables with these columns; `now` is its now(), in epoch seconds.

        Raises NotTranslated.
        """
        asked = {"text": text, "tables": tables, "now": now, "seconds": self._max_seconds}
        with self._lock:
            answer = self._ask(json.dumps(asked))
            if not answer:
                self._end()
        if not answer:
            raise NotTranslated(TOO_COMPLEX)
        found = json.loads(answer)
        if "message" in found:
            raise NotTranslated(**found)
        return Translated(found["sql"], {name: _read(*value) for name, value in found["parameters"].items()})

    def _ask(self, line: str) -> str:
        """One line there and one back; nothing when the process ended over it."""
        if self._is_closed:
            return ""
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=_ROOT,
                # Ctrl-C is for the server, which ends this one in order.
                start_new_session=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
            return self._process.stdout.readline()
        except OSError:
            return ""

    def close(self) -> None:
        """End the process for good. Who waits for it is told that the query is too complex."""
        self._is_closed = True
        if self._process is not None:
            self._process.kill()
        with self._lock:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                # What could not be written is written once more at the end, to nobody.
                with contextlib.suppress(OSError):
                    pipe.close()


def main() -> None:
    """Answer lines until the end of standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    for line in sys.stdin:
        asked = json.loads(line)
        # Ends the process: nothing of Python's own could stop a translation.
        signal.alarm(asked["seconds"])
        answer = _translate(asked["text"], asked["tables"], asked["now"])
        signal.alarm(0)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def _translate(text: str, tables: dict[str, list[str]], now: float) -> dict[str, Any]:
    import duckdb_kql
    from duckdb_kql.control import is_control_command

    if is_control_command(text):
        return {"message": "a control command is not a query", "line": 1, "column": 0}
    try:
        moment = datetime.fromtimestamp(now, UTC)
        found = duckdb_kql.to_sql(text, schema=tables, allow_write=False, query_now=moment)
    except duckdb_kql.KqlSyntaxError as wrong:
        spans = [each.span for each in wrong.diagnostics]
        return {"message": str(wrong), "line": spans[0].line if spans else 1, "column": spans[0].column if spans else 0}
    except duckdb_kql.KqlError as wrong:
        return {"message": f"The local Azure cannot run this query: {wrong}."}
    except (RecursionError, MemoryError):
        return {"message": TOO_COMPLEX}
    if len(found) > MAX_SQL_CHARACTERS:
        return {"message": TOO_COMPLEX}
    return {"sql": str(found), "parameters": {name: _written(value) for name, value in found.parameters.items()}}


def _written(value: object) -> tuple[str, object]:
    if isinstance(value, datetime):
        return "datetime", value.isoformat()
    if isinstance(value, timedelta):
        return "timedelta", value.total_seconds()
    return "plain", value if isinstance(value, bool | int | float | None) else str(value)


def _read(kind: str, value: Any) -> object:  # noqa: ANN401 - whatever JSON holds
    if kind == "datetime":
        return datetime.fromisoformat(value)
    return timedelta(seconds=value) if kind == "timedelta" else value


if __name__ == "__main__":
    main()
