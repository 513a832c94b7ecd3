"""The Connect page: alone when nothing is configured, reachable by its address otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.local_azure import LocalAzure
from tests.pages.conftest import Page


def test_without_a_workspace_it_is_the_only_page_and_explains_the_ways(open_page: Callable[..., Page]) -> None:
    page = open_page("connect")
    assert page.app.title[0].value == "Connect"
    assert [button.label for button in page.app.button] == ["Start the local Azure"]
    text = "\n".join(code.value for code in page.app.code)
    for name in ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME", '"workspace_name"'):
        assert name in text


def test_half_a_configuration_is_explained(open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZUREML_WORKSPACE_NAME", "half")
    page = open_page("connect")
    assert "The workspace is only half configured." in page.html()
    assert not page.app.button


@pytest.mark.emulator
def test_once_configured_it_says_where_sluice_is(open_page: Callable[..., Page], local_azure: LocalAzure) -> None:
    page = open_page("connect", local_azure)
    assert "connected to workspace <b>local</b>" in page.html()
    assert not [button for button in page.app.button if "Start" in button.label]
