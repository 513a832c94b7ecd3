"""Reading endpoints and deployments, and writing a split without losing anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, keys, list_deployments, list_endpoints, logs, write_split
from services.errors import AccessDenied, Conflict, NotFound, RuleBroken
from services.model import Split
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

Write = Callable[..., None]
BLUE = Split({"blue": 100})


def test_an_endpoint_is_listed_as_it_is_read(conn: Connection, served: str, split: Write) -> None:
    listed = {endpoint.name: endpoint for endpoint in list_endpoints(conn)}
    found = get_endpoint(conn, served)

    assert listed[served] == found
    assert (found.state, found.auth_mode, found.split) == ("Succeeded", "key", BLUE)
    assert found.workspace == "local"
    assert found.scoring_uri.startswith("https://")
    assert found.created_at is not None


def test_deployments_are_listed_with_what_they_run(conn: Connection, served: str) -> None:
    blue, green = list_deployments(conn, served)

    assert (blue.name, green.name) == ("blue", "green")
    assert (blue.endpoint, blue.state, blue.instance_type, blue.instance_count) == (
        served,
        "Succeeded",
        "Standard_DS3_v2",
        1,
    )
    assert (blue.request_timeout_ms, blue.max_concurrent_requests) == (2000, 4)
    assert blue.model.startswith("uploaded ")
    assert blue.model != green.model


@pytest.mark.parametrize("name", ["nowhere", "../../datastores", "a/b?c#d", "übung"])
def test_a_name_that_does_not_exist_is_not_found_whatever_it_is(conn: Connection, name: str) -> None:
    for read in (get_endpoint, list_deployments):
        with pytest.raises(NotFound):
            read(conn, name)


def test_a_split_is_written_and_nothing_else_changes(
    conn: Connection, local_azure: LocalAzure, served: str, split: Write
) -> None:
    split({"blue": 100}, {"green": 10}, unheardOf={"deep": [1, None]})
    before = local_azure.arm("GET", f"onlineEndpoints/{served}").json()
    phases: list[str] = []

    write_split(
        conn, served, Split({"blue": 100}, {"green": 10}), Split({"blue": 70, "green": 30}), on_phase=phases.append
    )

    after = local_azure.arm("GET", f"onlineEndpoints/{served}").json()
    assert phases == ["reading", "writing", "waiting"]
    assert after["properties"].pop("traffic") == {"blue": 70, "green": 30}
    assert after["properties"].pop("mirrorTraffic") == {}
    assert after["properties"]["unheardOf"] == {"deep": [1, None]}
    for document in (before, after):
        for field in ("traffic", "mirrorTraffic"):
            document["properties"].pop(field, None)
        # The service's own note of the last operation.
        assert document["properties"]["properties"].pop("AzureAsyncOperationUri")
        document.pop("systemData")
    assert after == before


def test_a_split_that_somebody_else_changed_is_not_overwritten(conn: Connection, served: str, split: Write) -> None:
    split({"blue": 50, "green": 50})

    with pytest.raises(Conflict) as caught:
        write_split(conn, served, BLUE, Split({"blue": 70, "green": 30}))

    assert caught.value.theirs == Split({"blue": 50, "green": 50})
    assert get_endpoint(conn, served).split == Split({"blue": 50, "green": 50})


def test_a_running_operation_is_not_disturbed(
    conn: Connection, local_azure: LocalAzure, served: str, split: Write
) -> None:
    before = local_azure.control("GET", "settings").json()
    local_azure.control("POST", "settings", {**before, "operation_seconds": 3}).raise_for_status()
    try:
        document = local_azure.arm("GET", f"onlineEndpoints/{served}").json()
        running = local_azure.arm("PUT", f"onlineEndpoints/{served}", document)
        with pytest.raises(Conflict) as caught:
            write_split(conn, served, BLUE, Split({"blue": 70, "green": 30}))
        local_azure.finish(running)
    finally:
        local_azure.control("POST", "settings", before).raise_for_status()

    assert caught.value.theirs is None
    assert "Updating" in caught.value.why


def test_azures_own_refusal_reaches_the_person(conn: Connection, served: str, split: Write) -> None:
    with pytest.raises(RuleBroken, match="50") as caught:
        write_split(conn, served, BLUE, Split({"blue": 50}))

    assert caught.value.request_id
    assert get_endpoint(conn, served).split == BLUE


def test_a_reader_cannot_write_and_learns_which_role_it_takes(
    connect_to: Callable[..., Connection], local_azure: LocalAzure, served: str, split: Write
) -> None:
    reader = connect_to(local_azure, role="reader")

    with pytest.raises(AccessDenied) as caught:
        write_split(reader, served, BLUE, Split({"green": 100}))

    assert "AzureML Data Scientist" in caught.value.next_step
    assert get_endpoint(reader, served).split == BLUE


def test_both_keys_are_read(conn: Connection, local_azure: LocalAzure, served: str) -> None:
    expected = local_azure.arm("POST", f"onlineEndpoints/{served}/listKeys").json()

    assert keys(conn, served) == (expected["primaryKey"], expected["secondaryKey"])


def test_the_log_of_a_deployment_is_read_through_microsofts_sdk(conn: Connection, served: str) -> None:
    assert "factor is 3" in logs(conn, served, "green")
    assert logs(conn, served, "green", container="storage-initializer")


def test_the_log_of_a_deployment_that_does_not_exist_is_not_found(conn: Connection, served: str) -> None:
    with pytest.raises(NotFound):
        logs(conn, served, "violet")
