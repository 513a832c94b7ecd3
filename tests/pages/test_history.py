"""The journal in words, in the timeline, and as lines on charts, from entries whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import pytest

from services.journal.entry import (
    APPLIED,
    CANCELLED,
    CHANGE,
    DRIFT,
    FAILED,
    FIRST_SEEN,
    KEPT,
    OPEN,
    REFUSED,
    RESTORED,
    SUPERSEDED,
    UNKNOWN,
    Entry,
    Failure,
    Who,
)
from services.model import Split, Window
from services.traffic.arrival import ARRIVES, NOT_YET_KNOWN, Arrival, MirrorArrival, ShareArrival
from tests.values import WORKSPACE
from ui import context
from ui.components.timeline import Item
from ui.journal import entry_words, history, journal_lines, journal_page
from ui.traffic import arrival_panel

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(minutes=100), 60)
BLUE, HALF, GREEN = Split({"blue": 100}, {"green": 20}), Split({"blue": 50, "green": 50}), Split({"green": 100})
BOTH = {"blue", "green"}


def entry(minute: float, before: Split | None, after: Split, kind: str = CHANGE, outcome: str = APPLIED) -> Entry:
    """An entry that took effect at ``minute``."""
    at = START + timedelta(minutes=minute)
    return Entry(
        id=f"at-{minute}",
        kind=kind,
        cloud="cloud",
        endpoint_id=f"{WORKSPACE}/onlineEndpoints/digits",
        endpoint_name="digits",
        before=before,
        after=after,
        who=Who("ml-operators", "anna") if kind == CHANGE else Who(),
        reason="",
        restores="",
        began_at=at,
        ended_at=at if kind == CHANGE else None,
        outcome=outcome,
    )


SEEN = entry(0, None, BLUE, FIRST_SEEN, "kept")
SHIFTED = entry(10, BLUE, HALF)
NOT_DONE = entry(20, HALF, GREEN, outcome=REFUSED)
ELSEWHERE = entry(30, HALF, GREEN, DRIFT, OPEN)
ALL = [ELSEWHERE, NOT_DONE, SHIFTED, SEEN]


def acts(items: list[Item]) -> dict[str, list[str]]:
    return {item.id: [act.label for act in item.acts] for item in items}


def test_every_split_that_was_held_can_be_restored_but_the_one_that_is_held_now() -> None:
    shown = history.items(ALL, GREEN, BOTH, {})
    assert acts(shown) == {
        "at-30": ["Undo this change"],
        "at-20": [],
        "at-10": ["Restore this split"],
        "at-0": ["Restore this split"],
    }


def test_a_split_with_a_deployment_that_is_gone_says_why_it_cannot_be_restored() -> None:
    shown = history.items(ALL, GREEN, {"green"}, {})
    assert {act.why_off for item in shown for act in item.acts} == {"blue does not exist any more."}


def test_who_may_not_write_sees_the_history_and_why_nothing_can_be_restored() -> None:
    shown = history.items(ALL, GREEN, BOTH, {}, why_off="Your role may not change traffic.")
    assert {act.why_off for item in shown for act in item.acts} == {"Your role may not change traffic."}


def test_a_restored_split_is_told_from_an_undone_change() -> None:
    again = replace(entry(40, GREEN, HALF), restores=SHIFTED.id)
    undone = replace(entry(40, GREEN, HALF), restores=ELSEWHERE.id)
    assert entry_words.restores(again, SHIFTED) == "Restores the split of 2026-03-01 12:10:00 UTC."
    assert entry_words.restores(undone, ELSEWHERE) == "Undoes the change of 2026-03-01 12:30:00 UTC."
    assert entry_words.restores(SHIFTED, None) == ""


def test_an_author_is_never_guessed() -> None:
    assert entry_words.by(SHIFTED) == "By anna on this machine, as ml-operators in Azure."
    assert entry_words.by(replace(SHIFTED, who=Who())) == "By somebody unknown."
    unsaid = "Azure's activity log has not said by whom; it can be some minutes late."
    assert entry_words.by(ELSEWHERE) == unsaid
    named = entry_words.by(replace(ELSEWHERE, last_modified_by="ci@contoso.com"))
    assert named == f'{unsaid} Azure\'s "last modified by" was ci@contoso.com when this was noticed.'
    assert entry_words.by(replace(ELSEWHERE, who=Who("ci@contoso.com"))) == "By ci@contoso.com."
    assert entry_words.by(SEEN) == ""


def test_an_endpoint_that_was_seen_empty_first_and_then_with_traffic_says_so_in_two_entries() -> None:
    empty = entry(0, None, Split(), FIRST_SEEN, "kept")
    second = replace(entry(3, None, BLUE, FIRST_SEEN, "kept"), unseen_since=empty.began_at)
    assert [entry_words.outcome(each) for each in (SEEN, empty, second)] == [
        "first seen",
        "first seen, without traffic",
        "first traffic seen",
    ]
    assert entry_words.by(second).endswith("saw the endpoint without traffic from 2026-03-01 12:00:00 UTC on.")
    assert entry_words.by(empty) == ""


def test_the_person_is_the_user_that_the_system_knows_and_not_what_a_variable_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert context.person() != "somebody-else"


def test_what_went_wrong_is_said_without_opening_the_details() -> None:
    failure = Failure("It was not changed.", "Somebody was faster.", "Look again.")
    shown = history.item(replace(NOT_DONE, failure=failure, overwrote=("Theirs was lost.",)), None)
    assert shown.note == "Nothing was written. Somebody was faster. Theirs was lost."
    unknown = history.item(replace(NOT_DONE, outcome=UNKNOWN, held=BLUE, request_ids=("r1", "r2")), None)
    told = {detail.label: detail.text for detail in unknown.details}
    assert told["Azure held"] == "blue 100 %; mirror 20 % to green"
    assert told["Request ids"] == "r1, r2"


def test_every_outcome_has_words() -> None:
    assert set(entry_words.OUTCOMES) == {
        "",
        APPLIED,
        REFUSED,
        CANCELLED,
        FAILED,
        UNKNOWN,
        OPEN,
        KEPT,
        RESTORED,
        SUPERSEDED,
    }


def test_lines_are_what_really_changed_within_the_window() -> None:
    late = entry(101, GREEN, BLUE)
    found = journal_lines.lines([late, *ALL], WINDOW)
    assert [(line.at.minute, line.label, line.is_elsewhere) for line in found] == [
        (10, "blue 50 %, green 50 %", False),
        (30, "elsewhere: green 100 %", True),
    ]


def test_many_changes_share_lines_and_labels_keep_apart() -> None:
    many = [entry(number / 10, BLUE, HALF) for number in range(1000)]
    found = journal_lines.lines(many, WINDOW)
    assert len(found) <= 1 / journal_lines.SAME_LINE
    labelled = [line.at for line in found if line.label]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(labelled)]
    assert min(gaps) >= journal_lines.LABEL_APART * 6000
    assert found[-1].label == "8 changes"
    assert found[-1].hover.count("<br>") == journal_lines.NAMED
    assert found[-1].hover.endswith("and 4 more")


@pytest.mark.parametrize("is_dark", [True, False])
def test_lines_are_drawn_with_labels_that_plotly_shows_as_text(is_dark: bool) -> None:
    zone = ZoneInfo("Europe/Vienna")
    odd = entry(10, BLUE, Split({"<b>a&b</b>": 100}))
    figure = go.Figure(go.Scatter(x=[START], y=[1]))
    journal_lines.draw(figure, journal_lines.lines([odd, ELSEWHERE], WINDOW, zone), zone, is_dark=is_dark)
    assert [note.text for note in figure.layout.annotations] == [
        "&lt;b&gt;a&amp;b&lt;/b&gt; 100 %",
        "elsewhere: green 100 %",
    ]
    assert [shape.line.dash for shape in figure.layout.shapes] == ["solid", "dash"]
    assert [shape.x0.hour for shape in figure.layout.shapes] == [13, 13]
    assert "13:10:00 changed: &lt;b&gt;" in figure.data[-1].hovertext[0]


def test_a_chart_without_data_gets_no_lines() -> None:
    figure = go.Figure()
    journal_lines.draw(figure, journal_lines.lines(ALL, WINDOW), UTC, is_dark=False)
    assert not figure.data
    assert not figure.layout.shapes


def test_endpoints_of_other_workspaces_are_named_with_their_workspace() -> None:
    home = SHIFTED.workspace
    there = "/subscriptions/s/resourceGroups/g2/providers/microsoft.machinelearningservices/workspaces/x"
    twin = there.replace("g2", "g3")
    ids = [each.lower() + "/onlineendpoints/digits" for each in (WORKSPACE, there, twin)]
    assert list(journal_page.endpoint_names(ids, home)) == ["digits", "digits in s/g2/x", "digits in s/g3/x"]
    assert list(journal_page.endpoint_names(ids[:2], home)) == ["digits", "digits in x"]


def test_what_arrives_names_every_share_with_its_interval_and_verdict() -> None:
    found = Arrival(
        START,
        START + timedelta(minutes=9),
        (
            ShareArrival("blue", 90, 900, 90.0, 88.0, 92.0, ARRIVES),
            ShareArrival("green", 10, 0, None, None, None, NOT_YET_KNOWN),
        ),
        MirrorArrival("red", 20, 900, 0, None, None, None, "", NOT_YET_KNOWN),
        "",
    )
    assert [[cell.text for cell in row.cells] for row in arrival_panel.rows(found)] == [
        ["blue", "arrives", "90 %", "90.0 %", "88.0 to 92.0 %", "900"],
        ["green", "not yet known", "10 %", "no data", "no data", "0"],
        ["red", "not yet known", "20 %", "no data", "no data", "no data"],
    ]


def test_a_split_that_was_first_seen_is_not_said_to_hold_since_then() -> None:
    found = Arrival(START, START + timedelta(minutes=9), (), None, "")
    assert arrival_panel.measured_words(found, SHIFTED).endswith("The split holds since 2026-03-01 12:10:00 UTC.")
    assert "Sluice has seen this split since" in arrival_panel.measured_words(found, SEEN)
