"""Tokens: who gets one, what is in it, and that every way of bending one ends in 401."""

from __future__ import annotations

import time

import jwt
import pytest
import requests

from emulator.errors import ServiceError
from emulator.identity.tokens import LIFETIME_SECONDS, Tokens
from emulator.resources import Addresses
from emulator.state import Secrets
from tests.local_azure import LocalAzure, claims_of

ARM = "https://management.azure.com"
pytestmark = pytest.mark.emulator


def ask(azure: LocalAzure, header: str | None, **query: str) -> requests.Response:
    headers = {} if header is None else {"X-IDENTITY-HEADER": header}
    parameters = {"api-version": "2019-08-01", "resource": ARM, **query}
    return requests.get(azure.environment["IDENTITY_ENDPOINT"], params=parameters, headers=headers, timeout=10)


def test_a_token_says_who_when_and_for_whom(local_azure: LocalAzure) -> None:
    answer = ask(local_azure, local_azure.environment["IDENTITY_HEADER"]).json()
    claims = claims_of(answer["access_token"])
    assert claims["aud"] == ARM
    assert claims["name"] == "Local owner"
    assert claims["exp"] - claims["iat"] == LIFETIME_SECONDS
    assert int(answer["expires_on"]) == claims["exp"]
    assert {"oid", "tid", "nbf", "roles"} <= claims.keys()


@pytest.mark.parametrize("header", [None, "", "wrong"])
def test_without_the_header_there_is_no_token(local_azure: LocalAzure, header: str | None) -> None:
    assert ask(local_azure, header).status_code == 401


def test_a_resource_and_the_right_version_are_needed(local_azure: LocalAzure) -> None:
    header = local_azure.environment["IDENTITY_HEADER"]
    assert ask(local_azure, header, resource="").status_code == 400
    assert ask(local_azure, header, **{"api-version": "2018-02-01"}).status_code == 400


def test_tokens_for_every_audience_of_azure_open_the_control_plane(local_azure: LocalAzure) -> None:
    for resource in (ARM, f"{ARM}/", "https://ml.azure.com", "https://metrics.monitor.azure.com", local_azure.url):
        assert local_azure.arm("GET", "", token=local_azure.token(resource=resource)).status_code == 200, resource


def test_a_token_for_another_audience_is_refused(local_azure: LocalAzure) -> None:
    answer = local_azure.arm("GET", "", token=local_azure.token(resource="https://vault.azure.net"))
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
    assert "vault.azure.net" in answer.json()["error"]["message"]


def test_a_bent_or_self_made_token_is_refused(local_azure: LocalAzure) -> None:
    good = local_azure.token()
    claims = claims_of(good)
    forged = jwt.encode(claims, "another key, as long as the real one is, or longer than that", "HS256")
    unsigned = jwt.encode(claims, "", "none")
    head, body, signature = good.split(".")
    for token in (forged, unsigned, f"{head}.{body}.{signature[::-1]}", "not-a-token"):
        answer = local_azure.arm("GET", "", token=token)
        assert answer.status_code == 401, token
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_no_token_at_all_is_refused(local_azure: LocalAzure) -> None:
    answer = requests.get(
        local_azure.url + local_azure.workspace, params={"api-version": "1"}, verify=local_azure.bundle, timeout=10
    )
    assert answer.status_code == 401


def test_a_token_ends_after_its_hour() -> None:
    now = [time.time()]
    tokens = Tokens(Secrets.fresh(), Addresses(1, 2, 3), lambda: now[0])
    token, expires = tokens.issue(tokens.owner, ARM)
    assert tokens.check(f"Bearer {token}") == tokens.owner
    now[0] = expires
    with pytest.raises(ServiceError, match="expired") as caught:
        tokens.check(f"Bearer {token}")
    assert caught.value.status == 401


def test_a_reader_reads_and_changes_nothing(local_azure: LocalAzure) -> None:
    reader = local_azure.token("reader")
    assert local_azure.arm("GET", "onlineEndpoints", token=reader).status_code == 200
    for method, path, action in (
        ("PUT", "onlineEndpoints/abc", "onlineEndpoints/write"),
        ("DELETE", "onlineEndpoints/abc", "onlineEndpoints/delete"),
        ("POST", "onlineEndpoints/abc/listKeys", "onlineEndpoints/listKeys/action"),
        ("POST", "datastores/workspaceblobstore/listSecrets", "datastores/listSecrets/action"),
    ):
        answer = local_azure.arm(method, path, {}, token=reader)
        assert answer.status_code == 403
        error = answer.json()["error"]
        assert error["code"] == "AuthorizationFailed"
        assert action in error["message"]


def test_permissions_say_what_the_caller_may_do(local_azure: LocalAzure) -> None:
    path = "providers/Microsoft.Authorization/permissions"
    owner = local_azure.arm("GET", path).json()["value"]
    reader = local_azure.arm("GET", path, token=local_azure.token("reader")).json()["value"]
    assert [each["actions"] for each in owner] == [["*"]]
    assert [each["actions"] for each in reader] == [["*/read"]]
