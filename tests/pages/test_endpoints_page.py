"""The Endpoints page and the strip, on a running local Azure."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import streamlit as st

from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page

pytestmark = pytest.mark.emulator


OTHER = {"subscription": "51c0ffee-0000-4000-8000-000000000001", "resource_group": "rg-other", "region": "northeurope"}
OTHER_ID = (
    f"/subscriptions/{OTHER['subscription']}/resourceGroups/rg-other"
    "/providers/Microsoft.MachineLearningServices/workspaces"
)
LISTED_SECONDS = 60.0


def listed(page: Page) -> Page:
    """The page once nothing of its list is being read any more."""
    deadline, pause = time.monotonic() + LISTED_SECONDS, threading.Event()
    while "reading…" in str(texts(page)) or 'class="working"' in page.html():
        assert time.monotonic() < deadline, page.html()
        pause.wait(0.1)
        page.app.run()
    return page


def texts(page: Page) -> list[list[str]]:
    """The text of the list, row by row, empty as long as there is none."""
    is_there = any(each.proto.id.endswith("-endpoints") for each in page.app.get("bidi_component"))
    return page.rows("endpoints") if is_there else []


@pytest.fixture(scope="module")
def several(seeded: LocalAzure) -> Iterator[LocalAzure]:
    """Two more workspaces in another subscription, one of which refuses to tell its endpoints."""
    names = ("fleet-open", "fleet-closed")
    assert seeded.control("POST", "seed", {"workspaces": [{**OTHER, "name": name} for name in names]}).ok
    endpoints = [
        {
            "name": f"fleet-{number}",
            "workspace": f"{OTHER_ID}/fleet-open",
            "deployments": [
                {"name": name, "instanceType": "Standard_DS3_v2", "capacity": 2} for name in ("old", "new")
            ],
            "traffic": {"old": 100} if number else {},
            "tags": {"team": "<i>shop</i>"},
            "description": "*not* <b>bold</b>",
        }
        for number in range(12)
    ]
    assert seeded.control("POST", "seed", {"endpoints": endpoints}).ok
    fault = {"path": "/subscriptions/*/workspaces/fleet-closed/*", "status": 403, "code": "AuthorizationFailed"}
    added = seeded.control("POST", "faults", fault).json()
    yield seeded
    assert seeded.control("DELETE", f"faults/{added['id']}").ok


def test_the_list_shows_split_mirror_and_numbers(open_page: Callable[..., Page], recent: LocalAzure) -> None:
    page = listed(open_page("endpoints", recent))
    rows = {row[0]: row[1:] for row in texts(page)}
    assert rows[SPLIT][:3] == ["Succeeded", "blue 100 %", "20 % to green"]
    assert rows[SPLIT][3].endswith(" /min")
    assert rows[SPLIT][4].endswith(" ms")
    assert rows[BARE][:8] == ["Succeeded", "no live traffic", "none", *["no data"] * 3, "0", "key"]
    assert rows[BARE][9:] == ["local", "westeurope"]
    spark = next(row for row in page.component("endpoints")["rows"] if row["cells"][0]["text"] == SPLIT)["cells"][4]
    assert len(spark["spark"]) == 60
    assert any(spark["spark"])


def test_rows_link_to_the_page_of_their_endpoint(open_page: Callable[..., Page], several: LocalAzure) -> None:
    page = listed(open_page("endpoints", several, workspaces="all"))
    links = {row["cells"][0]["text"]: row["href"] for row in page.component("endpoints")["rows"]}
    assert links[SPLIT] == f"overview?endpoint={SPLIT}"
    address = f"{OTHER['subscription']}%2Frg-other%2Ffleet-open"
    assert links["fleet-3"] == f"overview?endpoint=fleet-3&workspace={address}"


def test_a_workspace_that_fails_leaves_the_others(open_page: Callable[..., Page], several: LocalAzure) -> None:
    page = listed(open_page("endpoints", several, workspaces="all"))
    names = {row[0]: row[1] for row in texts(page)}
    assert names[SPLIT] == "local"
    assert [name for name, workspace in names.items() if workspace == "fleet-open"][:2] == ["fleet-0", "fleet-1"]
    assert page.html().count('role="alert"') == 1
    assert "Workspace fleet-closed: " in page.html()
    assert "<b>All workspaces</b>" in page.html()
    assert "retry_list" in [button.key for button in page.app.button]


def test_one_workspace_that_fails_takes_the_place_of_the_list(
    open_page: Callable[..., Page], several: LocalAzure
) -> None:
    page = listed(open_page("endpoints", several, workspace=f"{OTHER['subscription']}/rg-other/fleet-closed"))
    assert texts(page) == []
    assert "Ask an owner of the workspace for the role Reader" in page.html()
    page.app.button(key="way_home").click().run()
    assert "workspace" not in page.app.query_params
    assert SPLIT in [row[0] for row in texts(listed(page))]


def test_marks_count_what_needs_attention(open_page: Callable[..., Page], several: LocalAzure) -> None:
    workspace = f"{OTHER['subscription']}/rg-other/fleet-open"
    component = listed(open_page("endpoints", several, workspace=workspace)).component("endpoints")
    assert [each["label"] for each in component["filters"]][:2] == ["Needs attention", "Failed"]
    marked = [row["cells"][0]["text"] for row in component["rows"] if "no traffic" in row.get("marks", [])]
    assert marked == ["fleet-0"]
    row = component["rows"][0]
    assert "attention" in row["marks"]
    assert "team=<i>shop</i>" in row["also"], "tags are found, as text"
    assert row["cells"][7]["text"] == "4"


def test_search_filters_and_order_come_from_the_address_and_stay(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("endpoints", seeded, q="pages", show="failed,idle", sort="-p95")
    assert page.component("endpoints")["view"] == {"search": "pages", "filters": ["failed", "idle"], "sort": "-p95"}
    for name in ("q", "show", "sort"):
        del page.app.query_params[name]
    page.app.run()
    assert page.app.query_params["q"] == "pages"
    assert page.component("endpoints")["view"]["sort"] == "-p95"


def test_the_chosen_endpoint_is_marked_and_carried(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = listed(open_page("endpoints", seeded, endpoint=SPLIT))
    assert page.component("endpoints")["current"].endswith(f"/onlineEndpoints/{SPLIT}")
    assert page.app.query_params["endpoint"] == SPLIT


def test_a_workspace_in_the_address_that_makes_no_sense_is_explained(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("endpoints", seeded, workspace="<b>nowhere</b>")
    assert "The workspace could not be opened." in page.html()
    assert "&lt;b&gt;nowhere&lt;/b&gt;" in page.html()
    page.app.button(key="way_home").click().run()
    assert SPLIT in [row[0] for row in texts(listed(page))]


def test_every_workspace_can_be_chosen(open_page: Callable[..., Page], several: LocalAzure) -> None:
    page = open_page("endpoints", several)
    page.app.button(key="other_workspace").click().run()
    rows = page.rows("workspaces")
    assert ["fleet-open", "rg-other"] in [row[:2] for row in rows]
    assert "local" in [row[0] for row in rows]


@pytest.mark.parametrize(
    ("role", "words"), [("owner", "Local owner</b> <i>may change traffic"), ("reader", "Local reader</b> <i>read only")]
)
def test_the_strip_says_where_you_are_and_what_you_may_do(
    open_page: Callable[..., Page], seeded: LocalAzure, role: str, words: str
) -> None:
    page = open_page("endpoints", seeded, role)
    assert "Local Azure" in page.html()
    assert "Workspace <b>local</b>" in page.html()
    assert words in page.html()
    assert page.component("freshness")["age_seconds"] < 60


def test_a_lost_azure_is_explained_instead_of_a_traceback(
    open_page: Callable[..., Page], seeded: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = listed(open_page("endpoints", seeded))
    monkeypatch.setenv("ARM_CLOUD_METADATA_URL", "https://localhost:1/metadata/endpoints?api-version=2019-05-01")
    st.cache_resource.clear()
    listed(page.fresh())
    assert not page.app.exception
    assert 'role="alert"' in page.html()
    assert "refuses connections" in page.html()
    assert [button.label for button in page.app.button][1:] == ["Try again"]
    assert "checks again every" in page.app.caption[0].value


@pytest.mark.usefixtures("several")
def test_the_charts_show_the_same_endpoints_as_the_table(open_page: Callable[..., Page], recent: LocalAzure) -> None:
    # Found by their names: the cards are the first of however many endpoints there are.
    page = open_page("endpoints", recent, view="charts", workspaces="all", sort="-requests", q="pages-")
    cards = {each["name"]: each for each in charted(page).component("endpoint_cards")["cards"]}
    has_numbers = [card["plots"][1]["words"] != "no data" for card in cards.values()]
    assert has_numbers == sorted(has_numbers, reverse=True), "what has numbers comes first"
    p95, requests, errors = cards[SPLIT]["plots"]
    assert p95["curves"][0]["name"] == "blue", "live deployments come first"
    assert requests["words"].endswith(" /min")
    assert len(requests["curves"][0]["values"]) == 60
    assert None in requests["curves"][0]["values"], "a minute without requests has no data"
    assert 0 not in requests["curves"][0]["values"]
    assert 1.0 in errors["curves"][0]["values"], "the 424 of the model is a server error"
    assert page.app.query_params["view"] == "charts"


@pytest.mark.parametrize("name", [BARE, "fleet-3"])
def test_an_endpoint_without_requests_has_a_card_that_leads_to_its_metrics(
    open_page: Callable[..., Page], several: LocalAzure, name: str
) -> None:
    # Found by its name: the cards are the first of however many endpoints there are.
    page = charted(open_page("endpoints", several, view="charts", workspaces="all", q=name))
    [card] = page.component("endpoint_cards")["cards"]
    assert [plot["curves"] for plot in card["plots"]] == [[], [], []]
    assert [plot["words"] for plot in card["plots"]] == ["no data"] * 3
    assert card["href"].startswith(f"metrics?endpoint={name}")
    assert ("&workspace=" in card["href"]) == (name != BARE), "of another workspace the address names it"


def test_the_charts_are_searched_and_filtered_as_the_table_is(
    open_page: Callable[..., Page], several: LocalAzure
) -> None:
    page = charted(open_page("endpoints", several, view="charts", workspaces="all", q="fleet-open", show="no traffic"))
    assert [each["name"] for each in page.component("endpoint_cards")["cards"]] == ["fleet-0"]
    assert re.search(r"\b1 of \d+ endpoints\.", page.html())
    page.app.button(key="card_filters_off").click().run()
    assert len(page.component("endpoint_cards")["cards"]) == 12
    page.app.text_input(key="card_search").input("nothing like it").run()
    assert page.component("endpoint_cards")["cards"] == []
    assert page.app.query_params["q"] == "nothing like it"
    assert re.search(r"None of \d+ endpoints matches\.", page.html())


def charted(page: Page) -> Page:
    """The page once every card has its numbers."""
    deadline, pause = time.monotonic() + LISTED_SECONDS, threading.Event()

    def is_busy() -> bool:
        is_there = any(each.proto.id.endswith("-endpoint_cards") for each in page.app.get("bidi_component"))
        return not is_there or "reading…" in str(page.component("endpoint_cards"))

    while 'class="working"' in page.html() or is_busy():
        assert time.monotonic() < deadline, page.html()
        pause.wait(0.1)
        page.app.run()
    return page
