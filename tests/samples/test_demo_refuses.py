"""The demo works on a local Azure on this machine and on nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from samples.demo_parts.local_azure import Refused, check_loopback, read_environment

DEMO = Path(__file__).resolve().parents[2] / "samples" / "demo.py"
HERE = "https://localhost:8443"
LOCAL = {
    "ARM_CLOUD_METADATA_URL": f"{HERE}/metadata/endpoints?api-version=2019-05-01",
    "EMULATOR_CONTROL_URL": f"{HERE}/_emulator",
    "EMULATOR_CONTROL_SECRET": "secret",
    "IDENTITY_ENDPOINT": "http://localhost:8445/identity",
}


def run_demo(arguments: list[str], changes: dict[str, str]) -> tuple[subprocess.CompletedProcess[str], bool]:
    """Run the demo and say whether it tried to reach anybody: every call would go through a proxy of ours."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environ = {**kept, "HTTPS_PROXY": address, "HTTP_PROXY": address, **changes}
        done = subprocess.run(
            [sys.executable, str(DEMO), *arguments],
            env=environ,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        try:
            proxy.accept()
        except BlockingIOError:
            return done, False
        return done, True


@pytest.mark.parametrize(
    "url",
    [
        "https://management.azure.com/metadata/endpoints?api-version=2019-05-01",
        "https://localhost.example.com:8443/metadata",
    ],
)
def test_a_host_elsewhere_is_refused_before_any_call(url: str) -> None:
    done, called = run_demo([], {**LOCAL, "ARM_CLOUD_METADATA_URL": url})
    assert done.returncode == 2
    assert "local Azure only" in done.stderr
    assert url in done.stderr
    assert not called


def test_no_host_at_all_is_refused_before_any_call() -> None:
    done, called = run_demo([], {})
    assert done.returncode == 2
    assert "ARM_CLOUD_METADATA_URL is not set" in done.stderr
    assert not called


def test_a_state_folder_without_a_local_azure_is_refused(tmp_path: Path) -> None:
    done, called = run_demo(["--state", str(tmp_path)], LOCAL)
    assert done.returncode == 2
    assert "Start the local Azure first" in done.stderr
    assert not called


def test_a_state_folder_cannot_lead_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "azure.env").write_text("ARM_CLOUD_METADATA_URL='https://management.azure.com/metadata'\n")
    done, called = run_demo(["--state", str(tmp_path)], LOCAL)
    assert done.returncode == 2
    assert not called


@pytest.mark.parametrize(
    "name", ["ARM_CLOUD_METADATA_URL", "EMULATOR_CONTROL_URL", "IDENTITY_ENDPOINT", "AZUREML_DEV_URL_MFE"]
)
@pytest.mark.parametrize(
    "url",
    [
        "https://management.azure.com/x",
        "https://localhost.example.com/x",
        "https://127.0.0.1.nip.io/x",
        "https://localhost@example.com/x",
        "https://localhost:8443@example.com/x",
        r"https://example.com\@localhost/x",
        "https://10.0.0.1/x",
        "https://[::2]/x",
        "ftp://localhost/x",
        "localhost:8443",
    ],
)
def test_every_address_must_be_on_this_machine(name: str, url: str) -> None:
    with pytest.raises(Refused, match=name):
        check_loopback({**LOCAL, name: url})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_addresses_of_this_machine_are_accepted(host: str) -> None:
    check_loopback({name: url.replace("localhost", host) for name, url in LOCAL.items()})


def test_the_environment_file_is_read_as_a_shell_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "azure.env"
    file.write_text("# made by the local Azure\nA=plain\nB='with space'\nC='it'\"'\"'s'\n")
    assert read_environment(file) == {"A": "plain", "B": "with space", "C": "it's"}
