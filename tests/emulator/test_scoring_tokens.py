"""Tokens that open one endpoint."""

from __future__ import annotations

import jwt
import pytest

from emulator.identity.scoring_tokens import EARLY_SECONDS, TokenRefused, check, issue

KEY = "a-signing-key-of-at-least-32-bytes-for-tests"
NOW = 1_800_000_000.5


def test_a_token_opens_its_endpoint_until_it_expires() -> None:
    issued = issue(KEY, "shop", "someone", NOW, 100)
    assert (issued.expires_at, issued.refresh_after) == (int(NOW) + 100, int(NOW) + 80)
    assert check(KEY, "shop", issued.token, NOW) == "someone"
    assert check(KEY, "SHOP", issued.token, issued.expires_at - 1) == "someone"
    with pytest.raises(TokenRefused, match="expired"):
        check(KEY, "shop", issued.token, issued.expires_at)
    with pytest.raises(TokenRefused, match="not valid yet"):
        check(KEY, "shop", issued.token, int(NOW) - EARLY_SECONDS - 1)


def test_a_token_of_one_endpoint_does_not_open_another() -> None:
    with pytest.raises(TokenRefused, match="something else"):
        check(KEY, "bank", issue(KEY, "shop", "someone", NOW).token, NOW)


def test_two_tokens_are_never_the_same() -> None:
    assert issue(KEY, "shop", "someone", NOW).token != issue(KEY, "shop", "someone", NOW).token


@pytest.mark.parametrize(
    "token",
    [
        "",
        "not-a-token",
        "é",
        issue("another-signing-key-of-at-least-32-bytes", "shop", "someone", NOW).token,
        jwt.encode({"aud": "urn:sluice:endpoint:shop", "oid": "x", "nbf": 0, "exp": 2e9}, "", "none"),
        jwt.encode({"aud": "urn:sluice:endpoint:shop", "oid": "x"}, KEY),
        jwt.encode({"aud": "urn:sluice:endpoint:shop", "oid": "x", "nbf": None, "exp": "soon"}, KEY),
    ],
)
def test_what_was_not_issued_here_opens_nothing(token: str) -> None:
    with pytest.raises(TokenRefused):
        check(KEY, "shop", token, NOW)


def test_an_access_token_of_the_cloud_is_not_an_endpoint_token() -> None:
    token = jwt.encode({"aud": "https://ml.azure.com", "oid": "x", "nbf": 0, "exp": 2_000_000_000}, KEY)
    with pytest.raises(TokenRefused, match="something else"):
        check(KEY, "shop", token, NOW)
