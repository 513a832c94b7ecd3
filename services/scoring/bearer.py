"""What a caller shows to an endpoint: its key, or a token that runs out. Held in memory only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.azure.connection import Connection
from services.azure.endpoints import ScoringSecret, scoring_secret
from services.model import Endpoint

KEEP = timedelta(seconds=60)
"""How long a fetched key is used again: a series of requests fetches it once, a rotated key is noticed soon."""


@dataclass(frozen=True)
class BearerState:
    """What may be shown of a bearer. ``expires_at`` is None for a key, which does not run out."""

    auth_mode: str
    expires_at: datetime | None


@dataclass(frozen=True)
class _Kept:
    secret: ScoringSecret
    until: datetime


def bearer(conn: Connection, endpoint: Endpoint, now: datetime) -> tuple[str, bool]:
    """The key or token to send, and whether it was fetched just now. Raises SluiceError."""
    kept = _kept(conn, endpoint)
    if kept is not None and kept.until > now:
        return kept.secret.value, False
    secret = scoring_secret(conn, endpoint)
    until = secret.refresh_at or secret.expires_at
    conn.memory[_key(endpoint)] = _Kept(secret, now + KEEP if until is None else until)
    return secret.value, True


def forget_bearer(conn: Connection, endpoint: Endpoint) -> None:
    """Fetch it again when it is needed next."""
    conn.memory.pop(_key(endpoint), None)


def bearer_state(conn: Connection, endpoint: Endpoint) -> BearerState | None:
    """What is known of the bearer in memory, None when there is none. Never the bearer itself."""
    kept = _kept(conn, endpoint)
    if kept is None or (kept.secret.expires_at is not None and kept.secret.expires_at <= datetime.now(UTC)):
        return None
    return BearerState(endpoint.auth_mode, kept.secret.expires_at)


def _kept(conn: Connection, endpoint: Endpoint) -> _Kept | None:
    found = conn.memory.get(_key(endpoint))
    return found if isinstance(found, _Kept) else None


def _key(endpoint: Endpoint) -> tuple[str, ...]:
    return ("scoring", endpoint.id)
