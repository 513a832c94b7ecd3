"""Connecting: who, what is allowed, which workspace, and every way in which it cannot work."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import certifi
import pytest

from services.azure.connection import Connection, permissions, who, workspace
from services.azure.endpoints import list_endpoints
from services.errors import NotFound, SignInFailed, SluiceError, Unreachable
from tests.local_azure import LocalAzure, three_free_ports

pytestmark = pytest.mark.emulator

Connect = Callable[..., Connection]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long this thread has paused between tries. A client that tries again as azure-core does by itself pauses."""
    made: list[float] = []
    sleep, own = time.sleep, threading.get_ident()

    def noted(seconds: float) -> None:
        if threading.get_ident() == own:
            made.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", noted)
    return made


def test_the_local_azure_is_recognised(conn: Connection, local_azure: LocalAzure) -> None:
    assert conn.cloud_name == "Local Azure"
    assert conn.is_local
    assert conn.arm_host == f"localhost:{local_azure.port}"


def test_the_workspace_is_read(conn: Connection, local_azure: LocalAzure) -> None:
    found = workspace(conn)

    assert (found.name, found.location) == ("local", "westeurope")
    assert found.ref.id.lower() == local_azure.workspace.lower()


def test_the_owner_may_do_everything(conn: Connection) -> None:
    identity, allowed = who(conn), permissions(conn)

    assert identity.name == "Local owner"
    assert identity.object_id
    assert (allowed.can_read, allowed.can_change_traffic, allowed.can_score) == (True, True, True)


def test_a_reader_may_look_only(connect_to: Connect, local_azure: LocalAzure) -> None:
    conn = connect_to(local_azure, role="reader")
    allowed = permissions(conn)

    assert who(conn).name == "Local reader"
    assert (allowed.can_read, allowed.can_change_traffic, allowed.can_score) == (True, False, False)


@pytest.mark.parametrize(
    "setting",
    ["AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME"],
)
def test_what_does_not_exist_names_the_setting(connect_to: Connect, local_azure: LocalAzure, setting: str) -> None:
    conn = connect_to(local_azure, **{setting: "11111111-1111-1111-1111-111111111111"})

    for read in (workspace, list_endpoints):
        with pytest.raises(NotFound) as caught:
            read(conn)
        assert setting in caught.value.next_step
        assert caught.value.request_id


def test_a_refused_identity_is_a_failed_sign_in(connect_to: Connect, local_azure: LocalAzure) -> None:
    conn = connect_to(local_azure, IDENTITY_HEADER="wrong")

    with pytest.raises(SignInFailed):
        who(conn)


def test_an_untrusted_certificate_says_so(connect_to: Connect, local_azure: LocalAzure) -> None:
    conn = connect_to(local_azure, REQUESTS_CA_BUNDLE=certifi.where())

    with pytest.raises(Unreachable) as caught:
        workspace(conn)

    assert "not trusted" in caught.value.why
    assert "REQUESTS_CA_BUNDLE" in caught.value.next_step


def test_connecting_sends_nothing_and_a_dead_address_shows_soon(
    connect_to: Connect, local_azure: LocalAzure, pauses: list[float]
) -> None:
    dead = "https://localhost:9/metadata/endpoints?api-version=2019-05-01"
    conn = connect_to(local_azure, ARM_CLOUD_METADATA_URL=dead)

    for read in (workspace, list_endpoints, who, permissions):
        with pytest.raises(Unreachable) as caught:
            read(conn)
        assert "localhost:9 refuses connections." in caught.value.why

    assert sum(pauses) < 1


def test_a_connection_survives_the_death_and_return_of_the_server(
    connect_to: Connect, tmp_path: Path, pauses: list[float]
) -> None:
    port = three_free_ports()
    with LocalAzure(tmp_path / "state", port) as azure:
        conn = connect_to(azure)
        assert list_endpoints(conn) == []
        azure.stop(signal.SIGKILL)
        pauses.clear()
        with pytest.raises(Unreachable) as caught:
            list_endpoints(conn)
        assert sum(pauses) < 1
        assert caught.value.next_step == "Start the local Azure again."

    with LocalAzure(tmp_path / "state", port):
        assert list_endpoints(conn) == []
        assert workspace(conn).name == "local"


def test_many_threads_share_one_connection(conn: Connection, caplog: pytest.LogCaptureFixture) -> None:
    with ThreadPoolExecutor(24) as pool:
        names = list(pool.map(lambda _: workspace(conn).name, range(240)))

    assert set(names) == {"local"}
    assert "Connection pool is full" not in caplog.text


def test_no_error_shows_a_token(connect_to: Connect, local_azure: LocalAzure) -> None:
    conn = connect_to(local_azure, AZUREML_WORKSPACE_NAME="nowhere")
    token = conn.credential.get_token(conn.cloud.arm_scope).token

    with pytest.raises(SluiceError) as caught:
        workspace(conn)

    assert token not in repr(caught.value)
