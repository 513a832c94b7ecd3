"""The Deploy page while files are checked: what is known at once, what is still asked, and what stays in its place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.azure.connection import Connection
from services.deploying import facts, starter
from services.deploying.asking import Gap, Question
from services.deploying.facts import Facts
from services.deploying.model import Bundle, Place
from services.errors import Timeout
from services.model import WorkspaceRef
from tests.local_azure import LocalAzure
from tests.pages.conftest import Page
from tests.values import WORKSPACE
from ui.deploy import bundle_view, checked, draft
from ui.deploy.checked import Prepared, Work

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Azure:
    """Answers the questions of a check when a test lets it; ``told`` is set once the page has what needs no answer."""

    def __init__(self) -> None:
        self.told, self.answers = threading.Event(), threading.Event()
        self.gaps: tuple[Gap, ...] = ()
        self.limits: list[float | None] = []

    def __call__(
        self, conn: Connection, bundle: Bundle, tell: Callable[[Facts], None], *, limit_seconds: float | None
    ) -> Facts:
        self.limits.append(limit_seconds)
        tell(Facts(asked=("endpoint shop", "quota"), unread=frozenset({"shop"})))
        self.told.set()
        assert self.answers.wait(120)
        found = facts.gather(conn, bundle)
        return replace(found, gaps=(*found.gaps, *self.gaps))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    """An Azure that answers nothing until the test lets it."""
    azure = Azure()
    monkeypatch.setattr(checked, "gather", azure)
    yield azure
    azure.answers.set()


def _kit(page: Page, name: str, colour: str = "") -> Page:
    files = starter.files(name, True)
    made = draft._known().drafts[page.app.session_state["deploy_draft"]]
    made.text = f"{files['endpoint.yml']}{colour}"
    page.control("button", "check_files").click().run()
    return page


def test_what_needs_no_answer_is_told_while_azure_is_still_asked(
    local_azure: LocalAzure, open_page: Callable[..., Page], slow: Azure
) -> None:
    page = _kit(open_page("deploy", local_azure), "told-at-once", "colour: red\n")
    assert slow.told.wait(60)
    page.app.run()
    html = page.html()
    assert "colour" in html
    assert "Azure is still asked: endpoint shop, quota" in html
    assert "It is made." not in html, "nobody knows that yet"
    assert page.control("button", "apply_files").disabled
    slow.answers.set()
    assert "still asked" not in page.settled().html()


def test_each_question_is_waited_for_as_long_as_the_settings_say(
    local_azure: LocalAzure, open_page: Callable[..., Page], slow: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow.answers.set()
    monkeypatch.setenv("SLUICE_CHECK_SECONDS", "90")
    _kit(open_page("deploy", local_azure), "as-long-as-said").settled()
    assert slow.limits == [90]


def test_nothing_is_said_to_be_fine_while_azure_is_still_asked(
    local_azure: LocalAzure, open_page: Callable[..., Page], slow: Azure
) -> None:
    page = _kit(open_page("deploy", local_azure), "not-fine-yet")
    assert slow.told.wait(60)
    page.app.run()
    assert "Nothing speaks against it." not in page.html()
    slow.answers.set()
    assert "Nothing speaks against it." in page.settled().html()


def test_what_stood_there_stays_and_cannot_be_applied_while_it_is_checked_anew(
    local_azure: LocalAzure,
    open_page: Callable[..., Page],
    slow: Azure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bundle_view, "PATIENCE", timedelta(hours=1))
    slow.answers.set()
    page = _kit(open_page("deploy", local_azure), "stays-there").settled()
    headers = [each.value for each in page.app.header]
    assert "What will change" in headers
    slow.answers.clear()
    page.control("button", "check_again").click().run()
    html = page.html()
    assert "being checked anew" in html
    assert "It is made." in html
    assert [each.value for each in page.app.header] == headers
    for button in ("apply_files", "check_again"):
        assert page.control("button", button).disabled
    slow.answers.set()
    assert "being checked anew" not in page.settled().html()
    assert not page.control("button", "apply_files").disabled


def test_apply_shows_what_azure_did_not_answer_before_it_asks(
    local_azure: LocalAzure, open_page: Callable[..., Page], slow: Azure
) -> None:
    slow.answers.set()
    page = _kit(open_page("deploy", local_azure), "not-as-if-checked").settled()
    error = Timeout("Azure did not answer within 15 s.", "It may be slow.", "Check again.")
    slow.gaps = (Gap(Question("quota", Place(), lambda: None), error),)
    page.control("button", "apply_files").click().run()
    html = page.settled().html()
    assert "Nothing has been started" in html
    assert "Not checked: quota." in html
    assert not [each for each in page.app.button if each.key == "confirm_deploy"]
    # Whoever wants it all the same is not kept from it, and is told once more.
    assert page.control("button", "apply_files").label == "Apply anyway …"
    page.control("button", "apply_files").click().run()
    page.settled()
    assert page.control("button", "confirm_deploy").label == "Apply anyway"


def _prepared(made_at: datetime, **more: Any) -> Prepared:
    return Prepared(Bundle(Path(), (), ()), (), (), WorkspaceRef.of(WORKSPACE), made_at, **more)


def test_the_result_of_before_gives_way_when_azure_takes_long() -> None:
    before, early = _prepared(AT - timedelta(hours=1)), _prepared(AT, asked=("quota",))
    soon, late = AT + bundle_view.PATIENCE / 2, AT + bundle_view.PATIENCE
    assert bundle_view.standing(Work(), soon) is None
    assert bundle_view.standing(Work(early=early), soon) is early
    assert bundle_view.standing(Work(before), late) is before
    work = Work(before, early=early)
    assert [bundle_view.standing(work, at) for at in (soon, late)] == [before, early]
    assert bundle_view.doing_words(work, before) == "at 11:00:00 UTC, being checked anew"
    assert bundle_view.doing_words(work, early) == "so far. Azure is still asked: quota"
