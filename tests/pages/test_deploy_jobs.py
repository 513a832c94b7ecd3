"""What the Deploy page says of jobs: one that is in the way, and one that has left a failed deployment behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from services.deploying.model import Job, JobState
from services.jobs.jobs import Kept
from tests.local_azure import LocalAzure
from tests.pages.conftest import Page
from ui import context, scope
from ui.deploy import draft

ENDPOINT = "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\nname: {name}\n"


@contextmanager
def kept(job_id: str, endpoint: str, deployment: str = "", **work: object) -> Iterator[Job]:
    """A job that another process works on, until it is given up."""
    place, now = scope.home(), datetime.now(UTC)
    resource = f"{endpoint}/{deployment}" if deployment else endpoint
    cloud = context.jobs().cloud
    job = Job(
        job_id, cloud, place, endpoint, deployment, "deploy", f"Deploy {resource}", JobState.RUNNING, now, person="ann"
    )
    context.jobs().begin(Kept(job, (resource,), work), "somebody-else", now)
    yield job
    _end(job_id)


def _end(job_id: str, **changes: object) -> None:
    ended = {"state": JobState.FAILED, "ended_at": datetime.now(UTC), **changes}
    context.jobs().tell(job_id, lambda found: replace(found, job=replace(found.job, **ended)))  # type: ignore[arg-type]  # names of fields


def test_a_job_that_changes_the_same_is_said_by_the_check_and_above_with_a_way_to_it(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = open_page("deploy", local_azure)
    with kept("in-the-way", "pages-twice"):
        # As the editor does it when somebody has typed.
        draft._known().drafts[page.app.session_state["deploy_draft"]].text = ENDPOINT.format(name="pages-twice")
        page.control("button", "check_files").click()
        page.app.run()
        page = page.settled()
        assert "Deploy pages-twice is running, and changes the same." in page.html()
        assert "It changes the same, and Sluice does one thing to it after the other." in page.html()
        page.control("button", "in_the_way_above").click()
        page.app.run()
        assert page.app.query_params["job"] in ("in-the-way", ["in-the-way"])


def test_a_job_that_has_left_a_failed_deployment_behind_offers_to_delete_it_and_create_it_again(
    local_azure: LocalAzure, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    open_page("deploy", local_azure)
    files = tmp_path / "files"
    files.mkdir()
    with kept("left-behind", "pages-left", "blue", kind="deploy", folder=str(files), items=[], index=0):
        failure = ("blue was not deployed.", "It crashed.", "Mend the files. Then delete blue.")
        _end("left-behind", stuck="pages-left/blue", failure=failure, principal="Local owner")
    page = open_page("deploy", local_azure, job="left-behind")
    assert "by Local owner (ann on this machine)" in page.html()
    assert "Then delete blue." in page.html()
    assert page.control("button", "again").label == "Delete blue and create it again …"
    page.control("button", "again").click()
    page.app.run()
    assert page.control("button", "confirm_again")
    files.rmdir()
    page = open_page("deploy", local_azure, job="left-behind")
    assert "Delete blue in Operate" in [link.proto.label for link in page.app.get("page_link")]
