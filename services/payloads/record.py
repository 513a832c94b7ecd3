"""Rows of the history: an exchange as the file keeps it, and back. Nothing here writes a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from services import errors
from services.errors import SluiceError
from services.payloads.exchange import Exchange
from services.payloads.redaction import answer_headers_without_secrets, without_secrets
from services.scoring.answer import Answer, Timing
from services.scoring.request import ScoringRequest

LARGEST_KEPT_BODY = 8 * 1024 * 1024
"""Bytes of one body; a larger one is not kept, its size is."""


def moment(at: datetime) -> str:
    """A moment as text that sorts like time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def row_of(
    exchange_id: str,
    person: str,
    request: ScoringRequest,
    outcome: Answer | SluiceError,
    *,
    at: datetime,
    payload: str,
    keep_bodies: bool,
) -> dict[str, Any]:
    """The columns of a new row, cloud and endpoint excepted."""
    answer = outcome if isinstance(outcome, Answer) else None
    content: dict[str, Any] = {
        "person": person,
        "payload": payload,
        "content_type": request.content_type,
        "headers": [list(header) for header in without_secrets(request.headers)],
        "pinned": request.deployment,
        "timeout_seconds": request.timeout_seconds,
        "request_size": len(request.body),
    }
    content |= _answered(answer) if answer is not None else {}
    if isinstance(outcome, SluiceError):
        content["error"] = _error_document(outcome)
    content["words"] = _words(content, answer)
    return {
        "id": exchange_id,
        "at": moment(at),
        "status": answer.status if answer else None,
        "deployment": answer.deployment if answer else request.deployment,
        "total_ms": answer.total_ms if answer else None,
        "request_body": _kept(request.body, keep_bodies),
        "answer_body": _kept(answer.body, keep_bodies) if answer else None,
        "content": json.dumps(content),
    }


def exchange_of(row: Mapping[str, Any]) -> Exchange:
    """The exchange of a row. It may lack the bodies, and must have ``has_request`` and ``has_answer``."""
    content = json.loads(row["content"])
    error = _error(content.get("error"))
    timing = content.get("timing")
    request = ScoringRequest(
        row.get("request_body") or b"",
        content["content_type"],
        tuple((name, value) for name, value in content["headers"]),
        content["pinned"],
        content["timeout_seconds"],
    )
    return Exchange(
        id=row["id"],
        at=datetime.fromisoformat(row["at"]),
        person=content["person"],
        request=request,
        has_request_body=bool(row["has_request"]),
        request_size=content["request_size"],
        payload=content["payload"],
        status=row["status"],
        failure=f"{error.what} {error.why}" if error else "",
        deployment=row["deployment"],
        timing=Timing(**timing) if timing else None,
        model_ms=content.get("model_ms"),
        request_id=content.get("request_id") or (error.request_id if error else None),
        answer_headers=content.get("answer_headers", {}),
        answer_body=row.get("answer_body"),
        answer_size=content.get("answer_size", 0),
        has_answer_body=bool(row["has_answer"]),
        answer_trailers=content.get("answer_trailers", {}),
        client_request_id=content.get("client_request_id"),
        is_cut=content.get("is_cut", False),
        attempts=content.get("attempts", 1),
        error=error,
    )


def _answered(answer: Answer) -> dict[str, Any]:
    return {
        "timing": asdict(answer.timing),
        "model_ms": answer.model_ms,
        "request_id": answer.request_id,
        "client_request_id": answer.client_request_id,
        "answer_headers": answer_headers_without_secrets(answer.headers),
        "answer_trailers": answer_headers_without_secrets(answer.trailers),
        "answer_size": len(answer.body),
        "is_cut": answer.is_cut,
        "attempts": answer.attempts,
    }


def _kept(body: bytes, keep: bool) -> bytes | None:
    return body if keep and len(body) <= LARGEST_KEPT_BODY else None


def _words(content: Mapping[str, Any], answer: Answer | None) -> str:
    """What a search looks through beside the bodies, in lower case."""
    error = content.get("error") or {}
    headers = [f"{name}: {value}" for name, value in content["headers"]]
    headers += [f"{name}: {value}" for name, value in content.get("answer_headers", {}).items()]
    plain = (content["person"], content["payload"], content["pinned"], content["content_type"], error.get("what"))
    ids = (content.get("request_id"), content.get("client_request_id"), error.get("why"), error.get("request_id"))
    answered = (str(answer.status), answer.deployment) if answer else ()
    return "\n".join(str(word) for word in (*plain, *ids, *answered, *headers) if word).casefold()


def _error_document(error: SluiceError) -> dict[str, Any]:
    return {
        "kind": type(error).__name__,
        "what": error.what,
        "why": error.why,
        "next_step": error.next_step,
        "request_id": error.request_id,
    }


def _error(document: Mapping[str, Any] | None) -> SluiceError | None:
    if not document:
        return None
    kind = getattr(errors, document["kind"], SluiceError)
    made: SluiceError = kind(
        document["what"], document["why"], document["next_step"], request_id=document.get("request_id")
    )
    return made
