"""The telemetry store: rows, roll-ups, several writers."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.scoring.gateway.recorder import Recorder
from emulator.scoring.telemetry import histogram
from emulator.scoring.telemetry.rows import Row, Telemetry, parse_row

MINUTE = 1_800_000_000


def row(**changes: Any) -> Row:
    values: dict[str, Any] = {
        "started_at": float(MINUTE),
        "endpoint": "shop",
        "deployment": "blue",
        "kind": "live",
        "route": "split",
        "status": 200,
        "model_status": 200,
        "reason": "",
        "total_ms": 12.5,
        "model_ms": 10.0,
        "request_bytes": 7,
        "response_bytes": 9,
        "request_id": "id",
        "client_request_id": "",
        "user_agent": "test",
        "auth": "key",
        "mirrored": 0,
    }
    return parse_row({**values, **changes})


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Telemetry]:
    telemetry = Telemetry(tmp_path / "telemetry.db")
    yield telemetry
    telemetry.close()


def test_rows_come_back_newest_last_and_limited_to_the_newest(store: Telemetry) -> None:
    store.append([row(started_at=MINUTE + n, request_id=str(n)) for n in (3, 1, 2)])
    store.append([row(started_at=MINUTE + 9, endpoint="other")])
    assert [found["request_id"] for found in store.rows("shop", 0, 10)] == ["1", "2", "3"]
    assert [found["request_id"] for found in store.rows("shop", 0, 2)] == ["2", "3"]
    assert [found["request_id"] for found in store.rows("shop", MINUTE + 2, 10)] == ["2", "3"]
    assert len(store.rows(None, 0, 10)) == 4
    assert store.rows("shop", 0, 1)[0] == row(started_at=MINUTE + 3, request_id="3")


def test_a_row_without_the_later_fields_is_complete(store: Telemetry) -> None:
    full = row(method="POST", path="/score", protocol="HTTP/1.1", identity="someone", model_reason="OK", request_ms=1)
    store.append([row(), full])
    old, new = store.rows("shop", 0, 10)
    assert (old["method"], old["identity"], old["request_ms"], old["response_delay_ms"]) == ("", "", 0.0, 0.0)
    assert new == full


def test_rows_are_followed_in_the_order_of_writing(store: Telemetry) -> None:
    store.append([row(started_at=MINUTE + n, request_id=str(n)) for n in (3, 1, 2)])
    first = store.columns_since(0, 2)
    assert list(first["request_id"]) == ["3", "1"]
    store.append([row(started_at=MINUTE - 100, request_id="late")])
    rest = store.columns_since(first["id"][-1], 10)
    assert list(rest["request_id"]) == ["2", "late"]
    assert rest.keys() == {"id", *row()}
    assert store.columns_since(rest["id"][-1], 10) == {}


def test_a_file_of_an_earlier_version_is_read_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.db"
    Telemetry(path).close()
    connection = sqlite3.connect(path)
    for name in ("method", "path", "protocol", "identity", "model_reason"):
        connection.execute(f"ALTER TABLE requests DROP COLUMN {name}")
    for name in ("request_ms", "response_ms", "request_delay_ms", "response_delay_ms"):
        connection.execute(f"ALTER TABLE requests DROP COLUMN {name}")
    connection.execute(
        "INSERT INTO requests VALUES (7, ?, 'shop', 'blue', 'live', 'split', 200, 200, '', 1, 1, 1, 1, 'old', '', '',"
        " 'key', 0)",
        (MINUTE,),
    )
    connection.commit()
    connection.close()
    for number in ("first", "second"):
        store = Telemetry(path)
        store.append([row(request_id=number, method="POST")])
        store.close()
    store = Telemetry(path)
    assert [(found["request_id"], found["method"]) for found in store.rows("shop", 0, 9)] == [
        ("old", ""),
        ("first", "POST"),
        ("second", "POST"),
    ]
    store.close()


def test_minutes_hold_one_entry_per_combination(store: Telemetry) -> None:
    store.append([row(total_ms=10.0), row(total_ms=30.0), row(status=424, model_status=500), row(kind="mirror")])
    store.append([row(total_ms=20.0, started_at=MINUTE + 59.9), row(started_at=MINUTE + 60)])
    first = [minute for minute in store.minutes("shop", MINUTE, MINUTE + 60) if minute.status == 200]
    live = next(minute for minute in first if minute.kind == "live")
    assert (live.minute, live.requests, live.sum_ms, live.request_bytes) == (MINUTE, 3, 60.0, 21)
    assert sum(histogram.decode(live.histogram).values()) == 3
    assert len(store.minutes("shop", MINUTE, MINUTE + 60)) == 3
    assert len(store.minutes("shop", MINUTE, MINUTE + 120)) == 4
    assert store.minutes("shop", MINUTE, MINUTE + 120, "green") == []
    assert len(store.minutes("SHOP", MINUTE, MINUTE + 120, "Blue")) == 4


def test_old_rows_go_but_their_minutes_stay(tmp_path: Path) -> None:
    store = Telemetry(tmp_path / "telemetry.db", max_rows=50, clock=lambda: MINUTE)
    for start in range(0, 200, 25):
        store.append([row(started_at=MINUTE + n * 60, request_id=str(n)) for n in range(start, start + 25)])
    kept = store.rows("shop", 0, 1000)
    assert 50 <= len(kept) <= 100
    assert kept[-1]["request_id"] == "199"
    assert sum(minute.requests for minute in store.minutes("shop", 0, MINUTE * 2)) == 200
    store.close()


def test_minutes_go_when_azure_would_have_forgotten_them(tmp_path: Path) -> None:
    store = Telemetry(tmp_path / "telemetry.db", max_rows=2, clock=lambda: MINUTE)
    days = (94, 92, 0)
    store.append([row(started_at=MINUTE - day * 86_400) for day in days])
    assert [minute.minute for minute in store.minutes("shop", 0, MINUTE * 2)] == [MINUTE - 92 * 86_400, MINUTE]
    store.close()


def test_an_append_that_fails_leaves_nothing_behind(store: Telemetry) -> None:
    broken = row()
    broken["request_id"] = object()  # type: ignore[typeddict-item]  # what SQLite cannot store
    with pytest.raises(Exception, match="not supported"):
        store.append([row(), broken])
    assert store.rows("shop", 0, 10) == []
    store.append([row()])
    assert [minute.requests for minute in store.minutes("shop", 0, MINUTE * 2)] == [1]


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tests.emulator.test_telemetry import row
from emulator.scoring.telemetry.rows import Telemetry
store = Telemetry(Path(sys.argv[1]))
for batch in range(100):
    store.append([row(total_ms=float(n + 1)) for n in range(20)])
"""


