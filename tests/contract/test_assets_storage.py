"""azure-storage-blob against the local storage, as a stranger's program uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobBlock, BlobServiceClient, ContainerClient, ContentSettings

from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
LARGE = 70 << 20


@pytest.fixture(scope="module")
def container(local_azure: LocalAzure) -> Iterator[ContainerClient]:
    """The datastore's container, opened with its signature."""
    store = local_azure.arm("GET", "datastores/workspaceblobstore").json()["properties"]
    signature = local_azure.arm("POST", "datastores/workspaceblobstore/listSecrets").json()["sasToken"]
    account = f"https://{store['accountName']}.blob.core.local"
    with BlobServiceClient(account, signature, connection_verify=local_azure.bundle, retry_total=0) as service:
        yield service.get_container_client(store["containerName"])


def test_seventy_megabytes_go_up_in_blocks_and_come_down_in_ranges(container: ContainerClient, tmp_path: Path) -> None:
    piece = os.urandom(1 << 20)
    content = piece * (LARGE >> 20)
    blob = container.upload_blob("models/large.bin", content, max_concurrency=4, validate_content=True)
    properties = blob.get_blob_properties()
    assert (properties.size, properties.blob_type) == (LARGE, "BlockBlob")
    committed, uncommitted = blob.get_block_list("all")
    assert (sum(each.size for each in committed), uncommitted) == (LARGE, [])
    assert blob.download_blob(max_concurrency=4).readall() == content
    assert blob.download_blob(offset=5, length=1 << 20, validate_content=True).readall() == content[5 : 5 + (1 << 20)]


def test_blobs_are_listed_and_walked(container: ContainerClient) -> None:
    for name in ("walk/a.txt", "walk/deep/b.txt", "walk/deep/c.txt"):
        container.upload_blob(name, name.encode(), metadata={"origin": "test"})
    found = list(container.list_blobs("walk/", include=["metadata"], results_per_page=2))
    assert [(each.name, each.size, each.metadata) for each in found] == [
        (name, len(name), {"origin": "test"}) for name in ("walk/a.txt", "walk/deep/b.txt", "walk/deep/c.txt")
    ]
    assert sorted(each.name for each in container.walk_blobs("walk/")) == ["walk/a.txt", "walk/deep/"]


def test_metadata_and_content_settings_come_back(container: ContainerClient) -> None:
    settings = ContentSettings(content_type="text/csv", cache_control="no-store")
    blob = container.upload_blob("described.csv", b"a,b", metadata={"one": "1"}, content_settings=settings)
    blob.set_blob_metadata({"two": "2"})
    properties = blob.get_blob_properties()
    assert properties.metadata == {"two": "2"}
    assert (properties.content_settings.content_type, properties.content_settings.cache_control) == (
        "text/csv",
        "no-store",
    )


def test_staged_blocks_become_a_blob(container: ContainerClient) -> None:
    blob = container.get_blob_client("staged")
    for name in ("1", "2"):
        blob.stage_block(name, name.encode() * 3)
    assert not blob.exists()
    blob.commit_block_list([BlobBlock("2"), BlobBlock("1")])
    assert blob.download_blob().readall() == b"222111"


def test_an_empty_blob_goes_up_and_comes_down(container: ContainerClient) -> None:
    blob = container.upload_blob("empty.txt", b"")
    assert blob.download_blob().readall() == b""


def test_errors_are_those_that_the_client_knows(container: ContainerClient, local_azure: LocalAzure) -> None:
    container.upload_blob("once.txt", b"1")
    with pytest.raises(ResourceExistsError):
        container.upload_blob("once.txt", b"2")
    with pytest.raises(ResourceNotFoundError):
        container.download_blob("missing.txt")
    with pytest.raises(HttpResponseError) as caught:
        container.get_blob_client("copy.txt").start_copy_from_url(container.url)
    assert caught.value.status_code == 501
    other = BlobServiceClient(
        container.url.partition("?")[0].rpartition("/")[0],
        container.url.partition("?")[2],
        connection_verify=local_azure.bundle,
        retry_total=0,
    )
    with other, pytest.raises(ClientAuthenticationError):
        other.get_container_client("another-container").upload_blob("x", b"1")


def test_a_token_lists_containers(container: ContainerClient, local_azure: LocalAzure) -> None:
    program = """
import sys
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
with DefaultAzureCredential() as credential, BlobServiceClient(sys.argv[1], credential) as service:
    print([each.name for each in service.list_containers()])
"""
    container.upload_blob("seen", b"x", overwrite=True)
    account = container.url.partition("?")[0].rpartition("/")[0]
    done = subprocess.run(
        [sys.executable, "-c", program, account],
        env=local_azure.client_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert container.container_name in done.stdout
