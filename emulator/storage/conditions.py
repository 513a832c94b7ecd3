"""Conditional headers of blob calls. Pure.

Source: the public reference "Specifying conditional headers for Blob service operations".
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from emulator.storage.errors import BlobError
from emulator.storage.rows import Row


def check_conditions(headers: Mapping[str, str], row: Row | None, *, is_read: bool) -> None:
    """Raise the :class:`BlobError` that Azure answers when the blob is not as the headers want it.

    `row` is None when there is no blob; reads of such a blob are not found whatever they want.
    """
    if row is None:
        if headers.get("if-match") and not is_read:
            raise _unmet()
        return
    none, some = headers.get("if-none-match"), headers.get("if-match")
    if none == "*" and not is_read:
        raise BlobError(409, "BlobAlreadyExists", "The specified blob already exists.")
    if some and some != "*" and row.etag not in _tags(some):
        raise _unmet()
    if _moment(headers, "if-unmodified-since", row) < 0:
        raise _unmet()
    since = headers.get("if-modified-since")
    unchanged = (none is not None and (none == "*" or row.etag in _tags(none))) or (
        none is None and since is not None and _moment(headers, "if-modified-since", row) >= 0
    )
    if unchanged:
        raise BlobError(304, "ConditionNotMet", "") if is_read else _unmet()


def _tags(text: str) -> set[str]:
    found = (each.strip().removeprefix("W/") for each in text.split(","))
    return {each if each.startswith('"') else f'"{each}"' for each in found}


def _moment(headers: Mapping[str, str], name: str, row: Row) -> float:
    """Seconds from the blob's last change, in whole seconds as HTTP writes it, to the moment in a header; 0 without."""
    text = headers.get(name)
    if text is None:
        return 0
    try:
        return parsedate_to_datetime(text).timestamp() - int(row.modified)
    except ValueError as error:
        raise BlobError(400, "InvalidHeaderValue", f"The header {name} is not a date.") from error


def _unmet() -> BlobError:
    return BlobError(412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")
