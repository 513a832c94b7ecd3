"""The Autoscale page on a running local Azure: from no setting to a saved one, and what is said on the way."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import streamlit as st

from services.autoscale import editing, saving
from services.autoscale.lint import lint
from services.autoscale.remark import Situation
from services.autoscale.rules import new_setting
from services.autoscale.settings import Setting
from services.azure.autoscale_events import Scaling
from services.model import Deployment
from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, Page
from ui import context, readers, scope
from ui.autoscale import history_view, remarks_view, saving_view, writing

pytestmark = pytest.mark.emulator
NAME = "pages-elastic"
VERSION = "2022-10-01"


@pytest.fixture(scope="module")
def azure(seeded: LocalAzure) -> Iterator[LocalAzure]:
    """The seeded local Azure with an endpoint whose two deployments have no processes."""
    made = [{"name": name, "capacity": 2} for name in ("blue", "green")]
    seeded.control("POST", "seed", {"endpoints": [{"name": NAME, "deployments": made}]}).raise_for_status()
    yield seeded
    seeded.finish(seeded.arm("DELETE", f"onlineEndpoints/{NAME}"))


@pytest.fixture
def goes_on(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Saving is held back until this is set."""
    event, save = threading.Event(), saving.save

    def held_back(*given: Any, **named: Any) -> Setting:
        assert event.wait(60)
        return save(*given, **named)

    monkeypatch.setattr(saving, "save", held_back)
    return event


@pytest.fixture(autouse=True)
def nothing_left(azure: LocalAzure) -> Iterator[None]:
    """No setting is there before a test, nor after it, and no worker goes on."""
    yield
    for setting in azure.arm("GET", settings_path(azure), version=VERSION).json()["value"]:
        azure.arm("DELETE", setting["id"], version=VERSION)
    if context.is_configured():
        context.worker().stop()


def settings_path(azure: LocalAzure) -> str:
    return f"{azure.workspace.split('/providers/')[0]}/providers/Microsoft.Insights/autoscaleSettings"


def blue(azure: LocalAzure) -> str:
    return f"{azure.workspace}/onlineEndpoints/{NAME}/deployments/blue"


def held(azure: LocalAzure) -> dict[str, Any] | None:
    found = azure.arm("GET", settings_path(azure), version=VERSION).json()["value"]
    return next((each for each in found if each["properties"]["targetResourceUri"] == blue(azure)), None)


def put(azure: LocalAzure, document: dict[str, Any], name: str = "mine") -> None:
    azure.arm("PUT", f"{settings_path(azure)}/{name}", document, version=VERSION).raise_for_status()


def off(azure: LocalAzure) -> dict[str, Any]:
    return editing.with_enabled(new_setting(blue(azure), "westeurope", 2), False)


def press(page: Page, key: str) -> Page:
    page.control("button", key).click().run()
    assert not page.app.exception
    return page


def unsaved(page: Page) -> str:
    """The id of the changes that the address names."""
    found = page.app.query_params["unsaved"]
    return found if isinstance(found, str) else str(found[0])


def agree(page: Page) -> Page:
    """Says yes, and waits until it is written."""
    press(page, "ask_confirm")
    return page.settled()


