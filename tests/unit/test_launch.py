"""What `make run` says before it does anything, and that it leaves a real workspace alone."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.local_azure import LocalAzure
from tests.local_azure import three_free_ports

ROOT = Path(__file__).resolve().parents[2]
WORKSPACE = {
    "AZURE_SUBSCRIPTION_ID": "11111111-2222-3333-4444-555555555555",
    "AZURE_RESOURCE_GROUP": "models",
    "AZUREML_WORKSPACE_NAME": "production",
}


def environment(state: Path, **extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE", "ARM_", "SLUICE_"))}
    ours = {"SLUICE_LOCAL_AZURE_DIR": str(state), "PYTHONUNBUFFERED": "1", "AZURE_CONFIG_DIR": os.devnull}
    return {**kept, **ours, **extra}


def first_lines(count: int, env: dict[str, str], *arguments: str) -> list[str]:
    """What the launcher prints first; it is stopped as soon as it has."""
    command = [sys.executable, "-m", "services.launch", "--headless", "--port", str(three_free_ports()), *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(count)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=240)
    return lines


def test_a_configured_workspace_is_named_and_no_local_azure_is_started(tmp_path: Path) -> None:
    state = tmp_path / "local-azure"
    target, promise, _ = first_lines(3, environment(state, **WORKSPACE))
    assert target == "Target: workspace production, resource group models, at management.azure.com."
    assert promise == "Nothing is created there by starting Sluice."
    assert not state.exists()


def test_a_workspace_that_a_file_names_says_which(tmp_path: Path) -> None:
    (tmp_path / "azureProfile.json").write_text('{"subscriptions": [{"id": "s", "isDefault": true}]}')
    defaults = "[defaults]\ngroup = models\nworkspace = production\n[cloud]\nname = AzureUSGovernment\n"
    (tmp_path / "config").write_text(defaults)
    target, origin = first_lines(2, environment(tmp_path / "state", AZURE_CONFIG_DIR=str(tmp_path)))
    assert target == "Target: workspace production, resource group models, at AzureUSGovernment."
    assert origin == f"The workspace is named in {tmp_path / 'config'}."


def test_without_a_workspace_and_without_wanting_the_local_azure_nothing_is_started(tmp_path: Path) -> None:
    state = tmp_path / "local-azure"
    target, _ = first_lines(2, environment(state), "--no-local")
    assert target == "Target: none. No workspace is configured, and the local Azure is not wanted."
    assert not state.exists()


def test_half_a_configuration_is_refused_before_anything_starts(tmp_path: Path) -> None:
    env = environment(tmp_path, AZURE_SUBSCRIPTION_ID=WORKSPACE["AZURE_SUBSCRIPTION_ID"])
    command = [sys.executable, "-m", "services.launch", "--headless"]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 2
    assert "AZURE_RESOURCE_GROUP and AZUREML_WORKSPACE_NAME are missing" in ended.stdout
    assert "Traceback" not in ended.stderr


@pytest.mark.emulator
def test_a_local_azure_started_here_is_stopped_here_and_one_found_running_is_left_alone(tmp_path: Path) -> None:
    ours, found = LocalAzure(tmp_path / "state"), LocalAzure(tmp_path / "state")
    assert not ours.is_running
    ours.start()
    try:
        assert ours.environment()["ARM_CLOUD_METADATA_URL"].startswith("https://localhost:")
        found.start()
        found.stop()
        assert ours.is_running
    finally:
        ours.stop()
    assert not ours.is_running


@pytest.mark.emulator
def test_a_local_azure_that_cannot_start_says_why(tmp_path: Path) -> None:
    from services.errors import ServiceFailed

    state = tmp_path / "state"
    state.mkdir()
    (state / "control.db").mkdir()
    with pytest.raises(ServiceFailed, match=r"The local Azure did not start\. .+ Read "):
        LocalAzure(state).start()


def test_a_sample_deployment_that_ended_early_is_told_with_its_own_words(tmp_path: Path) -> None:
    local = LocalAzure(tmp_path)
    assert local.samples_failure() is None
    (tmp_path / "demo-progress.txt").write_text("[  4.2 s] deploying blue to whats-in-a-name …\n")
    (tmp_path / "demo.log").write_text("The local Azure refused: no room.\n")
    lock = (tmp_path / "demo.lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert local.samples_failure() is None
        assert "deploying blue" in local.progress()
    failure = local.samples_failure()
    assert failure is not None
    assert failure.why == "The local Azure refused: no room."
    assert local.progress() == ""


@pytest.mark.parametrize("last", ["[ 44.0 s] done", "[ 46.6 s] sending about 1.2 requests per second"])
def test_a_sample_deployment_that_was_through_has_not_failed(tmp_path: Path, last: str) -> None:
    (tmp_path / "demo-progress.txt").write_text(last + "\n")
    assert LocalAzure(tmp_path).samples_failure() is None
