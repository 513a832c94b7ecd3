"""The Send view of the Test page on a running local Azure: real requests to real scoring scripts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.errors import Stopped
from services.payloads.consent import Consent
from services.scoring.answer import Answer, Timing
from services.scoring.bearer import BearerState
from services.scoring.request import JSON
from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page
from tests.values import endpoint
from ui import context
from ui.test.send import composer, draft
from ui.test.send.attempts import Attempt, Series
from ui.test.send.body_tools import with_file
from ui.test.send.composer import auth_words
from ui.test.send.draft import LARGEST_CHECKED, LARGEST_EDITED, Draft
from ui.test.send.draft import SPLIT as THROUGH

pytestmark = pytest.mark.emulator
EDITOR = f"editor:{SPLIT}"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def id_of(azure: LocalAzure, endpoint: str = SPLIT) -> str:
    """The endpoint's ARM id as the pages have it."""
    return str(azure.arm("GET", f"onlineEndpoints/{endpoint}").json()["id"])


class Sender:
    """A person at the Send view."""

    def __init__(self, page: Page, endpoint_id: str) -> None:
        self.page = page
        self.id = endpoint_id

    @property
    def draft(self) -> Draft:
        made: Draft = self.page.app.session_state[f"draft:{self.id}"]
        return made

    @property
    def series(self) -> Series:
        series: Series = self.page.app.session_state[f"sent:{self.id}"].series
        return series

    def control(self, kind: str, key: str) -> Any:
        """The control whose key begins so; the draft's revision follows."""
        return next(each for each in self.page.app.get(kind) if (each.key or "").startswith(f"{key}:"))

    def write(self, body: str) -> None:
        """As the editor does it when somebody has typed."""
        self.draft.body = body
        self.page.app.run()

    def press(self) -> None:
        self.page.app.button(key="send").click().run()

    def send(self, body: str) -> str:
        """Write, press Send, and return the page with all that came of it."""
        self.write(body)
        self.press()
        assert self.series.over.wait(60)
        self.page.app.run()
        assert not self.page.app.exception
        return self.page.html()


@pytest.fixture
def sender(open_page: Callable[..., Page], seeded: LocalAzure) -> Sender:
    return Sender(open_page("test", seeded, endpoint=SPLIT), id_of(seeded))


def outcomes(attempts: Sequence[Attempt]) -> list[tuple[int, str | None]]:
    """Status and deployment of each answer."""
    return [(each.outcome.status, each.outcome.deployment) for each in attempts if isinstance(each.outcome, Answer)]


def test_a_request_through_the_split_is_answered_by_the_live_deployment(sender: Sender) -> None:
    html = sender.send('{"data": [1, 2]}')
    assert '<b class="tone good">200</b>' in html
    assert "</span>blue</dd>" in html
    assert sender.series.attempts[0][0].request.deployment is None


def test_a_pinned_request_is_answered_by_that_deployment(sender: Sender) -> None:
    sender.page.app.segmented_control(key=f"target:{SPLIT}").set_value("green").run()
    assert "</span>green</dd>" in sender.send('{"data": [1, 2]}')


def test_two_deployments_answer_the_same_request_side_by_side(sender: Sender) -> None:
    sender.page.app.segmented_control(key=f"target:{SPLIT}").set_value("blue").run()
    sender.page.app.selectbox(key=f"beside:{SPLIT}").set_value("green").run()
    html = sender.send('{"data": [1, 0]}')
    assert [outcomes(each) for each in sender.series.attempts] == [[(200, "blue")], [(200, "green")]]
    assert "The answers differ in 1 place." in html
    assert sender.page.rows("pair_differences") == [["$[0]", "2", "3"]]


def test_a_repeated_request_is_counted_by_deployment_and_status(sender: Sender) -> None:
    sender.control("number_input", f"repeat:{SPLIT}").set_value(6).run()
    sender.send('{"data": [1]}')
    assert outcomes(sender.series.attempts[0]) == [(200, "blue")] * 6
    assert [row[:3] for row in sender.page.rows("repeat_counts")] == [["blue", "200", "6"]]


