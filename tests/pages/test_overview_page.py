"""The Overview page on a running local Azure."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from services.azure.documents import as_deployment, as_endpoint
from tests import resources
from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page
from ui import endpoint_notices
from ui.overview import deployment_tables, overview_keys, overview_page

pytestmark = pytest.mark.emulator
CROWDED = "overview-crowded"
PRIVATE = "overview-private"
HOSTILE = "<script>alert(1)</script> **bold** [x](javascript:y)"
NAMES = [f"candidate-{number:02}" for number in range(20)]


@pytest.fixture(scope="module")
def crowded(seeded: LocalAzure) -> Iterator[LocalAzure]:
    """A local Azure with an endpoint of 20 deployments and hostile texts, and one without public network access."""
    tagged = {
        "name": CROWDED,
        "description": HOSTILE,
        "tags": {"html": HOSTILE, "api-key": "hunter2"},
        "deployments": [{"name": name, "tags": {"nr": name}} for name in NAMES],
        "traffic": dict.fromkeys(NAMES, 5),
    }
    seeded.control("POST", "seed", {"endpoints": [tagged]}).raise_for_status()
    body = {"location": "westeurope", "properties": {"authMode": "AADToken", "publicNetworkAccess": "Disabled"}}
    seeded.finish(seeded.arm("PUT", f"onlineEndpoints/{PRIVATE}", body))
    yield seeded
    for name in (CROWDED, PRIVATE):
        seeded.finish(seeded.arm("DELETE", f"onlineEndpoints/{name}"))


def settled(page: Page) -> Page:
    """The page once what is read behind the scenes is there."""
    deadline, pause = time.monotonic() + 60, threading.Event()
    while 'class="working"' in page.html() and time.monotonic() < deadline:
        pause.wait(0.05)
        page.app.run()
    return page


def codes(page: Page) -> list[str]:
    return [element.value for element in page.app.code]


def test_the_head_and_the_table_say_what_the_endpoint_is(open_page: Callable[..., Page], recent: LocalAzure) -> None:
    page = open_page("overview", recent, endpoint=SPLIT)
    html = page.html()
    assert "20 % to green" in html
    assert "system-assigned, principal " in html
    assert html.count(" by Local owner") == 2
    assert any(code.endswith(f"/endpoints/{SPLIT}/score") for code in codes(page))
    assert any(code.endswith("swagger.json") for code in codes(page))
    blue, green = page.rows(f"deployments:{SPLIT}")
    assert blue[:4] == ["blue", "100 %", "0 %", "Succeeded"]
    assert green[:4] == ["green", "0 %", "20 %", "Succeeded"]
    assert blue[4].endswith(" /min")
    assert blue[7:9] == ["1", "factor-2:1"]
    assert blue[9].startswith("uploaded ")
    assert blue[10:] == ["smallest:1", "1 request", "5.00 s", "every 10 s", "every 10 s"]


def test_two_deployments_are_compared_with_the_differences_first(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("overview", seeded, endpoint=SPLIT)
    assert page.rows("specifications") == [["Model", "factor-2:1", "factor-3:1", "differs"]]
    page.app.toggle(key="only_differences").set_value(False).run()
    assert ["Scoring script", "score.py", "score.py", "same"] in page.rows("specifications")
    page.app.selectbox(key=f"right:{SPLIT}").set_value("blue").run()
    assert {row[3] for row in page.rows("specifications")} == {"same"}


def test_files_are_shown_for_the_endpoint_and_each_deployment(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = view(open_page("overview", seeded, endpoint=SPLIT), overview_page.FILES)
    assert "mirror_traffic:\n  green: 20" in codes(page)[-1]
    page.app.selectbox(key=f"resource:{SPLIT}").set_value("green").run()
    assert "model: azureml:factor-3:1" in codes(page)[-1]
    page.app.segmented_control(key="format").set_value("JSON of Azure Resource Manager").run()
    assert json.loads(codes(page)[-1])["name"] == "green"


def view(page: Page, name: str) -> Page:
    page.app.segmented_control(key="view").set_value(name).run()
    assert not page.app.exception
    return page


def test_keys_are_masked_shown_on_a_click_and_gone_with_the_next_one(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    keys = seeded.arm("POST", f"onlineEndpoints/{SPLIT}/listKeys").json()
    page = view(open_page("overview", seeded, endpoint=SPLIT), overview_page.KEYS)
    assert page.html().count(overview_keys.MASK) == 2
    assert keys["primaryKey"] not in "".join(codes(page))
    page.app.button(key="show_keys").click().run()
    assert {keys["primaryKey"], keys["secondaryKey"]} <= set(codes(page))
    assert overview_keys.MASK not in page.html()
    assert keys["primaryKey"] not in repr(page.app.session_state)
    page.app.run()
    assert keys["primaryKey"] not in "".join(codes(page))
    assert page.html().count(overview_keys.MASK) == 2


def test_a_reader_sees_everything_but_keys_and_why(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = view(open_page("overview", seeded, role="reader", endpoint=SPLIT), overview_page.KEYS)
    assert page.app.button(key="show_keys").disabled
    assert any("may not read keys" in caption.value for caption in page.app.caption)
    assert "get-credentials" in codes(page)[-1]


def test_programs_can_be_pinned_to_a_deployment(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = view(open_page("overview", seeded, endpoint=SPLIT), overview_page.SNIPPETS)
    assert not any("azureml-model-deployment: " in code for code in codes(page))
    page.app.selectbox(key=f"snippet_target:{SPLIT}").set_value("green").run()
    assert any("azureml-model-deployment: green" in code for code in codes(page))


def test_writes_are_shown_and_missing_events_explained(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = settled(view(open_page("overview", seeded, endpoint=SPLIT), overview_page.EVENTS))
    assert page.rows("writes")[0][1:4] == ["Local owner", "workspaces/onlineEndpoints/write", "Succeeded"]
    assert "The event log of this endpoint is not sent to Log Analytics" in page.html()


def test_without_log_analytics_the_rest_of_the_events_is_still_there(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    seeded.control("POST", "faults", {"path": "/v1/*", "status": 403}).raise_for_status()
    try:
        page = settled(view(open_page("overview", seeded, endpoint=SPLIT), overview_page.EVENTS))
    finally:
        seeded.control("DELETE", "faults").raise_for_status()
    assert "The lifecycle events of" in page.html()
    assert page.rows("writes")


def test_an_endpoint_without_deployments_says_what_to_do(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("overview", seeded, endpoint=BARE)
    assert f"az ml online-deployment create --endpoint {BARE}" in page.html()
    assert "has 0 deployments" in page.html()
    for name in overview_page.VIEWS:
        view(page, name)


def test_twenty_deployments_and_hostile_texts_are_text(open_page: Callable[..., Page], crowded: LocalAzure) -> None:
    page = open_page("overview", crowded, endpoint=CROWDED)
    assert len(page.rows(f"deployments:{CROWDED}")) == 20
    assert "and 16 more" in page.html()
    assert "<script>" not in page.html()
    assert "&lt;script&gt;alert(1)" in page.html()
    assert "hunter2" not in page.html()
    assert [text.value for text in page.app.text] == [HOSTILE]
    view(page, overview_page.FILES)
    assert "hunter2" not in codes(page)[-1]
    page.app.toggle(key="show_hidden").set_value(True).run()
    assert "hunter2" in codes(page)[-1]


def test_a_private_endpoint_says_why_it_cannot_be_called(open_page: Callable[..., Page], crowded: LocalAzure) -> None:
    for name in ("overview", "test"):
        assert "Public network access is off" in open_page(name, crowded, endpoint=PRIVATE).html()


def test_what_azure_did_not_say_is_never_shown_as_zero() -> None:
    bare = as_deployment({"name": "blue"}, "digits")
    [row] = deployment_tables.rows(as_endpoint({"name": "digits"}), [bare], {})
    said = [cell.text for cell in row.cells]
    assert said[4:7] == ["no data"] * 3
    assert said[7:11] == ["not set"] * 4
    assert said[13:] == ["not set"] * 2


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        (None, "none"),
        ({"type": "None"}, "none"),
        ({"type": "SystemAssigned", "principalId": "p-1"}, "system-assigned, principal p-1"),
        (
            {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"/x/scorer": {}}},
            "system-assigned; user-assigned scorer",
        ),
    ],
)
def test_identities_in_words(identity: dict[str, Any] | None, said: str) -> None:
    assert overview_page.identity_words(identity) == said


def test_a_kubernetes_endpoint_is_marked_read_only() -> None:
    [(lead, _)] = endpoint_notices.notices(resources.endpoint(compute="/c"))
    assert lead == "Kubernetes, read only."
