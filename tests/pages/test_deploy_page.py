"""The Deploy page: files in, what speaks against them, what changes, and the job that applies them."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from services.deploying import facts, starter
from services.deploying.drafts import Drafts
from services.deploying.inbox import Inbox
from services.deploying.model import Finding, Level, Place
from services.errors import Unreachable
from services.quota.prices import Price
from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page
from ui import context
from ui.deploy import checked, draft, wishes

ENDPOINT = """$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: {name}
auth_mode: key
"""


def _waited(page: Page, until: Callable[[Page], bool], seconds: float = 120) -> Page:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not until(page):
        assert time.monotonic() < deadline, page.html()
        pause.wait(0.1)
        page.app.run()
        assert not page.app.exception
    return page


def _draft(page: Page) -> draft.Draft:
    return draft._known().drafts[page.app.session_state["deploy_draft"]]


def _type(page: Page, text: str) -> None:
    """As the editor does it when somebody has typed."""
    _draft(page).text = text


def _text(page: Page) -> str:
    return str(page.component("deploy_text")["text"])


def _checked(page: Page, text: str) -> Page:
    _type(page, text)
    page.control("button", "check_files").click()
    page.app.run()
    return page.settled()


def test_broken_yaml_is_told_by_its_line_and_cannot_be_applied(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = _checked(open_page("deploy", local_azure), "name: shop\nauth_mode: [key\n")
    assert 'class="is-error"' in page.html()
    assert ", line " in page.control("button", "open_finding_0").label
    assert page.control("button", "apply_files").disabled


def test_an_update_says_field_by_field_what_it_changes_and_loses(
    seeded: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = _checked(open_page("deploy", seeded), ENDPOINT.format(name=SPLIT) + "description: a new one\n")
    html = page.html()
    assert "It is there already." in html
    assert "a new one" in html


def test_markup_in_the_files_stays_text(local_azure: LocalAzure, open_page: Callable[..., Page]) -> None:
    page = _checked(open_page("deploy", local_azure), ENDPOINT.format(name="'<img src=x onerror=alert(1)>'"))
    assert "<img" not in page.html()


async def _sent(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _draft_of(page: Page) -> str:
    query: dict[str, Any] = page.app.query_params
    return str(query["draft"][0] if isinstance(query["draft"], list) else query["draft"])


def test_a_reload_finds_the_files_again(local_azure: LocalAzure, open_page: Callable[..., Page]) -> None:
    page = _checked(open_page("deploy", local_azure), ENDPOINT.format(name="found-again"))
    again = open_page("deploy", local_azure, draft=_draft_of(page))
    assert "found-again" in _text(again)
    assert "Endpoint found-again" in again.html()


def test_a_restart_of_sluice_finds_what_was_typed_sent_and_read(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = _checked(open_page("deploy", local_azure), ENDPOINT.format(name="outlives") + "auth_mode: kez\n")
    told = [each for each in page.html().splitlines() if "kez" in each]
    kept = _draft_of(page)
    box = draft._known().drafts[kept].box
    asyncio.run(draft.inbox().receive(box, "code/score.py", _sent(b"x = 1"), 5))
    page.app.run()
    st.cache_resource.clear()
    again = open_page("deploy", local_azure, draft=kept).settled()
    assert "outlives" in _text(again)
    assert again.component("deploy_files")["received"] == [["code/score.py", 5]]
    assert [each for each in again.html().splitlines() if "kez" in each] == told
    assert "Changed since the check: the YAML or the files further up." in again.html()


def test_a_restart_of_sluice_finds_the_choices_of_a_form(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = open_page("deploy", local_azure, new="endpoint")
    page.control("text_input", "kit_name").set_value("half-typed")
    page.control("toggle", "kit_model").set_value(True)
    page.app.run()
    kept = _draft_of(page)
    st.cache_resource.clear()
    again = open_page("deploy", local_azure, draft=kept)
    assert again.control("text_input", "kit_name").value == "half-typed"
    assert again.control("toggle", "kit_model").value is True


def test_a_draft_that_is_gone_is_said_calmly_and_another_one_begins(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = open_page("deploy", local_azure, draft="0" * 32)
    assert "not kept here any more" in page.html()
    assert "draft" not in page.app.query_params
    page = _checked(page, ENDPOINT.format(name="the-next-one"))
    assert "not kept here any more" not in page.html()
    assert _draft_of(page) != "0" * 32


def test_a_name_that_leads_elsewhere_opens_no_draft(local_azure: LocalAzure, open_page: Callable[..., Page]) -> None:
    page = open_page("deploy", local_azure, draft="../drafts/x")
    assert "not kept here any more" in page.html()


def test_files_that_are_read_again_are_kept_once_and_none_when_one_starts_over(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    def folders() -> set[Path]:
        return set((draft._known().store.root / "files").glob("*"))

    page = open_page("deploy", local_azure)
    before = folders()
    page = _checked(page, ENDPOINT.format(name="read-once"))
    (first,) = folders() - before
    page = _checked(page, ENDPOINT.format(name="read-twice"))
    _waited(page, lambda _: not first.exists())
    assert len(folders() - before) == 1
    page.control("button", "start_over").click()
    page.app.run()
    _waited(page, lambda _: folders() <= before)


def test_another_process_opens_a_draft_with_the_files_of_its_page(
    local_azure: LocalAzure, open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page("deploy", local_azure)
    mine = draft._known()
    other = draft._Known(Drafts(mine.store.root), Inbox(mine.store.root / "incoming"))
    _type(page, ENDPOINT.format(name="of-two-processes"))
    page.app.run()
    kept, box = _draft_of(page), _draft(page).box
    for known in (other, mine):
        # The second one opens it before anything was sent, and again afterwards.
        monkeypatch.setattr(draft, "_known", lambda known=other: known)
        again = open_page("deploy", local_azure, draft=kept)
        assert _draft(again).box == box
        received = again.component("deploy_files")["received"]
        monkeypatch.undo()
        assert received == ([] if known is other else [["score.py", 5]])
        if known is other:
            asyncio.run(mine.inbox.receive(box, "score.py", _sent(b"x = 1"), 5))


def test_what_is_thrown_away_during_a_check_does_not_come_back(
    local_azure: LocalAzure, open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    began, goes_on = threading.Event(), threading.Event()

    def slow(*given: Any, **named: Any) -> Any:
        began.set()
        assert goes_on.wait(60)
        return facts.gather(*given, **named)

    monkeypatch.setattr(checked, "gather", slow)
    page = open_page("deploy", local_azure)
    root = draft._known().store.root
    before = set((root / "files").glob("*"))
    _type(page, ENDPOINT.format(name="thrown-away"))
    page.control("button", "check_files").click()
    page.app.run()
    made = _draft(page)
    assert made.work is not None
    assert began.wait(60)
    path = root / "drafts" / f"{made.id}.json"
    assert path.exists()
    # What the link "New endpoint" does: it begins a draft as Start over does.
    page.app.query_params["new"] = "endpoint"
    page.app.run()
    assert not path.exists()
    checking = [each for each in threading.enumerate() if each.name == "deploy-check"]
    goes_on.set()
    for thread in checking:
        thread.join(60)
    assert not path.exists()
    assert set((root / "files").glob("*")) <= before


def test_a_copy_whose_check_has_failed_is_not_left_behind(
    local_azure: LocalAzure, open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise Unreachable("The files could not be checked.", "Nobody answered.", "Try again.")

    monkeypatch.setattr(checked, "gather", failing)
    page = open_page("deploy", local_azure)
    folder = draft._known().store.root / "files"
    before = set(folder.glob("*"))
    page = _checked(page, ENDPOINT.format(name="never-checked"))
    assert "Nobody answered." in page.html()
    _waited(page, lambda _: set(folder.glob("*")) <= before)


def test_a_job_that_is_not_kept_is_said_calmly(local_azure: LocalAzure, open_page: Callable[..., Page]) -> None:
    page = open_page("deploy", local_azure, job="none-such")
    assert "is not kept here" in page.html()
    assert page.control("button", "check_files")


def test_a_reader_may_check_and_not_apply(local_azure: LocalAzure, open_page: Callable[..., Page]) -> None:
    page = _checked(open_page("deploy", local_azure, role="reader"), ENDPOINT.format(name="for-readers"))
    assert "AzureML Data Scientist" in page.html()
    assert page.control("button", "apply_files").disabled


def test_an_endpoint_is_made_from_typed_yaml(local_azure: LocalAzure, open_page: Callable[..., Page]) -> None:
    page = _checked(open_page("deploy", local_azure), ENDPOINT.format(name="typed-endpoint"))
    assert "Endpoint typed-endpoint" in page.html()
    assert "It is made." in page.html()
    page.control("button", "apply_files").click()
    page.app.run()
    page.settled()
    assert local_azure.arm("GET", "onlineEndpoints/typed-endpoint").status_code == 404, "nothing before the answer"
    page.control("button", "confirm_deploy").click()
    page.app.run()
    _waited(page, lambda each: "succeeded" in each.html())
    assert local_azure.arm("GET", "onlineEndpoints/typed-endpoint").ok
    page.control("button", "leave_job").click()
    page.app.run()
    assert [row[4] for row in page.rows("deploy_jobs")] == ["succeeded"]
    assert not _text(page), "the next one begins with nothing"


def test_a_new_deployment_begins_with_a_file_for_its_endpoint(
    seeded: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = open_page("deploy", seeded, new="deployment", endpoint=SPLIT)
    text = _text(page)
    assert f"endpoint_name: {SPLIT}" in text
    assert "name: orange" in text, "blue and green are there already"


def test_a_new_endpoint_begins_with_the_starter_kit(local_azure: LocalAzure, open_page: Callable[..., Page]) -> None:
    page = open_page("deploy", local_azure, new="endpoint")
    page.control("button", "use_kit").click()
    page.app.run()
    assert "Give the endpoint a name first." in page.html()
    # The name and the press come in one go when nobody has left the field before.
    page.control("text_input", "kit_name").set_value("from-the-kit")
    page.control("button", "use_kit").click()
    page.app.run()
    page.settled()
    assert "Endpoint from-the-kit" in page.html()
    assert "Deployment blue of from-the-kit" in page.html()
    assert not page.control("button", "apply_files").disabled, page.html()


def test_registered_assets_become_yaml(seeded: LocalAzure, open_page: Callable[..., Page]) -> None:
    page = open_page("deploy", seeded)
    page.control("segmented_control", "deploy_way").set_value("Registered assets")
    page.app.run()
    page.settled()
    page.control("text_input", "asset_endpoint").set_value(SPLIT)
    page.control("selectbox", "asset_model").select("factor-2")
    page.control("button", "write_yaml").click()
    page.app.run()
    text = _text(page)
    assert "model: azureml:factor-2@latest" in text
    assert f"endpoint_name: {SPLIT}" in text
    assert "environment" not in text, "an MLflow model brings its own"


def _kit(page: Page, name: str) -> Page:
    page.control("text_input", "kit_name").set_value(name)
    page.control("button", "use_kit").click().run()
    return page.settled()


def _edit(page: Page, file: str, text: str) -> None:
    """As the editor does it when somebody has typed into an opened file."""
    page.control("expander", "files_are_open")
    _draft(page).edits[file] = text
    page.app.run()


def test_a_text_that_was_changed_after_the_check_is_read_and_checked_before_it_is_offered(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = _checked(open_page("deploy", local_azure), ENDPOINT.format(name="old-words"))
    _type(page, ENDPOINT.format(name="new-words"))
    page.app.run()
    assert "Changed since the check: the YAML or the files further up." in page.html()
    page.control("button", "apply_files").click().run()
    dialog = page.settled().html()
    assert page.control("button", "confirm_deploy")
    assert "Endpoint new-words" in dialog
    assert "old-words" not in dialog


def test_apply_is_held_back_when_its_check_finds_an_error_that_nobody_has_seen(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = _checked(open_page("deploy", local_azure), ENDPOINT.format(name="good-words"))
    _type(page, ENDPOINT.format(name="good-words") + "colour: red\n")
    page.control("button", "apply_files").click().run()
    html = page.settled().html()
    assert "Nothing has been started" in html
    assert "colour" in html
    assert not [each for each in page.app.button if each.key == "confirm_deploy"]


def test_changes_of_several_files_are_kept_over_a_restart_and_taken_by_apply(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = _kit(open_page("deploy", local_azure, new="endpoint"), "two-changes")
    kept = _draft_of(page)
    score = "import json\n\ndef init():\n    pass\n\ndef run(raw_data):\n    return 7\n"
    _edit(page, "endpoint.yml", ENDPOINT.format(name="two-changes") + "description: changed here\n")
    _edit(page, "code/score.py", score)
    page.control("selectbox", "edited_file").set_value("endpoint.yml").run()
    st.cache_resource.clear()
    again = open_page("deploy", local_azure, draft=kept).settled()
    assert again.control("selectbox", "edited_file").value == "endpoint.yml"
    assert set(_draft(again).unread()) == {"endpoint.yml", "code/score.py"}
    again.control("button", "apply_files").click().run()
    again.settled()
    assert not _draft(again).unread()
    (reading,) = [_draft(again).reading]
    assert reading
    assert (reading.folder / "code" / "score.py").read_text() == score
    assert "changed here" in (reading.folder / "endpoint.yml").read_text()
    assert again.control("button", "confirm_deploy")


def test_what_is_changed_in_a_sent_file_stays_until_that_file_is_sent_anew(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = open_page("deploy", local_azure)
    _type(page, ENDPOINT.format(name="sent-anew"))
    box = _draft(page).box
    for name in ("notes.txt", "code/score.py"):
        asyncio.run(draft.inbox().receive(box, name, _sent(b"x = 1\n"), 6))
    page.control("button", "check_files").click().run()
    page.settled()
    for name in ("notes.txt", "code/score.py"):
        _edit(page, name, "x = 2\n")
    asyncio.run(draft.inbox().receive(box, "notes.txt", _sent(b"x = 3\n"), 6))
    page.control("button", "check_files").click().run()
    page.settled()
    reading = _draft(page).reading
    assert reading
    assert (reading.folder / "code" / "score.py").read_text() == "x = 2\n"
    assert (reading.folder / "notes.txt").read_text() == "x = 3\n", "who sends a file again means what is in it"


def test_a_check_from_before_a_job_is_done_anew_on_the_way_back(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = _checked(open_page("deploy", local_azure), ENDPOINT.format(name="back-again"))
    assert "It is made." in page.html()
    page.control("button", "apply_files").click().run()
    page.settled()
    page.control("button", "confirm_deploy").click().run()
    _waited(page, lambda each: "succeeded" in each.html())
    back = open_page("deploy", local_azure, draft=_draft_of(page)).settled()
    assert "It is there already" in back.html()
    assert "It is made." not in back.html()


def test_a_finding_opens_its_file_at_its_line(local_azure: LocalAzure, open_page: Callable[..., Page]) -> None:
    page = _kit(open_page("deploy", local_azure, new="endpoint"), "opened-there")
    _edit(page, "endpoint.yml", ENDPOINT.format(name="opened-there") + "colour: red\n")
    page.control("button", "check_again").click().run()
    page.settled()
    _draft(page).choices |= {"files_are_open": False, "edited_file": "code/score.py"}
    page.control("button", "open_finding_0").click().run()
    assert page.control("selectbox", "edited_file").value == "endpoint.yml"
    (editor,) = [each for each in page.app.get("bidi_component") if "edited_text" in each.proto.id]
    said = json.loads(editor.proto.json)
    assert (said["problem"], said["shown"]["line"]) == ({"line": 4}, 4)


def test_a_zip_that_was_refused_does_not_count_as_nothing(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("endpoint.yml", ENDPOINT.format(name="never-taken"))
        archive.writestr("../evil.txt", "x")
    content = packed.getvalue()
    page = open_page("deploy", local_azure)
    asyncio.run(draft.inbox().receive(_draft(page).box, "evil.zip", _sent(content), len(content)))
    page.app.run()
    page.control("button", "check_files").click().run()
    html = page.settled().html()
    assert "There is nothing to apply: evil.zip was not taken." in html
    assert "Nothing that describes an endpoint" not in html


def test_a_name_that_azure_refuses_is_told_at_the_starter_kits_field(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = open_page("deploy", local_azure, new="endpoint")
    page.control("text_input", "kit_name").set_value("9bad name").run()
    assert "9bad name cannot be the name of an endpoint." in page.html()
    page.control("button", "use_kit").click().run()
    assert _draft(page).work is None


def test_what_is_made_is_told_with_what_it_takes_and_costs(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = _kit(open_page("deploy", local_azure, new="endpoint"), "priced-kit")
    made = page.html()
    assert "1 × Standard_DS3_v2" in made
    assert "4 cores × ceil(1 × 1.2) = 4 × 2 = 8" in made
    assert "uploaded from ./model" in made
    assert "uploaded from ./code, script score.py" in made
    assert "uploaded from ./environment/conda.yml" in made
    assert "not known: the price table is on the Quota page" in made
    context.prices().put([Price("standard_ds3_v2", "", Decimal("0.25"), "EUR")])
    page.app.run()
    assert "0.25 EUR an hour, 182.50 EUR in a month of 730 hours" in page.html()


def test_nothing_is_said_to_be_made_while_the_files_have_errors(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = _checked(open_page("deploy", local_azure), ENDPOINT.format(name="not-yet") + "colour: red\n")
    assert "It is made." not in page.html()
    assert "What will change" not in [each.value for each in page.app.header]


def test_a_single_file_is_named_as_one(local_azure: LocalAzure, open_page: Callable[..., Page]) -> None:
    page = _checked(open_page("deploy", local_azure), starter.deployment_yaml("lonely-file", "blue"))
    assert "There is only pasted.yml." in page.html()


def test_what_could_not_be_looked_at_is_shown_before_anything_is_asked() -> None:
    def gap(why: str) -> Finding:
        return Finding(Level.WARNING, "not-checked", Place(), "Something was not checked.", why, "")

    seen, new = wishes.serious([gap("The quota could not be read.")]), wishes.serious([gap("Nothing answers.")])
    assert new
    assert not new <= seen
    assert not wishes.serious([Finding(Level.WARNING, "size-small", Place(), "It is small.", "", "")])
