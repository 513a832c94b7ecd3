"""The file that Sluice keeps: opened by several processes, brought up to date, and honest when it cannot be used."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from services import store as store_module
from services.errors import StoreFailed
from services.store import EVENTS, TESTS, Store
from tests.local_azure import ROOT

ROW = {
    "entry_id": "e",
    "kind": "begun",
    "at": "2026-01-01T00:00:00+00:00",
    "cloud": "c",
    "endpoint_id": "x",
    "known": None,
    "body": "{}",
}
WRITER = """
import sys
from pathlib import Path
from services.store import EVENTS, Store
store = Store(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    with store.writing() as connection:
        connection.execute(EVENTS.insert().values(entry_id=sys.argv[2], kind="begun", at="", cloud="c",
            endpoint_id=str(number), known=None, body="{}"))
store.close()
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "folder" / "sluice.db")
    yield made
    made.close()


def count(store: Store) -> int:
    with store.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(EVENTS)).scalar_one())


def test_the_file_and_its_logs_are_for_this_user_alone(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(EVENTS.insert().values(ROW))
        files = list(store.path.parent.iterdir())
        assert {file.name for file in files} >= {"sluice.db", "sluice.db-wal"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_many_processes_open_a_new_file_at_once_and_write_everything(tmp_path: Path) -> None:
    path = tmp_path / "sluice.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), f"w{number}", "15"], cwd=ROOT) for number in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("SELECT entry_id, count(*) FROM events GROUP BY 1").fetchall() == [
            (f"w{number}", 15) for number in range(4)
        ]


def test_many_threads_write_and_read(store: Store) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                with store.writing() as connection:
                    connection.execute(EVENTS.insert().values(ROW))
                assert count(store) > 0
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert count(store) == 150


def test_a_writer_waits_for_another_one_from_its_very_beginning(store: Store) -> None:
    """Two who read and then write would otherwise both decide on what they had read."""
    inside, seen = threading.Event(), []

    def second() -> None:
        inside.wait(60)
        with store.writing() as connection:
            seen.append(connection.execute(sa.select(sa.func.count()).select_from(EVENTS)).scalar_one())

    thread = threading.Thread(target=second)
    thread.start()
    with store.writing() as connection:
        inside.set()
        thread.join(0.2)
        connection.execute(EVENTS.insert().values(ROW))
    thread.join(60)
    assert seen == [1]


def test_nothing_is_left_of_a_write_that_broke(store: Store) -> None:
    def write_and_break() -> None:
        with store.writing() as connection:
            connection.execute(EVENTS.insert().values(ROW))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_break()
    assert count(store) == 0


def test_events_can_be_neither_changed_nor_deleted(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(EVENTS.insert().values(ROW))
    for statement in (EVENTS.update().values(body="{1}"), EVENTS.delete()):
        with pytest.raises(StoreFailed, match="append-only"), store.writing() as connection:
            connection.execute(statement)
    assert count(store) == 1


def test_a_full_disk_is_told_and_everything_before_it_stays(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(EVENTS.insert().values(ROW))
    with store.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    big = ROW | {"body": "x" * 200_000}
    with pytest.raises(StoreFailed, match="full"), store.writing() as connection:
        connection.execute(EVENTS.insert().values(big))
    assert count(store) == 1


def test_an_older_file_is_brought_up_to_date_and_keeps_its_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sluice.db"
    with monkeypatch.context() as older:
        older.setattr(store_module, "_MIGRATIONS", store_module._MIGRATIONS[:1])
        first = Store(path)
        with first.writing() as connection:
            connection.execute(EVENTS.insert().values(ROW))
        first.close()
    second = Store(path)
    with second.reading() as connection:
        names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'index'").scalars())
        assert connection.exec_driver_sql("PRAGMA user_version").scalar_one() == len(store_module._MIGRATIONS)
    assert {"events_by_kind", "events_by_endpoint_and_kind"} <= names
    assert count(second) == 1
    second.close()


def test_a_step_that_fails_leaves_the_older_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sluice.db"
    Store(path).close()
    with monkeypatch.context() as newer:
        newer.setattr(
            store_module, "_MIGRATIONS", (*store_module._MIGRATIONS, ("CREATE TABLE more (a)", "CREATE TABLE events"))
        )
        with pytest.raises(StoreFailed):
            Store(path)
    again = Store(path)
    with again.reading() as connection:
        assert "more" not in sa.inspect(connection).get_table_names()
    again.close()


def test_a_file_of_a_newer_version_is_refused_and_left_alone(store: Store) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 99")
    with pytest.raises(StoreFailed, match="newer version"):
        Store(store.path)
    with store.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA user_version").scalar_one() == 99


@pytest.mark.parametrize("make", ["file", "folder"])
def test_what_is_no_database_is_told(tmp_path: Path, make: str) -> None:
    path = tmp_path / "sluice.db"
    if make == "file":
        path.write_text("no database, however long it may be" * 100)
    else:
        path.mkdir()
    with pytest.raises(StoreFailed) as caught:
        Store(path)
    assert str(path) in caught.value.why
    assert "SLUICE_DATA_DIR" in caught.value.next_step


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed):
        Store(tmp_path / "file" / "sluice.db")


def test_a_file_that_was_removed_is_told_instead_of_written_to(store: Store) -> None:
    """SQLite would keep on writing into a file that has no name any more."""
    store.path.unlink()
    with pytest.raises(StoreFailed, match="removed or replaced"), store.writing():
        pass
    store.path.touch()
    with pytest.raises(StoreFailed, match="removed or replaced"), store.reading():
        pass


def test_the_tables_of_the_code_are_those_of_the_file(store: Store) -> None:
    """They are written twice: as SQL for the steps, and as columns for the queries."""
    with store.reading() as connection:
        found = sa.inspect(connection)
        for table in (EVENTS, store_module.LEASES, TESTS):
            columns = {column["name"] for column in found.get_columns(table.name)}
            assert columns == set(table.columns.keys())


def test_the_log_is_emptied_unless_somebody_reads_it(store: Store) -> None:
    log = store.path.with_name("sluice.db-wal")
    with store.writing() as connection:
        connection.execute(EVENTS.insert().values(ROW))

    with store.reading() as connection:
        connection.execute(sa.select(EVENTS)).all()
        store.empty_log()
        assert log.stat().st_size > 0

    store.empty_log()
    assert log.stat().st_size == 0
    assert count(store) == 1
