"""The view Operate of the Overview page: a change is typed, looked at, confirmed once, and found again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from services.azure.deployments import API_VERSION, Registered
from services.deploying.model import Job, JobState
from services.errors import Conflict, RuleBroken
from services.jobs.jobs import Kept
from services.model import WorkspaceRef
from services.operating import operating
from services.operating.change import Clone
from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page
from tests.values import deployments
from ui import context, readers, scope
from ui.operate.clone_form import asset_words
from ui.operate.running import left_behind, to_be_told
from ui.operate.words_forms import read_tags, shown_tags

pytestmark = pytest.mark.emulator
NAME = "pages-operated"


@pytest.fixture
def operated(local_azure: LocalAzure) -> Iterator[LocalAzure]:
    """An endpoint that nothing runs for: blue is live, green has copies, grey is idle."""
    entry = {
        "name": NAME,
        "deployments": [{"name": name, "capacity": 2} for name in ("blue", "green", "grey")],
        "traffic": {"blue": 100},
        "mirrorTraffic": {"green": 10},
        "tags": {"team": "a", "password": "hunter2"},
    }
    local_azure.control("POST", "seed", {"endpoints": [entry]}).raise_for_status()
    document = local_azure.arm("GET", f"onlineEndpoints/{NAME}/deployments/grey").json()
    document["properties"]["environmentVariables"] = {"API_KEY": "hunter2"}
    local_azure.finish(local_azure.arm("PUT", f"onlineEndpoints/{NAME}/deployments/grey", document))
    yield local_azure
    answer = local_azure.arm("DELETE", f"onlineEndpoints/{NAME}")
    if answer.status_code == 202:
        local_azure.finish(answer)


@pytest.fixture
def operate(open_page: Callable[..., Page], operated: LocalAzure) -> Callable[..., Page]:
    """Opens the view for one resource and one way to change it."""

    def go(which: str, action: str, role: str = "owner") -> Page:
        page = open_page("overview", operated, role, endpoint=NAME, view="Operate")
        page.app.selectbox(key=f"operate:{NAME}").set_value(which).run()
        kind = "endpoint" if which == "The endpoint" else "deployment"
        page.app.segmented_control(key=f"operate_action_{kind}").set_value(action).run()
        assert not page.app.exception
        return page

    return go


def press(page: Page, key: str) -> Page:
    """Presses a button, and waits until what it has asked of Azure is on the page."""
    page.app.button(key=key).click().run()
    return page.settled()


def confirm(page: Page) -> Page:
    """Confirms the open question, and waits until its job has ended."""
    press(page, "confirm_operate")
    deadline, pause = time.monotonic() + 120, threading.Event()
    while "so far. You can leave" in page.html() or "It has not begun" in page.html():
        assert time.monotonic() < deadline, page.html()
        pause.wait(0.2)
        page.app.run()
    assert not page.app.exception
    return page.fresh()


def document(azure: LocalAzure, deployment: str) -> dict[str, object]:
    """A deployment as Azure holds it."""
    return dict(azure.arm("GET", f"onlineEndpoints/{NAME}/deployments/{deployment}").json())


def test_a_number_of_instances_is_shown_before_and_after_then_asked_once_and_done(
    operate: Callable[..., Page], operated: LocalAzure
) -> None:
    page = operate("blue", "Scale")
    page.control("number_input", instances_key(page)).set_value(3)
    press(page, "review_scale")
    assert page.rows("operate_lines") == [["Instances", "2", "3"]]
    assert document(operated, "blue")["sku"]["capacity"] == 2  # type: ignore[index]  # JSON
    confirm(page)
    assert "Scale blue from 2 to 3: succeeded" in page.html()
    assert document(operated, "blue")["sku"]["capacity"] == 3  # type: ignore[index]  # JSON
    assert page.app.get("number_input")[0].proto.default == 3


def test_a_click_waits_for_nobody_and_asks_once(
    operate: Callable[..., Page], operated: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, gate, asked = operate("blue", "Restart"), threading.Event(), []
    review, begin = operating.review, operating.begin

    def slowly(ask: Callable[..., Any]) -> Callable[..., Any]:
        def wait(*args: Any, **options: Any) -> Any:
            asked.append(ask)
            gate.wait(60)
            return ask(*args, **options)

        return wait

    monkeypatch.setattr(operating, "review", slowly(review))
    monkeypatch.setattr(operating, "begin", slowly(begin))
    page.app.button(key="review_restart").click().run()
    assert "Asking Azure what would change." in page.html()
    gate.set()
    page.settled()
    gate.clear()
    page.app.button(key="confirm_operate").click().run()
    assert "Looking once more, then: Restart blue." in page.html()
    # The second press of a double click, and another change meanwhile.
    page.app.button(key="review_restart").click().run()
    gate.set()
    page.settled()
    assert asked == [review, begin]
    assert not [each for each in page.app.button if each.key == "confirm_operate"]
    deadline, pause = time.monotonic() + 120, threading.Event()
    while "Restart blue: succeeded" not in page.html():
        assert time.monotonic() < deadline, page.html()
        pause.wait(0.2)
        page.app.run()


def instances_key(page: Page) -> str:
    """The key of the field of instances, which belongs to the deployment and the turn."""
    return next(each.key or "" for each in page.app.number_input if (each.key or "").startswith("instances:"))


def test_a_question_that_is_cancelled_changes_nothing(operate: Callable[..., Page], operated: LocalAzure) -> None:
    page = operate("grey", "Restart")
    press(page, "review_restart")
    assert page.rows("operate_lines")[0][0] == "Variable SLUICE_RESTARTED_AT"
    before = document(operated, "grey")
    page.app.button(key="cancel_operate").click().run()
    assert not [each for each in page.app.button if each.key == "confirm_operate"]
    assert document(operated, "grey") == before


def test_a_question_is_gone_with_what_was_typed_once_another_endpoint_is_looked_at(
    operate: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = operate("grey", "Restart")
    press(page, "review_restart")
    assert "operate_asked" in page.app.session_state
    page.app.query_params["endpoint"] = SPLIT
    page.app.run()
    assert "operate_asked" not in page.app.session_state


def test_request_settings_are_limited_and_only_what_was_typed_changes(
    operate: Callable[..., Page], operated: LocalAzure
) -> None:
    page = operate("grey", "Requests and probes")
    assert "2 × 1 × 2 = 4" in " ".join(each.value for each in page.app.caption)
    field = next(each for each in page.app.number_input if (each.key or "").startswith("field:concurrency:"))
    field.set_value(4)
    press(page, "review_settings")
    assert page.rows("operate_lines") == [["Concurrent requests per instance", "1", "4"]]
    confirm(page)
    settings = document(operated, "grey")["properties"]["requestSettings"]  # type: ignore[index]  # JSON
    assert settings["maxConcurrentRequestsPerInstance"] == 4
    assert settings["requestTimeout"] == "PT5S"


def test_a_value_of_a_variable_is_written_and_never_shown(operate: Callable[..., Page], operated: LocalAzure) -> None:
    page = operate("grey", "Variables")
    field = next(each for each in page.app.text_input if (each.key or "").startswith("variable:API_KEY:"))
    assert field.value == ""
    field.set_value("swordfish")
    press(page, "review_variables")
    assert page.rows("operate_lines") == [["Variable API_KEY", "hidden", "hidden, another value"]]
    confirm(page)
    drawn = page.html() + str([each.proto for each in page.app.text_input])
    assert "hunter2" not in drawn
    assert "swordfish" not in drawn
    assert "swordfish" not in repr(page.app.session_state)
    assert document(operated, "grey")["properties"]["environmentVariables"]["API_KEY"] == "swordfish"  # type: ignore[index]  # JSON


def test_tags_are_lines_and_one_that_looks_like_a_secret_stays_unseen(
    operate: Callable[..., Page], operated: LocalAzure
) -> None:
    page = operate("The endpoint", "Tags")
    assert "password" in page.html()
    assert "hunter2" not in page.html()
    tags = next(each for each in page.app.text_area if (each.key or "").startswith("tags:"))
    assert tags.value == "team=a"
    tags.set_value("team=b\ncost=7")
    press(page, "review_words")
    assert page.rows("operate_lines") == [["Tag team", "a", "b"], ["Tag cost", "nothing", "7"]]
    confirm(page)
    held = operated.arm("GET", f"onlineEndpoints/{NAME}").json()
    assert held["tags"] == {"team": "b", "cost": "7", "password": "hunter2"}
    assert held["properties"]["mirrorTraffic"] == {"green": 10}


@pytest.mark.parametrize(("name", "why"), [("blue", "answers 100 %"), ("green", "copies of 10 %")])
def test_a_deployment_with_traffic_says_why_it_cannot_be_deleted(
    operate: Callable[..., Page], name: str, why: str
) -> None:
    page = operate(name, "Delete")
    assert why in page.html()
    assert page.app.button(key="review_delete").disabled


def test_the_endpoint_is_deleted_by_its_name_alone(operate: Callable[..., Page], operated: LocalAzure) -> None:
    page = operate("The endpoint", "Delete")
    assert page.app.button(key="review_delete_endpoint").disabled
    for typed, is_off in (("pages-operate", True), (NAME, False)):
        field = next(each for each in page.app.text_input if (each.key or "").startswith("typed_name:"))
        field.set_value(typed).run()
        assert page.app.button(key="review_delete_endpoint").disabled is is_off
    press(page, "review_delete_endpoint")
    assert ["Deployment", "grey, 2 × Standard_DS3_v2", "nothing"] in page.rows("operate_lines")
    press(page, "confirm_operate")
    deadline, pause = time.monotonic() + 120, threading.Event()
    while operated.arm("GET", f"onlineEndpoints/{NAME}").status_code != 404:
        assert time.monotonic() < deadline
        pause.wait(0.2)
    assert not page.fresh().app.exception


def test_a_key_is_changed_after_the_safe_order_was_told(operate: Callable[..., Page], operated: LocalAzure) -> None:
    before = operated.arm("POST", f"onlineEndpoints/{NAME}/listKeys").json()
    page = operate("The endpoint", "Keys")
    assert page.html().index("to the secondary one") < page.html().index("Make a new primary key")
    press(page, "review_primary")
    confirm(page)
    after = operated.arm("POST", f"onlineEndpoints/{NAME}/listKeys").json()
    assert after["primaryKey"] != before["primaryKey"]
    assert after["secondaryKey"] == before["secondaryKey"]


def test_what_breaks_is_said_before_another_way_to_sign_in_is_asked_for(
    operate: Callable[..., Page], operated: LocalAzure
) -> None:
    page = operate("The endpoint", "Sign-in")
    assert "until it sends a token of the workspace" in page.html()
    control = next(each for each in page.app.segmented_control if (each.key or "").startswith("sign_in:"))
    control.set_value("aad_token").run()
    assert "Grant it first." in page.html()
    press(page, "review_sign_in")
    assert page.rows("operate_lines") == [["Auth mode", "key", "aad_token"]]
    confirm(page)
    assert operated.arm("GET", f"onlineEndpoints/{NAME}").json()["properties"]["authMode"] == "AADToken"


def test_a_clone_needs_a_free_name_and_an_asset_that_is_there(operate: Callable[..., Page]) -> None:
    page = operate("blue", "Clone")
    fields = {(each.key or "").partition(":")[0]: each for each in page.app.text_input}
    fields["clone_name"].set_value("green")
    press(page, "review_clone")
    assert "has a deployment named green already" in page.html()
    fields = {(each.key or "").partition(":")[0]: each for each in page.app.text_input}
    fields["clone_name"].set_value("red")
    fields["clone_size"].set_value("Standard_F4s_v2")
    press(page, "review_clone")
    rows = page.rows("operate_lines")
    assert ["Instance type", "Standard_DS3_v2", "Standard_F4s_v2"] in rows
    # What was not changed is named too: a model that was typed and not taken over would go unseen.
    assert {row[0] for row in rows if row[2] == "stays"} >= {"Instances"}
    assert page.app.button(key="confirm_operate").label == "Create"


def test_what_azure_will_refuse_is_not_the_obvious_thing_to_press(operate: Callable[..., Page]) -> None:
    page = operate("blue", "Clone")
    fields = {(each.key or "").partition(":")[0]: each for each in page.app.text_input}
    fields["clone_name"].set_value("red")
    fields["clone_size"].set_value("Standard_DS2_v9")
    press(page, "review_clone")
    assert "does not offer Standard_DS2_v9" in page.html()
    anyway = page.app.button(key="confirm_operate")
    assert (anyway.label, anyway.proto.type) == ("Create anyway", "secondary")


def test_a_beginning_that_is_refused_after_a_reload_is_told_once(
    operate: Callable[..., Page],
    open_page: Callable[..., Page],
    operated: LocalAzure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def reloaded() -> str:
        return open_page("overview", operated, endpoint=NAME, view="Operate").html()

    page, gate, ended = operate("blue", "Restart"), threading.Event(), threading.Event()

    def refused(*_: Any, **__: Any) -> Any:
        assert gate.wait(60)
        ended.set()
        raise Conflict("This was not done: Restart blue.", "Somebody was faster.", "Look again.")

    monkeypatch.setattr(operating, "begin", refused)
    press(page, "review_restart")
    page.app.button(key="confirm_operate").click().run()
    before = {each for each in threading.enumerate() if each.name == "behind"}
    gate.set()
    for thread in before:
        thread.join(60)
    assert ended.is_set()
    assert "Somebody was faster." in reloaded()
    assert "Somebody was faster." not in reloaded()
    page.app.run()
    assert "Somebody was faster." in page.html(), "who waited for it is told as well"
    assert "Somebody was faster." not in reloaded()


def test_a_refusal_goes_with_the_next_thing_that_is_done(operate: Callable[..., Page]) -> None:
    page = operate("blue", "Clone")
    for is_other_form in (False, True):
        name = next(each for each in page.app.text_input if (each.key or "").startswith("clone_name:"))
        name.set_value("green")
        press(page, "review_clone")
        # Where the button is, and not above the form.
        assert page.html().index("has a deployment named green already") > page.html().index("A new deployment like")
        if is_other_form:
            page.app.segmented_control(key="operate_action_deployment").set_value("Restart").run()
        else:
            page.app.button(key="clone_files").click().run()
        assert "has a deployment named green already" not in page.html()


def failed_clone(azure: LocalAzure) -> Job:
    """A clone, grey from blue, whose first creation failed, begun by somebody in an earlier visit."""
    place, now = scope.home(), datetime.now(UTC)
    clone = {**asdict(Clone("blue", "grey")), "seen": "as it was then"}
    path = f"{place.id}/onlineEndpoints/{NAME}/deployments/grey"
    work = {"kind": "write", "method": "PUT", "path": path, "api_version": API_VERSION, "phase": "provision"}
    job = Job(
        uuid4().hex, context.jobs().cloud, place, NAME, "grey", "create", "Create grey like blue", JobState.RUNNING, now
    )
    context.jobs().begin(Kept(job, (f"{NAME}/grey",), {**work, "role": "owner", "clone": clone}), "gone", now)

    def ended(found: Kept) -> Kept:
        failure = ("grey was not created.", "It broke.", "Delete grey and create it again.")
        told = replace(found.job, state=JobState.FAILED, ended_at=now, stuck=f"{NAME}/grey", failure=failure)
        return replace(found, job=told)

    context.jobs().tell(job.id, ended)
    outcome = {"code": "InternalServerError", "message": "It broke."}
    operation = "*/onlineEndpoints/deployments/write"
    fault = {"operation": operation, "target": f"{NAME}/grey", "outcome": outcome, "times": 1}
    azure.control("POST", "faults", fault).raise_for_status()
    try:
        azure.finish(azure.arm("PUT", f"onlineEndpoints/{NAME}/deployments/grey", document(azure, "grey")))
    finally:
        azure.control("DELETE", "faults").raise_for_status()
    return job


def test_a_clone_that_failed_at_first_is_deleted_and_made_again_from_where_it_is_looked_at(
    open_page: Callable[..., Page], operated: LocalAzure
) -> None:
    page = open_page("overview", operated, endpoint=NAME, view="Operate").settled()
    assert "failed when it was first made" not in page.html()
    failed_clone(operated)
    readers.forget_resources()
    page = open_page("overview", operated, endpoint=NAME, view="Operate").settled()
    assert "<b>grey</b> failed when it was first made, and is still there." in page.html()
    assert page.control("button", "again").label == "Delete grey and create it again …"
    page.control("button", "again").click()
    page.app.run()
    assert "then created again like <b>blue</b>, as it was asked for" in page.html()
    page.control("button", "confirm_again").click()
    page.app.run()
    deadline, pause = time.monotonic() + 120, threading.Event()
    # Another blue than that of the clone: nothing is deleted, and that is said here.
    while "blue, which it was made like, was changed since." not in page.html():
        assert time.monotonic() < deadline, page.html()
        pause.wait(0.2)
        page.app.run()
    assert "Delete grey and create it again like blue: failed" in page.html()
    assert "'provisioningState': 'Failed'" in str(document(operated, "grey"))
    page.fresh()
    assert page.control("button", "again").label == "Delete grey and create it again …"


def test_the_way_on_is_offered_for_the_newest_that_is_left_behind_and_that_nobody_works_on() -> None:
    def job(name: str, state: JobState = JobState.FAILED) -> Job:
        stuck = f"{NAME}/{name}" if state is JobState.FAILED else ""
        place = WorkspaceRef("s", "g", "w")
        made = Job(uuid4().hex, "c", place, NAME, name, "create", f"Create {name}", state, datetime.now(UTC))
        return replace(made, stuck=stuck)

    red, grey = job("red"), job("grey")
    there = deployments("red", "grey", state="Failed")
    assert left_behind([grey, red], [], there) is grey
    assert left_behind([grey, red], [], deployments("red", state="Failed")) is red
    assert left_behind([grey], [], deployments("grey")) is None
    assert left_behind([job("grey", JobState.RUNNING), grey], [], there) is None
    # What is told of it right after its end may be older than that.
    assert left_behind([grey], [grey], []) is grey


def test_the_end_of_a_job_is_told_to_whoever_has_seen_it_run() -> None:
    def job(name: str, state: JobState) -> Job:
        place = WorkspaceRef("s", "g", "w")
        return Job(uuid4().hex, "c", place, NAME, name, "create", f"Create {name}", state, datetime.now(UTC))

    running, other = job("grey", JobState.RUNNING), job("red", JobState.RUNNING)
    failed = job("grey", JobState.FAILED)
    assert to_be_told([running, other], "") == running.id, "after a reload, or in another tab"
    assert to_be_told([running, other], other.id) == other.id
    assert to_be_told([running, failed], failed.id) == running.id, "begun again from another tab"
    assert to_be_told([other, failed], failed.id) == failed.id, "somebody else changes something else"


def test_an_upload_without_a_name_is_told_by_its_date_and_by_who_uses_it() -> None:
    raw = {"properties": {"model": f"/workspaces/w/models/{'4d' * 16}/versions/1"}}
    blue = replace(deployments("blue")[0], raw=raw)
    made = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
    assert asset_words(Registered("4d" * 16, "1", made), [blue]) == "uploaded 4d4d4d4, 2026-11-23 09:05 UTC, of blue"
    assert asset_words(Registered("ab" * 32, "2", None), [blue]) == "uploaded abababa"
    assert asset_words(Registered("triple", "1", made), [blue]) == "triple:1"


def test_a_clone_with_new_files_goes_on_on_the_deploy_page(operate: Callable[..., Page]) -> None:
    page = operate("blue", "Clone")
    next(each for each in page.app.text_input if (each.key or "").startswith("clone_name:")).set_value("red")
    page.app.button(key="clone_files").click().run()
    assert not page.app.exception
    links = [each.proto for each in page.app.get("page_link")]
    assert any("Go on with red" in each.label and "draft=" in each.query_string for each in links)


def test_everything_of_an_endpoint_is_one_zip(operate: Callable[..., Page]) -> None:
    page = operate("The endpoint", "Export")
    assert "Hidden: password, API_KEY." in page.html()
    assert page.app.get("download_button")[0].proto.label == f"Download {NAME}.zip"


def test_who_may_only_read_can_look_and_confirm_nothing(operate: Callable[..., Page]) -> None:
    page = operate("grey", "Scale", "reader")
    assert "Your role may look at this endpoint" in page.html()
    assert page.app.button(key="review_scale").disabled


def test_an_endpoint_that_really_runs_is_read_without_surprise(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("overview", seeded, endpoint=SPLIT, view="Operate")
    page.app.segmented_control(key="operate_action_deployment").set_value("Variables").run()
    assert not page.app.exception
    assert "AZUREML_MODEL_DIR" not in " ".join(each.label for each in page.app.text_input)


def test_tags_that_cannot_be_typed_are_left_alone() -> None:
    assert shown_tags({"tags": {"a": "1", "b=c": "2", "d": "x\ny", "api_key": "s3cret-value"}}) == {"a": "1"}
    assert read_tags("a = 1\n\n b=\n") == {"a": "1", "b": ""}
    with pytest.raises(RuleBroken, match="Line 2"):
        read_tags("a=1\nnothing")
    with pytest.raises(RuleBroken, match="once more"):
        read_tags("a=1\na=2")
