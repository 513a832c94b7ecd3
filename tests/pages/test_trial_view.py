"""A trial on the Deploy page: what can be tried, what is said of it, and a real one from the starter kit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.local_azure import LocalAzure
from tests.pages.conftest import Page
from ui.deploy import draft
from ui.deploy.trials import trials

REGISTERED = """$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: never-tried
model: azureml:digits:3
environment: azureml:own:1
code_configuration: {code: azureml:code:1, scoring_script: score.py}
instance_type: Standard_DS3_v2
instance_count: 1
"""


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """No trial outlives its test."""
    yield
    trials().close()


def test_what_only_the_cloud_has_is_named_and_cannot_be_tried(
    local_azure: LocalAzure, open_page: Callable[..., Page]
) -> None:
    page = open_page("deploy", local_azure)
    draft._known().drafts[page.app.session_state["deploy_draft"]].text = REGISTERED
    page.control("button", "check_files").click()
    page.app.run()
    html = page.settled().html()
    assert "It cannot be tried." in html
    assert "model is azureml:digits:3" in html
    assert not [each for each in page.app.button if each.key == "start_trial"]


@pytest.mark.long
def test_the_starter_kit_is_tried_from_the_page(local_azure: LocalAzure, open_page: Callable[..., Page]) -> None:
    page = open_page("deploy", local_azure, new="endpoint")
    page.control("text_input", "kit_name").set_value("tried-here")
    page.app.run()
    page.control("button", "use_kit").click().run()
    page.settled()
    assert page.control("selectbox", "trial_source").value == "sample-request.json"
    page.control("button", "start_trial").click().run()
    deadline, pause = time.monotonic() + 120, threading.Event()
    while "works here" not in page.html():
        assert time.monotonic() < deadline, page.html()
        pause.wait(0.2)
        page.app.run()
        assert not page.app.exception
    assert "Answer: 200" in page.html()
    page.control("button", "put_away_trial").click().run()
    assert "works here" not in page.html()
