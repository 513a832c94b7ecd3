"""Microsoft's own SDK, unmodified, against the local Azure, with the environment that `env` prints and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployable import write_quick_start
from tests.local_azure import ROOT, LocalAzure

pytestmark = pytest.mark.emulator


def test_the_quick_start_runs_with_nothing_but_azure_ai_ml_and_the_environment(
    local_azure: LocalAzure, tmp_path: Path
) -> None:
    write_quick_start(tmp_path / "files", "whats-in-a-test", {"blue": 2, "green": 3})
    driver = subprocess.run(
        [sys.executable, str(ROOT / "tests/contract/quick_start.py"), str(tmp_path / "files")],
        cwd=tmp_path,
        env=local_azure.client_environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert driver.returncode == 0, driver.stderr + local_azure.output()
    found = json.loads(driver.stdout.splitlines()[-1])

    state, address = found["created"]
    assert state == "Succeeded"
    assert address.endswith("/endpoints/whats-in-a-test/score")
    assert found["blue"] == found["green"] == ["Succeeded", 1]
    assert found["split"] == [{"blue": 100}, {"green": 10}]
    assert found["scored"] == {"status": 200, "body": [6, 8], "deployment": "blue"}
    assert found["scored with the secondary key"]["status"] == 200
    assert found["pinned"] == {"status": 200, "body": [9, 12], "deployment": "green"}
    assert [found["wrong key"], found["old key"], found["new key"]] == [401, 401, 200]
    assert found["scaled"] == 2
    assert "factor is 2" in found["logs"]
    assert "azureml-inference-server-http" in found["storage log"]
    assert found["listed"][0] == ["blue", "green"]
    assert "whats-in-a-test" in found["listed"][1]
    assert "100 percent" in found["delete with traffic"]
    assert found["after delete"] == {}
    assert found["gone"] == "ResourceNotFound"


def test_the_default_credential_asks_the_identity_endpoint_and_nothing_else(local_azure: LocalAzure) -> None:
    program = (
        "from azure.identity import DefaultAzureCredential\n"
        "credential = DefaultAzureCredential()\n"
        "print([type(each).__name__ for each in credential.credentials])\n"
        "print(credential.get_token('https://management.azure.com/.default').token)\n"
    )
    driver = subprocess.run(
        [sys.executable, "-c", program],
        env=local_azure.client_environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    chain, token = driver.stdout.splitlines()
    assert chain == "['ManagedIdentityCredential']"
    assert local_azure.arm("GET", "", token=token).status_code == 200
