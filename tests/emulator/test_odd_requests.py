"""Requests that no well-behaved client sends: each gets its answer, and none leaves anything that breaks later ones."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator

import pytest
import requests

from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator


def send(azure: LocalAzure, method: str, path: str, body: str = "", version: str = "2023-04-01") -> requests.Response:
    """One ARM request with a body as it is written here."""
    return requests.request(
        method,
        f"{azure.url}{azure.workspace}/{path}",
        params={"api-version": version},
        data=body.encode(),
        headers={"Authorization": f"Bearer {azure.token()}", "Content-Type": "application/json"},
        verify=azure.bundle,
        timeout=60,
    )


@pytest.mark.parametrize(
    "body",
    [
        '{"properties": {"authMode": "Key", "weight": NaN}}',
        '{"properties": {"authMode": "Key", "weight": 1e999}}',
        '{"properties": {"authMode": "Key", "description": "\\ud800"}}',
        '{"properties": {"authMode": "Key", "properties": "text"}}',
        '{"properties": {"authMode": "Key"}, "identity": "text"}',
        '{"properties": {"authMode": "Key"}, "tags": [1]}',
        '{"properties": ' + "[" * 100_000 + "]" * 100_000 + "}",
        # Near to what Python can read: once wrapped into a document it could be written but never read again.
        '{"properties": {"authMode": "Key", "x": ' + "[" * 950 + "]" * 950 + "}}",
        '{"properties": {"authMode": "Key", "description": {}}}',
        '{"properties": {"authMode": "Key", "properties": {"a": {}}}}',
        '{"properties": {"authMode": "Key"}, "location": 5}',
        '{"properties": {"authMode": "Key"}, "kind": []}',
        '{"properties": {"authMode": "Key"}, "sku": "text"}',
        '{"properties": {"authMode": "Key", "keys": {"primaryKey": "ключ"}}}',
        '{"properties": {"authMode": "Key"}, "tags": {' + ",".join(f'"t{each}": ""' for each in range(51)) + "}}",
    ],
    ids=[
        *("NaN", "infinity", "half a surrogate pair", "properties", "identity", "tags", "depth", "readable depth"),
        *("description", "inner property", "location", "kind", "sku", "key", "51 tags"),
    ],
)
def test_what_could_not_be_shown_again_is_not_kept(local_azure: LocalAzure, body: str) -> None:
    assert send(local_azure, "PUT", "onlineEndpoints/unshowable", body).status_code == 400
    assert local_azure.arm("GET", "onlineEndpoints").status_code == 200
    assert local_azure.arm("GET", "onlineEndpoints/unshowable").status_code == 404


def test_a_patch_that_could_not_be_shown_again_is_not_kept(local_azure: LocalAzure) -> None:
    create_endpoint(local_azure, "patched")
    for body in ('{"identity": "text"}', '{"tags": "text"}'):
        assert send(local_azure, "PATCH", "onlineEndpoints/patched", body).status_code == 400
    assert local_azure.arm("GET", "onlineEndpoints").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("codes/odd/versions/1", '{"properties": {"codeUri": "x", "properties": "text"}}'),
        ("codes/odd/versions/1", '{"properties": "text"}'),
        ("models/odd/versions/²", '{"properties": {"modelUri": "x"}}'),
        ("models/..%2e/versions/1", '{"properties": {"modelUri": "x"}}'),
    ],
)
def test_an_asset_that_could_not_be_found_again_is_not_kept(local_azure: LocalAzure, path: str, body: str) -> None:
    assert send(local_azure, "PUT", path, body).status_code == 400
    for listed in ("codes/any/versions?hash=abc", "models", "models/odd/versions"):
        assert local_azure.arm("GET", listed).status_code == 200


@pytest.mark.parametrize("version", ["日", "1\r\nX-Added: 1", "x" * 65])
def test_an_api_version_that_no_header_can_carry_is_refused_before_anything_happens(
    local_azure: LocalAzure, version: str
) -> None:
    answer = send(local_azure, "PUT", "onlineEndpoints/versioned", '{"properties": {"authMode": "Key"}}', version)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "InvalidApiVersionParameter"
    assert local_azure.arm("GET", "onlineEndpoints/versioned").status_code == 404


@pytest.mark.parametrize("resource", ["https://日", "https://x\nX-Added: 1", 'https://"\\'])
def test_a_token_for_an_odd_audience_is_refused_like_any_other(local_azure: LocalAzure, resource: str) -> None:
    answer = local_azure.arm("GET", "", token=local_azure.token(resource=resource))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("changes", [{"status": 10**30}, {"started_at": 1e300}])
def test_a_seed_with_numbers_out_of_range_is_refused(local_azure: LocalAzure, changes: dict[str, float]) -> None:
    row = {
        "started_at": 1.0, "endpoint": "odd", "deployment": "blue", "kind": "live", "route": "split", "status": 200,
        "model_status": 200, "reason": "", "total_ms": 5.0, "model_ms": 4.0, "request_bytes": 10, "response_bytes": 20,
        "request_id": "r", "client_request_id": "", "user_agent": "t", "auth": "key", "mirrored": 0, **changes,
    }  # fmt: skip
    assert local_azure.control("POST", "seed", {"rows": [row]}).status_code == 400
    late = {"id": f"{local_azure.workspace}/onlineEndpoints/odd", "createdAt": "9999-12-31T23:59:59-14:00"}
    assert local_azure.control("POST", "seed", {"created": [late]}).status_code == 400


def test_a_websocket_is_an_http_request_like_any_other(local_azure: LocalAzure) -> None:
    create_endpoint(local_azure, "upgraded")
    address = local_azure.arm("GET", "onlineEndpoints/upgraded").json()["properties"]["scoringUri"]
    key = local_azure.arm("POST", "onlineEndpoints/upgraded/listKeys").json()["primaryKey"]
    port, path = address.removeprefix("https://localhost:").split("/", 1)
    head = (
        f"GET /{path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\nconnection: upgrade\r\n"
        "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    trusting = ssl.create_default_context(cafile=local_azure.bundle)
    with (
        socket.create_connection(("127.0.0.1", int(port)), timeout=60) as plain,
        trusting.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(head.encode())
        # No deployment has traffic.
        assert b" 404 " in connection.recv(4096).splitlines()[0]


def test_a_body_of_another_kind_is_refused_at_its_first_bytes(local_azure: LocalAzure) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    with contextlib.suppress(requests.ConnectionError):
        # Whether the answer or the end of the connection comes first is a matter of timing; that one comes counts.
        answer = requests.put(
            f"{local_azure.url}{local_azure.workspace}/onlineEndpoints/endless",
            params={"api-version": "2023-04-01"},
            data=endless(),
            headers={"Authorization": f"Bearer {local_azure.token()}", "Content-Type": "application/zip"},
            verify=local_azure.bundle,
            timeout=60,
        )
        assert answer.status_code == 415


def test_the_api_version_is_found_in_every_spelling_of_its_name(local_azure: LocalAzure) -> None:
    path = f"{local_azure.workspace}/onlineEndpoints?API-Version=2023-04-01"
    assert local_azure.arm("GET", path, version=None).status_code == 200


def test_a_path_whose_keyword_only_looks_like_one_is_not_served(local_azure: LocalAzure) -> None:
    odd = local_azure.workspace.replace("/subscriptions", "/\u017fubscriptions")
    assert local_azure.arm("GET", f"{odd}/onlineEndpoints", version="2023-04-01").status_code == 501


def test_an_endpoint_may_be_called_providers(local_azure: LocalAzure) -> None:
    assert create_endpoint(local_azure, "providers").status_code == 201
    for path in ("onlineEndpoints/providers", "onlineEndpoints/providers/deployments"):
        assert local_azure.arm("GET", path, version="2023-04-01").status_code == 200