def test_variables_are_made_anew_for_each_request(sender: Sender) -> None:
    context.library().set_variable(sender.id, "seven", "7")
    sender.control("number_input", f"repeat:{SPLIT}").set_value(2).run()
    sender.send('{"data": [{{seven}}], "id": "{{$uuid}}"}')
    sent = [attempt.request.body for attempt in sender.series.attempts[0]]
    assert all(body.startswith(b'{"data": [7], ') for body in sent)
    assert sent[0] != sent[1]


def test_a_variable_without_a_value_is_named_and_nothing_is_sent(sender: Sender, seeded: LocalAzure) -> None:
    began = time.time()
    sender.control("number_input", f"repeat:{SPLIT}").set_value(5).run()
    html = sender.send('{"data": [{{nobody}}]}')
    assert "{{nobody}}" in html
    assert len(sender.series.attempts[0]) == 1
    assert sent(seeded, began) == 0


def test_a_failing_model_shows_its_status_and_is_explained(sender: Sender) -> None:
    assert '<b class="tone bad">424</b>' in sender.send('{"no-data": 1}')
    assert sender.series.attempts[0][0].explanation is not None


def test_what_a_test_says_about_a_deployment_is_kept_for_the_next_change_of_traffic(
    sender: Sender, seeded: LocalAzure
) -> None:
    blue = f"{seeded.workspace}/onlineEndpoints/{SPLIT}/deployments/blue"
    sender.send('{"data": [1]}')
    good = context.test_log().last(blue)
    sender.send('{"no-data": 1}')
    bad = context.test_log().last(blue)
    assert good is not None
    assert good.is_good
    assert good.model_ms is not None
    assert bad is not None
    assert (bad.status, bad.is_good) == (424, False)


def test_everything_sent_is_in_the_history_with_its_body_only_when_that_is_allowed(sender: Sender) -> None:
    sender.send('{"data": [1]}')
    Consent(context.store()).set(context.person(), keeps=True)
    sender.send('{"data": [2]}')
    history = context.history()
    second, first = (history.get(each.id) for each in history.search(sender.id).exchanges)
    assert first is not None
    assert second is not None
    assert (first.status, first.has_request_body, first.answer_body) == (200, False, None)
    assert (second.status, second.request.body, second.answer_body) == (200, b'{"data": [2]}', b"[4]")


def test_json_that_does_not_parse_cannot_be_sent_and_is_located(sender: Sender) -> None:
    sender.write('{"data":\n  [1, 2,]}')
    assert sender.page.app.button(key="send").disabled
    editor = sender.page.component(EDITOR)
    assert editor["problem"] == {"line": 2}
    assert "line 2, column 9" in editor["words"]
    sender.write("")
    assert "empty" in sender.page.component(EDITOR)["words"]


def test_what_is_no_json_is_sent_as_another_content_type(sender: Sender) -> None:
    sender.control("selectbox", f"content_type:{SPLIT}").set_value("text/plain").run()
    assert '<b class="tone bad">424</b>' in sender.send("not JSON")
    assert sender.series.attempts[0][0].request.content_type == "text/plain"


def test_headers_are_sent_and_a_bad_one_stops_the_request(sender: Sender) -> None:
    headers = sender.control("text_area", f"headers:{SPLIT}")
    headers.set_value("Authorization: mine").run()
    assert sender.page.app.button(key="send").disabled
    sender.control("text_area", f"headers:{SPLIT}").set_value("x-request-source: test").run()
    sender.send('{"data": [1]}')
    assert sender.series.attempts[0][0].request.headers == (("x-request-source", "test"),)


def test_format_lays_the_payload_out_and_the_editor_takes_it_over(sender: Sender) -> None:
    sender.write('{"data":[1]}')
    before = sender.page.component(EDITOR)["revision"]
    sender.page.app.button(key="format").click().run()
    editor = sender.page.component(EDITOR)
    assert editor["text"] == '{\n  "data": [\n    1\n  ]\n}'
    assert editor["revision"] > before


