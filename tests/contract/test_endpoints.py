"""Reading endpoints and deployments, and writing a split without losing anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import (
    Sent,
    get_endpoint,
    keys,
    list_deployments,
    list_endpoints,
    logs,
    poll_split,
    send_split,
)
from services.azure.operations import Poll
from services.errors import (
    AccessDenied,
    Conflict,
    NotFound,
    RuleBroken,
    SignInFailed,
    SluiceError,
    Throttled,
    Unreachable,
)
from services.model import Endpoint, Split
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

Write = Callable[..., None]
BLUE = Split({"blue": 100})


def finish(conn: Connection, endpoint: Endpoint, sent: Sent) -> Poll:
    """The last look at an accepted write, or at the endpoint when nobody knows where its operation is."""
    deadline = time.monotonic() + 60
    while True:
        found = poll_split(conn, endpoint, sent.operation)
        if found.has_ended:
            return found
        assert time.monotonic() < deadline, found


def test_an_endpoint_is_listed_as_it_is_read(conn: Connection, served: str, split: Write) -> None:
    listed = {endpoint.name: endpoint for endpoint in list_endpoints(conn)}
    found = get_endpoint(conn, served)

    assert listed[served] == found
    assert (found.state, found.auth_mode, found.split) == ("Succeeded", "key", BLUE)
    assert found.workspace == "local"
    assert found.scoring_uri.startswith("https://")
    assert found.created_at is not None


def test_deployments_are_listed_with_what_they_run(conn: Connection, served: str) -> None:
    found = {each.name: each for each in list_deployments(conn, served)}
    blue, green = found["blue"], found["green"]

    assert (blue.endpoint, blue.state, blue.instance_type, blue.instance_count) == (
        served,
        "Succeeded",
        "Standard_DS3_v2",
        1,
    )
    assert (blue.request_timeout_ms, blue.max_concurrent_requests) == (6000, 4)
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
    seen = get_endpoint(conn, served)

    sent = send_split(conn, seen, Split({"blue": 70, "green": 30}))
    ended = finish(conn, seen, sent)

    after = local_azure.arm("GET", f"onlineEndpoints/{served}").json()
    assert (sent.doubt, ended.failure) == (None, None)
    assert sent.request_ids
    assert sent.modified_at == get_endpoint(conn, served).modified_at
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


def test_a_write_without_an_answer_is_in_doubt(
    conn: Connection, local_azure: LocalAzure, served: str, split: Write, fault: Callable[..., None]
) -> None:
    seen = get_endpoint(conn, served)
    fault(method="PUT", path=f"/subscriptions/*/onlineEndpoints/{served}", connection="lost", times=1)
    sent = send_split(conn, seen, Split({"green": 100}))
    finish(conn, seen, sent)

    assert isinstance(sent.doubt, Unreachable)
    assert "what became of it is not known" in sent.doubt.what
    assert get_endpoint(conn, served).split == Split({"green": 100})


@pytest.mark.parametrize("answer", [{"status": 500}, {"status": 503}, {"status": 408}, {"connection": "reset"}])
def test_an_error_that_does_not_say_whether_azure_has_the_write_is_a_doubt(
    conn: Connection, served: str, split: Write, fault: Callable[..., None], answer: dict[str, Any]
) -> None:
    fault(method="PUT", path=f"/subscriptions/*/onlineEndpoints/{served}", times=1, **answer)

    assert send_split(conn, get_endpoint(conn, served), Split({"green": 100})).doubt is not None
    assert get_endpoint(conn, served).split == BLUE


@pytest.mark.parametrize(
    ("status", "kind"), [(400, RuleBroken), (401, SignInFailed), (403, AccessDenied), (404, NotFound), (409, Conflict)]
)
def test_a_refusal_is_certain(
    conn: Connection, served: str, split: Write, fault: Callable[..., None], status: int, kind: type[SluiceError]
) -> None:
    fault(method="PUT", path=f"/subscriptions/*/onlineEndpoints/{served}", times=1, status=status)
    with pytest.raises(kind):
        send_split(conn, get_endpoint(conn, served), Split({"green": 100}))


def test_a_throttled_write_says_how_long_to_wait(
    conn: Connection, served: str, split: Write, fault: Callable[..., None]
) -> None:
    fault(method="PUT", path=f"/subscriptions/*/onlineEndpoints/{served}", times=1, status=429, retry_after=7)
    with pytest.raises(Throttled) as caught:
        send_split(conn, get_endpoint(conn, served), Split({"green": 100}))

    assert caught.value.retry_after_seconds == 7


def test_azures_own_refusal_reaches_the_person(conn: Connection, served: str, split: Write) -> None:
    with pytest.raises(RuleBroken, match="50") as caught:
        send_split(conn, get_endpoint(conn, served), Split({"blue": 50}))

    assert caught.value.request_id
    assert get_endpoint(conn, served).split == BLUE


def test_a_reader_cannot_write_and_learns_which_role_it_takes(
    connect_to: Callable[..., Connection], local_azure: LocalAzure, served: str, split: Write
) -> None:
    reader = connect_to(local_azure, role="reader")

    with pytest.raises(AccessDenied) as caught:
        send_split(reader, get_endpoint(reader, served), Split({"green": 100}))

    assert "AzureML Data Scientist" in caught.value.next_step
    assert get_endpoint(reader, served).split == BLUE


def test_both_keys_are_read(conn: Connection, local_azure: LocalAzure, served: str) -> None:
    expected = local_azure.arm("POST", f"onlineEndpoints/{served}/listKeys").json()

    assert keys(conn, served) == (expected["primaryKey"], expected["secondaryKey"])


def test_the_log_of_a_deployment_is_read(conn: Connection, local_azure: LocalAzure, served: str, split: Write) -> None:
    # What it wrote when it started may have left the newest lines: every probe and every other test adds some.
    assert local_azure.score(served, {"data": ["one"]}).status_code == 424
    deadline = time.monotonic() + 60
    while "whole numbers expected" not in logs(conn, served, "blue"):
        assert time.monotonic() < deadline

    assert "Downloaded" in logs(conn, served, "blue", container="StorageInitializer")


def test_the_log_of_a_deployment_that_does_not_exist_is_not_found(conn: Connection, served: str) -> None:
    with pytest.raises(NotFound):
        logs(conn, served, "violet")
