"""The comparison on the Test page: what is chosen, what was found, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from services.payloads.consent import Consent
from services.payloads.payload import Payload
from services.replay.differences import Difference
from services.replay.keeping import KIND
from services.replay.record import Example, Record, Triple, to_document
from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page
from ui import context
from ui.test.compare import compare_rows, compare_runs

pytestmark = pytest.mark.emulator


def endpoint_id(azure: LocalAzure, name: str = SPLIT) -> str:
    return f"{azure.workspace}/onlineEndpoints/{name}"


@pytest.fixture
def opened(open_page: Callable[..., Page], seeded: LocalAzure) -> Page:
    """The view with an empty library."""
    return open_page("test", seeded, endpoint=SPLIT, view="compare")


def fill_library(azure: LocalAzure, *bodies: str) -> None:
    for number, body in enumerate(bodies):
        context.library().save(endpoint_id(azure), Payload("", f"payload {number}", body.encode()))


def compare(page: Page) -> Page:
    """Press the button and wait until the comparison is over."""
    page.app.button(key="compare_begin").click().run()
    assert not page.app.exception
    (run,) = compare_runs._runs().values()
    assert run.over.wait(60)
    page.app.run()
    assert not page.app.exception
    return page


def record(different: int = 5, *, of: int = 100) -> Record:
    triples = tuple(
        Triple(
            number,
            ("200", "200", "200"),
            (10.0, 11.0, 15.0 + number % 3),
            (1.0, 1.0, 2.0),
            {"$.label": "candidate"} if number < different else {"$.mood": "first"} if number == 50 else {},
            ("$.id",),
            {"$.score": (0.5, 0.0)},
        )
        for number in range(of)
    )
    again = tuple(
        Triple(number % different, ("200",) * 3, (1.0,) * 3, (None,) * 3, {"$.label": "candidate"})
        for number in range(18)
    )
    change = Difference("$.label", "value", "ham", "spam")
    example = Example(0, "first", ("$.label",), (change,), '{"data": 1}', '{"label": "ham"}', '{"label": "spam"}')
    names = tuple(f"request {number}" for number in range(of))
    return Record("blue", "green", datetime(2026, 3, 1, tzinfo=UTC), 1, 0.0, names, triples, again, (example,))


def keep(azure: LocalAzure, content: Record) -> str:
    return context.results().save(endpoint_id(azure), KIND, to_document(content), at=datetime.now(UTC))


def test_an_empty_library_says_where_requests_come_from(opened: Page) -> None:
    assert any("No payload of this endpoint is saved yet." in each.value for each in opened.app.text)
    assert opened.app.button(key="compare_begin").disabled


def test_an_endpoint_with_fewer_than_two_deployments_has_nothing_to_compare(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("test", seeded, endpoint=BARE, view="compare")
    assert "needs two deployments" in page.html()


def test_the_library_is_compared_and_the_result_kept(opened: Page, seeded: LocalAzure) -> None:
    Consent(context.store()).set(context.person(), keeps=True)
    fill_library(seeded, '{"data": [0]}', '{"data": [1]}', '{"data": [2, 2]}')
    opened.app.run()
    assert opened.app.selectbox(key=f"compare_live:{SPLIT}").value == "blue"
    compare(opened)
    assert "green answers 2 of 3 requests otherwise than blue" in opened.html()
    assert opened.rows(f"compare_fields:{SPLIT}")[0][:3] == ["$[*]", "differs", "2"]
    assert opened.rows(f"compare_examples:{SPLIT}")[0][0] == "payload 2"
    (kept,) = context.results().all(endpoint_id(seeded), KIND)
    assert len(kept.content["examples"]) == 2
    assert opened.rows(f"comparisons:{SPLIT}")[0][1:4] == ["blue", "green", "3"]


def test_without_leave_no_bodies_are_kept(opened: Page, seeded: LocalAzure) -> None:
    fill_library(seeded, '{"data": [7654321, 2]}')
    opened.app.run()
    compare(opened)
    (kept,) = context.results().all(endpoint_id(seeded), KIND)
    assert "7654321" not in json.dumps(dict(kept.content))
    assert opened.rows(f"compare_examples:{SPLIT}")[0][0] == "payload 0"


def test_a_variable_without_a_value_is_named(opened: Page, seeded: LocalAzure) -> None:
    fill_library(seeded, '{"data": [{{nobody}}]}')
    opened.app.run()
    opened.app.button(key="compare_begin").click().run()
    assert "nobody" in opened.html()
    assert compare_runs._runs() == {}


def test_a_kept_comparison_is_opened_by_its_address(
    open_page: Callable[..., Page], seeded: LocalAzure, opened: Page
) -> None:
    older = keep(seeded, record(5))
    keep(seeded, record(9))
    page = open_page("test", seeded, endpoint=SPLIT, view="compare", comparison=older)
    assert "green answers 5 of 100 requests otherwise" in page.html()
    assert [row[4] for row in page.rows(f"comparisons:{SPLIT}")] == ["9 (4.2 % to 16.4 %)", "5 (1.6 % to 11.3 %)"]


def test_a_new_comparison_is_shown_instead_of_the_one_that_was_open(
    open_page: Callable[..., Page], seeded: LocalAzure, opened: Page
) -> None:
    older = keep(seeded, record(5))
    fill_library(seeded, '{"data": [0]}')
    page = compare(open_page("test", seeded, endpoint=SPLIT, view="compare", comparison=older))
    assert "was found in 1 request." in page.html()


def test_a_field_that_is_left_out_counts_no_more(opened: Page, seeded: LocalAzure) -> None:
    keep(seeded, record(5))
    opened.app.run()
    field = f"compare_muted:{endpoint_id(seeded)}:chosen"
    opened.app.multiselect(key=field).set_value(["$.label"]).run()
    assert "No difference between green and blue was found" in opened.html()
    assert opened.app.multiselect(key=field).value == ["$.label"]


def test_a_comparison_is_deleted_after_a_question(opened: Page, seeded: LocalAzure) -> None:
    keep(seeded, record(5))
    opened.app.run()
    opened.app.button(key="compare_delete").click().run()
    opened.app.button(key="ask_confirm").click().run()
    assert context.results().all(endpoint_id(seeded), KIND) == ()


def test_a_kept_comparison_of_another_version_is_passed_over(opened: Page, seeded: LocalAzure) -> None:
    context.results().save(endpoint_id(seeded), KIND, {"format": 99}, at=datetime.now(UTC))
    opened.app.run()
    assert not opened.app.exception


def test_a_reader_is_told_that_nothing_can_be_sent(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("test", seeded, "reader", endpoint=SPLIT, view="compare")
    assert "Your role may not read this endpoint" in page.html()


@pytest.mark.parametrize(("share", "expected"), [(0.0, "0 %"), (0.05, "5.0 %"), (1.0, "100 %")])
def test_shares_are_written_with_a_decimal(share: float, expected: str) -> None:
    assert compare_rows.percent(share) == expected