def test_what_is_written_is_saved_in_the_library_and_saved_again_under_its_name(sender: Sender) -> None:
    for body in ('{"data": [5]}', '{"data": [6]}'):
        sender.write(body)
        sender.control("text_input", f"save_name:{SPLIT}").set_value("ones").run()
        sender.page.app.button(key="save_payload").click().run()
    assert [(each.name, each.body) for each in context.library().all(sender.id)] == [("ones", b'{"data": [6]}')]


def test_the_payload_survives_a_look_at_another_page(sender: Sender) -> None:
    sender.write('{"data": [7]}')
    sender.page.app.switch_page("../pages/metrics.py").run()
    sender.page.app.switch_page("../pages/test.py").run()
    assert sender.page.component(EDITOR)["text"] == '{"data": [7]}'


def test_nothing_can_be_sent_without_a_deployment(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("test", seeded, endpoint=BARE)
    assert any("no deployment that could answer" in caption.value for caption in page.app.caption)
    assert page.app.button(key="send").disabled


def test_a_reader_is_told_that_the_key_is_out_of_reach(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("test", seeded, "reader", endpoint=SPLIT)
    assert any("may not read this endpoint's key" in caption.value for caption in page.app.caption)
    assert page.app.button(key="send").disabled


def sent(azure: LocalAzure, began: float) -> int:
    """How many requests have left the Test page since ``began``, epoch seconds, copies left out."""
    rows = azure.control("GET", f"requests?endpoint={SPLIT}&since={began}&limit=10000").json()["value"]
    ours = [row for row in rows if (row["user_agent"], row["kind"]) == ("sluice", "live")]
    # Those of the test before are written down late: a row comes a moment after its answer.
    return len([row for row in ours if row["started_at"] >= began])


def sent_more(azure: LocalAzure, began: float, before: int) -> int:
    """How many more there are than ``before``, once there are any."""
    pause, deadline = threading.Event(), time.monotonic() + 60
    while sent(azure, began) == before and time.monotonic() < deadline:
        pause.wait(0.05)
    return sent(azure, began) - before


def test_an_answer_that_is_awaited_is_neither_lost_nor_asked_for_twice(sender: Sender, seeded: LocalAzure) -> None:
    began = time.time()
    sender.send('{"data": [1]}')
    before = sent_more(seeded, began, 0)
    # What a page run finds that begins while another one of the session waits for the endpoint.
    series = sender.series
    series.over.clear()
    series.is_shown, series.attempts[0][0].outcome = False, None
    sender.write('{"data": [2]}')
    sender.press()
    assert "Waiting for the answer." in sender.page.html()
    series.attempts[0][0].outcome = answered(b'["Awaited."]')
    series.over.set()
    sender.press()
    assert sender.series is series
    assert "Awaited." in str([code.value for code in sender.page.app.code])
    assert sent(seeded, began) == before
    sender.press()
    assert sender.series is not series
    assert sent_more(seeded, began, before) == 1


def test_a_request_is_found_again_after_another_page_and_can_be_stopped(sender: Sender, seeded: LocalAzure) -> None:
    fault = seeded.control("POST", "faults", {"path": f"/endpoints/{SPLIT}/score", "delay_seconds": 60}).json()
    try:
        sender.control("number_input", f"repeat:{SPLIT}").set_value(3).run()
        sender.write('{"data": [1]}')
        sender.press()
        sender.page.app.switch_page("../pages/metrics.py").run()
        sender.page.app.switch_page("../pages/test.py").run()
        assert "Sending, one after the other." in sender.page.html()
        sender.page.app.button(key="stop_sending").click().run()
        assert sender.series.over.wait(60)
    finally:
        assert seeded.control("DELETE", f"faults/{fault['id']}").ok
    sender.page.app.run()
    assert [type(each.outcome) for each in sender.series.attempts[0]] == [Stopped]
    assert "Stopped after 1 request." in sender.page.html()


def test_an_uploaded_text_opens_in_the_editor_and_anything_else_is_held_as_a_file() -> None:
    made = Draft(targets=("blue",))
    text = with_file(made, b'\xef\xbb\xbf{"data": [1]}', "one.json", "application/json")
    assert (text.body, text.file, text.content_type, text.targets) == ('{"data": [1]}', None, JSON, ("blue",))
    table = with_file(made, b"a,b\n1,2\n", "rows.csv", "application/vnd.ms-excel")
    assert (table.body, table.content_type) == ("a,b\n1,2\n", "text/csv")
    image = with_file(made, b"\x89PNG\xff", "cat.png", "")
    assert (image.bytes, image.file_name, image.content_type) == (b"\x89PNG\xff", "cat.png", "image/png")
    large = with_file(made, b"[" + b"1," * LARGEST_EDITED + b"1]", "large.json", JSON)
    assert large.file is not None


@pytest.mark.parametrize(
    ("mode", "state", "words"),
    [
        ("key", None, "Signs in with the endpoint's key."),
        ("aml_token", None, "Signs in with a token, fetched when you send."),
        (
            "aad_token",
            timedelta(minutes=43, seconds=20),
            "Signs in with a Microsoft Entra token that expires in 43 min.",
        ),
        ("aml_token", timedelta(hours=12, minutes=3), "Signs in with a token that expires in 12 h 3 min."),
    ],
)
def test_how_a_request_signs_in_is_said_and_never_shown(mode: str, state: timedelta | None, words: str) -> None:
    found = None if state is None else BearerState(mode, NOW + state)
    assert auth_words(replace(endpoint(), auth_mode=mode), found, NOW) == words


def answered(body: bytes) -> Answer:
    """An answer of blue."""
    return Answer(200, body, {}, {}, Timing(None, None, None, 1.0, 0.0, 1.0), "blue", None, None, None)


def test_the_default_target_is_the_split(sender: Sender) -> None:
    assert sender.draft.targets == (THROUGH,)
    assert sender.page.app.selectbox(key=f"beside:{SPLIT}").value == "Nobody else"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"data": [1,', "The file is not JSON in line 1, column 13: Expecting value."),
        ('{"data": ["\xe9"]}'.encode("latin-1"), "The file is not UTF-8 text, and JSON is."),
        (b"", "The file is empty."),
        (b'{"data": [{{city}}]}', ""),
        (b"[" * (LARGEST_CHECKED + 1), ""),
    ],
)
def test_a_file_that_says_json_and_is_none_is_named(content: bytes, words: str) -> None:
    assert Draft(file=content).file_problem == words


def test_lines_of_json_are_no_json_and_may_be_sent() -> None:
    lines = '{"a": 1}\n{"a": 2}'
    assert composer.check(lines, "application/x-ndjson").line is None
    assert composer.check(lines, "application/json; charset=utf-8").line == 2
    assert composer.check(lines, "application/vnd.model+json").line == 2


def test_what_the_browser_has_kept_brings_the_options_back_and_no_secret() -> None:
    made = Draft(
        content_type="text/csv",
        headers=(("X-Run", "7"), ("X-Api-Key", "hunter2")),
        timeout_seconds=12.5,
        targets=("blue", "green"),
        payload="five",
    )
    options = draft.kept(made)
    assert "hunter2" not in str(options)
    again = draft.again(Draft(is_new=True), "1,2", options)
    assert again == replace(made, body="1,2", headers=(("X-Run", "7"),))


@pytest.mark.parametrize(
    "change",
    [
        {"timeout_seconds": -1},
        {"timeout_seconds": "nan"},
        {"headers": [["Authorization", "Bearer x"]]},
        {"headers": [1]},
        {"headers": None},
        {"content_type": "a\nb"},
        {"targets": 3},
    ],
)
def test_options_of_a_browser_that_make_no_sense_leave_the_body_alone(change: dict[str, Any]) -> None:
    assert draft.again(Draft(), "{}", draft.kept(Draft()) | change) == Draft(body="{}")


def test_the_person_is_asked_once_whether_bodies_are_kept_after_an_answer(sender: Sender) -> None:
    assert "Keep bodies?" not in sender.page.html()
    assert "Keep bodies?" in sender.send('{"data": [1]}')
    sender.page.app.button(key="consent_no").click().run()
    assert "Keep bodies?" not in sender.page.html()
    assert "Keep bodies?" not in sender.send('{"data": [2]}')
