"""Drafts on the disk: found again whole by their id alone, and swept when nobody needs them."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.deploying import bundles, drafts
from services.deploying.drafts import Drafts, KeptDraft, Reading
from services.deploying.inbox import Inbox
from services.deploying.model import Job, JobState
from services.errors import NotFound
from services.jobs.jobs import Jobs, Kept
from services.model import WorkspaceRef
from services.store import Store

TEXT = "name: kept-here\nauth_mode: kez\n"
DAY = 86_400.0


@pytest.fixture
def store(tmp_path: Path) -> Drafts:
    return Drafts(tmp_path)


def read(store: Drafts, name: str) -> Reading:
    """Files that were read as a draft reads them."""
    return Reading.of(bundles.from_text(TEXT, store.root / drafts.FILES / name))


def make(store: Drafts, name: str = "a") -> KeptDraft:
    made = KeptDraft(Drafts.new_id(), f"box-{name}", TEXT, "Starter kit", {"kit": "x", "on": True}, read(store, name))
    store.save(made)
    return made


def age(path: Path, seconds: float) -> None:
    """Nobody has changed ``path`` for so long."""
    for each in (*path.rglob("*"), path):
        os.utime(each, (time.time() - seconds,) * 2)


def sweep(store: Drafts, *in_use: Path) -> None:
    store.sweep(Inbox(store.root / drafts.INCOMING), lambda: in_use, time.time())


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


def test_a_draft_comes_back_as_it_was(store: Drafts) -> None:
    made = make(store)
    found = Drafts(store.root).find(made.id)
    assert found == made
    assert found.reading
    again = found.reading.again()
    assert [each.name for each in again.documents] == ["kept-here"]
    assert [each.code for each in again.findings] == ["value-not-allowed"]


def test_drafts_are_private_and_their_ids_are_no_guess(store: Drafts) -> None:
    made = make(store)
    (path,) = (store.root / "drafts").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(made.id) == 32
    assert Drafts.new_id() != Drafts.new_id()


@pytest.mark.parametrize("name", ["", "a", "../drafts/" + "0" * 32, "0" * 32, "0" * 31 + "/", "0" * 32 + ".json"])
def test_no_other_name_opens_anything(store: Drafts, name: str) -> None:
    make(store)
    assert store.find(name) is None


def test_a_draft_that_is_damaged_counts_as_gone(store: Drafts) -> None:
    made = make(store)
    (path,) = (store.root / "drafts").iterdir()
    for content in ("", "{", "[]", '{"box": 1}', '{"box": "", "text": "", "way": "", "choices": {}, "folder": "x"}'):
        path.write_text(content)
        assert store.find(made.id) is None
    sweep(store)


def test_files_that_are_gone_are_said(store: Drafts) -> None:
    reading = read(store, "a")
    (reading.folder / bundles.PASTED).unlink()
    with pytest.raises(NotFound):
        reading.again()


def test_what_nobody_has_looked_at_for_days_goes_with_all_its_files(store: Drafts) -> None:
    inbox = Inbox(store.root / drafts.INCOMING)
    old, looked_at = make(store, "old"), make(store, "looked-at")
    box = inbox.open()
    asyncio.run(inbox.receive(box, "a.yml", _one(b"a"), 1))
    store.save(replace(old, box=box))
    age(store.root, 4 * DAY)
    assert store.touch(looked_at.id)
    store.sweep(inbox, lambda: (), time.time())
    assert store.find(old.id) is None
    assert store.find(looked_at.id) == looked_at
    assert [each.name for each in (store.root / "files").iterdir()] == ["looked-at"]
    assert inbox.files(box) == ()
    assert list((store.root / drafts.INCOMING).iterdir()) == []


def test_no_files_go_while_a_draft_that_is_kept_cannot_be_read(store: Drafts) -> None:
    made, orphan = make(store), read(store, "orphan")
    assert made.reading
    for folder in (made.reading.folder, orphan.folder):
        age(folder, drafts.ORPHAN_SECONDS + 60)
    path = store.root / "drafts" / f"{made.id}.json"
    content = path.read_text()
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        sweep(store)
    path.rmdir()
    path.write_text('{"of": "a newer version"}')
    sweep(store)
    assert made.reading.folder.exists()
    assert orphan.folder.exists()
    path.write_text(content.replace('"box"', '"added later": {"way": 1}, "box"').replace('"way": "', '"old way": "'))
    assert store.find(made.id) is None
    sweep(store)
    assert made.reading.folder.exists()
    assert not orphan.folder.exists()


def test_what_a_running_job_reads_stays_however_old_it_is(store: Drafts) -> None:
    made = make(store)
    assert made.reading
    age(store.root, 10 * DAY)
    sweep(store, made.reading.folder)
    assert store.find(made.id) is None
    assert (made.reading.folder / bundles.PASTED).exists()
    age(store.root, 10 * DAY)
    sweep(store)
    assert not made.reading.folder.exists()


def test_copies_that_a_restart_has_left_behind_go_and_new_ones_stay(store: Drafts) -> None:
    orphan, fresh = read(store, "orphan"), read(store, "fresh")
    age(orphan.folder, drafts.ORPHAN_SECONDS + 60)
    sweep(store)
    assert not orphan.folder.exists()
    assert fresh.folder.exists()
    assert not (store.root / "gone").exists()


def test_only_copies_are_thrown_away_and_none_that_is_in_use(store: Drafts, tmp_path: Path) -> None:
    mine = tmp_path / "project"
    mine.mkdir()
    reading = read(store, "a")
    store.throw_away(mine, ())
    store.throw_away(reading.folder, [reading.folder])
    assert mine.exists()
    assert reading.folder.exists()
    store.throw_away(reading.folder, ())
    assert not reading.folder.exists()


def test_folders_of_running_jobs_of_every_cloud_are_known(tmp_path: Path) -> None:
    kept = Store(tmp_path / "sluice.db")
    try:
        for number, state in enumerate((JobState.RUNNING, JobState.RUNNING, JobState.SUCCEEDED)):
            names = (f"cloud-{number}", WorkspaceRef("s", "g", "w"), f"shop-{number}", "blue", "deploy", "Deploy")
            job = Job(f"job-{number}", *names, state, datetime(2026, 5, 4, tzinfo=UTC))
            Jobs(kept, job.cloud).begin(Kept(job, (job.endpoint,), {"folder": f"/files/{number}"}), "me", job.began_at)
        assert drafts.read_by_jobs(kept) == {Path("/files/0"), Path("/files/1")}
    finally:
        kept.close()
