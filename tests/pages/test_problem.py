"""Failures as the browser shows them."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _unexpected() -> None:
    from ui import problem

    assert problem.on_script_error(RuntimeError("Bearer secret-token")) is True


def _known() -> None:
    from services.errors import AccessDenied
    from ui import problem

    problem.show(AccessDenied("The <list> failed.", "A role is missing.", "Ask for Reader.", request_id="id-1"))


def html(app: AppTest) -> str:
    return "".join(element.proto.body for element in app.get("html"))


def test_an_unexpected_error_shows_neither_its_text_nor_a_traceback() -> None:
    shown = html(AppTest.from_function(_unexpected).run())
    assert "Sluice itself failed on this page." in shown
    assert "RuntimeError" in shown
    assert "secret" not in shown
    assert "Traceback" not in shown


def test_a_card_says_what_why_what_next_and_the_request_id_as_text() -> None:
    shown = html(AppTest.from_function(_known).run())
    assert 'role="alert"' in shown
    for text in ("The &lt;list&gt; failed.", "A role is missing.", "Ask for Reader.", "id-1"):
        assert text in shown
