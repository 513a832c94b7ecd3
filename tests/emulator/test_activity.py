"""The activity log: what is recorded, what may be asked, and how it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from emulator.errors import StartError
from emulator.monitor.activity import KEEP_SECONDS, Activities, Outcome, Subject, rendered
from emulator.monitor.activity_query import WrongQuery, parse_activity_query
from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

NOW = 1_800_000_000.0
GROUP = "/subscriptions/s1/resourceGroups/rg"
SHOP = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws/onlineEndpoints/shop"
WRITE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write"
SUBJECT = Subject("someone", "Owner", {"name": "someone"}, WRITE, SHOP, "c-1", {"method": "PUT"})
SINCE = "eventTimestamp ge '2027-01-01T00:00:00Z'"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Activities]:
    kept = Activities(tmp_path / "activity.db")
    yield kept
    kept.close()


def asked(text: str = SINCE, select: str = "", now: float = NOW) -> Any:
    return parse_activity_query(text, select, now)


def test_an_event_has_the_shape_of_the_reference() -> None:
    event = rendered(NOW + 0.25, "t", SUBJECT, Outcome("Succeeded", 201))
    assert event["eventTimestamp"] == "2027-01-15T08:00:00.2500000Z"
    assert event["id"].startswith(f"{SHOP}/events/{event['eventDataId']}/ticks/63")
    assert event["operationName"] == {"value": WRITE, "localizedValue": WRITE}
    assert event["subStatus"] == {"value": "Created", "localizedValue": "Created (HTTP Status Code: 201)"}
    assert event["resourceType"]["value"] == "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
    assert event["resourceProviderName"]["value"] == "Microsoft.MachineLearningServices"
    assert (event["resourceGroupName"], event["subscriptionId"], event["level"]) == ("rg", "s1", "Informational")
    assert event["authorization"] == {"action": WRITE, "role": "Owner", "scope": SHOP}


def test_a_failure_is_an_error_with_its_status() -> None:
    event = rendered(NOW, "t", SUBJECT, Outcome("Failed", 409, properties={"statusMessage": "{}"}))
    assert (event["level"], event["subStatus"]["value"]) == ("Error", "Conflict")
    assert event["properties"]["statusMessage"] == "{}"
    assert event["properties"]["statusCode"] == "Conflict"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "required"),
        ("resourceGroupName eq 'rg'", "start time"),
        (f"{SINCE} and resourceGroupName eq 'rg' and correlationId eq 'c'", "only one of"),
        (f"{SINCE} or resourceGroupName eq 'rg'", "joined by and"),
        (f"{SINCE} and", "cannot be read"),
        (f"{SINCE} and {SINCE}", "more than once"),
        (f"{SINCE} and resourceUri ne 'x'", "cannot be read"),
        (f"{SINCE} and colour eq 'blue'", "colour eq is not supported"),
        (f"{SINCE} and resourceUri ge 'x'", "resourceUri ge is not supported"),
        ("eventTimestamp eq '2027-01-01'", "eventTimestamp eq is not supported"),
        ("eventTimestamp ge 'yesterday'", "not a date"),
        ("eventTimestamp ge '2026-10-01T00:00:00Z'", "90 days"),
        (f"{SINCE} and eventTimestamp le '2026-12-31T00:00:00Z'", "before the start"),
    ],
)
def test_a_wrong_filter_is_refused_with_a_reason(text: str, words: str) -> None:
    with pytest.raises(WrongQuery, match=words):
        asked(text)


def test_filters_that_programs_send_are_read() -> None:
    query = asked("eventTimestamp ge 2027-01-01 AND eventTimestamp le '2027-01-02T00:00:00.1234567Z'")
    assert query.end - query.start == pytest.approx(86_400.123456)
    query = asked(f"{SINCE} and eventChannels eq 'Admin, Operation' and resourceUri eq '{SHOP}/' and levels eq 'a,b'")
    assert query.equals == {"resource": [SHOP], "level": ["a", "b"]}


def test_select_leaves_only_what_it_names_and_never_the_caller(store: Activities) -> None:
    store.append(NOW, "t", SUBJECT, Outcome("Succeeded", 200))
    [event], _ = store.page("s1", asked(select="eventTimestamp,operationname, caller"))
    assert set(event) == {"eventTimestamp", "operationName"}


def test_events_come_newest_first_in_pages_without_gaps(store: Activities) -> None:
    for number in range(25):
        store.append(NOW - number % 5, "t", replace(SUBJECT, correlation_id=f"c-{number}"), Outcome("Started"))
    seen: list[dict[str, Any]] = []
    before = None
    while True:
        page, before = store.page("S1", asked(), before, size=10)
        seen += page
        store.append(NOW + 1, "t", SUBJECT, Outcome("Started"))
        if before is None:
            break
    assert [len({each["correlationId"] for each in seen}), len(seen)] == [25, 25]
    times = [each["eventTimestamp"] for each in seen]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        (f"resourceUri eq '{SHOP.upper()}'", 2),
        (f"resourceUri eq '{SHOP}/deployments/blue'", 1),
        ("resourceGroupName eq 'RG'", 3),
        ("resourceGroupName eq 'other'", 0),
        ("resourceProvider eq 'microsoft.machinelearningservices'", 3),
        ("correlationId eq 'c-1'", 2),
        ("status eq 'Failed'", 1),
        ("caller eq 'someone'", 3),
        ("levels eq 'Critical,Error'", 1),
    ],
)
def test_each_clause_finds_its_events(store: Activities, clause: str, found: int) -> None:
    store.append(NOW, "t", SUBJECT, Outcome("Started"))
    store.append(NOW, "t", SUBJECT, Outcome("Failed", 409))
    blue = replace(SUBJECT, resource_id=f"{SHOP}/deployments/blue", correlation_id="c-2")
    store.append(NOW, "t", blue, Outcome("Started"))
    assert len(store.page("s1", asked(f"{SINCE} and {clause}"))[0]) == found
    assert store.page("s2", asked(f"{SINCE} and {clause}"))[0] == []


def test_what_is_older_than_ninety_days_goes(store: Activities) -> None:
    store.append(NOW - KEEP_SECONDS - 1, "t", SUBJECT, Outcome("Started"))
    for _ in range(1000):
        store.append(NOW, "t", SUBJECT, Outcome("Started"))
    everything = replace(asked(), start=0.0)
    assert len(store.page("s1", everything, size=2000)[0]) == 1000


def test_a_file_that_is_no_database_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "activity.db").write_text("no database, however long it may be" * 100)
    with pytest.raises(StartError, match=r"activity\.db"):
        Activities(tmp_path / "activity.db")


Listing = Callable[..., list[dict[str, Any]]]


def log(azure: LocalAzure, clause: str = "", **query: str) -> requests.Response:
    """Ask the activity log for the last hour and the next."""
    start = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    text = f"eventTimestamp ge '{start}'" + (f" and {clause}" if clause else "")
    subscription = azure.workspace.split("/resourceGroups/")[0]
    return requests.get(
        f"{azure.url}{subscription}/providers/microsoft.insights/eventtypes/management/values",
        params={"api-version": "2015-04-01", "$filter": text, **query},
        headers={"Authorization": f"Bearer {azure.token()}"},
        verify=azure.bundle,
        timeout=60,
    )


def events(azure: LocalAzure, endpoint: str) -> list[tuple[str, str, str]]:
    """Operation (its last two words), status and sub-status of an endpoint's events, oldest first."""
    found = log(azure, f"resourceUri eq '{azure.workspace}/onlineEndpoints/{endpoint}'").json()["value"]
    return [
        (
            "/".join(each["operationName"]["value"].split("/")[-2:]),
            each["status"]["value"],
            each["subStatus"]["value"],
        )
        for each in reversed(found)
    ]


