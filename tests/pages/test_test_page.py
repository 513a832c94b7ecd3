"""The Test page on a running local Azure: real requests to real scoring scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page

pytestmark = pytest.mark.emulator
BODY = f"body:{SPLIT}"


def test_a_request_through_the_split_shows_answer_and_deployment(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("test", seeded, endpoint=SPLIT)
    page.app.text_area(key=BODY).set_value('{"data": [1, 2]}').run()
    page.app.button(key="send").click().run()
    assert '<b class="tone good">200</b>' in page.html()
    assert "Answered by" in page.html()
    assert "</span>blue</dd>" in page.html()
    assert page.app.code[0].value.split() == ["[", "2,", "4", "]"]


def test_a_pinned_request_is_answered_by_that_deployment(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("test", seeded, endpoint=SPLIT)
    page.app.segmented_control(key=f"target:{SPLIT}").set_value("green").run()
    page.app.text_area(key=BODY).set_value('{"data": [1, 2]}').run()
    page.app.button(key="send").click().run()
    assert "</span>green</dd>" in page.html()
    assert page.app.code[0].value.split() == ["[", "3,", "6", "]"]


def test_a_failing_model_shows_its_status_and_the_scripts_own_words(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("test", seeded, endpoint=SPLIT)
    page.app.text_area(key=BODY).set_value('{"no-data": 1}').run()
    page.app.button(key="send").click().run()
    assert '<b class="tone bad">424</b>' in page.html()
    assert any("KeyError" in code.value for code in page.app.code)


def test_json_that_does_not_parse_cannot_be_sent_and_is_located(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("test", seeded, endpoint=SPLIT)
    page.app.text_area(key=BODY).set_value('{"data":\n  [1, 2,]}').run()
    assert page.app.button(key="send").disabled
    assert any("line 2, column" in caption.value for caption in page.app.caption)
    page.app.text_area(key=BODY).set_value("").run()
    assert any("empty" in caption.value for caption in page.app.caption)


def test_format_lays_the_payload_out(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("test", seeded, endpoint=SPLIT)
    page.app.text_area(key=BODY).set_value('{"data":[1]}').run()
    page.app.button(key="format").click().run()
    assert page.app.text_area(key=BODY).value == '{\n  "data": [\n    1\n  ]\n}'


def test_the_payload_survives_a_look_at_another_page(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("test", seeded, endpoint=SPLIT)
    page.app.text_area(key=BODY).set_value('{"data": [7]}').run()
    page.app.switch_page("../pages/metrics.py").run()
    page.app.switch_page("../pages/test.py").run()
    assert page.app.text_area(key=BODY).value == '{"data": [7]}'


def test_nothing_can_be_sent_without_a_deployment_or_without_the_right(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("test", seeded, endpoint=BARE)
    assert any("no deployment that could answer" in caption.value for caption in page.app.caption)
    assert page.app.button(key="send").disabled


def test_a_reader_is_told_that_the_key_is_out_of_reach(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("test", seeded, "reader", endpoint=SPLIT)
    assert any("may not read this endpoint's key" in caption.value for caption in page.app.caption)
    assert page.app.button(key="send").disabled
