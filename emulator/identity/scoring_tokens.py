"""Tokens that open one endpoint of mode aml_token: what ``POST {endpoint}/token`` hands out and the gateway checks.

Azure's own are opaque to their bearer. These are JWTs signed with the local Azure's key and made out to an audience of
their own for each endpoint, so that one never opens another endpoint, nor the control plane.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import jwt
from jwt.types import Options

REFRESH_AFTER_FRACTION = 0.8
"""How much of its life a token has behind it when its bearer should fetch the next one. Azure publishes no number."""

EARLY_SECONDS = 60.0
"""How far a token may begin in the future, as for access tokens."""

_ISSUER = "urn:sluice:local-azure"


class IssuedToken(NamedTuple):
    """A token, and the epoch seconds at which it ends and from which it should be replaced."""

    token: str
    expires_at: int
    refresh_after: int


class TokenRefused(Exception):
    """The token does not open the endpoint; the text says why, for a log."""


def issue(signing_key: str, endpoint: str, object_id: str, now: float, lifetime_seconds: float = 3600.0) -> IssuedToken:
    """A token that lets ``object_id`` score at ``endpoint`` from ``now`` (epoch seconds) for ``lifetime_seconds``."""
    begins = int(now)
    expires = begins + max(1, int(lifetime_seconds))
    claims = {
        "aud": _audience(endpoint),
        "iss": _ISSUER,
        "oid": object_id,
        "sub": object_id,
        "iat": begins,
        "nbf": begins,
        "exp": expires,
        "jti": str(uuid.uuid4()),
    }
    token = jwt.encode(claims, signing_key, "HS256")
    return IssuedToken(token, expires, begins + int((expires - begins) * REFRESH_AFTER_FRACTION))


def check(signing_key: str, endpoint: str, token: str, now: float) -> str:
    """The object id that the token was issued to. Raises TokenRefused when signature, audience or time do not hold."""
    claims = signed_claims(signing_key, token)
    try:
        begins, ends = float(claims["nbf"]), float(claims["exp"])
        audience, object_id = claims["aud"], str(claims["oid"])
    except (KeyError, TypeError, ValueError) as error:
        raise TokenRefused("It was not issued by this local Azure.") from error
    if audience != _audience(endpoint):
        raise TokenRefused("It was issued for something else.")
    if not begins - EARLY_SECONDS <= now < ends:
        raise TokenRefused("It has expired or is not valid yet.")
    return object_id


@lru_cache(maxsize=256)
def signed_claims(signing_key: str, token: str) -> Mapping[str, Any]:
    """What a token says that was signed with this key, empty when it was not. Times and audience are not looked at.

    Kept for the next request with the same token: a signature never changes, and checking it costs more than routing.
    """
    unchecked: Options = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    try:
        return jwt.decode(token, signing_key, ["HS256"], options=unchecked)
    except (jwt.PyJWTError, ValueError):
        return {}


def _audience(endpoint: str) -> str:
    # Names of endpoints do not differ by case alone: in Azure they are part of a host name.
    return f"urn:sluice:endpoint:{endpoint.lower()}"
