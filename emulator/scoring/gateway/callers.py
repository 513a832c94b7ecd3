"""Who may score at an endpoint: keys, tokens of the endpoint, or tokens of the local identity. Pure: time is passed in.

An endpoint takes only the kind of credential that its auth mode names.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from emulator.identity import scoring_tokens
from emulator.identity.tokens import Surface
from emulator.scoring.model import EndpointRoute

BAD_HEADER = "key_auth_bad_header_forbidden"
ACCESS_DENIED = "key_auth_access_denied"
"""Both texts are the ones callers of managed endpoints report; those for tokens are made after them."""
_EARLY_SECONDS = 60.0


@dataclass(frozen=True)
class Access:
    """What tells callers apart: the local Azure's signing key, and whether each known object id may score."""

    signing_key: str = ""
    may_score: Mapping[str, bool] = field(default_factory=dict)


class Caller(NamedTuple):
    """A caller who may score. `auth` is key, aml_token or aad_token; a key says nothing about `identity`."""

    auth: str
    identity: str


class Denied(NamedTuple):
    """A caller who may not: the status and the text of the answer, and who it was when that is known."""

    status: int
    text: str
    caller: Caller = Caller("", "")


def admit(route: EndpointRoute, endpoint: str, credentials: list[bytes], access: Access, now: float) -> Caller | Denied:
    """Judge the values of a request's Authorization headers at ``now`` (epoch seconds)."""
    kind = _KINDS.get(route.auth_mode.lower(), "key")
    scheme, _, token = (credentials[0] if len(credentials) == 1 else b"").partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not token:
        return Denied(401, f"{kind}_auth_bad_header_forbidden")
    if kind == "aad_token":
        return _by_access_token(token, access, now)
    if kind == "aml_token":
        return _by_endpoint_token(token, endpoint, access, now)
    # Every key is compared, in constant time.
    matches = [hmac.compare_digest(token, key.encode()) for key in route.keys]
    return Caller("key", "") if any(matches) else Denied(401, ACCESS_DENIED)


_KINDS = {"key": "key", "amltoken": "aml_token", "aadtoken": "aad_token"}


def _by_endpoint_token(token: bytes, endpoint: str, access: Access, now: float) -> Caller | Denied:
    try:
        identity = scoring_tokens.check(access.signing_key, endpoint, token.decode("latin-1"), now)
    except scoring_tokens.TokenRefused:
        return Denied(401, "aml_token_auth_access_denied")
    return Caller("aml_token", identity)


def _by_access_token(token: bytes, access: Access, now: float) -> Caller | Denied:
    refused = Denied(401, "aad_token_auth_access_denied")
    claims = scoring_tokens.signed_claims(access.signing_key, token.decode("latin-1"))
    try:
        begins, ends = float(claims["nbf"]), float(claims["exp"])
        audience, identity = str(claims["aud"]).rstrip("/"), str(claims["oid"])
    except (KeyError, TypeError, ValueError):
        return refused
    if (
        not begins - _EARLY_SECONDS <= now < ends
        or audience not in Surface.SCORING.value
        or identity not in access.may_score
    ):
        return refused
    caller = Caller("aad_token", identity)
    return caller if access.may_score[identity] else Denied(403, "aad_token_auth_forbidden", caller)
