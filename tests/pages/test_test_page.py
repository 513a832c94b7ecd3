"""The Test page on a running local Azure: real requests to real scoring scripts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from services.errors import Unreachable
from services.scoring.answer import Answer, Timing
from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page
from ui import context, readers
from ui.test_console import Attempt, Request, send_request

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


def test_what_a_test_says_about_a_deployment_is_kept_for_the_next_change_of_traffic(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("test", seeded, endpoint=SPLIT)
    blue = f"{seeded.workspace}/onlineEndpoints/{SPLIT}/deployments/blue"
    page.app.text_area(key=BODY).set_value('{"data": [1]}').run()
    page.app.button(key="send").click().run()
    good = context.test_log().last(blue)
    page.app.text_area(key=BODY).set_value('{"no-data": 1}').run()
    page.app.button(key="send").click().run()
    bad = context.test_log().last(blue)
    assert good is not None
    assert good.is_good
    assert good.model_ms is not None
    assert bad is not None
    assert (bad.status, bad.is_good) == (424, False)


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


def answered(body: bytes) -> Answer:
    """An answer of blue."""
    return Answer(200, body, {}, {}, Timing(None, None, None, 1.0, 0.0, 1.0), "blue", None, None, None)


def sent(azure: LocalAzure) -> int:
    """How many requests have been sent from the Test page, copies left out."""
    rows = azure.control("GET", f"requests?endpoint={SPLIT}&since=0&limit=10000").json()["value"]
    return len([row for row in rows if (row["user_agent"], row["kind"]) == ("sluice", "live")])


def sent_since(azure: LocalAzure, before: int) -> int:
    """How many more there are than ``before``, once there are any: a row is written a moment after its answer."""
    pause, deadline = threading.Event(), time.monotonic() + 30
    while sent(azure) == before and time.monotonic() < deadline:
        pause.wait(0.05)
    return sent(azure) - before


def test_an_answer_that_is_awaited_is_neither_lost_nor_asked_for_twice(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("test", seeded, endpoint=SPLIT)
    before = sent(seeded)
    # What a page run finds that begins while another one of the session waits for the endpoint.
    attempt = Attempt()
    page.app.session_state[f"answer:{SPLIT}"] = attempt
    page.app.text_area(key=BODY).set_value('{"data": [1]}').run()
    page.app.button(key="send").click().run()
    assert "Waiting for the answer." in page.html()
    attempt.outcome, attempt.is_over = answered(b'["Awaited."]'), True
    page.app.button(key="send").click().run()
    assert "Awaited." in page.app.code[0].value
    assert sent(seeded) == before
    page.app.button(key="send").click().run()
    assert "Awaited." not in page.app.code[0].value
    assert sent_since(seeded, before) == 1


def test_the_session_keeps_no_key_of_a_request_that_failed(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("test", seeded, endpoint=SPLIT)
    page.app.text_area(key=BODY).set_value('{"data": [1]}').run()
    endpoint = replace(readers.endpoints()[-1], scoring_uri="https://localhost:1/score")
    attempt = Attempt()
    send_request(context.connection(), endpoint, Request("{}", None, send=True), attempt)
    assert isinstance(attempt.outcome, Unreachable)
    assert attempt.is_over
    assert (attempt.outcome.__cause__, attempt.outcome.__context__, attempt.outcome.__traceback__) == (None,) * 3


def test_odd_json_in_an_answer_is_shown(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("test", seeded, endpoint=SPLIT)
    body = '["\\ud800", 1e400, ' + "1" * 5000 + "]"
    answer = answered(body.encode())
    page.app.session_state[f"answer:{SPLIT}"] = Attempt(answer, is_over=True)
    page.app.run()
    assert not page.app.exception
    assert [line.strip(", ") for line in page.app.code[0].value.splitlines()][1:3] == ['"\\ud800"', "1e400"]
