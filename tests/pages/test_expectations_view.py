"""Expectations on the Test page: written in rows, run as a set, read as a table."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from services.expectations.expectation import Expectation
from services.payloads.payload import Payload
from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page
from ui import context

pytestmark = pytest.mark.emulator
BODY = b'{"data": [3]}'


@pytest.fixture
def opened(open_page: Callable[..., Page], seeded: LocalAzure) -> Page:
    """The library with one payload that holds, one that does not, and one that expects nothing."""
    page = open_page("test", seeded, endpoint=SPLIT, view="payloads")
    endpoint_id = f"{seeded.workspace}/onlineEndpoints/{SPLIT}"
    good, bad = (Expectation("status", status) for status in (200, 404))
    context.library().add_all(
        endpoint_id,
        (
            Payload("", "good", BODY, expectations=(good,)),
            Payload("", "bad", BODY, tags=("smoke",), expectations=(bad, good)),
            Payload("", "plain", BODY),
        ),
    )
    page.app.run()
    return page


def finish(page: Page) -> Page:
    """The page when nothing is on its way any more."""
    until = time.monotonic() + 60
    while not any(each.key == "expectations_start" for each in page.app.button):
        assert time.monotonic() < until
        page.app.run()
    return page


def test_a_run_is_read_as_a_table_and_stays(opened: Page) -> None:
    assert any("2 of 3 payloads expect something" in each.value for each in opened.app.caption)

    opened.app.button(key="expectations_start").click().run()
    finish(opened)

    assert [row[:4] for row in opened.rows(f"expectations:{SPLIT}")] == [
        ["bad", "failed", "1 of 2", "blue"],
        ["good", "passed", "1 of 1", "blue"],
    ]
    assert opened.rows(f"expectations:{SPLIT}")[0][-1] == "Status is 404: found 200."
    assert len(finish(opened.fresh()).rows(f"expectations:{SPLIT}")) == 2


def test_a_run_can_go_to_one_deployment_and_to_some_tags(opened: Page) -> None:
    opened.app.multiselect(key=f"expectations_tags:{SPLIT}").set_value(["smoke"]).run()
    opened.app.session_state[f"expectations_target:{SPLIT}"] = "green"
    opened.app.run()
    opened.app.button(key="expectations_start").click().run()

    assert [row[3] for row in finish(opened).rows(f"expectations:{SPLIT}")] == ["green"]


def test_rows_are_added_filled_and_saved(opened: Page) -> None:
    opened.app.button(key="payload_new").click().run()
    app = opened.app

    next(each for each in app.text_input if each.label == "Name").set_value("made")
    next(each for each in app.button if each.label == "Add expectation").click().run()
    next(each for each in app.button if each.label == "Add expectation").click().run()
    what = [each for each in app.selectbox if each.label.startswith("Expectation")]
    assert [each.value for each in what] == ["Status is", "Answers within"]
    what[1].select("Field is a number near").run()
    fields = {each.label: each for each in app.text_input}
    fields["Field, JSONPath"].set_value("score")
    fields["Number"].set_value("6")
    fields["Give or take"].set_value("0.5").run()
    assert "is no JSONPath" in opened.html()
    next(each for each in app.text_input if each.label == "Field, JSONPath").set_value("$[0]").run()
    assert "$[0] is 6 ± 0.5." in opened.html()
    opened.app.button(key="payload_save").click().run()

    (made,) = (
        each
        for each in context.library().all(f"{context.connection().workspace_path}/onlineEndpoints/{SPLIT}")
        if each.name == "made"
    )
    assert made.expectations == (Expectation("status", 200), Expectation("path", 6, "$[0]", "within", 0.5))
