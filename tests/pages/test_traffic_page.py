"""The Traffic page on a running local Azure. What needs a browser (the slider itself, the dialog) is in tests/e2e."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page, read_split, write_split

pytestmark = pytest.mark.emulator


@pytest.fixture
def azure(seeded: LocalAzure) -> Iterator[LocalAzure]:
    """The seeded local Azure; after the test its split is what it was."""
    yield seeded
    write_split(seeded, {"blue": 100}, {"green": 20})


def after(page: Page) -> dict[str, tuple[str, str]]:
    """Live and mirrored share of each deployment after the plan."""
    return {row[0]: (row[2], row[5]) for row in page.rows("plan")}


def test_it_opens_with_what_azure_holds_and_nothing_to_shift(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    slider = page.component(f"slider:{SPLIT}")
    assert dict(zip(slider["names"], slider["shares"], strict=True)) == {"blue": 100, "green": 0}
    assert after(page) == {"blue": ("100 %", "0 %"), "green": ("0 %", "20 %")}
    assert page.app.button(key="shift").disabled
    assert any("Nothing to shift yet" in caption.value for caption in page.app.caption)


def test_a_typed_share_moves_the_others_and_the_slider(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    before = page.component(f"slider:{SPLIT}")["revision"]
    page.app.number_input(key=f"share:{SPLIT}:green").set_value(30).run()
    assert page.app.number_input(key=f"share:{SPLIT}:blue").value == 70
    slider = page.component(f"slider:{SPLIT}")
    assert (slider["shares"], slider["revision"]) == ([70, 30], before + 1)
    assert after(page) == {"blue": ("70 %", "0 %"), "green": ("30 %", "0 %")}
    assert "mirrored traffic (20 %) ends in the same write" in page.html()
    assert not page.app.button(key="shift").disabled


def test_reset_returns_to_what_azure_holds(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    page.app.number_input(key=f"share:{SPLIT}:green").set_value(30).run()
    page.app.button(key="reset").click().run()
    assert after(page) == {"blue": ("100 %", "0 %"), "green": ("0 %", "20 %")}


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
    target = page.app.selectbox(key=f"mirror_target:{SPLIT}")
    assert target.options == ["Nobody", "green"]
    assert any("blue cannot be chosen: it has live traffic" in caption.value for caption in page.app.caption)
    target.set_value("Nobody").run()
    assert after(page)["green"] == ("0 %", "0 %")


def test_shifting_asks_once_applies_and_reads_back(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    page.app.number_input(key=f"share:{SPLIT}:green").set_value(25).run()
    page.app.button(key="shift").click().run()
    assert page.app.get("dialog")
    assert read_split(azure) == ({"blue": 100}, {"green": 20})
    page.app.button(key="confirm_shift").click().run()
    deadline = time.monotonic() + 60
    while "Traffic shifted" not in page.html() and time.monotonic() < deadline:
        page.fresh()
    assert "Azure now holds: blue 75 %, green 25 %; mirror none." in page.html()
    assert read_split(azure) == ({"blue": 75, "green": 25}, {})


def test_a_change_made_elsewhere_is_shown_beside_what_was_prepared(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    page.app.number_input(key=f"share:{SPLIT}:green").set_value(25).run()
    write_split(azure, {"blue": 50, "green": 50})
    page.fresh()
    assert "The split was changed meanwhile" in page.html()
    assert after(page)["green"][0] == "25 %"
    page.app.button(key="drift_reset").click().run()
    assert after(page) == {"blue": ("50 %", "0 %"), "green": ("50 %", "0 %")}


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


def test_swap_exchanges_live_and_mirror(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("traffic", azure, endpoint=SPLIT)
    page.app.button(key=f"swap:{SPLIT}").click().run()
    assert after(page) == {"blue": ("0 %", "20 %"), "green": ("100 %", "0 %")}


def test_a_reader_sees_everything_and_why_nothing_can_be_changed(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("traffic", azure, "reader", endpoint=SPLIT)
    assert "your role in this workspace may not write online endpoints" in page.html()
    assert page.component(f"slider:{SPLIT}")["disabled"]
    assert all(field.disabled for field in page.app.number_input)
    assert all(button.disabled for button in page.app.button)


def test_an_endpoint_without_deployments_has_no_controls(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("traffic", azure, endpoint=BARE)
    assert "there is no traffic to shift" in page.html()
    assert not page.app.number_input
