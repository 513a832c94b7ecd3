"""Limits on the Metrics page: saved, drawn in their charts, and taken along as alert rules."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page

pytestmark = pytest.mark.emulator


def field(page: Page, label: str) -> str:
    return str(next(each.key for each in page.app.number_input if each.label == label))


def figures(page: Page) -> str:
    return "\n".join(json.loads(json.dumps(each.proto.spec)) for each in page.app.get("plotly_chart"))


def test_a_saved_limit_is_a_line_in_its_chart_and_a_rule(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    assert "Limit: " not in figures(page)
    assert "As alert rules of Azure Monitor" not in [each.label for each in page.app.expander]

    page.app.number_input(key=field(page, "P95, ms")).set_value(250.0)
    page.app.number_input(key=field(page, "Server errors, %")).set_value(1.5)
    page.app.button(key="save_limits").click().run()

    assert "The limits are saved." in page.html()
    assert "Limit: P95 250 ms" in figures(page)
    assert "Limit: 1.5 % server errors" in figures(page)
    assert "works only while a diagnostic setting sends that log" in page.html()
    command = next(each.value for each in page.app.code if "az monitor metrics alert create" in each.value)
    assert "'avg RequestLatency_P95 > 250'" in command
    assert f"{SPLIT}/deployments/blue" in command
    assert "deployments/green" not in command, "only what is live is watched until it is asked for"
    assert "max '\"'\"'Percent'\"'\"' from" in command
    assert command.count("az monitor scheduled-query create") == 1

    watched = next(each for each in page.app.multiselect if each.label == "Deployments to watch")
    watched.set_value(["blue", "green"]).run()
    assert page.app.code[-1].value.count("az monitor metrics alert create") == 2
    page.app.text_input(key="alert_action_group").input("on call").run()
    assert "not the address of an action group" in page.html()
    assert not any("az monitor metrics" in each.value for each in page.app.code)

    page.app.number_input(key=field(page, "P95, ms")).set_value(None)
    page.app.number_input(key=field(page, "P99, ms")).set_value(0.0)
    page.app.button(key="save_limits").click().run()
    assert "The limit was not saved." in page.html()
    assert "Limit: P95 250 ms" in figures(page), "what was there stays"


def test_two_windows_do_not_take_each_others_limits_away(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    one = open_page("metrics", seeded, endpoint=SPLIT)
    other = open_page("metrics", seeded, endpoint=SPLIT)

    one.app.number_input(key=field(one, "P90, ms")).set_value(70.0)
    one.app.button(key="save_limits").click().run()
    other.app.number_input(key=field(other, "Memory, %")).set_value(60.0)
    other.app.button(key="save_limits").click().run()

    assert "The limits are saved." in other.html()
    assert other.app.number_input(key=field(other, "P90, ms")).value == 70, "a field shows what is kept"
    one.app.run()
    assert one.app.number_input(key=field(one, "Memory, %")).value == 60

    one.app.number_input(key=field(one, "P90, ms")).set_value(80.0)
    one.app.button(key="save_limits").click().run()
    other.app.number_input(key=field(other, "P90, ms")).set_value(90.0)
    other.app.button(key="save_limits").click().run()
    assert "Kept now: P90 80 ms." in other.html()
    assert other.app.number_input(key=field(other, "P90, ms")).value == 80
