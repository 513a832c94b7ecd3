"""What `make test` looks at a second time, and what it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.local_azure import ROOT
from tests.second_look import MOST, doubtful

ALWAYS = "def test_it(): assert False\n"
ONCE = """
from pathlib import Path
def test_it():
    before = Path("before")
    if not before.exists():
        before.touch()
        assert False
"""


def look(folder: Path, **files: str) -> subprocess.CompletedProcess[str]:
    """Look at the tests of a folder: each file's name has its folder below tests, `emulator__test_x`."""
    for name, text in files.items():
        path = folder / "tests" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests import second_look; sys.exit(second_look.main([]))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_what_fails_once_is_run_by_itself_and_named(tmp_path: Path) -> None:
    found = look(tmp_path, emulator__test_once=ONCE, emulator__test_good="def test_it(): pass\n")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "Unsteady, failed once and passed by itself: tests/emulator/test_once.py::test_it" in found.stdout
    assert found.stdout.count("1 passed") == 1 + found.stdout.count("1 failed, 1 passed"), "alone"


def test_what_fails_twice_is_red(tmp_path: Path) -> None:
    found = look(tmp_path, contract__test_always=ALWAYS, emulator__test_once=ONCE)
    assert found.returncode == 1
    assert "Run once more by themselves" in found.stdout
    assert "Unsteady" not in found.stdout


@pytest.mark.parametrize(
    "files",
    [
        {"unit__test_once": ONCE},
        {"emulator__test_once": ONCE, "docs__test_always": ALWAYS},
        {f"pages__test_{number}": ALWAYS for number in range(MOST + 1)},
        {"emulator__test_broken": "import nothing_of_that_name\n"},
    ],
    ids=["of code alone", "one of them of code alone", "too many", "not to be collected"],
)
def test_nothing_else_is_looked_at_twice(tmp_path: Path, files: dict[str, str]) -> None:
    found = look(tmp_path, **files)
    assert found.returncode != 0
    assert "once more" not in found.stdout


def test_all_failures_are_doubtful_or_none_is() -> None:
    steady, shaky = "tests/unit/test_x.py::test_it", "tests/e2e/test_x.py::test_it[chromium]"
    assert doubtful((shaky,)) == (shaky,)
    assert doubtful((steady, shaky)) == doubtful((steady,)) == doubtful(()) == ()
    assert doubtful(tuple(f"{shaky}{number}" for number in range(MOST + 1))) == ()
