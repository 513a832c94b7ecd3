"""The Journal page, and the journal on other pages, on a running local Azure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from services.azure import endpoints
from services.journal.entry import APPLIED, KEPT, REFUSED, Failure, Known, Who
from services.journal.journal import Journal
from services.model import Endpoint, Split
from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page, write_split
from ui import context

pytestmark = pytest.mark.emulator
ANNA = Who("ml-operators", "anna")
HELD = Split({"blue": 100}, {"green": 20})
EARLIER = Split({"blue": 60, "green": 40})


@pytest.fixture
def opened(open_page: Callable[..., Page], seeded: LocalAzure) -> Callable[..., Page]:
    """Opens a page with a journal of this process: first seen, a change, a refused one, and one made elsewhere."""

    def go(name: str, role: str = "owner", **query: str) -> Page:
        open_page("journal", seeded, role)
        found = next(each for each in endpoints.list_endpoints(context.connection()) if each.name == SPLIT)
        fill(found)
        return open_page(name, seeded, role, **query)

    return go


def fill(endpoint: Endpoint) -> None:
    """Four entries of twenty to ten minutes ago."""
    moments = (datetime.now(UTC) - timedelta(minutes=20) + timedelta(seconds=10 * step) for step in count())
    journal = Journal(context.store(), context.connection().arm_host, now=lambda: next(moments))
    journal.observe(replace(endpoint, split=EARLIER), next(moments))
    before = replace(endpoint, split=EARLIER)
    held = Split({"blue": 100})
    entry, _ = journal.begin("applied-one", before, held, ANNA, reason="<b>because</b>")
    journal.sent(entry)
    journal.end(entry, APPLIED, held=Known(held, None, next(moments)), request_ids=["request-1"])
    entry, _ = journal.begin("refused-one", replace(endpoint, split=held), EARLIER, ANNA)
    journal.end(entry, REFUSED, failure=Failure("It was not changed.", "Somebody was faster.", "Look again."))
    assert journal.observe(replace(endpoint, split=HELD), next(moments))


def items(page: Page, key: str) -> list[dict[str, Any]]:
    return list(page.component(key)["items"])


def test_it_lists_every_change_and_finds_them_by_word_kind_and_end(opened: Callable[..., Page]) -> None:
    page = opened("journal")
    ours = [item for item in items(page, "journal") if item["link"]["label"] == SPLIT]
    assert [item["outcome"] for item in ours][1:3] == ["refused", "applied"]
    assert ours[2]["quote"] == "<b>because</b>"
    page.app.text_input(key="find").set_value("faster").run()
    assert [item["id"] for item in items(page, "journal")] == ["refused-one"]
    page.app.text_input(key="find").set_value("").run()
    page.app.multiselect(key="ended").set_value(["applied"]).run()
    assert [item["id"] for item in items(page, "journal")] == ["applied-one"]
    page.app.text_input(key="find").set_value("faster").run()
    assert "No entry is like that" in page.html()


def test_an_address_reproduces_what_is_looked_for(opened: Callable[..., Page]) -> None:
    page = opened("journal", find="because", of=SPLIT)
    assert [item["id"] for item in items(page, "journal")] == ["applied-one"]
    assert items(page, "journal")[0]["link"] == {"label": SPLIT, "href": f"traffic?endpoint={SPLIT}", "note": ""}


def test_an_empty_journal_says_what_will_be_there(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    assert "Nothing has been changed yet" in open_page("journal", seeded).html()


def test_the_charts_show_the_changes_as_lines(opened: Callable[..., Page]) -> None:
    page = opened("metrics", endpoint=SPLIT)
    spec = json.loads(page.app.get("plotly_chart")[0].proto.spec)
    assert "Upright lines are changes of the split" in page.html()
    assert len(spec["layout"]["shapes"]) >= 1
    assert spec["data"][-1]["name"] == "changes"


def test_a_change_made_elsewhere_can_be_kept(opened: Callable[..., Page]) -> None:
    page = opened("traffic", endpoint=SPLIT)
    assert "The split was changed elsewhere" in page.html()
    page.app.button(key="drift_keep").click().run()
    assert "The split was changed elsewhere" not in page.html()
    decided = context.journal().entries(limit=1)[0]
    assert decided.outcome == KEPT


def test_an_earlier_split_is_restored_through_the_plan(opened: Callable[..., Page]) -> None:
    page = opened("traffic", endpoint=SPLIT)
    page.app.button(key="drift_restore").click().run()
    slider = page.component(f"slider:{SPLIT}")
    assert slider["shares"] == [100, 0]
    assert not page.app.button(key="shift").disabled


def test_a_change_that_the_page_has_not_read_yet_is_restored_all_the_same(
    opened: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = opened("traffic", endpoint=SPLIT)
    write_split(seeded, {"blue": 100})
    try:
        found = next(each for each in endpoints.list_endpoints(context.connection()) if each.name == SPLIT)
        assert context.journal().observe(found, datetime.now(UTC))
        page.app.run()
        page.app.button(key="drift_restore").click().run()
        assert not page.app.button(key="shift").disabled
        assert page.app.slider[0].value == 20
    finally:
        write_split(seeded, dict(HELD.live), dict(HELD.mirror))


def test_a_reader_sees_the_history_and_why_nothing_can_be_restored(opened: Callable[..., Page]) -> None:
    page = opened("traffic", "reader", endpoint=SPLIT)
    assert page.app.button(key="drift_keep").disabled
    offs = {act["why_off"] for item in page.component(f"history:{SPLIT}")["items"] for act in item["acts"]}
    assert offs == {"Your role may not change traffic."}
