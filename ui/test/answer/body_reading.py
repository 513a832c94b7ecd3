"""What the body of an answer is: JSON, a page, text or bytes; laid out, and as a table where it is one. Pure."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from services.json_text import formatted
from services.scoring.answer import Answer
from services.scoring.json_check import check_json, says_json

MOST_READ = 1024 * 1024
"""Bytes of a body that are read whole; of a larger one only the beginning is shown."""
_BEGINNING = 64 * 1024
MOST_ROWS, MOST_COLUMNS = 500, 40
_MOST_IN_CELL = 80
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/javascript", "application/x-ndjson")
_BYTES_TYPES = ("image/", "audio/", "video/", "font/", "application/octet-stream", "application/pdf", "application/zip")


class Number(str):
    """A number of a JSON text as it is written there: no digit is lost."""

    __slots__ = ()


@dataclass(frozen=True)
class Table:
    """Rows of equal length; ``total`` counts those that were there, of which ``rows`` are the first."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int
    left_out: int = 0


@dataclass(frozen=True)
class Reading:
    """A body as it can be shown.

    ``kind`` is empty, json, html, text or bytes. ``text`` is the body as it came, only its beginning when ``is_part``;
    ``pretty`` is laid out, "" when it cannot be. ``value`` is what the JSON says, its numbers as :class:`Number`.
    """

    kind: str
    text: str = ""
    pretty: str = ""
    notes: tuple[str, ...] = ()
    value: Any = None
    table: Table | None = None
    is_part: bool = False


def read(answer: Answer) -> Reading:
    """Read the body of ``answer``."""
    is_part = len(answer.body) > MOST_READ
    body = answer.body[:_BEGINNING] if is_part else answer.body
    return _read(body, answer.headers.get("content-type", ""), is_part, answer.is_cut)


@lru_cache(maxsize=8)
def _read(body: bytes, content_type: str, is_part: bool, is_cut: bool) -> Reading:
    if not body:
        return Reading("empty")
    media_type = content_type.partition(";")[0].strip().lower()
    if _is_bytes(body, media_type):
        return Reading("bytes", is_part=is_part)
    text, note = _decoded(body, content_type, is_part)
    notes = [note] if note else []
    if is_part:
        return Reading("text", text, notes=tuple(notes), is_part=True)
    if text.lstrip()[:200].lower().startswith(("<!doctype html", "<html")):
        return Reading("html", text, notes=tuple(notes))
    problem = check_json(text)
    value = _parsed(text) if problem is None or problem.message.endswith("not a JSON value.") else None
    if problem is not None and (value is not None or says_json(media_type)) and not is_cut:
        where = f"line {problem.line}, column {problem.column}"
        notes.append(f"This is not JSON in {where}: {problem.message} Many clients refuse such an answer.")
    if value is None and problem is not None:
        return Reading("text", text, notes=tuple(notes))
    inner = _unpacked(value)
    if inner is not None:
        notes.append("The model packed its JSON into a JSON string. It is shown unpacked here.")
        return Reading("json", text, formatted(str(value)), tuple(notes), inner, table_of(inner))
    return Reading("json", text, formatted(text), tuple(notes), value, table_of(value))


def table_of(value: object) -> Table | None:
    """The table in ``value``: a list of objects or of lists, or one that stands in an object; None without one."""
    if isinstance(value, list):
        return _from_list(value)
    if not isinstance(value, Mapping):
        return None
    lists = {name: inner for name, inner in value.items() if isinstance(inner, list)}
    columns = {name: inner for name, inner in lists.items() if inner and not any(_is_nested(each) for each in inner)}
    if len(columns) > 1 and len(columns) == len(value) and len({len(inner) for inner in columns.values()}) == 1:
        rows = list(zip(*columns.values(), strict=True))
        return _table(list(columns), rows)
    return next((table for inner in lists.values() if (table := _from_list(inner))), None)


def cell_text(value: object) -> str:
    """One value of a table on one line; a long one is cut."""
    if isinstance(value, str):
        text = str(value)
    elif value is None:
        text = "null"
    else:
        text = json.dumps(_plain(value), ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _MOST_IN_CELL else text[: _MOST_IN_CELL - 1] + "…"


def number_of(value: object) -> float | None:
    """The number that ``value`` is; None for what is none or is not finite."""
    if isinstance(value, Number):
        try:
            found = float(value)
        except ValueError:
            return None
        return found if math.isfinite(found) else None
    return None


def _is_bytes(body: bytes, media_type: str) -> bool:
    if media_type.startswith(_BYTES_TYPES):
        return True
    return b"\0" in body[:8192] and not media_type.startswith(_TEXT_TYPES)


def _decoded(body: bytes, content_type: str, is_part: bool) -> tuple[str, str]:
    """The text, and what could not be read of it. The last letter of a part may be half."""
    charset = content_type.lower().partition("charset=")[2].partition(";")[0].strip(" \"'") or "utf-8"
    unknown = ""
    try:
        decoder = codecs.getincrementaldecoder(charset)(errors="replace")
    except LookupError:
        unknown = f"The answer names the charset {charset}, which is not known here; it was read as UTF-8."
        charset, decoder = "utf-8", codecs.getincrementaldecoder("utf-8")(errors="replace")
    text = decoder.decode(body, final=not is_part)
    if unknown or "\ufffd" not in text:
        return text, unknown
    return text, f"Some bytes are no {charset.upper()} and appear as \ufffd. The download has them as they came."


def _parsed(text: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)
    except (ValueError, RecursionError):
        return None


def _unpacked(value: object) -> Any:  # noqa: ANN401 - any JSON
    if not isinstance(value, str) or isinstance(value, Number) or value.lstrip()[:1] not in ("{", "["):
        return None
    return _parsed(value) if check_json(value) is None else None


def _from_list(rows: list[Any]) -> Table | None:
    if not rows:
        return None
    if all(isinstance(row, Mapping) and row for row in rows):
        names = list(dict.fromkeys(name for row in rows[:MOST_ROWS] for name in row))
        return _table(names, [tuple(row.get(name, "") for name in names) for row in rows])
    if all(isinstance(row, list) and row for row in rows):
        width = max(len(row) for row in rows)
        return _table([str(place) for place in range(width)], [tuple(row) + ("",) * (width - len(row)) for row in rows])
    return None


def _table(names: list[str], rows: list[tuple[Any, ...]]) -> Table:
    return Table(
        columns=tuple(names[:MOST_COLUMNS]),
        rows=tuple(row[:MOST_COLUMNS] for row in rows[:MOST_ROWS]),
        total=len(rows),
        left_out=max(0, len(names) - MOST_COLUMNS),
    )


def _is_nested(value: object) -> bool:
    return isinstance(value, list | Mapping)


def _plain(value: object) -> object:
    """The same with ordinary numbers, for a cell that holds a part of the document."""
    if isinstance(value, Number):
        number = number_of(value)
        return value if number is None else int(value) if value.lstrip("-").isdigit() and len(value) < 300 else number
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value
