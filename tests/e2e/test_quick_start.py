"""The whole quick start by hand, from an empty workspace to an empty workspace."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.arm import Arm
from tests.deployable import register_model
from tests.e2e.conftest import Sluice, clean_environment, settle, start, stop, wait_for
from tests.e2e.steps import choose, in_reach, menu, share_of, shift, split_of
from tests.local_azure import LocalAzure, three_free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]

HOUSE, ENDPOINT = "house-prices", "The endpoint"
JOB_MS = 240_000
"""The longest job that is waited for: an environment is built once."""


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[tuple[Sluice, LocalAzure, Arm]]:
    """Sluice on a workspace that has nothing in it, as on an Azure that is configured."""
    with LocalAzure(tmp_path / "azure") as azure:
        port = three_free_ports()
        environment = {**clean_environment(tmp_path / "azure"), **azure.environment}
        environment["AZURE_CONFIG_DIR"] = os.devnull
        options = ["--server.headless=true", f"--server.port={port}"]
        command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
        running = start(command, environment, f"http://localhost:{port}", tmp_path / "azure")
        arm = Arm(dict(azure.environment))
        try:
            yield running, azure, arm
        finally:
            arm.http.close()
            stop(running.process)


def test_the_quick_start_from_an_empty_workspace_to_an_empty_workspace(
    empty: tuple[Sluice, LocalAzure, Arm], open_page: Callable[..., Page]
) -> None:
    sluice, azure, arm = empty
    page = open_page(sluice.url)
    endpoint_and_blue(page)
    assert [each["name"] for each in arm.get("onlineEndpoints")["value"]] == [HOUSE]

    menu(page, "Traffic").click()
    page.get_by_role("button", name="Start traffic").click()
    shift(page)
    assert split_of(arm, HOUSE) == ({"blue": 100}, {})
    keys_are_shown(page)
    assert answered(page, "blue") == "[\n2,\n4,\n6\n]"

    register_model(azure, "triple", "model.json", '{"factor": 3}')
    clone(page, "green", "triple:1")
    assert answered(page, "green") == "[\n3,\n6,\n9\n]"

    mirror(page, "green")
    assert split_of(arm, HOUSE) == ({"blue": 100}, {"green": 10})
    give(page, "green", 10)
    assert split_of(arm, HOUSE) == ({"blue": 90, "green": 10}, {}), "the mirror ends in the same write"

    autoscale(page)
    wait_for(lambda: is_settled(arm), "autoscale to have its minimum of instances", 240)
    delete_everything(page)

    assert arm.get("onlineEndpoints")["value"] == []


def endpoint_and_blue(page: Page) -> None:
    """Take the starter kit, look at what speaks against it, and apply it."""
    menu(page, "Deploy").click()
    page.get_by_text("Starter kit", exact=True).click()
    name = page.get_by_label("Name of the endpoint")
    name.fill(HOUSE)
    name.press("Enter")
    page.get_by_text("With a model file", exact=True).click()
    page.get_by_role("button", name="Use it here").click()
    apply = page.get_by_role("button", name=re.compile("^Apply"))
    expect(apply).to_be_enabled(timeout=JOB_MS)
    apply.click()
    page.get_by_role("dialog").get_by_role("button", name="Apply", exact=True).click()
    expect(page.get_by_role("link", name="Give it traffic")).to_be_visible(timeout=JOB_MS)


def give(page: Page, deployment: str, percent: int) -> None:
    """Give a deployment its share of the live traffic."""
    field = share_of(page, deployment)
    field.fill(str(percent))
    field.press("Enter")
    settle(page)
    shift(page)


def keys_are_shown(page: Page) -> None:
    """Look at the primary key, as for a program that calls the endpoint."""
    view(page, "Keys")
    page.get_by_role("button", name="Show the keys").click()
    expect(page.get_by_test_id("stCode").first).to_be_visible()


def view(page: Page, name: str) -> None:
    """Look at one view of the endpoint."""
    menu(page, "Overview").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    page.locator(".st-key-view").get_by_text(name, exact=True).click()
    settle(page)


def answered(page: Page, deployment: str) -> str:
    """What a deployment answers to the starter kit's request."""
    menu(page, "Test").click()
    editor = page.get_by_label("Payload, JSON")
    page.locator(".st-key-send_targets").get_by_text(deployment, exact=True).click()
    editor.fill('{"data": [1, 2, 3]}')
    editor.press("Control+Enter")
    # The answer of the deployment before stays until there is a new one.
    by = page.locator(".facts div").filter(has=page.get_by_text("Answered by", exact=True)).locator("dd")
    expect(by).to_have_text(deployment)
    expect(page.locator(".answer")).to_contain_text("200")
    settle(page)
    return re.sub(r"[ \t]+", "", page.get_by_test_id("stCode").first.inner_text())


def clone(page: Page, name: str, model: str) -> None:
    """Make another deployment like blue, with another model."""
    operate(page, "blue", "Clone")
    page.get_by_label("Name", exact=True).fill(name)
    field = in_reach(page.get_by_role("combobox", name="Model"))
    field.fill(model)
    field.press("Enter")
    page.locator(".st-key-review_clone button").click()
    page.get_by_role("dialog").get_by_role("button", name="Create", exact=True).click()
    job_ends(page)


def operate(page: Page, which: str, action: str) -> None:
    """Open a form of the view Operate."""
    view(page, "Operate")
    choose(page, page.get_by_role("combobox", name="Change"), which)
    actions = page.locator(".st-key-operate_choice")
    expect(actions).to_contain_text("Export" if which == ENDPOINT else "Clone")
    # While the page is drawn anew, its predecessor is there for a moment.
    wanted = actions.get_by_text(action, exact=True)
    expect(wanted).to_have_count(1)
    wanted.click()
    settle(page)


def job_ends(page: Page) -> None:
    """Wait until what was begun on the view Operate has succeeded."""
    expect(page.locator(".job").first).to_contain_text("succeeded", timeout=JOB_MS)
    settle(page)


def mirror(page: Page, deployment: str) -> None:
    """Copy ten of a hundred live requests to a deployment."""
    menu(page, "Traffic").click()
    choose(page, page.get_by_label("Copy requests to"), deployment)
    expect(page.get_by_role("slider", name="Share of live requests").first).to_have_value("10")
    settle(page)
    shift(page)


def autoscale(page: Page) -> None:
    """Take the proposed rules for blue, and find them again."""
    menu(page, "Autoscale").click()
    page.get_by_role("button", name="Set up autoscale").click()
    page.get_by_role("button", name="Save…").click()
    page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Switch off…")).to_be_visible(timeout=JOB_MS)


def is_settled(arm: Arm) -> bool:
    """Whether nothing is being done to blue any more, after autoscale has added instances."""
    blue = arm.get(f"onlineEndpoints/{HOUSE}/deployments/blue")
    return bool(blue["properties"]["provisioningState"] == "Succeeded" and blue["sku"]["capacity"] >= 2)


def delete_everything(page: Page) -> None:
    """Delete the endpoint with its deployments by typing its name."""
    operate(page, ENDPOINT, "Delete")
    page.get_by_label("Type its name").fill(HOUSE)
    page.locator(".st-key-review_delete_endpoint button").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("This workspace has no online endpoints yet")).to_be_visible(timeout=JOB_MS)
