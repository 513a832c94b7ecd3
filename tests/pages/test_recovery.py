"""The way back of a page that could not be drawn."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page
from ui import context

pytestmark = pytest.mark.emulator


def test_a_page_that_fails_while_the_workspace_answers_does_not_run_in_circles(
    open_page: Callable[..., Page], seeded: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    comebacks: list[str] = []
    monkeypatch.setattr("ui.recovery.readers.forget", lambda: comebacks.append("read again"))
    monkeypatch.setitem(seeded.environment, "SLUICE_METRICS_ENDPOINT", "https://localhost:1")
    page = open_page("metrics", seeded, endpoint=SPLIT)
    assert "The metrics could not be read." in page.html()
    assert "localhost:1 refuses connections." in page.html(), "the metrics service, not the rest of Azure"
    assert context.settings().metrics_endpoint == "https://localhost:1"
    assert any("comes back by itself" in caption.value for caption in page.app.caption)
    assert not comebacks
