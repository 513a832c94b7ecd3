"""Access tokens: signed, dated, and made out to one audience."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import jwt
from jwt.types import Options

from emulator.errors import ServiceError
from emulator.resources import Addresses
from emulator.state import Secrets

LIFETIME_SECONDS = 3600
"""One hour. Real managed identities get up to 24 hours; a short life shows whether a client renews."""


class Surface(Enum):
    """The parts of Azure that take a token, and the audiences that each of them takes."""

    ARM = ("https://management.azure.com", "https://management.core.windows.net")
    METRICS = ("https://metrics.monitor.azure.com",)
    LOGS = ("https://api.loganalytics.io", "https://api.loganalytics.azure.com")
    SCORING = ("https://ml.azure.com",)
    STORAGE = ("https://storage.azure.com",)


# Clients that are pointed at a cloud by its address ask for tokens for that address.
_BY_ADDRESS = frozenset({Surface.ARM, Surface.METRICS, Surface.LOGS})


@dataclass(frozen=True)
class Principal:
    """Who calls."""

    object_id: str
    name: str
    role: str

    @property
    def may_write(self) -> bool:
        """Whether the caller may do anything but read."""
        return self.role == "Owner"


class Tokens:
    """Makes and checks the access tokens of one local Azure. `now` is epoch seconds."""

    def __init__(self, secrets: Secrets, addresses: Addresses, now: Callable[[], float]) -> None:
        self._secrets = secrets
        self._now = now
        self._addresses = addresses
        self.owner = Principal(secrets.owner_id, "Local owner", "Owner")
        self.reader = Principal(secrets.reader_id, "Local reader", "Reader")

    def issue(self, principal: Principal, resource: str) -> tuple[str, int]:
        """A token for `resource` and the epoch second it expires at."""
        now = int(self._now())
        claims = {
            "oid": principal.object_id,
            "appid": principal.object_id,
            "idtyp": "app",
            "sub": principal.object_id,
            "name": principal.name,
            "tid": self._secrets.tenant_id,
            "iss": f"https://sts.windows.net/{self._secrets.tenant_id}/",
            "aud": resource,
            "roles": [principal.role],
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, self._secrets.signing_key, "HS256"), now + LIFETIME_SECONDS

    def check(self, authorization: str, surface: Surface = Surface.ARM) -> Principal:
        """The caller behind an Authorization header, whose token must be made out to `surface`.

        Raises :class:`ServiceError` 401 InvalidAuthenticationToken when signature, time or audience do not hold.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _refusal("The 'Authorization' header with a bearer token is missing.")
        try:
            # Times are compared here, with the clock that was passed in.
            unchecked: Options = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
            claims = jwt.decode(token.strip(), self._secrets.signing_key, ["HS256"], options=unchecked)
            begins, ends = float(claims["nbf"]), float(claims["exp"])
            audience, object_id = str(claims["aud"]).rstrip("/"), str(claims["oid"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise _refusal("The access token is invalid: it was not issued by this local Azure.") from error
        if not begins - 60 <= self._now() < ends:
            raise _refusal("The access token has expired or is not valid yet.")
        if not self._takes(surface, audience):
            raise _refusal(f"The access token was issued for the wrong audience: '{audience}'.")
        for principal in (self.owner, self.reader):
            if object_id == principal.object_id:
                return principal
        raise _refusal("The access token is invalid: its object id is not known here.")

    def _takes(self, surface: Surface, audience: str) -> bool:
        if audience in surface.value:
            return True
        hosts = (self._addresses.control, f"https://127.0.0.1:{self._addresses.control_port}")
        return surface in _BY_ADDRESS and audience in hosts


def _refusal(message: str) -> ServiceError:
    # The audience in it was chosen by the caller; a header takes printable ASCII only.
    described = re.sub(r"[^ !#-\[\]-~]", "'", message)
    challenge = f'Bearer error="invalid_token", error_description="{described}"'
    return ServiceError(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": challenge})
