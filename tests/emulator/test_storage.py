"""Blobs: what the SDK sends arrives on disk whole, in its container, and only with a signature."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests

from emulator.documents import Documents
from emulator.storage.blobs import BlobStore
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
        return requests.request(method, address, data=body, headers=named, verify=self.azure.bundle, timeout=60)


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


def files_of(state: Path) -> set[Path]:
    """What lies in a state folder, but for what deployments and databases write there at any time."""
    passing = ("-journal", "-wal", "-shm")
    found = {Path(folder, name) for folder, _, names in os.walk(state) for name in names if not name.endswith(passing)}
    return {path for path in found if "deployments" not in path.parts}


@pytest.mark.parametrize(
    "name",
    [
        "%2e%2e/%2e%2e/secrets.json",
        "a/%2e%2e/b",
        "..%2F..%2Fx",
        "a%00b",
        "a%5Cb",
        "a//b",
        "a%01b",
        "x" * 256,
        "x/" * 600 + "x",
    ],
)
def test_no_name_leads_out_of_its_container(container: Container, name: str) -> None:
    before = files_of(container.azure.state)
    for method in ("PUT", "GET"):
        # A prepared request: the client must not tidy the path before it leaves.
        request = requests.Request(method, "https://x", headers={"x-ms-blob-type": "BlockBlob"}, data=b"x").prepare()
        request.url = f"{container.address}/{name}?{container.signature}"
        with requests.Session() as session:
            answer = session.send(request, verify=container.azure.bundle, timeout=60)
        assert answer.status_code in (400, 403, 404, 501)
    assert files_of(container.azure.state) - before == set()


def test_blocks_are_listed_until_they_are_committed_and_can_be_used_again(container: Container) -> None:
    def listed(kind: str) -> list[tuple[str, str]]:
        answer = container.call("GET", "pieces", f"comp=blocklist&blocklisttype={kind}")
        return re.findall("<Name>(.*?)</Name><Size>(.*?)</Size>", answer.text)

    def commit(*wanted: str) -> int:
        parts = "".join(f"<{kind}>{block}</{kind}>" for kind, _, block in (each.partition(" ") for each in wanted))
        return container.call("PUT", "pieces", "comp=blocklist", f"<BlockList>{parts}</BlockList>".encode()).status_code

    for block, content in (("AAAA", b"one"), ("A//A", b"three")):
        container.call("PUT", "pieces", f"comp=block&blockid={block}", content)
    assert listed("uncommitted") == [("A//A", "5"), ("AAAA", "3")]
    assert commit("Latest AAAA", "Uncommitted A//A") == 201
    assert (listed("committed"), listed("uncommitted")) == ([("AAAA", "3"), ("A//A", "5")], [])
    container.call("PUT", "pieces", "comp=block&blockid=BBBB", b"two")
    assert commit("Committed AAAA", "Latest BBBB", "Latest A//A") == 201
    assert container.call("GET", "pieces").content == b"onetwothree"
    assert commit("Uncommitted AAAA") == 400
    assert container.call("GET", "pieces").content == b"onetwothree"
    assert container.call("GET", "nothing", "comp=blocklist").status_code == 404


def test_conditions_are_kept(container: Container) -> None:
    etag = container.put("conditional", b"first").headers["ETag"]
    assert container.call("GET", "conditional", if_none_match=etag).status_code == 304
    assert container.call("GET", "conditional", if_match='"0xOTHER"').status_code == 412
    assert (
        container.call("GET", "conditional", if_modified_since=formatdate(time.time() + 60, usegmt=True)).status_code
        == 304
    )
    assert container.call("GET", "conditional", if_unmodified_since=formatdate(0, usegmt=True)).status_code == 412
    assert container.put("conditional", b"second", if_match='"0xOTHER"').status_code == 412
    assert container.put("absent", b"second", if_match=etag).status_code == 412
    assert container.call("PUT", "conditional", "comp=metadata", if_match='"0xOTHER"').status_code == 412
    assert container.call("DELETE", "conditional", if_match='"0xOTHER"').status_code == 412
    assert container.call("GET", "conditional", if_modified_since="yesterday").status_code == 400
    assert container.call("GET", "conditional").content == b"first"
    assert container.put("conditional", b"second", if_match=etag).status_code == 201
    assert container.call("GET", "conditional", if_match=etag).status_code == 412


def test_a_blob_is_deleted_with_its_folders(container: Container) -> None:
    container.put("branch/twig/leaf", b"x")
    assert container.call("DELETE", "branch/twig/leaf").status_code == 202
    assert container.call("DELETE", "branch/twig/leaf").status_code == 404
    assert not (container.folder / "branch").exists()
    assert container.put("branch", b"now a blob").status_code == 201


def test_ranges_that_are_not_there_are_refused(container: Container) -> None:
    container.put("short", b"0123456789")
    for wanted, status, content in (
        ("bytes=8-99", 206, b"89"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=10-11", 416, None),
        ("bytes=5-2", 416, None),
        ("lines=1-2", 416, None),
    ):
        answer = container.call("GET", "short", x_ms_range=wanted)
        assert answer.status_code == status, wanted
        assert content is None or answer.content == content
    answer = container.call("GET", "short", x_ms_range="bytes=2-4", x_ms_range_get_content_md5="true")
    assert (
        answer.headers["Content-MD5"] == base64.b64encode(hashlib.md5(b"234", usedforsecurity=False).digest()).decode()
    )


def test_lists_draw_folders_together_page_by_page(container: Container) -> None:
    for name in ("tree/a", "tree/b/1", "tree/b/2", "tree/c/1", "tree/d"):
        container.put(name, b"x", x_ms_meta_kind="leaf")
    pages, marker = [], ""
    while True:
        query = f"restype=container&comp=list&prefix=tree/&delimiter=/&maxresults=2&marker={marker}&include=metadata"
        answer = requests.get(
            f"{container.address}?{query}&{container.signature}", verify=container.azure.bundle, timeout=60
        )
        pages.append(re.findall("<Name>(.*?)</Name>", answer.text))
        marker = re.findall("<NextMarker>(.*?)</NextMarker>", answer.text)[0]
        if not marker:
            break
    assert pages == [["tree/a", "tree/b/"], ["tree/c/", "tree/d"]]
    assert "<Metadata><kind>leaf</kind></Metadata>" in answer.text


def test_what_is_not_emulated_says_so(container: Container) -> None:
    copied = container.call("PUT", "copy", x_ms_copy_source=f"{container.address}/plain.txt")
    for answer in (copied, container.call("PUT", "any", "comp=lease"), container.call("POST", "any")):
        assert (answer.status_code, answer.headers["x-ms-error-code"]) == (501, "NotImplemented")


def test_a_token_for_storage_opens_it_to_the_owner_alone(container: Container) -> None:
    container.put("tokens", b"x")

    def get(path: str, role: str, resource: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {container.azure.token(role, resource)}"}
        return requests.get(f"{container.address}{path}", headers=headers, verify=container.azure.bundle, timeout=60)

    assert get("/tokens", "owner", "https://storage.azure.com").content == b"x"
    assert get("?restype=container", "owner", "https://storage.azure.com").status_code == 200
    assert (
        get("/tokens", "reader", "https://storage.azure.com").headers["x-ms-error-code"]
        == "AuthorizationPermissionMismatch"
    )
    refused = get("/tokens", "owner", "https://management.azure.com")
    assert (refused.status_code, refused.headers["x-ms-error-code"]) == (401, "InvalidAuthenticationInfo")
    assert "WWW-Authenticate" in refused.headers


def test_blocks_that_no_list_came_for_are_forgotten(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "control.db")
    store = BlobStore(tmp_path / "blobs", documents)
    for name in ("old", "new"):
        draft = store.draft()
        draft.write_bytes(b"x")
        store.keep_block("box", name, "AAAA", draft)
    (old,) = [path.parent for path in (tmp_path / "blobs" / ".drafts").rglob("AAAA")][:1]
    os.utime(old, (1, 1))
    assert store.forget_blocks(time.time() - 60) == 1
    assert sorted(len(store.uncommitted("box", name)) for name in ("old", "new")) == [0, 1]
    store.close()
    documents.close()


def test_rows_of_an_earlier_version_are_taken_over(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "control.db")
    folder = tmp_path / "blobs" / "box" / "Deep"
    folder.mkdir(parents=True)
    (folder / "Name").write_bytes(b"kept")
    key = hashlib.sha256(b"box/Deep/Name").hexdigest()
    documents.put("blob", key, {"etag": '"0x1"', "modified": 5.0, "metadata": {"a": "b"}})
    store = BlobStore(tmp_path / "blobs", documents)
    row = store.find("box", "Deep/Name")
    assert row is not None
    assert (row.etag, row.length, row.metadata) == ('"0x1"', 4, {"a": "b"})
    assert store.find("box", "deep/name") is None
    assert documents.all("blob") == []
    store.close()
    documents.close()


def test_blobs_are_listed_by_prefix(container: Container) -> None:
    container.put("listed/a", b"1")
    container.put("listed/b", b"2")
    answer = requests.get(
        f"{container.address}?restype=container&comp=list&prefix=listed/&{container.signature}",
        verify=container.azure.bundle,
        timeout=60,
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
            answer = requests.request(method, address, data=b"y", verify=container.azure.bundle, timeout=60)
            assert answer.status_code == (403 if "sig=" in address else 401), address


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
