"""Payloads out of what people have: a curl command, JSON, JSON Lines, CSV, or an export of Sluice."""

from __future__ import annotations

from pathlib import PurePath

from services.payloads.from_csv import from_csv
from services.payloads.from_curl import from_curl
from services.payloads.from_json import from_json, from_jsonl
from services.payloads.imported import Imported, Problem, refused
from services.scoring.json_check import check_json

__all__ = ["Imported", "Problem", "from_csv", "from_curl", "from_file", "from_json", "from_jsonl", "from_text"]

LARGEST_IMPORT = 20 * 1024 * 1024
"""Bytes of a file or of a pasted text."""
_TOO_LARGE = f"It is larger than {LARGEST_IMPORT // 2**20} MB. Split it into smaller files."


def from_text(text: str, scoring_uri: str = "", name: str = "Imported") -> Imported:
    """What a person has pasted: a curl command, JSON, or JSON Lines. ``scoring_uri`` is the endpoint's."""
    if len(text) > LARGEST_IMPORT:
        return refused(_TOO_LARGE)
    stripped = text.strip().lstrip("$> ").lstrip()
    if not stripped:
        return refused("There is nothing in it.")
    if stripped.lower().startswith(("curl ", "curl.exe ", "curl\t", "curl\\", "curl\n")):
        return from_curl(stripped, scoring_uri, name)
    if len(text.split("\n", 1)) == 2 and check_json(text) is not None and check_json(_first_line(text)) is None:
        return from_jsonl(text, name)
    return from_json(text, name)


def from_file(
    file_name: str, data: bytes, scoring_uri: str = "", *, shape: str = "split", columns: tuple[str, ...] = ()
) -> Imported:
    """What a person has chosen as a file, read by its ending: .csv, .jsonl or .ndjson, .json, else as pasted text.

    ``shape`` and ``columns`` are those of :func:`from_csv`.
    """
    if len(data) > LARGEST_IMPORT:
        return refused(_TOO_LARGE)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return refused("It is not UTF-8 text. Save it as UTF-8.", f"line {line}")
    path = PurePath(file_name)
    name = path.stem or "Imported"
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return from_csv(text, name, shape=shape, columns=columns)
        case ".jsonl" | ".ndjson":
            return from_jsonl(text, name)
        case ".json":
            return from_json(text, name)
    return from_text(text, scoring_uri, name)


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]
