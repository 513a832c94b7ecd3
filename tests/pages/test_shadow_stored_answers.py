"""Stored answers on the Shadow page of a running local Azure: what is missing, reading, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.comparison.criteria import Criteria
from services.shadow.model import Pair, Run
from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page
from ui import context

pytestmark = pytest.mark.emulator
ANSWERS = Criteria(error_points=None, latency=None, quantiles=(), answer_percent=5.0)
ON = {"collections": {name: {"dataCollectionMode": "Enabled", "samplingRate": 0.5} for name in ("request", "response")}}


@pytest.fixture
def azure(seeded: LocalAzure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalAzure]:
    for variable, value in {**seeded.environment, "SLUICE_DATA_DIR": str(tmp_path / "data")}.items():
        monkeypatch.setenv(variable, value)
    yield seeded
    context.shadow().stop()


@pytest.fixture
def collecting(azure: LocalAzure) -> Iterator[None]:
    def put(collector: dict[str, Any] | None) -> None:
        for name in ("blue", "green"):
            path = f"onlineEndpoints/{SPLIT}/deployments/{name}"
            document = azure.arm("GET", path).json()
            changed = {**document, "properties": {**document["properties"], "dataCollector": collector}}
            assert azure.finish(azure.arm("PUT", path, changed))["status"] == "Succeeded"

    put(ON)
    yield
    put(None)


def begun(azure: LocalAzure) -> Run:
    """A running run, which no keeper looks after for now."""
    runs, endpoint_id = context.shadow().runs, str(azure.arm("GET", f"onlineEndpoints/{SPLIT}").json()["id"])
    now = datetime.now(UTC).replace(microsecond=0)
    assert runs.take("run-1", "another process", now)
    ends_at = now + timedelta(hours=1)
    return runs.begin(
        Run("run-1", endpoint_id, Pair("blue", "green"), 20, ANSWERS, now, ends_at, "somebody", set_at=now)
    )


def test_what_to_switch_on_is_said_where_nothing_is_stored(open_page: Callable[..., Page], azure: LocalAzure) -> None:
    begun(azure)
    page = open_page("shadow", azure, endpoint=SPLIT)
    captions = " ".join(each.value for each in page.app.caption)
    assert "green does not store its requests and responses: switch the collections request and response on" in captions
    assert "read_stored_answers" not in [each.key for each in page.app.button]


@pytest.mark.usefixtures("collecting")
def test_reading_before_anything_is_stored_says_so_and_changes_nothing(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    run = begun(azure)
    page = open_page("shadow", azure, endpoint=SPLIT)
    captions = " ".join(each.value for each in page.app.caption)
    assert "blue stores 50 % of its requests, green stores 50 % of its requests" in captions
    assert "Bodies are not kept." in captions
    page.app.button(key="read_stored_answers").click().run()
    deadline = time.monotonic() + 60
    while "Nothing is stored yet of what blue and green answered" not in page.html():
        assert time.monotonic() < deadline, page.html()
        page.app.run()
    assert not page.app.exception
    assert context.shadow().runs.answers(run.id) == ()
