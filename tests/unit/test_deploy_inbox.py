"""Files on their way from the browser: streamed to disk, whole or not at all, by who has the token."""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from services.deploying import inbox
from services.deploying.inbox import CUT_SECONDS, Full, Inbox
from services.deploying.unpacking import LEAVE_FREE

MEGABYTE = 1024 * 1024


@pytest.fixture
def box(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "incoming")


def put(box: Inbox, token: str, name: str, content: bytes) -> httpx.Response:
    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=inbox.routes(lambda: box)))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.put(f"{inbox.PATH}/{token}", content=content, headers={"X-File-Name": name})

    return asyncio.run(sent())


def kept_below(folder: Path) -> list[Path]:
    """The files of people that are on the disk."""
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "files.jsonl"]


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def test_a_file_arrives_under_the_name_that_the_browser_gave(box: Inbox) -> None:
    token = box.open()
    assert put(box, token, "caf%C3%A9/model%20one.bin", b"abc").status_code == 200
    (found,) = box.files(token)
    assert (found.name, found.size) == ("café/model one.bin", 3)
    with found.open() as file:
        assert file.read() == b"abc"


def test_no_name_leads_out_of_the_box(box: Inbox, tmp_path: Path) -> None:
    token = box.open()
    for name in ("../../outside", "/etc/outside", "..%2F..%2Foutside"):
        assert put(box, token, name, b"x").status_code == 200
    kept = kept_below(tmp_path)
    assert all(re.fullmatch(r"\d+", path.name) and path.parent == tmp_path / "incoming" / token for path in kept)


def test_without_the_token_nothing_is_taken(box: Inbox, tmp_path: Path) -> None:
    box.open()
    answer = put(box, "guessed", "a.yml", b"x")
    assert answer.status_code == 409
    assert not kept_below(tmp_path)


def test_a_file_that_is_cut_off_is_not_kept_and_can_be_sent_again(box: Inbox, tmp_path: Path) -> None:
    token = box.open()
    with pytest.raises(ValueError, match="cut off after 3 of 10 bytes"):
        asyncio.run(box.receive(token, "model.bin", _chunks(b"abc"), 10))
    assert box.files(token) == ()
    assert not kept_below(tmp_path)
    assert put(box, token, "model.bin", b"0123456789").status_code == 200
    assert [each.size for each in box.files(token)] == [10]


def test_the_same_name_replaces_the_file_of_before(box: Inbox, tmp_path: Path) -> None:
    token = box.open()
    put(box, token, "a.yml", b"old")
    put(box, token, "a.yml", b"newer")
    assert [each.size for each in box.files(token)] == [5]
    assert len(kept_below(tmp_path)) == 1


def test_what_is_taken_out_or_dropped_is_gone_from_the_disk(box: Inbox, tmp_path: Path) -> None:
    token = box.open()
    put(box, token, "a.yml", b"a")
    put(box, token, "b.yml", b"b")
    box.remove(token, "a.yml")
    assert [each.name for each in box.files(token)] == ["b.yml"]
    box.drop(token)
    assert put(box, token, "c.yml", b"c").status_code == 409
    assert not kept_below(tmp_path)


def test_a_large_file_leaves_memory_flat(box: Inbox) -> None:
    token = box.open()
    chunk = b"x" * MEGABYTE
    tracemalloc.start()
    try:
        asyncio.run(box.receive(token, "model.bin", _chunks(*[chunk] * 100), 100 * MEGABYTE))
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert box.files(token)[0].size == 100 * MEGABYTE


def test_visits_without_files_do_not_push_out_what_somebody_has_sent(box: Inbox) -> None:
    token = box.open()
    assert put(box, token, "model.bin", b"abc").status_code == 200
    newest = [box.open() for _ in range(60)][-1]
    assert put(box, newest, "a.yml", b"a").status_code == 200
    assert [each.name for each in box.files(token)] == ["model.bin"]


def test_visits_do_not_push_out_a_file_that_is_still_arriving(box: Inbox) -> None:
    token = box.open()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        for _ in range(inbox._MOST_EMPTY + 1):
            box.open()
        yield b"y"

    asyncio.run(box.receive(token, "model.bin", slow(), 2))
    assert [each.size for each in box.files(token)] == [2]


