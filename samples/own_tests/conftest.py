"""A local Azure for your own tests: started once, and fresh for every test."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import requests

SLUICE = Path(os.environ.get("SLUICE_FOLDER", "."))  # where you have cloned it


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """The variables that point every client at the local Azure, set for the whole run."""
    state = tmp_path_factory.mktemp("azure") / "state"
    command = [sys.executable, "-m", "emulator", "serve", "--port", "0", "--state", str(state)]
    server = subprocess.Popen(command, cwd=SLUICE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout.readline().startswith("ready "), "the local Azure says on stderr why it did not start"
        lines = (state / "azure.env").read_text().splitlines()
        variables = dict(shlex.split(line)[0].split("=", 1) for line in lines)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            yield variables
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


@pytest.fixture
def azure(environment):
    """Asks the local Azure for what no real one offers: azure("POST", "faults", {...})."""

    def ask(method, path, body=None):
        answer = requests.request(
            method,
            f"{environment['EMULATOR_CONTROL_URL']}/{path}",
            json=body,
            headers={"x-emulator-secret": environment["EMULATOR_CONTROL_SECRET"]},
            timeout=60,
        )
        answer.raise_for_status()
        return answer.json()

    yield ask
    ask("POST", "reset")
