"""What a person sends to an endpoint, and the rules that it must keep to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.errors import RuleBroken

DEPLOYMENT_HEADER = "azureml-model-deployment"
JSON = "application/json"
DEFAULT_TIMEOUT_SECONDS = 190.0
"""Azure's longest request_timeout_ms is 180 s; ten more let its own 408 arrive first."""
SHORTEST_TIMEOUT_SECONDS, LONGEST_TIMEOUT_SECONDS = 0.1, 600.0
OWN_HEADERS = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        DEPLOYMENT_HEADER,
    }
)
"""Headers that Sluice or HTTP itself sets. A person chooses the deployment and the content type beside the headers."""

_NOT_SENT = "The request was not sent."
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,4096}")


@dataclass(frozen=True)
class ScoringRequest:
    """One request. ``deployment`` is None for the way through the split, else the one that it is pinned to.

    ``timeout_seconds`` counts from the start of sending to the last byte of the answer.
    """

    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    deployment: str | None = None
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS

    def check(self) -> None:
        """Raise RuleBroken when this cannot be sent as it stands: a header, the content type or the time limit."""
        for name, value in (("Content-Type", self.content_type), *self.headers):
            _check_header(name, value)
        for name, _ in self.headers:
            if name.lower() in OWN_HEADERS:
                raise RuleBroken(_NOT_SENT, f"The header {name} is set by Sluice.", "Take it out of the headers.")
        shortest, longest = SHORTEST_TIMEOUT_SECONDS, LONGEST_TIMEOUT_SECONDS
        if not shortest <= self.timeout_seconds <= longest:
            why = f"The time limit of {self.timeout_seconds:g} s is not between {shortest:g} and {longest:g} s."
            raise RuleBroken(_NOT_SENT, why, "Choose another time limit.")


def _check_header(name: str, value: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise RuleBroken(_NOT_SENT, f"{name!r} is no name of a header.", "Use letters, digits and dashes.")
    if not _HEADER_VALUE.fullmatch(value):
        why = f"The value of the header {name} holds line breaks or characters that HTTP cannot carry."
        raise RuleBroken(_NOT_SENT, why, "Use one line of plain text.")
