"""A load test's process as the server sees it: one at a time, and an end of any kind is noticed."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from services.errors import Conflict
from services.loadtest.plan import Plan
from services.loadtest.readiness import room_for_files
from services.loadtest.running import LoadRun, LoadRuns, Wish
from tests.local_azure import ROOT
from tests.values import endpoint


def begun(monkeypatch: pytest.MonkeyPatch, path: Path, says: str) -> tuple[LoadRuns, LoadRun, Wish]:
    """A run whose process is a script that says this."""
    program = path / "program"
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o700)
    monkeypatch.setattr("services.loadtest.running.sys.executable", str(program))
    wish = Wish(endpoint({"blue": 100}), "blue", Plan(1, 1, 1), (), 5.0)
    runs = LoadRuns()
    return runs, runs.start(wish, {}), wish


def ended(run: LoadRun) -> bool:
    """Whether the run is over, after waiting for it."""
    pause = threading.Event()
    return any(run.is_over or pause.wait(0.01) for _ in range(6000))


@pytest.mark.parametrize("says", ["""printf '{"event": "sec'""", "echo oops", """echo '{"event": "end"}'; exec cat"""])
def test_a_process_that_ends_in_the_middle_of_a_word_does_not_block_the_next_test(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str
) -> None:
    runs, run, wish = begun(monkeypatch, tmp_path, says)
    assert ended(run)
    assert run.problem is not None
    assert ended(runs.start(wish, {}))


def test_the_same_wish_twice_is_one_test_and_another_one_has_to_wait(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs, run, wish = begun(monkeypatch, tmp_path, "exec cat >/dev/null")
    assert runs.start(wish, {}) is run
    with pytest.raises(Conflict, match="still running"):
        runs.start(replace(wish, plan=Plan(2, 2, 2)), {})
    run.stop()
    assert ended(run)
    assert run.problem is None


def test_files_are_asked_for_up_to_what_the_system_allows() -> None:
    code = "from services.loadtest.readiness import room_for_files as r; print(r())"
    out = subprocess.run(
        ["sh", "-c", f"ulimit -Sn 100 && ulimit -Hn 300 && exec {sys.executable} -c '{code}'"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert out.stdout.strip() == "300"
    assert room_for_files() >= 256