def test_a_box_that_had_to_make_room_is_opened_again_under_its_name(box: Inbox) -> None:
    token = box.open()
    for _ in range(inbox._MOST_EMPTY + 1):
        box.open()
    assert put(box, token, "a.yml", b"a").status_code == 409
    box.reopen(token)
    assert put(box, token, "a.yml", b"a").status_code == 200


def test_two_processes_on_one_folder_know_each_others_files(box: Inbox, tmp_path: Path) -> None:
    other = Inbox(tmp_path / "incoming", most_bytes=10)
    token = box.open()
    assert put(box, token, "model.bin", b"abcdef").status_code == 200
    assert [each.name for each in other.files(token)] == ["model.bin"]
    assert put(other, token, "a.yml", b"abc").status_code == 200
    assert [each.name for each in box.files(token)] == ["a.yml", "model.bin"]
    assert put(other, other.open(), "b.yml", b"ab").status_code == 507
    box.remove(token, "model.bin")
    assert [each.name for each in other.files(token)] == ["a.yml"]
    assert put(other, other.open(), "b.yml", b"ab").status_code == 200
    box.drop(token)
    assert other.files(token) == ()


def test_what_another_process_has_received_is_not_taken_for_cut_off(box: Inbox, tmp_path: Path) -> None:
    other = Inbox(tmp_path / "incoming")
    token = box.open()
    put(box, token, "early.yml", b"a")
    assert other.files(token)
    put(box, token, "model.bin", b"abc")
    for path in kept_below(tmp_path):
        os.utime(path, (time.time() - CUT_SECONDS - 1,) * 2)
    other.sweep({token}, older_than=1, now=time.time())
    assert all(each.path.exists() for each in box.files(token))
    assert len(kept_below(tmp_path)) == 2


def test_a_name_that_leads_elsewhere_is_no_box(box: Inbox, tmp_path: Path) -> None:
    put(box, box.open(), "a.yml", b"a")
    (tmp_path / "incoming" / "files.jsonl").write_text("")
    for token in (".", "..", "../incoming"):
        with pytest.raises(ValueError, match="not waited for"):
            asyncio.run(box.receive(token, "a.yml", _chunks(b"x"), 1))
        assert box.files(token) == ()
        box.drop(token)
    assert len(kept_below(tmp_path)) == 1


def test_what_has_arrived_is_found_again_after_a_restart(box: Inbox, tmp_path: Path) -> None:
    token = box.open()
    for name, content in (("a.yml", b"old"), ("caf%C3%A9/model.bin", b"abc"), ("a.yml", b"newer"), ("b.yml", b"b")):
        assert put(box, token, name, content).status_code == 200
    box.remove(token, "b.yml")
    with (tmp_path / "incoming" / token / "files.jsonl").open("a") as file:
        file.write('{"name": "cut o')
    again = Inbox(tmp_path / "incoming")
    assert [(each.name, each.size) for each in again.files(token)] == [("a.yml", 5), ("café/model.bin", 3)]
    assert put(again, token, "c.yml", b"c").status_code == 200
    assert [each.name for each in Inbox(tmp_path / "incoming").files(token)] == [
        "a.yml",
        "c.yml",
        "café/model.bin",
    ], "the line that was cut off took none with it"


def test_what_was_cut_off_by_the_end_of_a_process_is_thrown_away(box: Inbox, tmp_path: Path) -> None:
    token = box.open()
    put(box, token, "a.yml", b"a")
    half = tmp_path / "incoming" / token / "123"
    half.write_bytes(b"half of it")
    os.utime(half, (time.time() - CUT_SECONDS - 1,) * 2)
    again = Inbox(tmp_path / "incoming")
    assert not half.exists()
    assert [each.name for each in again.files(token)] == ["a.yml"]


def test_what_all_drafts_take_together_has_an_end_that_says_what_to_do(tmp_path: Path) -> None:
    box = Inbox(tmp_path / "incoming", most_bytes=10)
    first, second = box.open(), box.open()
    assert put(box, first, "a.bin", b"123456").status_code == 200
    answer = put(box, second, "b.bin", b"12345")
    assert answer.status_code == 507
    assert answer.headers["connection"] == "close", "a browser sends the rest of a large file first"
    assert "Start over" in answer.json()["why"]
    with pytest.raises(Full):
        asyncio.run(box.receive(second, "b.bin", _chunks(b"12345"), None))
    assert len(kept_below(tmp_path)) == 1
    box.remove(first, "a.bin")
    assert put(box, second, "b.bin", b"12345").status_code == 200


