"""The Deploy page in a browser: a folder with a model, a job that is found again, its failure, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from services.deploying import starter
from tests.e2e.conftest import Sluice, settle
from tests.e2e.steps import choose, delete, findings, press

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
ENDPOINT = "from-the-browser"
JOB_MS = 240_000
"""The longest job that is waited for: an environment is built once."""
BROKEN = "name: shop\nauth_mode: kez\ncolour: red\n"


def is_checked(page: Page) -> None:
    expect(page.get_by_role("heading", name="What is in the files")).to_be_visible()
    expect(page.locator(".working")).to_have_count(0)
    settle(page)


def apply(page: Page) -> None:
    press(page, page.get_by_role("button", name="Apply …"))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It is made.")
    press(page, dialog.get_by_role("button", name="Apply"))


@pytest.fixture
def cleared(sluice: Sluice) -> Iterator[None]:
    """Nothing of the endpoint stays, however the test ends."""
    yield
    delete(sluice.arm, ENDPOINT)


@pytest.mark.usefixtures("cleared")
def test_a_folder_becomes_a_deployment_that_fails_and_is_mended(
    sluice: Sluice, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    for name, text in starter.files(ENDPOINT, True).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "model" / "weights.bin").write_bytes(bytes(5_000_000))
    (folder / "code" / "score.py").write_text("import pandaz\n" + starter.files(ENDPOINT, True)["code/score.py"])

    page = open_page(f"{sluice.url}/endpoints")
    press(page, page.get_by_role("link", name="New endpoint"))
    page.get_by_role("textbox", name="Name of the endpoint").wait_for()
    settle(page)
    page.get_by_text("YAML and files", exact=True).click()
    page.locator("input.dir").set_input_files(folder)
    expect(page.get_by_text("8 files, 5.0 MB")).to_be_visible()
    settle(page)
    press(page, page.get_by_role("button", name="Check", exact=True))
    is_checked(page)
    apply(page)

    expect(page.get_by_role("heading", name=": failed")).to_be_visible(timeout=JOB_MS)
    card = page.locator(".failed-job")
    expect(card).to_contain_text("ModuleNotFoundError: No module named 'pandaz'")
    expect(card).to_contain_text("Then delete blue and create it again")
    expect(page.get_by_role("button", name="Delete blue and create it again")).to_be_visible()
    job = page.url
    page.reload()
    expect(card).to_contain_text("pandaz")
    settle(page)
    with page.expect_download() as download:
        press(page, page.get_by_role("button", name="Download diagnostic bundle"))
    assert download.value.suggested_filename.endswith(".zip")
    wrong = findings(open_page, job, lambda each: expect(each.locator(".failed-job")).to_be_visible())

    press(page, page.get_by_role("button", name="Back to the files"))
    is_checked(page)
    # The files are open: one of them has an error. A list that is drawn anew while it is open closes under a pointer.
    file = page.get_by_role("combobox", name="File")
    choose(page, file, "project/code/score.py")
    content = page.get_by_role("textbox", name="Content of project/code/score.py")
    content.fill(starter.files(ENDPOINT, True)["code/score.py"])
    # Another file, and back: what was typed stays, is marked as changed, and outlives a reload.
    content.blur()
    expect(page.get_by_role("button", name="Check 1 changed file")).to_be_visible()
    settle(page)
    choose(page, file, "project/endpoint.yml")
    expect(page.get_by_role("textbox", name="Content of project/endpoint.yml")).to_be_visible()
    settle(page)
    page.reload()
    settle(page)
    expect(page.get_by_text("Changed since the check: project/code/score.py").first).to_be_visible()
    choose(page, file, "project/code/score.py")
    expect(content).to_have_value(starter.files(ENDPOINT, True)["code/score.py"])
    press(page, page.get_by_role("button", name="Check 1 changed file"))
    is_checked(page)
    # Azure does not take a deployment back that failed when it was made.
    expect(page.get_by_text("blue is there in the state Failed.")).to_be_visible()
    expect(page.locator(".deploy-findings").filter(has_text="pandaz")).to_have_count(0)
    assert wrong == []

    press(page, page.get_by_role("button", name="Apply anyway"))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("blue is there in the state Failed.")
    dialog.get_by_text("Delete blue first, then create it again").click()
    expect(dialog).not_to_contain_text("blue is there in the state Failed.")
    press(page, dialog.get_by_role("button", name="Apply", exact=True))
    expect(page.locator(".job")).to_contain_text("Delete the failed one")
    expect(page.get_by_role("heading", name="succeeded")).to_be_visible(timeout=JOB_MS)


def test_findings_are_there_for_everybody(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/deploy")
    page.get_by_role("textbox", name="YAML of an endpoint").fill(BROKEN)
    press(page, page.get_by_role("button", name="Check", exact=True))
    is_checked(page)
    expect(page.get_by_role("button", name="Apply")).to_be_disabled()
    press(page, page.get_by_role("button", name="Open pasted.yml, line 3"))
    text = page.get_by_role("textbox", name="YAML of an endpoint")
    expect(text).to_be_focused()
    assert text.evaluate("area => area.value.slice(0, area.selectionStart).split('\\n').length") == 3
    assert findings(open_page, page.url, is_checked) == []
