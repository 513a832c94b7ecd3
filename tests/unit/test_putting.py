"""What is not handed to azure-ai-ml, and what is kept when a request is sent twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from unittest.mock import ANY

import pytest

from services.azure.connection import Connection, Reply
from services.azure.translation import Call
from services.deploying import bundles
from services.deploying.author import Author
from services.deploying.model import Job, JobState
from services.deploying.order import Item
from services.deploying.putting import put
from services.errors import NotFound, RuleBroken
from services.jobs.jobs import Jobs, Kept
from services.jobs.work import Work
from services.model import WorkspaceRef
from services.store import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALL = Call("blue was not deployed.", "role", "azure")
BLUE = "name: blue\nendpoint_name: shop\ninstance_type: Standard_DS3_v2\ninstance_count: 1\n"


class Scripted(Author):
    """An author that says what it is told to say, and has no process."""

    def __init__(self, *events: str, error: str = "") -> None:
        super().__init__(ANY, lambda: None)
        self.said, self.gone = events, 0
        self.more = {"operation": "there", "request_id": "", "error": error, "texts": ["a", "b", "c"], "code": ""}
        self.document: dict[str, Any] = {"live": {}, "mirror": {}, "wanted": None}

    def apply(self, _order: Mapping[str, object]) -> Iterator[dict[str, Any]]:
        """Say it."""
        yield from ({"event": each, "message": "", **self.more, **self.document} for each in self.said)

    def go(self) -> None:
        """Count."""
        self.gone += 1


class Empty:
    """A cloud that holds nothing."""

    def send(self, *_request: object, **_options: object) -> Reply:
        """Nothing."""
        raise NotFound("what", "It is not there.", "Wait.")

    def now(self) -> datetime:
        """Azure's clock."""
        return NOW


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    store = Store(tmp_path / "sluice.db")
    job = Job("job", "cloud", WorkspaceRef("s", "g", "w"), "shop", "blue", "deploy", "Deploy", JobState.RUNNING, NOW)
    jobs = Jobs(store, "cloud")
    jobs.begin(Kept(job, ("shop/blue",)), "me", NOW)
    yield Work(jobs, "job", cast(Connection, Empty()), lambda: NOW, threading.Event(), "me")
    store.close()


def item(text: str, folder: Path) -> Item:
    return Item.of(bundles.from_text(text, folder).documents[0])


@pytest.mark.parametrize(
    "fields",
    [
        "code_configuration: {code: ../keys, scoring_script: a}",
        "code_configuration: {code: '{keys}', scoring_script: a}",
        "model: {path: inside/../../keys}",
        "model: {path: 'file:../keys'}",
        "environment: {image: a, conda_file: link/keys.yml}",
    ],
)
def test_files_that_were_not_given_are_never_uploaded(work: Work, tmp_path: Path, fields: str) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "keys.yml").write_text("secret: 1\n")
    folder = tmp_path / "files"
    asked = item(BLUE + fields.replace("{keys}", str(keys)) + "\n", folder)
    (folder / "link").symlink_to(keys)
    author = Scripted("ready", "accepted", "done")
    with pytest.raises(RuleBroken, match="outside of the files"):
        put(work, author, folder, asked, "/path", CALL)
    assert not author.gone


def test_links_out_of_hidden_folders_are_never_followed(work: Work, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    folder = tmp_path / "files"
    asked = item(BLUE + "code_configuration: {code: ., scoring_script: a}\n", folder)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("[core]")
    (folder / ".git" / "here").symlink_to(folder / ".git" / "config")
    author = Scripted("ready", "accepted", "done")
    work.note(sending=True, before="kept")
    assert put(work, author, folder, asked, "/path", CALL) is None
    (folder / ".git" / "keys").symlink_to(tmp_path / "keys")
    with pytest.raises(RuleBroken, match="a link that leads outside of the files"):
        put(work, author, folder, asked, "/path", CALL)
    assert author.gone == 1


def test_a_request_that_is_sent_again_keeps_what_was_there_before_the_first(work: Work, tmp_path: Path) -> None:
    work.note(sending=True, before="before the first")
    work.cancelled.set()
    author = Scripted("ready", "accepted", "done")
    assert put(work, author, tmp_path / "files", item(BLUE, tmp_path / "files"), "/path", CALL) is None
    assert (author.gone, work.values["before"], work.values["operation"]) == (1, "before the first", "there")


@pytest.mark.parametrize(
    ("events", "error", "is_doubtful"),
    [
        (("ready",), "Timeout", True),
        (("ready",), "ServiceFailed", True),
        (("ready",), "RuleBroken", False),
        (("ready", "ready"), "Conflict", True),
        ((), "Timeout", False),
    ],
)
def test_only_the_answer_to_the_one_sending_says_that_azure_has_not_taken_a_request(
    work: Work, tmp_path: Path, events: tuple[str, ...], error: str, is_doubtful: bool
) -> None:
    author = Scripted(*events, "failed", error=error)
    refused = put(work, author, tmp_path / "files", item(BLUE, tmp_path / "files"), "/path", CALL)
    assert refused is not None
    assert (refused.ending.state, refused.is_doubtful) == (JobState.FAILED, is_doubtful)
