"""Tokens: who gets one, what is in it, and that every way of bending one ends in 401."""

from __future__ import annotations

import time

import jwt
import pytest
import requests

from emulator.errors import ServiceError
from emulator.identity.tokens import LIFETIME_SECONDS, Surface, Tokens
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


def test_tokens_for_the_control_plane_or_this_cloud_open_it(local_azure: LocalAzure) -> None:
    for resource in (ARM, f"{ARM}/", "https://management.core.windows.net/", local_azure.url):
        assert local_azure.arm("GET", "", token=local_azure.token(resource=resource)).status_code == 200, resource


@pytest.mark.parametrize(
    ("surface", "its_own"),
    [
        (Surface.ARM, "https://management.azure.com"),
        (Surface.METRICS, "https://metrics.monitor.azure.com"),
        (Surface.LOGS, "https://api.loganalytics.io"),
        (Surface.LOGS, "https://api.loganalytics.azure.com"),
        (Surface.SCORING, "https://ml.azure.com"),
        (Surface.STORAGE, "https://storage.azure.com/"),
    ],
)
def test_every_surface_takes_its_own_audience_only(surface: Surface, its_own: str) -> None:
    tokens = Tokens(Secrets.fresh(), Addresses(1, 2, 3), time.time)
    token, _ = tokens.issue(tokens.reader, its_own)
    for each in Surface:
        if each is surface:
            assert tokens.check(f"Bearer {token}", each) == tokens.reader
        else:
            with pytest.raises(ServiceError, match="audience"):
                tokens.check(f"Bearer {token}", each)


def test_tokens_for_this_cloud_open_neither_scoring_nor_storage() -> None:
    tokens = Tokens(Secrets.fresh(), Addresses(1, 2, 3), time.time)
    token, _ = tokens.issue(tokens.owner, "https://localhost:1")
    for each in (Surface.ARM, Surface.METRICS, Surface.LOGS):
        assert tokens.check(f"Bearer {token}", each) == tokens.owner
    for each in (Surface.SCORING, Surface.STORAGE):
        with pytest.raises(ServiceError, match="audience"):
            tokens.check(f"Bearer {token}", each)


def test_batch_metrics_want_a_token_of_their_own(local_azure: LocalAzure) -> None:
    path = f"/subscriptions/{local_azure.environment['AZURE_SUBSCRIPTION_ID']}/metrics:getBatch"
    refused = local_azure.arm("POST", path, {"resourceids": []}, version="2024-02-01")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    token = local_azure.token(resource="https://metrics.monitor.azure.com")
    assert local_azure.arm("POST", path, {"resourceids": []}, version="2024-02-01", token=token).status_code == 400


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
