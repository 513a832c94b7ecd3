"""What the page says of a job: its phases, those ahead, who began it, and what mends it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.deploying.model import Cause, Job, JobState, Kind, Phase, Step
from services.deploying.order import Item
from services.deploying.planned import plan_of
from services.deploying.putting import uploaded
from services.model import WorkspaceRef
from ui.deploy import failure_card, job_view, phase_list

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACE = WorkspaceRef("sub", "Group", "space")
ITEMS = (
    Item(Kind.ENDPOINT, "e.yml", "shop", "shop", exists=True),
    Item(Kind.DEPLOYMENT, "b.yml", "blue", "shop", replaces=True),
)
CAUSE = Cause("import-package", "A package is missing.", "No module named x", "the log", "Add it.")


def job(*steps: tuple[str, Phase, float | None], state: JobState = JobState.RUNNING) -> Job:
    made = Job("one", "cloud", PLACE, "shop", "blue", "deploy", "Deploy shop/blue", state, NOW, person="root")
    told = tuple(
        Step(resource, phase, NOW, None if seconds is None else NOW + timedelta(seconds=seconds))
        for resource, phase, seconds in steps
    )
    return replace(made, steps=told, plan=plan_of(ITEMS))


def usual(step: Step) -> float | None:
    return {Phase.BUILD: 4.0, Phase.PROBES: 3.0, Phase.READY: 0.0}.get(step.phase)


def rows(html: str) -> list[tuple[str, str]]:
    """The class and the name of each row."""
    return re.findall(r'<li class="(\w+)"[^>]*><span class="phase">([^<]+)', html)


def test_all_phases_are_listed_from_the_begin_and_those_ahead_are_marked() -> None:
    assert rows(phase_list.listed(job(), NOW, usual)) == [
        ("future", name)
        for name in (
            "Change the endpoint",
            "Ready",
            "Delete the failed one",
            "Upload files",
            "Register assets",
            "Ask Azure",
            "Build the image",
            "Start instances",
            "Wait for probes",
            "Ready",
        )
    ]


def test_a_phase_that_azure_leaves_out_is_not_ahead_any_more() -> None:
    running = job(("shop", Phase.READY, 1), ("shop/blue", Phase.UPLOAD, 1), ("shop/blue", Phase.PROBES, None))
    html = phase_list.listed(running, NOW, usual)
    assert [row for row in rows(html) if row[0] != "past"] == [("now", "Wait for probes"), ("future", "Ready")]
    ended = replace(running, state=JobState.SUCCEEDED, ended_at=NOW)
    assert "future" not in phase_list.listed(ended, NOW, usual)


def test_what_is_ahead_has_its_usual_time_and_a_sum() -> None:
    running = job(("shop", Phase.READY, 1), ("shop/blue", Phase.WRITE, None))
    html = phase_list.listed(running, NOW, usual)
    assert 'Build the image</span><span class="took">usually 4 s' in html
    assert 'Start instances</span><span class="took">' in html
    assert phase_list.rest(running, NOW, usual) == 7
    assert "What is ahead usually takes 7 s." in job_view.card(running, usual)
    assert phase_list.rest(running, NOW, lambda _step: None) is None
    assert "is known once one has gone well here" in job_view.card(running, lambda _step: None)


@pytest.mark.parametrize(
    ("sent", "total", "text"),
    [(0, 900, "nothing new to upload"), (900, 900, "900 bytes"), (851, 865, "851 bytes; 14 bytes were there already")],
)
def test_an_upload_that_is_over_says_what_was_there_already(sent: int, total: int, text: str) -> None:
    assert uploaded(sent, total) == text


def test_no_general_advice_stands_beside_what_mends_it() -> None:
    failed = replace(job(state=JobState.FAILED), failure=("It failed.", "It crashed.", "Look at it, then try again."))
    assert "then try again" in failure_card.card(failed)
    assert "then try again" not in failure_card.card(replace(failed, causes=(CAUSE,)))
    assert "Add it." in failure_card.card(replace(failed, causes=(CAUSE,)))
    unknown = replace(CAUSE, code="not-known")
    assert "then try again" in failure_card.card(replace(failed, causes=(unknown,)))


def test_what_has_to_go_first_is_said_beside_what_mends_it() -> None:
    failed = replace(
        job(state=JobState.FAILED), failure=("It failed.", "It crashed.", "Delete blue."), stuck="shop/blue"
    )
    assert "Delete blue." in failure_card.card(replace(failed, causes=(CAUSE,)))


def test_who_began_a_job_is_told_by_their_name_in_azure_first() -> None:
    assert replace(job(), principal="Local owner").who == "Local owner (root on this machine)"
    assert job().who == "root"
