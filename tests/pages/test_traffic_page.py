"""The Traffic page on a running local Azure. What needs a browser (the slider itself, the dialog) is in tests/e2e."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page, read_split, write_split

pytestmark = pytest.mark.emulator
MANY = "pages-twenty"
LONELY = "pages-lonely"
PATIENCE_SECONDS = 60


@pytest.fixture
def azure(seeded: LocalAzure) -> Iterator[LocalAzure]:
    """The seeded local Azure; after the test its split is what it was."""
    yield seeded
    write_split(seeded, {"blue": 100}, {"green": 20})


@pytest.fixture(scope="module")
def twenty(seeded: LocalAzure) -> LocalAzure:
    """The local Azure with an endpoint of twenty deployments, and one of a single deployment."""
    names = [f"part-{number:02}" for number in range(20)]
    endpoints = [
        {"name": MANY, "deployments": names, "traffic": {"part-03": 60, "part-11": 40}},
        {"name": LONELY, "deployments": ["only"], "traffic": {"only": 100}},
    ]
    assert seeded.control("POST", "seed", {"endpoints": endpoints}).ok
    return seeded


def after(page: Page) -> dict[str, tuple[str, str]]:
    """Live and mirrored share of each deployment after the plan."""
    columns = [column["label"] for column in page.component("plan")["columns"]]
    live, mirror = columns.index("Live after"), columns.index("Mirror after") if "Mirror after" in columns else 0
    return {row[0]: (row[live], row[mirror] if mirror else "0 %") for row in page.rows("plan")}


def is_drawn(page: Page, key: str) -> bool:
    return any(element.proto.id.endswith(f"-{key}") for element in page.app.get("bidi_component"))


def captions(page: Page) -> str:
    return "\n".join(caption.value for caption in page.app.caption)


def until(page: Page, condition: Callable[[], Any], what: str) -> None:
    """Look at the page again until ``condition`` holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}\n{page.html()}"
        page.fresh()


def share(page: Page, deployment: str, percent: int) -> None:
    page.control("number_input", f"share:{SPLIT}:{deployment}").set_value(percent).run()


def apply(page: Page, reason: str = "") -> None:
    """Ask, give a reason, and confirm."""
    page.app.button(key="shift").click().run()
    assert page.app.get("dialog")
    if reason:
        page.app.text_input[0].set_value(reason).run()
    page.app.button(key="confirm_shift").click().run()


