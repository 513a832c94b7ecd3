"""The lines that containers write, followed over restarts and rotations."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulator.monitor.logs.console import MAX_LINE_CHARACTERS, ConsoleLines, Source


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "instance-0.log"


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[ConsoleLines]:
    store = ConsoleLines(tmp_path / "console.db")
    yield store
    store.close()


def source(path: Path, container: str = "inference-server", shadow: bool = False) -> Source:
    return Source(path, "shop", "blue", "i-1", container, "image", shadow)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def messages(lines: ConsoleLines) -> list[str]:
    return [line.message for _, line in lines.since(0, 1000)]


def test_every_line_is_kept_once(lines: ConsoleLines, log: Path) -> None:
    lines.follow([source(log)])
    assert messages(lines) == []
    append(log, "one\ntwo\n\nthr")
    lines.follow([source(log)])
    lines.follow([source(log)])
    assert messages(lines) == ["one", "two"]
    append(log, "ee\n")
    lines.follow([source(log)])
    assert messages(lines) == ["one", "two", "three"]
    [(number, last)] = lines.since(2, 10)
    assert (number, last.endpoint, last.deployment, last.instance, last.image) == (3, "shop", "blue", "i-1", "image")


def test_what_was_written_before_a_rotation_is_not_lost(lines: ConsoleLines, log: Path) -> None:
    append(log, "one\n")
    lines.follow([source(log)])
    append(log, "two\n")
    log.replace(log.with_name(log.name + ".1"))
    append(log, "three\n")
    lines.follow([source(log)])
    assert messages(lines) == ["one", "two", "three"]


def test_reading_goes_on_where_it_was_left_by_another_process(lines: ConsoleLines, log: Path, tmp_path: Path) -> None:
    append(log, "one\n")
    lines.follow([source(log)])
    append(log, "two\n")
    again = ConsoleLines(tmp_path / "console.db")
    again.follow([source(log)])
    assert messages(again) == ["one", "two"]
    again.close()


def test_a_line_has_its_own_time(lines: ConsoleLines, log: Path) -> None:
    append(
        log, "2026-11-22 10:00:00,250 I [12] azmlinfsrv - ready\nTraceback\n[2026-11-22 10:00:01 +0200] [7] [INFO] on\n"
    )
    lines.follow([source(log)])
    first, second, third = (line.at for _, line in lines.since(0, 10))
    assert first == datetime(2026, 11, 22, 10, 0, 0, 250_000).timestamp()  # noqa: DTZ001 - the machine's own zone
    assert second == first
    assert third == datetime(2026, 11, 22, 8, 0, 1, tzinfo=UTC).timestamp()


def test_the_storage_initializer_writes_in_utc(lines: ConsoleLines, log: Path) -> None:
    append(log, "2026-11-22 10:00:00 Downloading\n")
    lines.follow([source(log, "storage-initializer")])
    [(_, line)] = lines.since(0, 10)
    assert line.at == datetime(2026, 11, 22, 10, tzinfo=UTC).timestamp()


def test_a_new_line_without_a_time_of_its_own_is_of_the_present(lines: ConsoleLines, log: Path) -> None:
    append(log, "2020-01-01 00:00:00 started\n")
    lines.follow([source(log)])
    begun = time.time()
    append(log, "printed\n2020-01-01 00:00:00 this is about the past\n2026-99-99 00:00:00 no time\n")
    lines.follow([source(log)], shift_seconds=7200.0)
    later = [line.at for _, line in lines.since(1, 10)]
    assert all(begun + 7200 <= at <= time.time() + 7200 for at in later)
    assert len(later) == 3


def test_a_long_line_is_cut_and_odd_bytes_are_replaced(lines: ConsoleLines, log: Path) -> None:
    log.write_bytes(b"x" * (MAX_LINE_CHARACTERS + 5) + b"\n\xff\xfe\n")
    lines.follow([source(log, shadow=True)])
    long, odd = (line for _, line in lines.since(0, 10))
    assert len(long.message) == MAX_LINE_CHARACTERS
    assert odd.message == "��"
    assert long.shadow