def test_two_processes_write_without_losing_a_count(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.db"
    root = str(Path(__file__).parents[2])
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), root]) for _ in range(2)]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    store = Telemetry(path)
    [minute] = store.minutes("shop", 0, MINUTE * 2)
    assert minute.requests == 4000
    assert sum(histogram.decode(minute.histogram).values()) == 4000
    assert len(store.rows("shop", 0, 10_000)) == 4000
    store.close()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"status": "200"}, "status"),
        ({"mirrored": True}, "mirrored"),
        ({"kind": "shadow"}, "kind"),
        ({"surprise": 1}, "surprise"),
        ({"endpoint": None}, "endpoint"),
    ],
)
def test_a_row_from_outside_is_checked(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        row(**changes)


def test_text_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="user_agent"):
        row(user_agent="\udcff")


@pytest.mark.anyio
async def test_rows_that_cannot_be_stored_do_not_hold_up_those_that_follow(
    store: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(store)
    recorder.add({**row(), "model_reason": "\udcff"})
    await recorder.flush()
    assert "1 rows of telemetry are lost" in caplog.text
    recorder.add(row(request_id="next"))
    await recorder.flush()
    assert [found["request_id"] for found in store.rows("shop", 0, 10)] == ["next"]


@pytest.mark.anyio
async def test_rows_that_are_on_their_way_when_the_recorder_ends_are_written(store: Telemetry) -> None:
    recorder = Recorder(store, flush_seconds=0.01)
    running = asyncio.create_task(recorder.run())
    for number in range(20):
        recorder.add(row(request_id=f"before-{number}"))
        await asyncio.sleep(0.004)
    recorder.add(row(request_id="last"))
    recorder.end()
    await asyncio.wait_for(running, 60)
    found = {each["request_id"] for each in store.rows("shop", 0, 100)}
    assert {"last", *(f"before-{number}" for number in range(20))} <= found