@pytest.mark.emulator
def test_a_write_its_operation_and_a_refusal_are_recorded_under_who_asked(local_azure: LocalAzure) -> None:
    azure, path = local_azure, "onlineEndpoints/in-the-activity-log"
    create_endpoint(azure, "in-the-activity-log")
    assert azure.arm("GET", path).ok
    assert azure.arm("POST", f"{path}/listKeys").ok
    assert azure.arm("PUT", path, {"location": "x", "properties": {"traffic": {"blue": 7}}}).status_code == 400
    assert azure.arm("DELETE", path, token=azure.token("reader")).status_code == 403
    assert azure.arm("DELETE", path, token="wrong").status_code == 401
    assert events(azure, "in-the-activity-log") == [
        ("onlineEndpoints/write", "Started", ""),
        ("onlineEndpoints/write", "Accepted", "Created"),
        ("onlineEndpoints/write", "Succeeded", ""),
        ("listKeys/action", "Started", ""),
        ("listKeys/action", "Succeeded", "OK"),
        ("onlineEndpoints/write", "Started", ""),
        ("onlineEndpoints/write", "Failed", "BadRequest"),
        ("onlineEndpoints/delete", "Failed", "Forbidden"),
    ]
    found = log(azure, f"resourceUri eq '{azure.workspace}/{path}'").json()["value"]
    refused, written = found[0], found[-3:]
    assert refused["caller"] == "Local reader"
    assert "AuthorizationFailed" in refused["properties"]["statusMessage"]
    assert {each["caller"] for each in written} == {"Local owner"}
    assert len({each["correlationId"] for each in written}) == 1
    claims = written[0]["claims"]
    assert claims["http://schemas.microsoft.com/identity/claims/objectidentifier"]
    azure.finish(azure.arm("DELETE", path))


