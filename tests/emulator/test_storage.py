"""Blobs: what the SDK sends arrives on disk whole, in its container, and only with a signature."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from urllib.parse import unquote

import pytest
import requests

from emulator.storage.signatures import allows, sign
from tests.deployable import put_blob
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator


class Container:
    """The default container, with a signature for it."""

    def __init__(self, azure: LocalAzure) -> None:
        self.azure = azure
        store = azure.arm("GET", "datastores/workspaceblobstore").json()["properties"]
        self.address = f"https://{store['accountName']}.blob.core.local/{store['containerName']}"
        self.signature = azure.arm("POST", "datastores/workspaceblobstore/listSecrets").json()["sasToken"]
        self.folder = azure.state / "blobs" / store["containerName"]

    def put(self, name: str, content: bytes, **headers: str) -> requests.Response:
        return put_blob(self.azure, f"{self.address}/{name}", self.signature, content, **headers)

    def call(self, method: str, name: str, query: str = "", body: bytes = b"", **headers: str) -> requests.Response:
        address = f"{self.address}/{name}?{self.signature}" + (f"&{query}" if query else "")
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return requests.request(method, address, data=body, headers=named, verify=self.azure.bundle, timeout=30)


@pytest.fixture(scope="module")
def container(local_azure: LocalAzure) -> Container:
    return Container(local_azure)


@pytest.mark.parametrize("name", ["plain.txt", "deep/er/file.bin", "with%20space.txt", "%C3%BCber.txt", "empty"])
def test_a_blob_comes_back_as_it_was_sent(container: Container, name: str) -> None:
    content = b"" if name == "empty" else name.encode() * 1000
    assert container.put(name, content).status_code == 201
    head = container.call("HEAD", name)
    assert head.headers["Content-Length"] == str(len(content))
    assert head.headers["x-ms-blob-type"] == "BlockBlob"
    assert container.call("GET", name).content == content


def test_a_part_of_a_blob_can_be_asked_for(container: Container) -> None:
    container.put("parts", b"0123456789")
    answer = container.call("GET", "parts", x_ms_range="bytes=2-4")
    assert (answer.status_code, answer.content) == (206, b"234")
    assert answer.headers["Content-Range"] == "bytes 2-4/10"


def test_a_missing_blob_is_not_found(container: Container) -> None:
    head = container.call("HEAD", "missing")
    assert head.status_code == 404
    assert head.headers["x-ms-error-code"] == "BlobNotFound"


def test_an_existing_blob_is_kept_when_the_client_says_so(container: Container) -> None:
    container.put("once", b"first")
    assert container.put("once", b"second", if_none_match="*").status_code == 409
    assert container.call("GET", "once").content == b"first"
    assert container.put("once", b"second").status_code == 201
    assert container.call("GET", "once").content == b"second"


def test_blocks_are_put_together_in_the_order_of_the_list(container: Container) -> None:
    ids = [base64.b64encode(f"block-{number}".encode()).decode() for number in range(3)]
    for number in (2, 0, 1):
        answer = container.call("PUT", "large", f"comp=block&blockid={ids[number]}", bytes([number]) * 100)
        assert answer.status_code == 201
    assert container.call("HEAD", "large").status_code == 404
    names = "".join(f"<Latest>{each}</Latest>" for each in ids)
    listed = f'<?xml version="1.0"?><BlockList>{names}</BlockList>'.encode()
    answer = container.call("PUT", "large", "comp=blocklist", listed, x_ms_meta_name="m")
    assert answer.status_code == 201
    assert "Content-MD5" not in answer.headers
    assert container.call("GET", "large").content == b"".join(bytes([number]) * 100 for number in range(3))
    assert container.call("HEAD", "large").headers["x-ms-meta-name"] == "m"


def test_a_list_of_blocks_that_never_came_is_refused(container: Container) -> None:
    answer = container.call("PUT", "gap", "comp=blocklist", b"<BlockList><Latest>AAAA</Latest></BlockList>")
    assert answer.status_code == 400
    assert answer.headers["x-ms-error-code"] == "InvalidBlockList"


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("comp=block&blockid=%00", b"x"),
        ("comp=blocklist", b"<BlockList><Latest>not base64!</Latest></BlockList>"),
        ("comp=blocklist", b"<BlockList><Latest>AAAA</Latest></BlockList>"),
    ],
)
def test_an_upload_that_is_refused_leaves_nothing_behind(container: Container, query: str, body: bytes) -> None:
    drafts = container.azure.state / "blobs" / ".drafts"
    before = set(drafts.iterdir())
    assert container.call("PUT", "refused", query, body).status_code == 400
    assert set(drafts.iterdir()) == before


def test_metadata_can_be_asked_for_without_the_bytes(container: Container) -> None:
    container.put("described", b"0123456789", x_ms_meta_name="m")
    answer = container.call("GET", "described", "comp=metadata")
    assert (answer.status_code, answer.content, answer.headers["x-ms-meta-name"]) == (200, b"", "m")


def test_metadata_is_replaced_and_read_back(container: Container) -> None:
    container.put("marked", b"x")
    answer = container.call("PUT", "marked", "comp=metadata", x_ms_meta_upload_status="completed")
    assert answer.status_code == 200
    assert container.call("HEAD", "marked").headers["x-ms-meta-upload-status"] == "completed"


def test_bytes_that_changed_on_the_way_are_refused(container: Container) -> None:
    wrong = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()
    assert container.put("damaged", b"sent", Content_MD5=wrong).status_code == 400
    assert container.call("HEAD", "damaged").status_code == 404


@pytest.mark.parametrize(
    "name", ["%2e%2e/%2e%2e/secrets.json", "a/%2e%2e/b", "..%2F..%2Fx", "a%00b", "a%5Cb", "a//b", "x" * 256]
)
def test_no_name_leads_out_of_its_container(container: Container, name: str) -> None:
    before = {path for path in container.azure.state.rglob("*") if "deployments" not in path.parts}
    for method in ("PUT", "GET"):
        # A prepared request: the client must not tidy the path before it leaves.
        request = requests.Request(method, "https://x", headers={"x-ms-blob-type": "BlockBlob"}, data=b"x").prepare()
        request.url = f"{container.address}/{name}?{container.signature}"
        with requests.Session() as session:
            answer = session.send(request, verify=container.azure.bundle, timeout=10)
        assert answer.status_code in (400, 403, 404, 501)
    after = {path for path in container.azure.state.rglob("*") if "deployments" not in path.parts}
    assert {path.name for path in after - before} <= {"control.db-journal", "telemetry.db-journal"}


def test_blobs_are_listed_by_prefix(container: Container) -> None:
    container.put("listed/a", b"1")
    container.put("listed/b", b"2")
    answer = requests.get(
        f"{container.address}?restype=container&comp=list&prefix=listed/&{container.signature}",
        verify=container.azure.bundle,
        timeout=10,
    )
    assert re.findall("<Name>(.*?)</Name>", answer.text) == ["listed/a", "listed/b"]


def test_without_a_good_signature_nothing_is_read_or_written(container: Container) -> None:
    container.put("guarded", b"x")
    bent = container.signature[:-6] + "AAAAAA"
    for address in (
        f"{container.address}/guarded",
        f"{container.address}/guarded?{bent}",
        f"{container.address.replace('azureml-blobstore', 'other-container')}/guarded?{container.signature}",
    ):
        for method in ("GET", "PUT"):
            answer = requests.request(method, address, data=b"y", verify=container.azure.bundle, timeout=10)
            assert answer.status_code == 403, address


def test_a_signature_gives_what_it_says_until_it_ends() -> None:
    now = time.time()
    query = dict(part.split("=", 1) for part in sign("key", "box", "rl", int(now) + 60).split("&"))
    decoded = {name: unquote(value) for name, value in query.items()}
    assert allows("key", decoded, "box", "r", now)
    assert not allows("key", decoded, "box", "cw", now)
    assert not allows("key", decoded, "box", "r", now + 61)
    assert not allows("key", decoded, "bag", "r", now)
    assert not allows("key", {**decoded, "sp": "racwl"}, "box", "w", now)
    assert not allows("key", {}, "box", "r", now)
