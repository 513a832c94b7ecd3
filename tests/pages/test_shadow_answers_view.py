"""Answers compared inside a shadow test, and its report, on the Shadow page of a running local Azure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.azure.endpoints import get_endpoint
from services.comparison.criteria import Criteria
from services.payloads.payload import Payload
from services.shadow import report_html
from services.shadow.model import Pair, Run, RunState
from services.shadow.runs import Answers
from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page
from ui import context
from ui.shadow import answers_view, report_view

pytestmark = pytest.mark.emulator
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)
ANSWERS = Criteria(error_points=None, latency=None, quantiles=(), answer_percent=5.0)


@pytest.fixture
def azure(seeded: LocalAzure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalAzure]:
    """The seeded local Azure, which this process is connected to; after the test nothing looks after its runs."""
    for variable, value in {**seeded.environment, "SLUICE_DATA_DIR": str(tmp_path / "data")}.items():
        monkeypatch.setenv(variable, value)
    yield seeded
    context.shadow().stop()


def keep(azure: LocalAzure, criteria: Criteria = ANSWERS) -> Run:
    """A running run, which no keeper looks after for now."""
    runs, endpoint_id = context.shadow().runs, str(azure.arm("GET", f"onlineEndpoints/{SPLIT}").json()["id"])
    assert runs.take("run-1", "another process", datetime.now(UTC))
    ends_at = BEGAN + timedelta(hours=1)
    return runs.begin(
        Run("run-1", endpoint_id, Pair("blue", "green"), 20, criteria, BEGAN, ends_at, "somebody", set_at=BEGAN)
    )


def fill_library(azure: LocalAzure, run: Run, count: int) -> None:
    for number in range(1, count + 1):
        context.library().save(run.endpoint_id, Payload("", f"payload {number}", b'{"data": [%d]}' % number))


def compare(page: Page) -> None:
    page.app.button(key="compare_answers").click().run()
    assert not page.app.exception
    deadline = time.monotonic() + 60
    while "of 12 payloads otherwise" not in page.html():
        assert time.monotonic() < deadline, page.html()
        page.app.run()
    # The cards above may have been drawn a moment before the answers were there.
    page.app.run()
    assert not page.app.exception


def test_answers_compared_on_the_page_decide_their_criterion_and_are_not_asked_twice(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    run = keep(azure)
    page = open_page("shadow", azure, endpoint=SPLIT)
    assert "No answers have been compared yet" in page.html()
    assert page.app.button(key="compare_answers").disabled, "the library is empty"
    fill_library(azure, run, 12)
    page.fresh()
    compare(page)
    assert "green answers 12 of 12 payloads otherwise than blue: 100.0 %" in page.html()
    assert "12 payloads, answered by both" in page.html()
    assert context.shadow().runs.answers(run.id)[0].different == 12
    page.app.button(key="compare_answers").click().run()
    assert "All 12 payloads have been counted in this shadow test" in page.html()
    assert len(context.shadow().runs.answers(run.id)) == 1


def test_a_run_without_answers_among_its_criteria_asks_for_none_and_offers_its_report(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    run = keep(azure, Criteria())
    page = open_page("shadow", azure, endpoint=SPLIT)
    assert "Answers" not in [each.value for each in page.app.header]
    offered = [getattr(each, "label", "") for each in page.app.get("download_button")]
    assert offered[:2] == ["Report as HTML", "Report as JSON"]
    endpoint = get_endpoint(context.connection(), SPLIT)
    told = report_view.maker(endpoint, run)()
    assert told["verdict"]["verdict"] == "NEED MORE"
    assert told["run"]["state"] == "running"
    assert "Not decided yet" in report_html.page(told)
    context.shadow().runs.end(run.id, RunState.STOPPED, "Somebody stopped it.", datetime.now(UTC))
    assert report_view.maker(endpoint, run)()["run"]["why"] == "Somebody stopped it.", "as it is when it is taken"


def test_nothing_that_could_be_compared_is_said_to_be_nothing() -> None:
    at, pair = datetime(2026, 3, 1, tzinfo=UTC), Pair("blue", "green")
    run = Run("run-1", "/e", pair, 20, ANSWERS, at, at + timedelta(hours=1), "somebody")
    assert "No answers have been compared yet" in answers_view.summary(run, ())
    ended = replace(run, state=RunState.ENDED)
    assert answers_view.summary(ended, ()).startswith("No answers were compared while it ran")
    assert answers_view.summary(ended, (Answers(0, 0, {}),)) == (
        "Nothing could be compared: every answer was an error."
    )
