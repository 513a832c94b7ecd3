"""Tokens: who gets one, what is in it, and that every way of bending one ends in 401."""

from __future__ import annotations

import json
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
    return requests.get(azure.environment["IDENTITY_ENDPOINT"], params=parameters, headers=headers, timeout=60)


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
    refused = local_azure.arm("POST", path, {"resourceids": []}, token=local_azure.token())
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert local_azure.arm("POST", path, {"resourceids": []}).status_code == 400


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
        local_azure.url + local_azure.workspace, params={"api-version": "1"}, verify=local_azure.bundle, timeout=60
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


def sign_in(azure: LocalAzure, tenant: str, path: str = "oauth2/v2.0/token", **form: str) -> requests.Response:
    return requests.post(f"{azure.url}/{tenant}/{path}", data=form, verify=azure.bundle, timeout=60)


@pytest.mark.parametrize("role", ["owner", "reader"])
def test_a_service_principal_signs_in_with_its_secret(local_azure: LocalAzure, role: str) -> None:
    tenant, client, secret = principal(local_azure, role)
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    answer = sign_in(local_azure, tenant, **form, scope=f"{ARM}/.default").json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", LIFETIME_SECONDS)
    assert (claims_of(answer["access_token"])["oid"], claims_of(answer["access_token"])["aud"]) == (client, ARM)
    old = sign_in(local_azure, tenant, "oauth2/token", **form, resource=f"{ARM}/").json()
    assert (old["expires_in"], old["resource"]) == (str(LIFETIME_SECONDS), f"{ARM}/")
    assert local_azure.arm("GET", "", token=old["access_token"]).status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": "nobody"}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"grant_type": ""}, 400, "invalid_request", 900144),
        ({"scope": ""}, 400, "invalid_request", 900144),
        ({"scope": "openid"}, 400, "invalid_scope", 1002012),
    ],
)
def test_a_sign_in_that_fails_says_why_in_entras_way(
    local_azure: LocalAzure, change: dict[str, str], status: int, error: str, number: int
) -> None:
    tenant, client, secret = principal(local_azure, "owner")
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_secret": secret,
        "scope": f"{ARM}/.default",
    }
    answer = sign_in(local_azure, tenant, **{**form, **change})
    assert (answer.status_code, answer.json()["error"], answer.json()["error_codes"]) == (status, error, [number])
    assert answer.json()["error_description"].startswith(f"AADSTS{number}: ")


def test_another_tenant_is_unknown(local_azure: LocalAzure) -> None:
    for answer in (
        sign_in(local_azure, "elsewhere", grant_type="client_credentials"),
        requests.get(
            f"{local_azure.url}/elsewhere/v2.0/.well-known/openid-configuration", verify=local_azure.bundle, timeout=60
        ),
    ):
        assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


def principal(azure: LocalAzure, role: str) -> tuple[str, str, str]:
    """Tenant, client id and secret of the owner or the reader."""
    kept = json.loads((azure.state / "secrets.json").read_text())
    return kept["tenant_id"], kept[f"{role}_id"], kept[f"{role}_header"]


def test_a_reader_reads_and_changes_nothing(local_azure: LocalAzure) -> None:
    reader = local_azure.token("reader")
    assert local_azure.arm("GET", "onlineEndpoints", token=reader).status_code == 200
    for method, path, action in (
        ("PUT", "onlineEndpoints/abc", "onlineEndpoints/write"),
        ("DELETE", "onlineEndpoints/abc", "onlineEndpoints/delete"),
        ("PATCH", "onlineEndpoints/abc", "onlineEndpoints/write"),
        ("POST", "onlineEndpoints/abc/listKeys", "onlineEndpoints/listKeys/action"),
        ("POST", "onlineEndpoints/abc/regenerateKeys", "onlineEndpoints/regenerateKeys/action"),
        ("POST", "onlineEndpoints/abc/token", "onlineEndpoints/token/action"),
        ("POST", "onlineEndpoints/abc/deployments/d/getLogs", "onlineEndpoints/deployments/getLogs/action"),
        ("POST", "codes/c/versions/1/startPendingUpload", "codes/versions/startPendingUpload/action"),
        ("PUT", "models/m/versions/1", "models/versions/write"),
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
