"""The history on the Test page: what was sent, opened, compared, sent again and deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.errors import Timeout
from services.payloads.consent import Consent
from services.payloads.exchange import Exchange
from services.payloads.payload import Payload
from services.replay.differences import differences
from services.scoring.answer import Answer, Timing
from services.scoring.request import ScoringRequest
from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page
from ui import context
from ui.test.history import diff_view, exchange_view, history_rows, line_diff
from ui.test.send import draft

pytestmark = pytest.mark.emulator
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def endpoint_id(azure: LocalAzure, name: str = SPLIT) -> str:
    return f"{azure.workspace}/onlineEndpoints/{name}"


def answer(body: bytes = b"[2]", status: int = 200, deployment: str = "blue") -> Answer:
    timing = Timing(1.0, 1.0, 1.0, 8.0, 1.0, 12.0)
    return Answer(status, body, {"content-type": "application/json"}, {}, timing, deployment, "r-1", None, 6.0)


def sent(
    azure: LocalAzure,
    body: bytes = b'{"data": [1]}',
    outcome: Answer | Timeout | None = None,
    *,
    minute: int = 0,
    keeps: bool = True,
    headers: tuple[tuple[str, str], ...] = (),
    deployment: str | None = None,
    name: str = SPLIT,
) -> Exchange:
    """Write a request into the history that the page reads."""
    request = ScoringRequest(body, headers=headers, deployment=deployment)
    at = START + timedelta(minutes=minute)
    return context.history().record(
        endpoint_id(azure, name), "anna", request, outcome or answer(), at=at, keep_bodies=keeps
    )


@pytest.fixture
def opened(open_page: Callable[..., Page], seeded: LocalAzure) -> Page:
    """The empty history of the endpoint."""
    return open_page("test", seeded, endpoint=SPLIT, view="history")


def shown(page: Page) -> list[list[str]]:
    return page.rows(f"sent:{SPLIT}")


def look(page: Page, **parameters: str) -> Page:
    for name, value in parameters.items():
        page.app.query_params[name] = value
    page.app.run()
    assert not page.app.exception
    return page


def test_bodies_are_asked_for_once_and_the_choice_can_be_changed(opened: Page) -> None:
    person = context.person()
    assert "Keep bodies?" in opened.html()
    assert Consent(context.store()).chosen(person) is None
    opened.app.button(key="consent_yes").click().run()
    assert "Keep bodies?" not in opened.html()
    assert Consent(context.store()).keeps_bodies(person)
    opened.app.toggle(key="keep_bodies").set_value(False).run()
    assert Consent(context.store()).chosen(person) is False
    assert "Keep bodies?" not in opened.html()


def test_nothing_sent_says_what_will_be_here(opened: Page) -> None:
    assert "Nothing was sent to this endpoint from here yet." in opened.html()


def test_requests_are_listed_newest_first_with_what_came_of_them(opened: Page, seeded: LocalAzure) -> None:
    sent(seeded)
    sent(seeded, outcome=answer(status=424, deployment="green"), minute=1, deployment="green")
    sent(seeded, outcome=Timeout("It got no answer.", "5 seconds passed.", "Wait longer."), minute=2)
    rows = shown(look(opened))
    assert [row[:5] for row in rows] == [
        ["2026-03-01 12:02:00 UTC", "no answer", "not said", "no data", "Through the split"],
        ["2026-03-01 12:01:00 UTC", "424", "green", "12.0 ms", "green"],
        ["2026-03-01 12:00:00 UTC", "200", "blue", "12.0 ms", "Through the split"],
    ]
    assert rows[2][5:] == ["typed", "13 B", "3 B", "anna"]


def test_the_history_is_searched_by_words_deployment_and_status(opened: Page, seeded: LocalAzure) -> None:
    sent(seeded, b'{"data": ["needle"]}')
    sent(seeded, outcome=answer(status=424, deployment="green"), minute=1)
    look(opened)
    opened.app.text_input(key="sent_with").set_value("needle").run()
    assert [row[0] for row in shown(opened)] == ["2026-03-01 12:00:00 UTC"]
    opened.app.text_input(key="sent_with").set_value("").run()
    opened.app.multiselect(key="status").set_value(["424"]).run()
    assert [row[2] for row in shown(opened)] == ["green"]
    opened.app.selectbox(key="answered_by").set_value("blue").run()
    assert "No request is like that." in opened.html()


def test_an_address_opens_a_request_and_one_of_another_endpoint_is_not_shown(opened: Page, seeded: LocalAzure) -> None:
    mine = sent(seeded, b'{"data": [41]}', answer(b"[82]"))
    other = sent(seeded, name=BARE)
    look(opened, exchange=mine.id)
    assert "2026-03-01 12:00:00 UTC, 200" in [each.value for each in opened.app.header]
    assert any("41" in code.value for code in opened.app.code)
    assert any("82" in code.value for code in opened.app.code)
    look(opened, exchange=other.id)
    assert not opened.app.header
    assert "The request that this address names is not here" in opened.html()


def test_a_request_goes_back_into_send_with_its_target_and_without_a_lost_secret(
    opened: Page, seeded: LocalAzure
) -> None:
    headers = (("X-Trace", "7"), ("X-Api-Key", "hunter2hunter2"))
    made = sent(seeded, b'{"data": [5]}', headers=headers, deployment="green")
    look(opened, exchange=made.id)
    assert "hunter2" not in "\n".join([opened.html(), *(code.value for code in opened.app.code)])
    opened.app.button(key="exchange_again").click().run()
    assert not opened.app.exception
    assert opened.app.query_params["view"] in ("send", ["send"])
    found: draft.Draft = opened.app.session_state[f"draft:{endpoint_id(seeded)}"]
    assert (found.bytes, found.headers, found.targets) == (b'{"data": [5]}', (("X-Trace", "7"),), ("green",))


def test_a_request_without_its_body_cannot_be_sent_again_and_says_why(opened: Page, seeded: LocalAzure) -> None:
    made = sent(seeded, keeps=False)
    look(opened, exchange=made.id)
    assert opened.app.button(key="exchange_again").disabled
    assert "Its body of 13 B was not kept." in opened.html()
    assert "The body of the answer was not kept." in opened.html()


def test_a_request_becomes_a_payload(opened: Page, seeded: LocalAzure) -> None:
    made = sent(seeded, b'{"data": [9]}', headers=(("X-Trace", "7"),))
    look(opened, exchange=made.id)
    opened.app.button(key="exchange_save").click().run()
    opened.app.text_input(key=f"payload_name:{form_token(opened, seeded)}").set_value("nine").run()
    opened.app.button(key="payload_save").click().run()
    assert not opened.app.exception
    found = context.library().all(endpoint_id(seeded))
    assert [(each.name, each.body, each.headers) for each in found] == [("nine", b'{"data": [9]}', (("X-Trace", "7"),))]


def form_token(page: Page, azure: LocalAzure) -> str:
    token: str = page.app.session_state[f"payload_form:{endpoint_id(azure)}"].token
    return token


def test_an_answer_is_taken_as_the_expected_one(opened: Page, seeded: LocalAzure) -> None:
    context.library().save(endpoint_id(seeded), Payload("", "nine", b"{}"))
    made = sent(seeded, outcome=answer(b'{"label": 1}'))
    look(opened, exchange=made.id)
    opened.app.button(key="expected_take").click().run()
    assert context.library().all(endpoint_id(seeded))[0].expected_answer == '{"label": 1}'


def test_two_requests_are_compared_by_place_and_by_line(opened: Page, seeded: LocalAzure) -> None:
    one = sent(seeded, outcome=answer(b'{"label": 1, "score": 0.5}'))
    two = sent(seeded, outcome=answer(b'{"label": 2, "score": 0.5, "<b>": 1}', deployment="green"), minute=1)
    look(opened, exchange=one.id)
    opened.app.button(key="exchange_compare").click().run()
    assert "Open the request to compare with" in opened.html()
    look(opened, exchange=two.id)
    assert [row[:4] for row in opened.rows("diff:exchanges:Answer")] == [
        ["$.label", "another value", "1", "2"],
        ["$['<b>']", "only on the right", "nothing", "1"],
    ]
    assert "&quot;&lt;b&gt;&quot;: 1" in opened.html()
    assert ["Answered by", "blue", "green", "differs"] in opened.rows("diff_facts")
    opened.app.segmented_control(key="diff_of").set_value("Request").run()
    assert "Both are the same, byte for byte." in opened.html()
    opened.app.button(key="diff_close").click().run()
    assert len(shown(opened)) == 2


def test_deleting_asks_first(opened: Page, seeded: LocalAzure) -> None:
    made = sent(seeded)
    sent(seeded, minute=1)
    look(opened, exchange=made.id)
    opened.app.button(key="exchange_delete").click().run()
    assert context.history().get(made.id) is not None
    opened.app.button(key="ask_confirm").click().run()
    assert [row[0] for row in shown(opened)] == ["2026-03-01 12:01:00 UTC"]
    opened.app.button(key="history_forget").click().run()
    opened.app.button(key="ask_confirm").click().run()
    assert context.history().holdings(endpoint_id(seeded)).body_bytes == 0
    opened.app.button(key="history_clear").click().run()
    opened.app.button(key="ask_cancel").click().run()
    assert len(shown(opened)) == 1
    opened.app.button(key="history_clear").click().run()
    opened.app.button(key="ask_confirm").click().run()
    assert "Nothing was sent to this endpoint from here yet." in opened.html()


def test_a_long_history_comes_in_pages(opened: Page, seeded: LocalAzure) -> None:
    for minute in range(22):
        sent(seeded, minute=minute, keeps=False)
    look(opened)
    assert (len(shown(opened)), shown(opened)[0][0]) == (20, "2026-03-01 12:21:00 UTC")
    assert any(caption.value == "1 to 20 of 22 requests" for caption in opened.app.caption)
    opened.app.button(key="history_older").click().run()
    assert [row[0] for row in shown(opened)] == ["2026-03-01 12:01:00 UTC", "2026-03-01 12:00:00 UTC"]
    opened.app.button(key="history_newer").click().run()
    assert len(shown(opened)) == 20


def test_a_request_that_never_had_a_body_is_whole(opened: Page, seeded: LocalAzure) -> None:
    assert exchange_view.is_whole(sent(seeded, b"", keeps=False))
    assert not exchange_view.is_whole(sent(seeded, b"1", keeps=False))
    assert history_rows.target(sent(seeded, deployment="green")) == "green"


def test_lines_that_differ_are_shown_with_some_around_them_and_never_as_html() -> None:
    before, after = "\n".join(f"{n}" for n in range(20)), "\n".join("<b>" if n == 10 else f"{n}" for n in range(20))
    found = line_diff.lines(before, after)
    assert found is not None
    assert [(each.kind, each.text) for each in found if each.kind in ("left", "right")] == [
        ("left", "10"),
        ("right", "<b>"),
    ]
    assert [each.text for each in found if each.kind == "same"] == ["7", "8", "9", "11", "12", "13"]
    assert "&lt;b&gt;" in line_diff.html(found)
    assert line_diff.lines(before, before) == ()
    assert line_diff.lines("1\n" * line_diff.MOST_LINES, "2") is None


def test_values_that_are_odd_or_long_are_compared_and_cut_only_on_the_screen() -> None:
    longest = "x" * 500
    (odd, long) = diff_view.rows(differences([None, "a"], [float("nan"), longest]))
    assert [cell.text for cell in odd.cells[1:]] == ["another type", "null", "NaN"]
    assert long.cells[3].text.endswith("x …")
    assert long.cells[3].csv == f'"{longest}"'
