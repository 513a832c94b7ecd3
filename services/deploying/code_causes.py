"""What Azure's own code and message of a failure mean."""

from __future__ import annotations

import re

from services.deploying.code_rows import ROWS, Row
from services.deploying.model import Cause, Phase
from services.deploying.signs import Found, shown

MESSAGE = "Azure's message"
_LONGEST_MESSAGE = 8_000
"""Characters of a message that are looked at."""
_PLAIN = 95
"""How certain a row has to be to count by its words alone, against the code that came with them."""
_PLAIN_WITHOUT_CODE = 88


def causes_of(code: str, message: str, phase: Phase | None = None) -> tuple[Found, ...]:
    """What a code and a message of Azure's mean, one for each row that fits."""
    rows = (row for row in ROWS if row.phase in (None, phase))
    return tuple(found for row in rows if (found := _found(row, code, message[:_LONGEST_MESSAGE])))


def code_in(code: str, message: str) -> str:
    """Azure's code; where the code says nothing, the one with which the message begins.

    The SDK writes ``(None) ResourceNotReady: User container …``.
    """
    if code and code not in ("None", "BadRequest", "HttpResponseError", "Failed"):
        return code
    named = re.match(r"\s*(?:\(\w*\)\s*)?([A-Z][A-Za-z]{5,40}):\s", message)
    return named[1] if named else code


def _found(row: Row, code: str, message: str) -> Found | None:
    codes = row.codes.split()
    of_the_code = code in codes
    if not row.pattern:
        # The code alone proves it: there is no line to show but the message.
        return Found(row.certainty, 0, _cause(row, {}, message)) if of_the_code else None
    found = re.search(row.pattern, message, re.IGNORECASE | re.DOTALL)
    if not found or (codes and not of_the_code and row.certainty < (_PLAIN if code else _PLAIN_WITHOUT_CODE)):
        return None
    return Found(row.certainty, 0, _cause(row, found.groupdict(), _line_of(message, found.start())))


def _cause(row: Row, words: dict[str, str | None], line: str) -> Cause:
    known = {name: value or "not said" for name, value in words.items()}
    return Cause(row.cause_code, row.cause.format(**known).rstrip(": "), shown(line), MESSAGE if line else "", row.fix)


def _line_of(message: str, at: int) -> str:
    begin = message.rfind("\n", 0, at) + 1
    end = message.find("\n", at)
    line = message[begin : end if end >= 0 else len(message)]
    # A validation problem is one long line of JSON: the sentence inside is what a person can read.
    inner = re.search(r'\["([^"]*?)"\]', line)
    return inner[1] if inner else line
