"""What getLogs shows of logs on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.scoring.instances.container_log import tail


@pytest.fixture
def logs(tmp_path: Path) -> list[Path]:
    first, second = tmp_path / "instance-0.log", tmp_path / "instance-1.log"
    (tmp_path / "instance-0.log.1").write_text("2026-01-01 00:00:00 a\n")
    first.write_text("[2026-01-01 00:00:02 +0000] c\nTraceback:\n  line\nValueError\n")
    second.write_text("2026-01-01T00:00:01Z b\n2026-01-01 00:00:03,123 d\n")
    return [first, second, tmp_path / "none.log"]


def test_logs_are_put_together_by_time_and_a_traceback_stays_with_its_line(logs: list[Path]) -> None:
    merged = ["a", "b", "c", "Traceback:", "line", "ValueError", "d"]
    for count in (100, 7, 4, 2, 1, 0):
        assert [line.split()[-1] for line in tail(logs, count).splitlines()] == merged[len(merged) - min(count, 7) :]


def test_a_log_that_holds_nothing_but_ends_of_lines_is_no_trouble(logs: list[Path]) -> None:
    logs[0].write_bytes(b"\n" * 100_000)
    logs[1].write_bytes(b"\xff\x00\n")
    assert tail(logs, 2).count("\n") == 2
