"""How things go wrong in the local Azure.

StartError          the server cannot start; the text is one sentence for the person at the terminal
ServiceError        an answer of the control plane other than success, in the shape Azure Resource Manager gives it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class StartError(Exception):
    """The server cannot start. `str()` is one clear sentence."""


class ServiceError(Exception):
    """An error answer of the control plane.

    `status` is the HTTP status, `code` Azure's error code, `message` a sentence for a person, `headers` what the answer
    carries besides, `details` the inner errors of Azure's envelope.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.details = list(details)
