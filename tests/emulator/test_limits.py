"""What comes before a request is understood: how long its beginning and its body may be."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest

from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator


def raw(azure: LocalAzure, head: bytes, body: bytes = b"") -> bytes:
    """The first bytes that come back for these."""
    trusting = ssl.create_default_context(cafile=azure.bundle)
    with (
        socket.create_connection(("127.0.0.1", azure.port), timeout=60) as plain,
        trusting.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(head)
        try:
            for start in range(0, len(body), 1 << 16):
                connection.sendall(body[start : start + (1 << 16)])
        except OSError:
            # It was answered and closed before everything was sent.
            pass
        return connection.recv(4096)


@pytest.fixture(autouse=True)
def still_well(local_azure: LocalAzure) -> Iterator[None]:
    yield
    assert local_azure.arm("GET", "").status_code == 200


def test_a_path_that_is_too_long_is_414(local_azure: LocalAzure) -> None:
    head = b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n"
    assert raw(local_azure, head).startswith(b"HTTP/1.1 414 ")


@pytest.mark.parametrize(
    "headers",
    [b"x: " + b"y" * 70_000 + b"\r\n", b"".join(b"h%d: %s\r\n" % (n, b"y" * 100) for n in range(700))],
    ids=["one long header", "many headers"],
)
def test_headers_that_are_too_long_are_431(local_azure: LocalAzure, headers: bytes) -> None:
    answer = raw(local_azure, b"GET / HTTP/1.1\r\nhost: localhost\r\n" + headers + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_a_header_without_an_end_is_not_waited_for(local_azure: LocalAzure) -> None:
    assert raw(local_azure, b"GET / HTTP/1.1\r\nx: ", b"y" * 400_000).startswith(b"HTTP/1.1 431 ")


def test_what_is_not_http_is_400(local_azure: LocalAzure) -> None:
    assert raw(local_azure, b"HELO localhost\r\n\r\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\n\r\n", b"501"),
    ],
    ids=["no host", "two hosts", "none in HTTP/1.0"],
)
def test_a_request_names_its_host_once(local_azure: LocalAzure, head: bytes, status: bytes) -> None:
    assert raw(local_azure, head).split()[1] == status


def test_a_long_body_after_another_request_is_not_taken_for_a_header(local_azure: LocalAzure) -> None:
    path = f"{local_azure.workspace}/onlineEndpoints/big-body?api-version=2023-04-01"
    body = b'{"properties": {"authMode": "Key", "description": "' + b"d" * 1_000_000 + b'"}}'
    head = f"PUT {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
    assert raw(local_azure, head.encode(), body).startswith(b"HTTP/1.1 401 ")


def test_a_body_that_is_too_large_is_413_with_azures_code(local_azure: LocalAzure) -> None:
    body = {"properties": {"authMode": "Key", "description": "d" * (5 << 20)}}
    answer = local_azure.arm("PUT", "onlineEndpoints/too-big", body)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "RequestContentTooLarge"
    assert local_azure.arm("GET", "onlineEndpoints/too-big").status_code == 404


def test_a_body_that_comes_together_with_its_headers_is_not_taken_for_headers(local_azure: LocalAzure) -> None:
    for _ in range(20):
        assert local_azure.control("POST", "seed", {"rows": [], "endpoints": [], " " * 200_000: []}).status_code != 431
