"""A question is answered for what it was asked about, and for nothing that is on the screen later."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from ui import ask

    about = st.text_input("About", "shop", key="about")
    act = lambda: st.session_state.update(done=about)  # noqa: E731 - a callback
    question = ask.Question("place", "Delete it?", f"{about} goes.", "Delete", act, about=about)
    st.button("Delete…", key="begin", on_click=ask.begin, args=(question,))
    ask.show("place", about)


def _asked(app: AppTest) -> list[str]:
    return [each.value for each in app.text]


def test_a_question_is_done_when_it_is_confirmed() -> None:
    app = AppTest.from_function(_page).run()
    app.button(key="begin").click().run()
    assert _asked(app) == ["shop goes."]
    app.button(key="ask_confirm").click().run()
    assert app.session_state["done"] == "shop"
    assert _asked(app) == []


def test_a_question_about_something_else_is_taken_back() -> None:
    app = AppTest.from_function(_page).run()
    app.button(key="begin").click().run()
    app.text_input(key="about").set_value("other").run()
    assert _asked(app) == []
    app.text_input(key="about").set_value("shop").run()
    assert _asked(app) == []
    assert "done" not in app.session_state
