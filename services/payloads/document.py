"""Payloads as JSON documents: what the library keeps beside a body, and what a file holds of one."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeAlias, get_args

from services.expectations.expectation import Expectation, Kind
from services.payloads.payload import Payload
from services.payloads.redaction import without_secrets
from services.scoring.request import DEFAULT_TIMEOUT_SECONDS, JSON

Json: TypeAlias = Any
"""Parsed JSON: only the code that reads it knows its shape."""
_KINDS = frozenset(get_args(Kind))


def document_of(payload: Payload) -> dict[str, Any]:
    """Everything of a payload but its body, id and time, without secrets."""
    return {
        "name": payload.name,
        "content_type": payload.content_type,
        "headers": [list(header) for header in without_secrets(payload.headers)],
        "timeout_seconds": payload.timeout_seconds,
        "tags": list(payload.tags),
        "expected_answer": payload.expected_answer,
        "expectations": [asdict(each) for each in payload.expectations],
    }


def body_document(body: bytes) -> dict[str, str]:
    """A body as text where it is text, else in base64."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def payload_of(
    document: Mapping[str, Any], body: bytes, *, payload_id: str = "", changed_at: datetime | None = None
) -> Payload:
    """The payload of a document. Raises ValueError with a sentence that says what is wrong with it."""
    headers = document.get("headers", [])
    if isinstance(headers, Mapping):
        headers = list(headers.items())
    _expect(_is_pairs(headers), "headers must be a list of [name, value] pairs of text.")
    tags = document.get("tags", [])
    _expect(_is_texts(tags), "tags must be a list of texts.")
    expectations = document.get("expectations", [])
    _expect(isinstance(expectations, list), "expectations must be a list.")
    return Payload(
        id=payload_id,
        name=_text(document, "name", ""),
        body=body,
        content_type=_text(document, "content_type", JSON),
        headers=without_secrets((name, value) for name, value in headers),
        timeout_seconds=_number(document, "timeout_seconds", DEFAULT_TIMEOUT_SECONDS),
        tags=tuple(tags),
        expected_answer=_text(document, "expected_answer", ""),
        expectations=tuple(_expectation(each) for each in expectations),
        changed_at=changed_at,
    )


def body_of(document: Mapping[str, Any]) -> bytes:
    """The body that :func:`body_document` has written. A body that is JSON, not text, is written as JSON.

    Raises ValueError with a sentence.
    """
    if "body_base64" in document:
        try:
            return base64.b64decode(_text(document, "body_base64", ""), validate=True)
        except binascii.Error as error:
            raise ValueError("body_base64 is not base64.") from error
    _expect("body" in document, "it has neither body nor body_base64.")
    body = document["body"]
    return body.encode(errors="replace") if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()


def _expectation(document: Json) -> Expectation:
    _expect(isinstance(document, Mapping) and document.get("kind") in _KINDS, "an expectation has no known kind.")
    return Expectation(
        kind=document["kind"],
        value=document.get("value"),
        path=_text(document, "path", ""),
        rule=_text(document, "rule", ""),
        tolerance=_number(document, "tolerance", 0.0),
    )


def _is_pairs(value: Json) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, list | tuple) and len(each) == 2 and _is_texts(list(each)) for each in value
    )


def _is_texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _text(document: Mapping[str, Any], name: str, default: str) -> str:
    value = document.get(name, default)
    _expect(isinstance(value, str), f"{name} must be text.")
    return str(value)


def _number(document: Mapping[str, Any], name: str, default: float) -> float:
    value = document.get(name, default)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    _expect(is_number, f"{name} must be a number.")
    return float(value)


def _expect(holds: bool, words: str) -> None:
    if not holds:
        raise ValueError(words)
