"""Which answers are errors, and whose."""

from __future__ import annotations

MODEL_ERRORS = frozenset({"408", "424", "429"})
"""Codes below 500 that are the service's failure: the model was too slow (408), failed (424) or overloaded (429)."""


def is_server_error(status: str) -> bool:
    """Whether ``status`` counts as the service's failure: 5xx, 424 (model), 408 (timeout), 429 (overload)."""
    return status.startswith("5") or status in MODEL_ERRORS


def is_client_error(status: str) -> bool:
    """Whether ``status`` counts as the caller's mistake: any other 4xx."""
    return status.startswith("4") and not is_server_error(status)
