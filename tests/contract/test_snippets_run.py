"""The programs of the Overview page, run as a caller runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from services.azure import endpoints
from services.azure.connection import Connection
from services.resources.snippets import KEY_VARIABLE, PAYLOAD_FILE, snippets
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
COMMANDS = {"curl": ["bash", "-e"], "Python": [sys.executable, "-"]}


def run(azure: LocalAzure, conn: Connection, name: str, title: str, folder: Path, payload: str, target: str) -> str:
    """What the program ``title`` prints, with the key in its environment."""
    endpoint = endpoints.get_endpoint(conn, name)
    [program] = [each for each in snippets(endpoint, payload, target or None) if each.title == title]
    (folder / PAYLOAD_FILE).write_text(payload, encoding="utf-8")
    done = subprocess.run(
        COMMANDS[title],
        input=program.text,
        env=azure.client_environment() | {KEY_VARIABLE: endpoints.scoring_secret(conn, endpoint).value},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("title", list(COMMANDS))
@pytest.mark.parametrize(("target", "answer"), [("", "[6, 8]"), ("green", "[9, 12]")])
def test_a_program_gets_the_answer_of_its_target(
    local_azure: LocalAzure, conn: Connection, served: str, tmp_path: Path, title: str, target: str, answer: str
) -> None:
    said = run(local_azure, conn, served, title, tmp_path, '{\n  "data": [3, 4],\n  "note": "it\'s $HOME"\n}', target)
    assert answer in said
    if title == "Python":
        assert f"answered by {target or 'blue'}" in said


@pytest.mark.parametrize("title", list(COMMANDS))
def test_a_program_reads_a_long_payload_from_the_file_beside_it(
    local_azure: LocalAzure, conn: Connection, served: str, tmp_path: Path, title: str
) -> None:
    long = '{"data": [1], "note": "' + "x" * 1000 + '"}'
    assert "[2]" in run(local_azure, conn, served, title, tmp_path, long, "")