def test_files_without_a_byte_have_an_end_too(tmp_path: Path) -> None:
    box = Inbox(tmp_path / "incoming", most_files=3)
    first, second = box.open(), box.open()
    for token, name in ((first, "a"), (first, "b"), (second, "a"), (second, "a")):
        assert put(box, token, name, b"").status_code == 200
    answer = put(box, second, "b", b"")
    assert answer.status_code == 507
    assert "Start over" in answer.json()["why"]
    assert put(Inbox(tmp_path / "incoming", most_files=3), second, "b", b"").status_code == 507
    box.drop(first)
    assert put(box, second, "b", b"").status_code == 200


def test_the_list_of_files_that_are_sent_again_and_again_has_an_end_that_loses_nothing(
    box: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "LONGEST_LIST", 300)
    token, other = box.open(), box.open()
    put(box, token, "stays", b"abc")
    answers = [put(box, token, "again", str(turn).encode()) for turn in range(20)]
    taken = [turn for turn, answer in enumerate(answers) if answer.status_code == 200]
    assert 0 < len(taken) < 19
    assert taken == list(range(len(taken)))
    assert {answer.status_code for answer in answers[len(taken) :]} == {507}
    assert "press Start over" in answers[-1].json()["why"]
    # One line more than that at most, and one for each file that is taken out.
    assert (tmp_path / "incoming" / token / "files.jsonl").stat().st_size < 300 + 100
    assert put(box, other, "again", b"x").status_code == 200

    # The next process finds what has arrived, cut off in a line or not, and a file can still be taken out.
    with (tmp_path / "incoming" / token / "files.jsonl").open("ab") as file:
        file.write(b'{"name": "ag')
    later = Inbox(tmp_path / "incoming")
    assert {each.name: each.path.read_bytes() for each in later.files(token)} == {
        "again": str(taken[-1]).encode(),
        "stays": b"abc",
    }
    later.remove(token, "again")
    assert [each.name for each in later.files(token)] == ["stays"]
    assert put(later, token, "again", b"x").status_code == 507


def test_the_disk_is_not_filled_to_its_end(tmp_path: Path) -> None:
    box = Inbox(tmp_path / "incoming", free=lambda _: LEAVE_FREE + 4)
    token = box.open()
    assert put(box, token, "a.bin", b"1234").status_code == 200
    answer = put(box, token, "b.bin", b"12345")
    assert answer.status_code == 507
    assert "free" in answer.json()["why"]
    assert len(kept_below(tmp_path)) == 1


def test_a_slow_disk_does_not_keep_others_waiting(tmp_path: Path) -> None:
    on_disk: list[int] = []

    def slow(_: Path) -> int:
        on_disk.append(threading.get_ident())
        return 2**62

    box = Inbox(tmp_path / "incoming", free=slow)
    asyncio.run(box.receive(box.open(), "a.bin", _chunks(b"x" * MEGABYTE, b"y"), None))
    assert on_disk
    assert threading.get_ident() not in on_disk


def test_boxes_that_nobody_has_are_swept_and_the_others_stay(box: Inbox, tmp_path: Path) -> None:
    mine, orphan, fresh = box.open(), box.open(), box.open()
    for token in (mine, orphan, fresh):
        put(box, token, "a.yml", b"a")
    for token in (mine, orphan):
        for path in (tmp_path / "incoming" / token, *(tmp_path / "incoming" / token).iterdir()):
            os.utime(path, (time.time() - 1000,) * 2)
    box.sweep({mine}, older_than=500, now=time.time())
    assert [len(box.files(each)) for each in (mine, orphan, fresh)] == [1, 0, 1]
    assert not (tmp_path / "incoming" / orphan).exists()


def test_a_file_that_says_that_it_is_too_large_is_refused_before_it_is_written(box: Inbox, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="larger than 20 GB"):
        asyncio.run(box.receive(box.open(), "model.bin", _chunks(b"abc"), inbox.LARGEST_FILE + 1))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
