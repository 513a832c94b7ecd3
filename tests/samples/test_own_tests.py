"""The recipe of docs/emulator.md, run as a stranger runs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.local_azure import ROOT, LocalAzure, clean_environment

pytestmark = pytest.mark.emulator
RECIPE = ROOT / "samples" / "own_tests"


def test_the_recipe_for_tests_works_from_anywhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("elsewhere")
    for name in ("conftest.py", "test_my_program.py"):
        (folder / name).write_text((RECIPE / name).read_text())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env=clean_environment() | {"SLUICE_FOLDER": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_other_clients_work_with_an_address_as_argument(local_azure: LocalAzure) -> None:
    local_azure.control("POST", "seed", {"endpoints": [{"name": "by-address"}]}).raise_for_status()
    done = subprocess.run(
        [sys.executable, str(RECIPE / "clients.py")],
        env=local_azure.client_environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/by-address"))
    assert done.returncode == 0, done.stderr
    assert "by-address" in done.stdout
    assert "asked for: RequestsPerMinute" in done.stdout
    assert "rows in the traffic log: " in done.stdout