def test_from_nothing_to_a_saved_setting(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    assert "no autoscale setting" in page.html()
    assert '<p class="hint">Nothing in the last seven days.' in page.settled().html()
    press(page, "autoscale_begin")
    assert "Processor use &gt; 70 %, average over 5 min → add 2, then wait 15 min" in page.html()
    assert held(azure) is None
    page.app.number_input[1].set_value(6).run()
    assert "2 to 6 instances, 2 without metrics" in page.html()
    press(page, "autoscale_save")
    assert held(azure) is None
    [question] = [each.value for each in page.app.text if "autoscale setting of blue" in each.value]
    assert "+ Profile default: 2 to 6 instances, 2 without metrics; always" in question
    assert "Azure Monitor follows it within a minute." in question
    agree(page)
    written = held(azure)
    assert written is not None
    assert written["properties"]["profiles"][0]["capacity"] == {"minimum": "2", "maximum": "6", "default": "2"}
    assert "Nothing: this is what Azure holds." in page.html()

    press(page, "autoscale_switch")
    agree(page)
    written = held(azure)
    assert written is not None
    assert written["properties"]["enabled"] is False
    press(page, "autoscale_delete")
    agree(page)
    assert held(azure) is None
    assert "no autoscale setting" in page.html()


def test_a_setting_without_a_schedule_is_always_in_force(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    put(azure, off(azure))
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    assert "Always in force." in page.html()
    press(page, "autoscale_d_add")
    assert "In force at all other times." in page.html()


def test_limits_without_room_in_the_quota_are_told_with_the_sum_and_what_happens_at_once(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    azure.control("POST", "settings", {"cores_quota": 100}).raise_for_status()
    try:
        page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
        press(page, "autoscale_begin").settled()
    finally:
        azure.control("POST", "settings", {"cores_quota": 1000}).raise_for_status()
    page.app.number_input[1].set_value(50).run()
    assert "The maximum has no room in the quota." in page.html()
    assert "50 instances take 4 cores × ceil(50 × 1.2) = 4 × 60 = 240 cores of" in page.html()
    page.app.number_input[0].set_value(40).run()
    page.app.number_input[2].set_value(40).run()
    assert "The minimum has no room in the quota." in page.html()
    assert "It goes from 2 to 40 instances at once" in page.html()
    press(page, "autoscale_save")
    [question] = [each.value for each in page.app.text if "autoscale setting of blue" in each.value]
    assert "• The minimum has no room in the quota. 40 instances take" in question
    assert "blue goes from 2 to 40 instances at once." in question


def test_a_quota_that_cannot_be_read_is_said(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    put(azure, off(azure))
    fault = {"method": "GET", "path": "/subscriptions/*/usages", "status": 403}
    added = azure.control("POST", "faults", fault).json()
    try:
        page = open_page("autoscale", azure, endpoint=NAME, deployment="blue").settled()
    finally:
        azure.control("DELETE", f"faults/{added['id']}").raise_for_status()
    assert "Whether the quota has room was not checked." in page.html()


def test_the_page_does_not_wait_for_a_slow_quota(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    put(azure, off(azure))
    fault = {"method": "GET", "path": "/subscriptions/*/usages", "delay_seconds": 4}
    added = azure.control("POST", "faults", fault).json()
    try:
        page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
        assert "Reading the quota…" in page.html()
        assert remarks_view.NOTHING not in page.html()
        page.settled()
    finally:
        azure.control("DELETE", f"faults/{added['id']}").raise_for_status()
    assert "Reading the quota…" not in page.html()
    assert "quota has room was not checked" not in page.html()


def test_what_azure_would_refuse_cannot_be_saved_and_says_why(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    press(page, "autoscale_begin")
    page.app.number_input[1].set_value(3).run()
    assert page.control("button", "autoscale_save").disabled
    reason = "Cannot be saved. Azure refuses it: The step is larger than the limits allow (profile default, rule 1)."
    assert reason in page.html()
    page.app.number_input[1].set_value(4).run()
    assert not page.control("button", "autoscale_save").disabled
    # The browser sends what was typed and the press together: no question is asked of what cannot be done.
    page.app.number_input[1].set_value(3)
    press(page, "autoscale_save")
    assert not [each for each in page.app.text if "autoscale setting of blue" in each.value]
    assert reason in page.html()


def test_microsofts_mistake_is_named_and_mended_at_a_press(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    document = off(azure)
    document["properties"]["profiles"][0]["rules"][1]["scaleAction"]["direction"] = "Increase"
    put(azure, document)
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    assert "This rule scales out when it should scale in." in page.html()
    turn = next(each for each in page.app.button if (each.key or "").startswith("autoscale_turn:"))
    turn.click().run()
    assert "This rule scales out when it should scale in." not in page.html()
    assert "It never scales in." not in page.html()
    press(page, "autoscale_discard")
    assert "This rule scales out when it should scale in." in page.html()


def test_a_weekly_time_comes_with_its_pair(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    put(azure, off(azure))
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    press(page, "autoscale_w_add")
    html = page.html()
    assert "<b>weekend</b>: from Saturday and Sunday at 06:00, UTC" in html
    assert "<b>default, after weekend</b>: from Saturday and Sunday at 22:00, UTC" in html
    assert "The recurring profile never ends." not in html
    drops = [each for each in page.app.button if (each.key or "").startswith("autoscale_drop:")]
    drops[2].click().run()
    assert "The recurring profile never ends." in page.html()
    drops = [each for each in page.app.button if (each.key or "").startswith("autoscale_drop:")]
    drops[1].click().run()
    assert "Nothing: this is what Azure holds." in page.html()


def test_rules_are_added_and_taken_out(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    put(azure, off(azure))
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    press(page, "autoscale_ready:Requests per minute")
    assert "Requests of the deployment &gt; 600 /min" in page.html()
    press(page, "autoscale_ready:Requests per minute")
    assert page.html().count('class="rule out"') == 2
    next(each for each in page.app.selectbox if each.key == "autoscale_metric").select_index(4).run()
    next(each for each in page.app.checkbox if each.key == "autoscale_each").check().run()
    press(page, "autoscale_add_own")
    assert page.html().count('class="rule out"') == 3
    assert "Requests of the deployment for each instance &gt; 70 /min" in page.html()
    for _ in range(2):
        removes = [each for each in page.app.button if (each.key or "").startswith("autoscale_remove:")]
        removes[0].click().run()
    assert page.html().count('class="rule') == 3
    assert [each.value for each in page.app.code if "az rest --method put" in each.value]
    assert [each.value for each in page.app.code if "az monitor autoscale rule create" in each.value]


def test_a_rule_is_changed_in_a_form_that_is_filled_in(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    document = off(azure)
    document["properties"]["profiles"][0]["rules"][0]["metricTrigger"]["statistic"] = "Max"
    put(azure, document)
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")

    def change(number: int) -> None:
        buttons = [each for each in page.app.button if each.label == f"Change rule {number}"]
        buttons[0].click().run()
        assert not page.app.exception

    def field(label: str) -> Any:
        (found,) = [
            each for each in page.app.number_input if each.label == label and "autoscale_change_" in (each.key or "")
        ]
        return found

    change(2)
    assert (field("Threshold, %").value, field("Then wait, min").value) == (30.0, 60)
    press(page, "autoscale_change_cancel")
    assert "Nothing: this is what Azure holds." in page.html()
    change(1)
    assert (field("Threshold, %").value, field("By").value, field("Then wait, min").value) == (70.0, 2, 15)
    field("Threshold, %").set_value(65.0)
    field("By").set_value(1).run()
    # A limit that changes meanwhile closes nothing.
    page.app.number_input[1].set_value(5).run()
    assert field("Threshold, %").value == 65.0
    press(page, "autoscale_change_take")
    html = page.html()
    assert "Processor use &gt; 65 %, average over 5 min → add 1, then wait 15 min" in html
    assert html.count('class="rule ') == 2
    assert not [each for each in page.app.button if each.key == "autoscale_change_take"]
    press(page, "autoscale_save")
    agree(page)
    written = held(azure)
    assert written is not None
    trigger = written["properties"]["profiles"][0]["rules"][0]["metricTrigger"]
    assert (trigger["threshold"], trigger["statistic"]) == (65.0, "Max")


def test_addresses_of_webhooks_are_hidden_until_asked_for_and_kept_by_a_save(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    document, address = off(azure), "https://hooks.example.com/services/T0/abcSecret"
    told = {"operation": "Scale", "email": {"customEmails": ["ann@example.com"]}, "webhooks": [{"serviceUri": address}]}
    document["properties"]["notifications"] = [told]
    put(azure, document)
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    page.app.number_input[1].set_value(7).run()
    shown = page.html() + "".join(each.value for each in page.app.code)
    assert "abcSecret" not in shown
    assert "ann@example.com" not in shown
    assert "hooks.example.com" in shown
    page.app.toggle[0].set_value(True).run()
    assert [each for each in page.app.code if address in each.value]
    press(page, "autoscale_save")
    assert "abcSecret" not in "".join(each.value for each in page.app.text)
    agree(page)
    written = held(azure)
    assert written is not None
    assert written["properties"]["profiles"][0]["capacity"]["maximum"] == "7"
    assert written["properties"]["notifications"] == [told]


def test_a_limit_that_is_typed_right_before_a_press_is_not_lost(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    put(azure, off(azure))
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    page.app.number_input[1].set_value(7)
    press(page, "autoscale_ready:Memory")
    assert page.app.number_input[1].value == 7
    # The browser sends what was typed and the press together.
    page.app.number_input[1].set_value(8)
    press(page, "autoscale_save")
    [question] = [each.value for each in page.app.text if "autoscale setting of blue" in each.value]
    assert "2 to 8 instances" in question
    assert "nothing is scaled until it is switched on" in question
    assert "Memory" in question
    agree(page)
    written = held(azure)
    assert written is not None
    assert written["properties"]["profiles"][0]["capacity"]["maximum"] == "8"


def test_what_changed_elsewhere_is_not_overwritten(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    put(azure, off(azure))
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    page.app.number_input[1].set_value(7).run()
    put(azure, editing.with_limits(off(azure), 0, 2, 9, 2))
    press(page, "autoscale_save")
    agree(page)
    assert "Somebody has changed the autoscale setting" in page.html()
    assert "The setting was changed elsewhere while you edit." in page.html()
    press(page, "autoscale_theirs")
    assert "The setting was changed elsewhere while you edit." not in page.html()
    assert page.app.number_input[1].value == 9


def test_unsaved_changes_outlive_a_reload_and_say_so(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    document = off(azure)
    address = "https://hooks.example.com/services/T0/abcSecret"
    document["properties"]["notifications"] = [
        {"operation": "Scale", "email": {"customEmails": []}, "webhooks": [{"serviceUri": address}]}
    ]
    put(azure, document)
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    assert "unsaved" not in page.app.query_params
    page.app.number_input[1].set_value(7).run()
    kept = unsaved(page)
    files = list((context.settings().data_dir / "autoscale").iterdir())
    assert [each.stem for each in files] == [kept]
    assert "abcSecret" not in files[0].read_text(encoding="utf-8")

    again = open_page("autoscale", azure, endpoint=NAME, deployment="blue", unsaved=kept)
    assert again.app.number_input[1].value == 7
    assert "are here again. Azure does not have them yet." in again.html()
    other = open_page("autoscale", azure, endpoint=NAME, deployment="green", unsaved=kept)
    assert "no autoscale setting" in other.html()

    press(again, "autoscale_save")
    agree(again)
    written = held(azure)
    assert written is not None
    assert written["properties"]["profiles"][0]["capacity"]["maximum"] == "7"
    assert written["properties"]["notifications"] == document["properties"]["notifications"]
    assert "unsaved" not in again.app.query_params
    assert not list((context.settings().data_dir / "autoscale").iterdir())


def test_unsaved_changes_that_are_older_than_what_azure_holds_cannot_be_saved_over_it(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    put(azure, off(azure))
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    page.app.number_input[1].set_value(7).run()
    kept = unsaved(page)
    put(azure, editing.with_limits(off(azure), 0, 2, 9, 2))
    readers.forget()
    st.cache_data.clear()
    again = open_page("autoscale", azure, endpoint=NAME, deployment="blue", unsaved=kept)
    assert "are older than what Azure holds." in again.html()
    assert again.control("button", "autoscale_save").disabled
    assert "Cannot be saved. The setting was changed elsewhere" in again.html()
    press(again, "autoscale_theirs")
    assert again.app.number_input[1].value == 9
    assert "unsaved" not in again.app.query_params


def test_unsaved_changes_that_azure_has_by_now_are_no_changes_any_more(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    press(page, "autoscale_begin")
    kept = unsaved(page)
    again = open_page("autoscale", azure, endpoint=NAME, deployment="blue", unsaved=kept)
    assert page.app.number_input[1].value == again.app.number_input[1].value
    put(azure, new_setting(blue(azure), "westeurope", 2))
    again.fresh()
    assert "Nothing: this is what Azure holds." in again.html()
    assert "changed elsewhere" not in again.html()


def test_a_number_given_by_hand_is_shown_with_what_autoscale_makes_of_it(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    def reviewed() -> str:
        page = open_page("overview", azure, endpoint=NAME, view="Operate")
        page.app.selectbox(key=f"operate:{NAME}").set_value("blue").run()
        next(each for each in page.app.number_input if each.label == "Instances").set_value(9)
        press(page, "review_scale").settled()
        assert page.rows("operate_lines") == [["Instances", "2", "9"]]
        return page.html()

    assert "Autoscale is on" not in reviewed()
    put(azure, new_setting(blue(azure), "westeurope", 2))
    assert "9 is outside of the limits, so Azure Monitor goes back to 4" in reviewed()


def test_a_slow_write_is_followed_done_once_and_its_end_found_again(
    open_page: Callable[..., Page], azure: LocalAzure, goes_on: threading.Event
) -> None:
    put(azure, off(azure))
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    page.app.number_input[1].set_value(7).run()
    press(page, "autoscale_save")
    fault = {"method": "PUT", "path": "/subscriptions/*/autoscalesettings/*", "status": 400}
    added = azure.control("POST", "faults", fault).json()
    try:
        question = page.app.session_state["asked_to_delete"]
        press(page, "ask_confirm")
        assert "Saving the autoscale setting of blue… It goes on when you leave this page." in page.html()
        assert not [each for each in page.app.button if each.key == "autoscale_save"]
        other = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
        assert "Saving the autoscale setting of blue…" in other.html()
        # The second press of a double click.
        page.app.session_state["asked_to_delete"] = question
        page.app.run()
        press(page, "ask_confirm")
        goes_on.set()
        page.settled()
        other.settled()
    finally:
        azure.control("DELETE", f"faults/{added['id']}").raise_for_status()
    assert 'class="problem"' in page.html()
    assert "autoscale setting of blue" in page.html()
    assert page.app.number_input[1].value == 7
    assert "2 to 7 instances" in page.html()
    press(page, "autoscale_save")
    agree(page)
    assert 'class="problem"' not in page.html()
    assert "Nothing: this is what Azure holds." in page.html()
    saves = [job for job in context.jobs().all(readers.key(scope.home())[0].workspace) if job.action == "autoscale"]
    assert len(saves) == 2


def test_a_write_that_ends_while_the_page_is_drawn_is_told(
    open_page: Callable[..., Page], azure: LocalAzure, goes_on: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = list[writing.Write]()

    def ends_meanwhile(deployment: Deployment) -> None:
        settle(deployment)
        goes_on.set()
        ended.extend(write for write in writing._writes().values() if write.over.wait(60))

    put(azure, off(azure))
    settle = saving_view.settle
    page = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    page.app.number_input[1].set_value(7).run()
    put(azure, editing.with_limits(off(azure), 0, 2, 9, 2))
    press(page, "autoscale_save")
    monkeypatch.setattr(saving_view, "settle", ends_meanwhile)
    press(page, "ask_confirm")
    assert ended
    assert "Somebody has changed the autoscale setting" in page.settled().html()


def test_a_failure_is_told_although_somebody_else_has_saved_since(
    open_page: Callable[..., Page], azure: LocalAzure, goes_on: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(azure, off(azure))
    monkeypatch.setattr(context, "person", lambda: "ann")
    anns = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    anns.app.number_input[1].set_value(7).run()
    press(anns, "autoscale_save")
    press(anns, "ask_confirm")
    fault = {"method": "PUT", "path": "/subscriptions/*/autoscalesettings/*", "status": 400, "times": 1}
    azure.control("POST", "faults", fault).raise_for_status()
    (write,) = [each for each in writing._writes().values() if not each.over.is_set()]
    goes_on.set()
    assert write.over.wait(60)
    monkeypatch.setattr(context, "person", lambda: "ben")
    bens = open_page("autoscale", azure, endpoint=NAME, deployment="blue")
    assert 'class="problem"' not in bens.html()
    press(bens, "autoscale_switch")
    agree(bens)
    assert 'class="problem"' not in bens.html()
    monkeypatch.setattr(context, "person", lambda: "ann")
    for told in (open_page("autoscale", azure, endpoint=NAME, deployment="blue"), anns.fresh()):
        assert 'class="problem"' in told.html(), "after a reload, and where it was begun"
    assert 'class="problem"' not in open_page("autoscale", azure, endpoint=NAME, deployment="blue").html()


def test_a_reader_is_told_the_role(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    put(azure, off(azure))
    page = open_page("autoscale", azure, role="reader", endpoint=NAME, deployment="blue")
    press(page, "autoscale_switch")
    agree(page)
    assert "Monitoring Contributor" in page.html()
    written = held(azure)
    assert written is not None
    assert written["properties"]["enabled"] is False


def test_an_endpoint_without_deployments_says_so(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    assert "no deployment yet" in open_page("autoscale", azure, endpoint=BARE).html()


def test_a_deployment_that_is_gone_from_the_address_is_no_trouble(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("autoscale", azure, endpoint=NAME, deployment="<script>")
    assert page.app.selectbox[1].value in ("blue", "green")
    assert "<script>" not in page.html()


def test_what_autoscale_did_is_told_newest_first() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    found = (
        Scaling(at, "blue", 2, 3, "profile night", "a", ended_at=at + timedelta(minutes=14)),
        Scaling(at + timedelta(hours=1), "blue", 3, None, "", "b", is_failed=True),
    )
    told = [[cell.text for cell in row.cells] for row in history_view.rows(found)]
    assert told == [
        ["2026-03-01 13:00 UTC", "3 → ?, failed", "blue", "not known", "not said"],
        ["2026-03-01 12:00 UTC", "2 → 3", "blue", "14 min 0 s", "profile night"],
    ]


def test_what_is_wrong_with_a_profile_and_with_its_pair_is_said_once() -> None:
    document = new_setting("/a/deployments/blue", "westeurope", 2)
    document["properties"]["profiles"][0]["rules"][1]["scaleAction"]["direction"] = "Increase"
    weekend = editing.Weekly(("Saturday",), (6, 0), (22, 0), "UTC")
    paired = editing.with_weekly(document, "weekend", weekend, (2, 2, 2))
    found = remarks_view.listed(lint(paired, Situation("/a/deployments/blue", datetime.now(UTC))))
    assert found.count("This rule scales out when it should scale in.") == 1
    assert "profile default, rule 2; profile default, after weekend, rule 2" in found


def test_names_are_never_read_as_html() -> None:
    document = copy.deepcopy(new_setting("/a/deployments/blue", "westeurope", 2))
    document["properties"]["profiles"][0] |= {"name": "<b>x</b>", "rules": []}
    found = remarks_view.listed(lint(document, Situation("/a/deployments/blue", datetime.now(UTC))))
    assert "&lt;b&gt;x&lt;/b&gt;" in found
    assert "<b>x</b>" not in found
