"""What Log Analytics answers when it does not answer rows.

Sources: the error list and the batch page of the API's documentation, and public reports of answers of the service.
"""

from __future__ import annotations

import uuid
from typing import Any

Body = dict[str, Any]


class LogsError(Exception):
    """A query that is not answered with rows: the HTTP status and the body, which has the key ``error``."""

    def __init__(self, status: int, code: str, message: str, inner: Body | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: Body = {
            "error": {
                "message": message,
                "code": code,
                "correlationId": str(uuid.uuid4()),
                **({"innererror": inner} if inner else {}),
            }
        }


def path_not_found() -> LogsError:
    """The answer for a path, a verb or a workspace that is not there."""
    return LogsError(404, "PathNotFoundError", "The requested path does not exist")


def unresolved() -> LogsError:
    """The answer inside a batch, and for a resource, when the workspace or resource is not there."""
    return LogsError(400, "FailedToResolveResource", "Resource identity could not be resolved")


def bad_argument(inner_code: str, inner_message: str, more: Body) -> LogsError:
    """A request that was not understood. Clients show the message of the innermost `innererror`."""
    inner: Body = {"code": inner_code, "message": inner_message, **more}
    return LogsError(400, "BadArgumentError", "The request had some invalid properties", inner)


def invalid_request(code: str, message: str, target: str | None = None) -> LogsError:
    """A body or query string that cannot be read."""
    detail = {"code": code, "message": message, "target": target}
    return bad_argument("QueryValidationError", "Failed parsing the query", {"details": [detail]})


def syntax_error(message: str, line: int, position: int, token: str) -> LogsError:
    """A query text that does not parse; `line` counts from 1, `position` from 0."""
    deeper = {"code": "SYN0002", "message": message, "line": line, "pos": position, "token": token}
    return bad_argument("SyntaxError", "A recognition error occurred in the query.", {"innererror": deeper})


def semantic_error(
    message: str, code: str = "SEM0100", line: int | None = None, position: int | None = None
) -> LogsError:
    """A query that parses and cannot be run."""
    deeper: Body = {"code": code, "message": message}
    if line is not None:
        deeper |= {"line": line, "pos": position}
    return bad_argument("SemanticError", "A semantic error occurred.", {"innererror": deeper})


def timed_out() -> LogsError:
    """A query that took longer than the client or the service waits."""
    return LogsError(504, "GatewayTimeout", "Gateway timeout", {"code": "GatewayTimeout", "message": "Gateway timeout"})


def throttled(message: str) -> LogsError:
    """More queries than the service takes at a time."""
    return LogsError(429, "ThrottledError", message)


def partial(reason: str, code: str) -> Body:
    """The ``error`` beside rows that are not all: HTTP 200, and clients must look for it."""
    return {
        "code": "PartialError",
        "message": "There were some errors when processing your query.",
        "details": [
            {
                "code": "EngineError",
                "message": "Something went wrong processing your query on the server.",
                "innererror": {"code": code, "message": reason, "severity": 2, "severityName": "Error"},
            }
        ],
    }


def too_much(limit: int, unit: str) -> Body:
    """The partial error of a result beyond the limit of rows or bytes."""
    return partial(
        f"The results of this query exceed the set limit of {limit} {unit}, so not all records were returned"
        " (E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003).",
        "-2133196797",
    )


def out_of_memory() -> Body:
    """The partial error of a query that needs more memory than it may take."""
    return partial(
        "The query has insufficient memory to complete (E_LOW_MEMORY_CONDITION, 0x80DA0007).",
        "-2133196793",
    )
