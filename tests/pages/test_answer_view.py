"""An answer, and a request as programs, as the pages draw them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from services.errors import SluiceError, Stopped, Timeout
from services.scoring.answer import Answer, Timing
from services.scoring.explanation import Explanation
from services.scoring.request import ScoringRequest
from ui.test.answer.body_reading import MOST_READ

REQUEST = ScoringRequest(b'{"data": [1]}')
GOOD = Answer(
    200,
    b'{"predictions": [{"label": "<b>a</b>", "n": 1}, {"label": "b", "n": 20}]}',
    {"content-type": "application/json", "azureml-model-deployment": "blue", "x-odd": "<i>x</i>"},
    {},
    Timing(0.5, 1, 3, 20, 0.5, 25),
    "blue",
    "7c0ff8de",
    "mine",
    12.5,
)
EXPLAINED = Explanation(
    "The model <failed>",
    "Its script raised an error.",
    (("Model status", "500"),),
    "ValueError: <script>",
    "Found by the request id.",
    ("Read the log of blue.",),
)


def _draw_answer() -> None:
    import streamlit as st

    from tests import resources
    from ui.test.answer import answer_view

    given = st.session_state
    blue = [resources.deployment("blue")]
    answer_view.show(resources.endpoint(), blue, given.request, given.outcome, given.explanation, "k")


def _draw_code() -> None:
    import streamlit as st

    from tests import resources
    from ui.test.answer import code_view

    endpoint = resources.endpoint() if st.session_state.has_address else resources.endpoint(scoringUri="")
    code_view.show(endpoint, [resources.deployment("blue")], st.session_state.request, "k")


def drawn(outcome: Answer | SluiceError, explanation: Explanation | None = None) -> AppTest:
    app = AppTest.from_function(_draw_answer, default_timeout=60)
    app.session_state["request"], app.session_state["outcome"] = REQUEST, outcome
    app.session_state["explanation"] = explanation
    app.run()
    assert not app.exception
    return app


def programs(request: ScoringRequest, *, has_address: bool = True) -> AppTest:
    app = AppTest.from_function(_draw_code, default_timeout=60)
    app.session_state["request"], app.session_state["has_address"] = request, has_address
    app.run()
    assert not app.exception
    return app


def html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def codes(app: AppTest) -> list[str]:
    return [each.value for each in app.code]


def shown_as(app: AppTest) -> Any:
    return app.segmented_control[0]


def test_a_good_answer_says_who_answered_how_long_and_how_much() -> None:
    page = html(drawn(GOOD))
    assert '<b class="tone good">200</b> <b>OK</b> The model answered.' in page
    for said in ("</span>blue</dd>", ">25.0 ms<", ">12.5 ms<", ">13 bytes<", ">73 bytes<", "Name lookup", ">7.5 ms<"):
        assert said in page
    assert "Attempts" not in page


def test_ids_and_headers_are_there_to_copy() -> None:
    found = codes(drawn(GOOD))
    assert "x-request-id: 7c0ff8de\nx-ms-client-request-id: mine" in found
    assert "x-odd: <i>x</i>" in found[-1]
    assert "not said" in codes(drawn(replace(GOOD, request_id=None, client_request_id=None)))


def test_the_body_is_laid_out_or_raw_or_a_table() -> None:
    app = drawn(GOOD)
    assert codes(app)[0].splitlines()[0] == "{"
    shown_as(app).set_value("Raw").run()
    assert codes(app)[0] == GOOD.text
    shown_as(app).set_value("Table").run()
    [table] = app.get("bidi_component")
    rows = json.loads(table.proto.json)["rows"]
    assert [[cell["text"] for cell in row["cells"]] for row in rows] == [["1", "<b>a</b>", "1"], ["2", "b", "20"]]
    assert not app.exception


def test_what_was_chosen_for_one_answer_is_chosen_for_the_next() -> None:
    app = drawn(GOOD)
    shown_as(app).set_value("Raw").run()
    app.session_state["outcome"] = replace(GOOD, body=b'{"other": 1}')
    app.run()
    assert codes(app)[0] == '{"other": 1}'


def test_trailers_are_told_apart_from_headers() -> None:
    app = drawn(replace(GOOD, trailers={"ms-azureml-bandwidth-request-delay-ms": "12"}))
    assert app.expander[0].label == "Headers, 3, and 1 trailer"
    assert codes(app)[-1] == "ms-azureml-bandwidth-request-delay-ms: 12"


def test_a_large_body_is_folded_and_cut() -> None:
    app = drawn(replace(GOOD, body=json.dumps(["x" * 100] * 500).encode()))
    assert app.expander[0].label.startswith("The first 20,000 of ")
    assert len(codes(app)[0]) == 20_000
    app = drawn(replace(GOOD, body=b"[" + b"1, " * MOST_READ + b"1]"))
    assert app.expander[0].label == "The first 20,000 characters of 3.1 MB"
    assert len(codes(app)[0]) == 20_000


def test_an_answer_that_was_cut_says_so() -> None:
    assert "longer than what is kept" in html(drawn(replace(GOOD, body=b"x" * 2000, is_cut=True)))


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"", "", "The answer has no body."),
        (b"\x00\x01", "application/octet-stream", "bytes and no text (application/octet-stream)"),
        (b"<html>Sign in</html>", "text/html", "This is a web page"),
        (b"[NaN]", "application/json", "NaN is not a JSON value"),
        (b"\xff", "text/plain", "Some bytes are no UTF-8"),
    ],
)
def test_odd_bodies_are_named(body: bytes, kind: str, said: str) -> None:
    assert said in html(drawn(replace(GOOD, body=body, headers={"content-type": kind})))


def test_what_an_answer_calls_itself_is_no_html_of_this_page() -> None:
    odd = replace(GOOD, body=b"\x00", headers={"content-type": "<b>x</b>"}, deployment="<b>d</b>")
    assert "<b>x</b>" not in html(drawn(odd))
    assert "<b>d</b>" not in html(drawn(odd))
    assert "klingon<" not in html(drawn(replace(GOOD, headers={"content-type": "text/plain; charset=klingon<b>"})))


def test_a_status_nobody_has_named_is_shown() -> None:
    assert "<b>no standard status</b>" in html(drawn(replace(GOOD, status=799)))


def test_a_failure_has_its_card_with_numbers_log_and_next_steps() -> None:
    app = drawn(replace(GOOD, status=424, body=b"", attempts=2), EXPLAINED)
    page = html(app)
    for said in ("The model &lt;failed&gt;", ">Model status</dt><dd>500<", "<li>Read the log of blue.</li>"):
        assert said in page
    assert "Attempts" in page
    assert codes(app)[0] == "ValueError: <script>"
    assert app.caption[0].value == "Found by the request id."


def test_no_answer_has_the_card_of_the_failure_or_its_own_words() -> None:
    error = Timeout("The request got no answer.", "2 seconds passed.", "Give it more time.")
    assert "Its script raised an error." in html(drawn(error, EXPLAINED))
    assert "2 seconds passed." in html(drawn(error))
    stopped = html(drawn(Stopped("The request was stopped.", "You stopped it.", "Send it again.")))
    assert 'class="notice"' in stopped
    assert "problem" not in stopped


def test_a_program_can_be_chosen_and_needs_the_key_where_it_reads_it() -> None:
    app = programs(REQUEST)
    assert [code.split()[0] for code in codes(app)] == ["curl", "export"]
    app.segmented_control[0].set_value("azure-ai-ml").run()
    assert len(codes(app)) == 1
    assert "signs in" in app.caption[0].value


def test_a_program_that_cannot_send_this_says_why() -> None:
    app = programs(ScoringRequest(b"\x00", "image/png"))
    app.segmented_control[0].set_value("Azure CLI").run()
    assert codes(app) == []
    assert "JSON alone" in app.caption[0].value


def test_a_program_for_a_deployment_that_is_gone_warns() -> None:
    assert "no deployment named gone" in programs(replace(REQUEST, deployment="gone")).caption[0].value


def test_without_an_address_there_is_no_program() -> None:
    assert "no scoring URI yet" in html(programs(REQUEST, has_address=False))