@pytest.mark.emulator
def test_events_share_the_correlation_id_of_the_answer(local_azure: LocalAzure) -> None:
    path = "onlineEndpoints/related"
    answer = create_endpoint(local_azure, "related")
    found = log(local_azure, f"correlationId eq '{answer.headers['x-ms-correlation-request-id']}'").json()["value"]
    assert [each["status"]["value"] for each in found] == ["Succeeded", "Accepted", "Started"]
    local_azure.finish(local_azure.arm("DELETE", path))


@pytest.mark.emulator
def test_a_failed_operation_says_why(local_azure: LocalAzure) -> None:
    path = "onlineEndpoints/nowhere/deployments/blue"
    assert local_azure.arm("PUT", path, {"properties": {}, "sku": {"capacity": 1}}).status_code >= 400
    found = log(local_azure, f"resourceUri eq '{local_azure.workspace}/{path}'").json()["value"]
    assert [each["status"]["value"] for each in found] == ["Failed", "Started"]
    assert "code" in found[0]["properties"]["statusMessage"]


@pytest.mark.emulator
def test_pages_link_to_each_other_with_nothing_to_encode(local_azure: LocalAzure) -> None:
    for _ in range(101):
        local_azure.arm("DELETE", "onlineEndpoints/never")
    clause = f"resourceUri eq '{local_azure.workspace}/onlineEndpoints/never'"
    first = log(local_azure, clause, **{"$select": "eventDataId"}).json()
    assert len(first["value"]) == 200
    assert first["nextLink"].startswith(f"https://localhost:{local_azure.port}/subscriptions/")
    assert " " not in first["nextLink"]
    headers = {"Authorization": f"Bearer {local_azure.token()}"}
    second = requests.get(first["nextLink"], headers=headers, verify=local_azure.bundle, timeout=60).json()
    assert "nextLink" not in second
    ids = {each["eventDataId"] for each in first["value"] + second["value"]}
    assert len(ids) == len(first["value"]) + len(second["value"]) >= 202


@pytest.mark.emulator
def test_a_wrong_question_is_400_and_a_reader_may_ask(local_azure: LocalAzure) -> None:
    assert log(local_azure, "colour eq 'blue'").json()["code"] == "BadRequest"
    for token in ("x", "1_x", "nan_1", "1_" + "9" * 30):
        assert log(local_azure, **{"$skiptoken": token}).status_code == 400
    start = datetime.fromtimestamp(time.time() - 60, UTC).isoformat()
    subscription = local_azure.workspace.split("/resourceGroups/")[0]
    path = f"{subscription}/providers/Microsoft.Insights/eventtypes/management/values"
    answer = requests.get(
        f"{local_azure.url}{path}",
        params={"api-version": "2015-04-01", "$filter": f"eventTimestamp ge '{start}'"},
        headers={"Authorization": f"Bearer {local_azure.token('reader')}"},
        verify=local_azure.bundle,
        timeout=60,
    )
    assert answer.status_code == 200


@pytest.mark.emulator
def test_young_events_are_hidden_for_as_long_as_the_switch_says(local_azure: LocalAzure) -> None:
    assert local_azure.arm("DELETE", "onlineEndpoints/young").status_code == 204
    local_azure.control("POST", "settings", {"activity_delay_seconds": 3600.0}).raise_for_status()
    try:
        assert events(local_azure, "young") == []
    finally:
        local_azure.control("POST", "settings", {"activity_delay_seconds": 0.0}).raise_for_status()
    assert [status for _, status, _ in events(local_azure, "young")] == ["Started", "Succeeded"]


@pytest.mark.emulator
def test_event_categories_are_listed(local_azure: LocalAzure) -> None:
    found = local_azure.arm("GET", "/providers/Microsoft.Insights/eventcategories", version="2015-04-01").json()
    assert {"Administrative", "Autoscale"} <= {each["value"] for each in found["value"]}


@pytest.mark.emulator
def test_events_outlive_a_killed_server(tmp_path: Path) -> None:
    with LocalAzure(tmp_path / "state") as azure:
        create_endpoint(azure, "kept")
        azure.stop(9)
    with LocalAzure(tmp_path / "state") as azure:
        assert ("onlineEndpoints/write", "Succeeded", "") in events(azure, "kept")
