"""The activity log through azure-mgmt-monitor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.monitor import MonitorManagementClient

from tests.contract.management_clients import monitor_client
from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def client(local_azure: LocalAzure) -> Iterator[MonitorManagementClient]:
    with monitor_client(local_azure, "reader") as made:
        yield made


def hour() -> str:
    """The clause on time, as the reference writes it."""
    now = datetime.now(UTC)
    first, last = ((now + timedelta(hours=by)).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for by in (-1, 1))
    return f"eventTimestamp ge '{first}' and eventTimestamp le '{last}'"


def test_who_changed_an_endpoint_can_be_asked(client: MonitorManagementClient, local_azure: LocalAzure) -> None:
    create_endpoint(local_azure, "asked-who")
    uri = f"{local_azure.workspace}/onlineEndpoints/asked-who"
    events = list(client.activity_logs.list(filter=f"{hour()} and resourceUri eq '{uri}'"))
    assert [each.status.value for each in events] == ["Succeeded", "Accepted", "Started"]
    assert {each.caller for each in events} == {"Local owner"}
    assert events[0].event_timestamp is not None
    assert events[0].event_timestamp >= events[-1].event_timestamp
    assert events[-1].http_request.method == "PUT"
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/asked-who"))


def test_every_page_is_followed_and_only_what_is_selected_comes(
    client: MonitorManagementClient, local_azure: LocalAzure
) -> None:
    for _ in range(101):
        local_azure.arm("DELETE", "onlineEndpoints/paged")
    uri = f"{local_azure.workspace}/onlineEndpoints/paged"
    events = list(
        client.activity_logs.list(
            filter=f"{hour()} and resourceUri eq '{uri}'", select="eventTimestamp, operationName,status"
        )
    )
    assert len(events) == 202
    assert events[0].operation_name.value.endswith("onlineEndpoints/delete")
    assert events[0].caller is None
    assert events[0].resource_id is None


def test_a_filter_that_the_reference_does_not_know_is_refused(client: MonitorManagementClient) -> None:
    with pytest.raises(HttpResponseError) as caught:
        list(client.activity_logs.list(filter=f"{hour()} and colour eq 'blue'"))
    assert caught.value.status_code == 400


def test_event_categories_are_listed(client: MonitorManagementClient) -> None:
    assert "Autoscale" in [each.value for each in client.event_categories.list()]
