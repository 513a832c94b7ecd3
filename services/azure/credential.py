"""azure-identity's default credential, asked once while many threads want a token.

Its members differ in what they remember: a managed identity keeps its token, the Azure CLI's member starts `az` for
every call. Pages that load many endpoints at once must neither start twenty processes nor be throttled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, Protocol, TypeVar

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.identity import DefaultAzureCredential

RENEW_SECONDS = 300
"""A token this near to its end is not handed out again: azure-core renews at the same time."""


class _Expiring(Protocol):
    @property
    def expires_on(self) -> int:
        """Epoch seconds."""


Token = TypeVar("Token", bound=_Expiring)


class TokenCache(Generic[Token]):
    """Tokens by what was asked for. `clock` is epoch seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, ...], Future[Token]] = {}

    def get(self, scopes: tuple[str, ...], fetch: Callable[[], Token]) -> Token:
        """The kept token while it lasts, else the one that `fetch` gets.

        Threads that ask meanwhile share its outcome, an error included; the next one after an error tries again.
        """
        with self._lock:
            asked = self._asked.get(scopes)
            if asked is not None and not self._is_over(asked):
                fetching = None
            else:
                asked = fetching = self._asked[scopes] = Future()
        if fetching is not None:
            try:
                fetching.set_result(fetch())
            except BaseException as error:
                fetching.set_exception(error)
        return asked.result()

    def _is_over(self, asked: Future[Token]) -> bool:
        if not asked.done():
            return False
        return asked.exception() is not None or asked.result().expires_on - self._clock() < RENEW_SECONDS


class SharedCredential:
    """A credential behind one cache. A request with claims or for another tenant always goes out."""

    def __init__(self, chain: DefaultAzureCredential) -> None:
        self._chain = chain
        self._tokens: TokenCache[AccessToken] = TokenCache()
        self._infos: TokenCache[AccessTokenInfo] = TokenCache()

    def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **options: object
    ) -> AccessToken:
        """A token for the scopes. Raises azure-identity's errors."""

        def fetch() -> AccessToken:
            return self._chain.get_token(*scopes, claims=claims, tenant_id=tenant_id, **options)

        return fetch() if claims or tenant_id else self._tokens.get(scopes, fetch)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """A token with what is known of it. Raises azure-identity's errors."""

        def fetch() -> AccessTokenInfo:
            return self._chain.get_token_info(*scopes, options=options)

        particular = options is not None and (options.get("claims") or options.get("tenant_id"))
        return fetch() if particular else self._infos.get(scopes, fetch)