def test_it_opens_with_what_azure_holds_and_nothing_to_shift(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    slider = page.component(f"slider:{SPLIT}")
    assert dict(zip(slider["names"], slider["shares"], strict=True)) == {"blue": 100, "green": 0}
    assert "blue 100 %" in page.html()
    assert "20 % to green" in page.html()
    assert not is_drawn(page, "plan"), "nothing is prepared, so nothing is planned"
    assert page.app.button(key="shift").disabled
    assert "Nothing to shift yet" in captions(page)


@pytest.mark.parametrize(
    ("live", "said"), [({}, "Press Start traffic: only gets all"), ({"only": 100}, "only has all")]
)
def test_what_to_do_first_with_one_deployment_names_no_handle(
    open_page: Callable[..., Page], azure: LocalAzure, live: dict[str, int], said: str
) -> None:
    name = f"pages-alone-{len(live)}"
    azure.control("POST", "seed", {"endpoints": [{"name": name, "deployments": ["only"], "traffic": live}]})
    try:
        page = open_page("traffic", azure, endpoint=name)
        assert said in captions(page)
        assert "handle" not in captions(page)
    finally:
        answer = azure.arm("DELETE", f"onlineEndpoints/{name}")
        if answer.status_code == 202:
            azure.finish(answer)


def test_a_typed_share_moves_the_others_and_the_slider(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    before = page.component(f"slider:{SPLIT}")["revision"]
    share(page, "green", 30)
    assert page.control("number_input", f"share:{SPLIT}:blue").value == 70
    slider = page.component(f"slider:{SPLIT}")
    assert (slider["shares"], slider["revision"]) == ([70, 30], before + 1)
    assert after(page) == {"blue": ("70 %", "0 %"), "green": ("30 %", "0 %")}
    assert "mirrored traffic (20 %) ends in the same write" in page.html()
    assert "Begins to answer callers: 30 of 100 requests" in page.html()
    assert not page.app.button(key="shift").disabled


@pytest.mark.usefixtures("azure")
def test_the_plan_tells_requests_per_minute_and_the_preflight_its_verdict(
    open_page: Callable[..., Page], recent: LocalAzure
) -> None:
    page = open_page("traffic", recent, endpoint=SPLIT)
    share(page, "green", 50)
    until(page, lambda: "Judged from what was read" in page.html(), "the preflight")
    cells = page.component("plan")["rows"][0]["cells"]
    assert all("/min" in cells[column]["note"] for column in (1, 2)), cells


def test_reset_returns_to_what_azure_holds(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    share(page, "green", 30)
    page.app.button(key="reset").click().run()
    assert page.component(f"slider:{SPLIT}")["shares"] == [100, 0]
    assert page.app.button(key="shift").disabled


def test_all_traffic_can_be_stopped_and_the_plan_says_what_that_means(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    page.app.button(key=f"stop:{SPLIT}").click().run()
    assert after(page)["blue"][0] == "0 %"
    assert "answered 404" in page.html()


def test_a_mirror_is_offered_only_to_deployments_without_live_traffic(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    target = page.control("selectbox", f"mirror_target:{SPLIT}")
    assert target.options == ["Nobody", "green"]
    assert "blue cannot be chosen: it has live traffic" in captions(page)
    page.control("number_input", f"mirror_number:{SPLIT}").set_value(7).run()
    assert after(page)["green"] == ("0 %", "7 %")
    assert page.control("slider", f"mirror:{SPLIT}").value == 7
    page.control("selectbox", f"mirror_target:{SPLIT}").set_value("Nobody").run()
    assert after(page)["green"] == ("0 %", "0 %")


def test_a_preset_moves_the_draft_and_the_plan_says_that_a_mirror_ends(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    target = page.app.selectbox(key=f"preset_target:{SPLIT}")
    assert target.value == "green", "the mirror's target is the first to think of"
    page.app.button_group(key=f"preset_percent:{SPLIT}").set_value(25).run()
    assert after(page) == {"blue": ("75 %", "0 %"), "green": ("25 %", "0 %")}
    assert "mirrored traffic (20 %) ends in the same write" in page.html()
    page.app.button(key=f"even:{SPLIT}").click().run()
    assert after(page) == {"blue": ("50 %", "0 %"), "green": ("50 %", "0 %")}
    page.app.button(key="reset").click().run()
    page.app.button(key=f"swap:{SPLIT}").click().run()
    assert after(page) == {"blue": ("0 %", "20 %"), "green": ("100 %", "0 %")}


def test_shifting_asks_once_applies_reads_back_and_is_journaled(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    share(page, "green", 25)
    page.app.button(key="shift").click().run()
    assert page.app.get("dialog")
    page.app.run()
    assert page.app.get("dialog"), "a page that draws itself again leaves the question open"
    assert read_split(azure) == ({"blue": 100}, {"green": 20})
    page.app.text_input[0].set_value("<b>more</b> *green*").run()
    page.app.button(key="confirm_shift").click().run()
    until(page, lambda: "Traffic shifted" in page.html(), "the end of the change")
    assert not page.app.get("dialog")
    assert "Azure now holds: blue 75 %, green 25 %; mirror none." in page.html()
    assert read_split(azure) == ({"blue": 75, "green": 25}, {})
    newest = page.component(f"history:{SPLIT}")["items"][0]
    assert newest["quote"] == "<b>more</b> *green*"
    write_split(azure, {"blue": 10, "green": 90})
    page.fresh()
    assert "Azure held, before it was changed again: blue 75 %, green 25 %; mirror none." in page.html()
    page.app.button(key="dismiss_applied").click().run()
    assert "Traffic shifted" not in page.html()


def test_closing_the_question_changes_nothing(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    share(page, "green", 25)
    page.app.button(key="shift").click().run()
    page.app.button(key="cancel_shift").click().run()
    assert not page.app.get("dialog")
    assert after(page)["green"][0] == "25 %"
    assert read_split(azure) == ({"blue": 100}, {"green": 20})


def test_a_change_made_elsewhere_is_shown_beside_what_was_prepared(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    share(page, "green", 25)
    write_split(azure, {"blue": 50, "green": 50})
    page.fresh()
    assert "The split was changed meanwhile" in page.html()
    assert page.rows("conflict") == [["blue", "100 %", "50 %", "75 %"], ["green", "mirror 20 %", "50 %", "25 %"]]
    assert page.app.button(key="shift").disabled, "it has to be decided first"
    page.app.button(key="take_theirs").click().run()
    assert page.component(f"slider:{SPLIT}")["shares"] == [50, 50]
    assert "The split was changed meanwhile" not in page.html()


def test_mine_on_top_of_theirs_keeps_what_i_left_alone(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    page.app.button(key=f"stop:{SPLIT}").click().run()
    page.app.button(key="reset").click().run()
    page.control("number_input", f"mirror_number:{SPLIT}").set_value(5).run()
    write_split(azure, {}, {"green": 20})
    page.fresh()
    page.app.button(key="plan_mine").click().run()
    assert after(page) == {"blue": ("0 %", "0 %"), "green": ("0 %", "5 %")}
    assert not page.app.button(key="shift").disabled


def test_a_change_between_the_question_and_the_answer_is_not_overwritten(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    share(page, "green", 25)
    page.app.button(key="shift").click().run()
    write_split(azure, {"blue": 90, "green": 10})
    page.app.button(key="confirm_shift").click().run()
    until(page, lambda: "The split was changed meanwhile" in page.html(), "the refusal")
    assert read_split(azure) == ({"blue": 90, "green": 10}, {})
    again = open_page("traffic", azure, endpoint=SPLIT)
    assert "was not changed" in again.html(), "whoever opens the page later is told too"
    again.app.button(key="prepare_again").click().run()
    assert after(again) == {"blue": ("75 %", "0 %"), "green": ("25 %", "0 %")}


def test_waiting_for_others_can_be_cancelled_and_what_was_prepared_stays(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    share(page, "green", 25)
    theirs = azure.arm("GET", f"onlineEndpoints/{SPLIT}").json()
    theirs["properties"]["provisioningState"] = "Updating"
    # Their operation takes as long as it has to.
    answer = {"method": "GET", "path": f"/subscriptions/*/onlineEndpoints/{SPLIT}", "status": 200, "body": theirs}
    fault = azure.control("POST", "faults", answer).json()
    try:
        apply(page)
        until(page, lambda: any(each.key == "cancel_application" for each in page.app.button), "a way to cancel")
        assert "Shifting traffic to" in page.html()
        assert page.app.button(key="shift").disabled
        page.app.button(key="cancel_application").click().run()
        until(page, lambda: "Nothing was written" in page.html(), "the end of the change")
    finally:
        azure.control("DELETE", f"faults/{fault['id']}").raise_for_status()
    assert read_split(azure) == ({"blue": 100}, {"green": 20})
    assert after(page)["green"][0] == "25 %"


def test_a_reader_sees_everything_and_why_nothing_can_be_changed(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("traffic", azure, "reader", endpoint=SPLIT)
    assert "your role in this workspace may not write online endpoints" in page.html()
    assert page.component(f"slider:{SPLIT}")["disabled"]
    assert all(field.disabled for field in page.app.number_input)
    assert all(button.disabled for button in page.app.button if button.key != "drift_keep")


def test_an_endpoint_without_deployments_has_no_controls(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("traffic", azure, endpoint=BARE)
    assert "there is no traffic to shift" in page.html()
    assert not page.app.number_input


def test_one_deployment_can_be_stopped_and_started(open_page: Callable[..., Page], twenty: LocalAzure) -> None:
    page = open_page("traffic", twenty, endpoint=LONELY)
    assert "Shifting and mirroring need a second one" in captions(page)
    assert page.control("number_input", f"share:{LONELY}:only").disabled
    page.app.button(key=f"stop:{LONELY}").click().run()
    assert after(page) == {"only": ("0 %", "0 %")}
    page.app.button(key=f"all:{LONELY}").click().run()
    assert page.app.button(key="shift").disabled


def test_twenty_deployments_fit_and_the_plan_names_those_with_traffic(
    open_page: Callable[..., Page], twenty: LocalAzure
) -> None:
    page = open_page("traffic", twenty, endpoint=MANY)
    assert len([field for field in page.app.number_input if (field.key or "").startswith("share:")]) == 20
    assert page.app.expander[0].label == "Without live traffic now: 18 deployments"
    page.control("number_input", f"share:{MANY}:part-19").set_value(10).run()
    assert after(page) == {"part-03": ("54 %", "0 %"), "part-11": ("36 %", "0 %"), "part-19": ("10 %", "0 %")}
    assert "17 deployments without traffic" in captions(page)
    page.app.button(key=f"even:{MANY}").click().run()
    assert set(page.component(f"slider:{MANY}")["shares"]) == {5}


def test_a_wish_for_a_deployment_that_vanished_is_dropped_and_said(
    open_page: Callable[..., Page], twenty: LocalAzure
) -> None:
    page = open_page("traffic", twenty, endpoint=MANY)
    page.control("number_input", f"share:{MANY}:part-18").set_value(10).run()
    assert twenty.finish(twenty.arm("DELETE", f"onlineEndpoints/{MANY}/deployments/part-18"))["status"] == "Succeeded"
    page.fresh()
    assert "part-18 does not exist any more" in page.html()
    assert page.app.button(key="shift").disabled
    page.app.button(key="dismiss_gone").click().run()
    assert "does not exist any more" not in page.html()


def test_an_endpoint_made_after_the_list_was_read_is_found_by_its_address(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    name = "pages-made-late"
    assert azure.control("POST", "seed", {"endpoints": [{"name": name, "deployments": ["only"]}]}).ok
    try:
        page.app.query_params["endpoint"] = name
        page.app.run()
        assert "There is no endpoint named" not in page.html()
        assert page.control("number_input", f"share:{name}:only")
    finally:
        azure.finish(azure.arm("DELETE", f"onlineEndpoints/{name}"))
