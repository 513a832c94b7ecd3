"""Who may make a blob call: the holder of a signature for the container, or of a token for Azure Storage."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from emulator.errors import ServiceError
from emulator.identity.tokens import Surface, Tokens
from emulator.storage.errors import BlobError
from emulator.storage.signatures import allows

_EVERY_PERMISSION = "racwdl"


class Admission:
    """Checks blob calls. `key` signs the access signatures; `now` is epoch seconds."""

    def __init__(self, key: str, tokens: Tokens, now: Callable[[], float]) -> None:
        self._key = key
        self._tokens = tokens
        self._now = now

    def check(self, request: Request, container: str, permission: str) -> None:
        """Whether the call may do one of `permission`'s letters in `container`; "" is the whole account.

        Raises :class:`BlobError` as Azure does.
        """
        query = request.query_params
        if "sig" not in query:
            self.check_token(request)
            return
        if not container or not allows(self._key, query, container, _EVERY_PERMISSION, self._now()):
            raise _failed("The signature is wrong, out of date, or not for this.")
        if not allows(self._key, query, container, permission, self._now()):
            raise _mismatch()

    def check_token(self, request: Request) -> None:
        """Whether the call bears a token of the owner's; no signature will do. Raises :class:`BlobError`.

        Azure's role Reader gives no right to data. Its role Owner gives none either; here the owner is taken to be
        Storage Blob Data Contributor as well, as people who work with datastores are.
        """
        given = request.headers.get("authorization", "")
        if not given:
            if "sig" in request.query_params:
                raise _mismatch()
            raise BlobError(
                401, "NoAuthenticationInformation", "Server failed to authenticate the request: it has no token."
            )
        if not given.lower().startswith("bearer "):
            raise _failed("The local Azure takes signatures and tokens, not the account's key.")
        try:
            principal = self._tokens.check(given, Surface.STORAGE)
        except ServiceError as error:
            raise BlobError(401, "InvalidAuthenticationInfo", error.message) from error
        if not principal.may_write:
            raise _mismatch()


def _failed(detail: str) -> BlobError:
    return BlobError(403, "AuthenticationFailed", f"Server failed to authenticate the request. {detail}")


def _mismatch() -> BlobError:
    return BlobError(
        403,
        "AuthorizationPermissionMismatch",
        "This request is not authorized to perform this operation using this permission.",
    )
