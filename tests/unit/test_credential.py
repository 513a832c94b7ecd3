"""Tokens are fetched once, however many threads ask, and anew before they end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from azure.core.credentials import AccessToken

from services.azure.credential import RENEW_SECONDS, TokenCache

LIFE = 3600


def test_many_threads_at_once_fetch_one_token() -> None:
    numbers = count(1)
    cache: TokenCache[AccessToken] = TokenCache(lambda: 0.0)

    with ThreadPoolExecutor(24) as pool:
        tokens = list(pool.map(lambda _: cache.get(("a",), lambda: AccessToken(str(next(numbers)), LIFE)), range(240)))

    assert {token.token for token in tokens} == {"1"}


def test_a_token_is_fetched_anew_before_it_ends_and_for_every_scope() -> None:
    now, numbers = [0.0], count(1)
    cache: TokenCache[AccessToken] = TokenCache(lambda: now[0])

    def ask(scope: str) -> str:
        token = cache.get((scope,), lambda: AccessToken(str(next(numbers)), int(now[0]) + LIFE))
        return str(token.token)

    assert [ask("a"), ask("b"), ask("a")] == ["1", "2", "1"]
    now[0] = LIFE - RENEW_SECONDS
    assert ask("a") == "1"
    now[0] += 1
    assert ask("a") == "3"


def test_after_an_error_the_next_one_tries_again() -> None:
    cache: TokenCache[AccessToken] = TokenCache(lambda: 0.0)

    def fail() -> AccessToken:
        raise PermissionError("no")

    for _ in range(2):
        with pytest.raises(PermissionError):
            cache.get(("a",), fail)
    assert cache.get(("a",), lambda: AccessToken("yes", LIFE)).token == "yes"
