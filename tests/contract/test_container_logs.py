"""Following the container log of a deployment that really runs."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from services.azure.connection import Connection
from services.errors import AccessDenied, NotFound
from services.logs.container import ContainerLogs, Filter, Place, Reading, select
from services.logs.lines import ERROR, Entry
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator


def place(endpoint: str, deployment: str = "blue", container: str = "InferenceServer") -> Place:
    return Place("workspace", endpoint, deployment, container)


def added(found: Reading, before: Reading) -> list[Entry]:
    """The entries that begin after all that was read before."""
    return [entry for entry in found.entries if entry.number >= len(before.lines)]


def test_what_is_written_after_a_reading_is_added_below_it(
    conn: Connection, local_azure: LocalAzure, served: str, split: Callable[..., None]
) -> None:
    logs = ContainerLogs()
    before = logs.read(conn, place(served))
    assert local_azure.score(served, {"data": ["seven"]}).status_code == 424

    def is_told(reading: Reading) -> bool:
        texts = [entry.text for entry in added(reading, before)]
        return any("Traceback" in text and "whole numbers expected" in text for text in texts)

    # The output of a container arrives a moment after its answer.
    deadline = time.monotonic() + 60
    while not is_told(found := logs.read(conn, place(served))):
        assert time.monotonic() < deadline, found.lines[-50:]

    assert found.lines[: len(before.lines)] == before.lines
    assert (found.first, found.entries[: len(before.entries) - 1]) == (before.first, before.entries[:-1])
    new = added(found, before)
    (failure,) = [entry for entry in new if entry.level == ERROR and "whole numbers expected" in entry.text]
    assert "Traceback" in failure.text
    assert all(entry.at is not None for entry in new)
    assert failure in select([found.entries], Filter(words="WHOLE numbers", level=ERROR))
    assert "Container events:" in found.head


def test_the_log_of_the_storage_initializer_is_another_one(conn: Connection, served: str) -> None:
    found = ContainerLogs().read(conn, place(served, container="StorageInitializer"))
    assert not any("azmlinfsrv" in line for line in found.lines)


def test_a_log_that_may_not_be_read_names_the_role(conn: Connection, served: str, fault: Callable[..., None]) -> None:
    logs = ContainerLogs()
    fault(operation="*/deployments/getLogs/action", status=403, code="AuthorizationFailed")
    with pytest.raises(AccessDenied, match="log of blue") as refused:
        logs.read(conn, place(served))
    assert "the role AzureML Data Scientist" in refused.value.next_step


def test_a_deployment_that_has_been_deleted_meanwhile_is_not_found(conn: Connection, served: str) -> None:
    with pytest.raises(NotFound, match="log of gone"):
        ContainerLogs().read(conn, place(served, "gone"))
