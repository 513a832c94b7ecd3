"""The Shadow page on a running local Azure: the form, the running test, the frozen verdict, and why there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from services.comparison.criteria import Criteria
from services.comparison.judge import Arm
from services.model import Endpoint, Split
from services.shadow.judging import from_view
from services.shadow.model import Minute, Pair, Run, RunState
from services.shadow.runs import Runs
from tests.contract.monitor_clients import seed
from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page, read_split, write_split
from ui import chosen, context
from ui.shadow import shadow_link

pytestmark = pytest.mark.emulator
PAIR = Pair("blue", "green")
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
BEGAN = NOW - timedelta(hours=2)


@pytest.fixture
def azure(seeded: LocalAzure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalAzure]:
    """The seeded local Azure, which this process is connected to; after the test nothing looks after its runs, and its
    split is what it was."""
    for variable, value in {**seeded.environment, "SLUICE_DATA_DIR": str(tmp_path / "data")}.items():
        monkeypatch.setenv(variable, value)
    yield seeded
    context.shadow().stop()
    write_split(seeded, {"blue": 100}, {"green": 20})


def arm(requests: int, errors: int = 0, *, ms: float = 50.0, seed: int = 0) -> Arm:
    spread = np.exp(np.random.default_rng(seed).normal(0, 0.3, requests - errors))
    return Arm(requests, errors, ms * spread)


def minutes(count: int, *, ms: float = 50.0, errors: int = 0, requests: int = 20) -> tuple[Minute, ...]:
    return tuple(
        Minute(
            BEGAN + timedelta(minutes=number),
            arm(requests, seed=number),
            arm(requests, min(errors, requests), ms=ms, seed=number + 1000),
        )
        for number in range(count)
    )


def endpoint_id(azure: LocalAzure, name: str = SPLIT) -> str:
    return str(azure.arm("GET", f"onlineEndpoints/{name}").json()["id"])


def keep(azure: LocalAzure, kept: Sequence[Minute], run_id: str = "run-1", **other: object) -> Run:
    """A running run with these minutes, which no keeper looks after for now."""
    runs = context.shadow().runs
    run = Run(
        run_id, endpoint_id(azure), PAIR, 20, Criteria(), BEGAN, NOW + timedelta(hours=1), "somebody", set_at=BEGAN
    )
    assert runs.take(run_id, "another process", datetime.now(UTC))
    runs.begin(replace(run, **other))  # type: ignore[arg-type]  # the fields of Run
    runs.add_minutes(run_id, kept, counts="deployment metrics", rows="console log")
    return run


def end(run_id: str = "run-1", state: RunState = RunState.ENDED, why: str = "Its time was over.") -> None:
    runs: Runs = context.shadow().runs
    runs.end(run_id, state, why, NOW)
    ended = runs.get(run_id)
    assert ended is not None
    runs.freeze(run_id, from_view(context.shadow().standing(ended)))


def is_offered(page: Page) -> bool:
    """Whether a shadow test can be started, or could by somebody who may."""
    return any(each.key == "start_shadow" for each in page.app.button)


def test_without_a_run_it_says_what_a_shadow_test_is_and_offers_one(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("shadow", azure, endpoint=SPLIT)
    assert "PASS, FAIL or NEED MORE" in page.html()
    assert page.app.selectbox(key=f"shadow_candidate:{SPLIT}").options == ["green"]
    assert page.app.number_input(key=f"shadow_percent:{SPLIT}:green").value == 20, "the mirror that is set already"
    assert not page.app.button(key="start_shadow").disabled
    assert "What green must not be worse by" in [each.value for each in page.app.header]


def test_starting_asks_once_takes_the_mirror_and_saves_the_criteria(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("shadow", azure, endpoint=SPLIT)
    key = f"_{endpoint_id(azure).lower()}"
    page.app.number_input(key=f"shadow_memory{key}").set_value(20.0)
    page.app.number_input(key=f"shadow_errors{key}").set_value(1.5).run()
    page.app.button(key="start_shadow").click().run()
    assert page.app.get("dialog")
    assert "mirrors 20 % to <b>green</b> already" in page.html()
    assert "errors at most 1.5 points more" in page.html()
    page.app.run()
    assert page.app.get("dialog"), "a page that draws itself again leaves the question open"
    page.app.button(key="confirm_shadow").click().run()
    assert not page.app.get("dialog")
    assert "No data is neither PASS nor FAIL." in page.html()
    assert page.html().count('<b class="verdict busy">') == 5, "the whole, errors, latency twice, and memory"
    assert "No minute tells yet what the instances of both use." in page.html()
    assert not is_offered(page), "one runs at a time"
    runs = context.shadow().runs
    assert [(each.percent, each.criteria.error_points) for each in runs.running()] == [(20, 1.5)]
    assert runs.criteria(endpoint_id(azure)) == Criteria(1.5, memory_percent=20)
    assert read_split(azure) == ({"blue": 100}, {"green": 20})


def test_it_can_be_stopped_which_clears_the_mirror_and_freezes_the_verdict(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("shadow", azure, endpoint=SPLIT)
    page.app.button(key="start_shadow").click().run()
    page.app.button(key="confirm_shadow").click().run()
    page.app.button(key="stop_shadow").click().run()
    assert page.app.get("dialog")
    page.app.button(key="ask_confirm").click().run()
    deadline = time.monotonic() + 60
    while "Stopped at" not in page.html() or not is_offered(page):
        assert time.monotonic() < deadline, page.html()
        page.fresh()
    assert "Somebody stopped it before its time." in page.html()
    assert read_split(azure) == ({"blue": 100}, {})


def test_a_running_test_shows_every_criterion_with_its_evidence(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    keep(azure, minutes(30))
    page = open_page("shadow", azure, endpoint=SPLIT)
    shown = page.html()
    assert "600 of green, 600 of blue" in shown
    assert "at most +0.5 points" in shown
    assert "at most +10 %" in shown
    assert "deployment metrics" in shown
    assert "console log" in shown
    assert "more requests (≈" in shown
    assert "It is not yet known whether green is as good as blue" in shown
    assert "green gets 20.0 /min lately" in shown
    assert not page.app.button(key="stop_shadow").disabled


def test_a_slow_candidate_fails_and_the_verdict_is_frozen_with_a_way_to_promote(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    keep(azure, minutes(60, ms=90.0))
    end()
    page = open_page("shadow", azure, endpoint=SPLIT)
    assert "green is shown to be worse than blue by more than the limit: Latency in the same minute" in page.html()
    assert "The verdict is frozen." in page.html()
    assert "more requests" not in page.html(), "nothing more will come"
    page.app.button(key="prepare_promotion").click().run()
    assert [each.value for each in page.app.title] == ["Traffic"]
    assert page.control("number_input", f"share:{SPLIT}:green").value == 100
    assert read_split(azure) == ({"blue": 100}, {"green": 20}), "nothing is applied"


def test_what_happened_to_the_ground_is_told(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    run = keep(azure, minutes(3))
    runs = context.shadow().runs
    runs.remark(run.id, "green was scaled from <1> to 2 instances.", NOW)
    runs.tell(run.id, lambda kept: replace(kept, trouble="The metrics could not be read.", notes=("Switch it on.",)))
    end(state=RunState.BROKEN, why="The mirror was cleared.")
    page = open_page("shadow", azure, endpoint=SPLIT)
    assert "Broken off at" in page.html()
    assert "The mirror was cleared." in page.html()
    assert "green was scaled from &lt;1&gt; to 2 instances." in page.html()
    assert "Switch it on." in page.html()


def test_an_earlier_test_is_opened_by_its_row_and_by_its_address(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    keep(azure, minutes(60, ms=90.0), "run-old")
    end("run-old")
    keep(azure, minutes(5), "run-new", started_at=BEGAN + timedelta(minutes=60))
    page = open_page("shadow", azure, endpoint=SPLIT)
    assert [row[-2:] for row in page.rows("shadow_runs")] == [["not yet", "somebody"], ["FAIL", "somebody"]]
    assert "It is not yet known" in page.html()
    page = open_page("shadow", azure, endpoint=SPLIT, run="run-old")
    assert "green is shown to be worse than blue" in page.html()
    page.app.button(key="see_running").click().run()
    assert "It is not yet known" in page.html()


def test_who_may_not_write_sees_the_verdict_and_cannot_start(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("shadow", azure, role="reader", endpoint=SPLIT)
    assert "You can look, not change" in page.html()
    assert page.app.button(key="start_shadow").disabled
    keep(azure, minutes(3))
    page.fresh()
    assert "600" not in page.html()
    assert "60 of green, 60 of blue" in page.html()
    assert page.app.button(key="stop_shadow").disabled


def test_an_endpoint_without_deployments_says_what_is_missing(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("shadow", azure, endpoint=BARE)
    assert "A shadow test needs two deployments" in page.html()
    assert not is_offered(page)


def test_when_every_deployment_is_live_it_says_why_none_can_be_copied_to_and_what_to_do(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    entry = {"name": "shadow-all-live", "deployments": ["blue", "green"], "traffic": {"blue": 60, "green": 40}}
    seed(azure, endpoints=[entry])
    page = open_page("shadow", azure, endpoint="shadow-all-live")
    assert "Every deployment has live traffic, and Azure mirrors only to one without." in page.html()
    assert "take the live share of one away on the Traffic page" in page.html()
    assert not is_offered(page)
    assert "Side by side" in [each.value for each in page.app.header], "two live ones can be described"


def test_a_kubernetes_endpoint_says_why_there_is_no_shadow_test_and_describes_all_the_same(
    open_page: Callable[..., Page], azure: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The local Azure has managed endpoints alone.
    heading = chosen.heading

    def on_kubernetes(title: str) -> Endpoint | None:
        found = heading(title)
        return replace(found, is_kubernetes=True) if found else None

    monkeypatch.setattr(chosen, "heading", on_kubernetes)
    page = open_page("shadow", azure, endpoint=SPLIT)
    assert "This is a Kubernetes endpoint. Azure mirrors traffic on managed online endpoints only." in page.html()
    assert "Two of its deployments can be described side by side below." in page.html()
    assert not is_offered(page)
    assert "Side by side" in [each.value for each in page.app.header]


def test_criteria_that_cannot_be_judged_are_refused_before_the_start(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("shadow", azure, endpoint=SPLIT)
    page.app.number_input(key=f"shadow_errors_{endpoint_id(azure).lower()}").set_value(0.0).run()
    assert "These criteria cannot be judged." in page.html()
    assert page.app.button(key="start_shadow").disabled


def test_the_pages_that_show_the_mirror_lead_to_it_and_say_what_breaks_a_running_test(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    links = {each.proto.label for each in page.app.get("page_link")}
    assert "Is `green` as good as what is live? Start a shadow test" in links
    keep(azure, minutes(3))
    assert "A shadow test compares green with blue until" in page.fresh().html()
    page = open_page("metrics", azure, endpoint=SPLIT)
    assert "See the verdict so far" in {each.proto.label for each in page.app.get("page_link")}


def test_a_change_of_the_split_that_breaks_a_running_test_says_so_before_it_is_applied(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    keep(azure, minutes(3), split=Split({"blue": 100}, {"green": 20}))
    page = open_page("traffic", azure, endpoint=SPLIT)
    page.control("number_input", f"share:{SPLIT}:green").set_value(10).run()
    page.app.button(key="shift").click().run()
    assert page.app.get("dialog")
    assert "This change breaks it off: its verdict is frozen" in page.html()
    assert "See the shadow test" in {each.proto.label for each in page.app.get("page_link")}
    page.app.button(key="cancel_shift").click().run()
    end()
    page.app.button(key="shift").click().run()
    assert "This change breaks it off" not in page.html(), "a test that is over"


def test_a_change_that_a_running_test_stands_is_told_as_such() -> None:
    run = Run("one", "/id", PAIR, 20, Criteria(), BEGAN, NOW, "", split=Split({"blue": 90, "red": 10}, {"green": 20}))
    assert shadow_link.warning(run, run.split) == ""
    assert "It goes on" in shadow_link.warning(run, Split({"blue": 100}, {"green": 20}))
    for split in (Split({"blue": 100}), Split({"red": 100}, {"green": 20}), Split({"blue": 100}, {"green": 30})):
        assert "breaks it off" in shadow_link.warning(run, split)


def test_who_sees_a_test_pass_that_was_to_prepare_its_promotion_is_taken_to_it(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    keep(azure, minutes(240, requests=60), prepares_promotion=True)
    end()
    page = open_page("shadow", azure, endpoint=SPLIT)
    assert "green is shown to be no worse than blue" in page.html()
    assert [each.value for each in page.app.title] == ["Shadow"], "who comes later presses the button"
    page.app.session_state["shadow_promotion_to_prepare"] = "run-1"
    page.app.run()
    assert [each.value for each in page.app.title] == ["Traffic"]
    assert page.control("number_input", f"share:{SPLIT}:green").value == 100
    assert read_split(azure) == ({"blue": 100}, {"green": 20})
