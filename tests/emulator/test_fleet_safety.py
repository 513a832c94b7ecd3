"""What user code sees and can reach by what was uploaded, and how much it can write into logs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from emulator.scoring.instances.layout import container_variables, lay_out
from emulator.scoring.instances.supervisor import MAX_LOG_BYTES, copy_output
from emulator.scoring.model import DeploymentFailed
from tests.emulator.scoring_rig import Rig

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]


async def test_links_in_an_upload_cannot_lead_out_of_it(rig: Rig) -> None:
    secret = rig.state / "secrets.json"
    secret.write_text("{}")
    for folder in (rig.model, rig.code):
        (folder / "secret").symlink_to(secret)
        (folder / "state").symlink_to(rig.state)
        (folder / "up").symlink_to("../..")
        (folder / "inside").symlink_to("weights.txt" if folder == rig.model else "score.py")
    revision = lay_out(rig.spec(), rig.state / "revision")
    assert revision.model
    for copied in (revision.code, revision.model / "model"):
        assert sorted(path.name for path in copied.iterdir() if path.is_symlink()) == ["inside"]
        assert (copied / "inside").resolve().is_relative_to(copied)
    assert "Left out secret" in (rig.state / "revision" / "storage-initializer.log").read_text()


async def test_an_upload_that_is_itself_a_link_is_not_followed(rig: Rig) -> None:
    link = rig.state / "uploads" / "link"
    link.symlink_to(rig.state / "tls")
    with pytest.raises(DeploymentFailed, match="Unable to download user model"):
        lay_out(rig.spec(model_path=link), rig.state / "revision")


async def test_instances_get_none_of_the_servers_own_variables(rig: Rig) -> None:
    caller = {
        **{
            f"{prefix}_SECRET": "x" for prefix in ("IDENTITY", "AZURE", "SLUICE", "MSI", "EMULATOR", "ARM", "UV", "PIP")
        },
        "LANG": "C.UTF-8",
        "HTTPS_PROXY": "http://proxy:1",
        "HOME": "/root",
        "PATH": "/somewhere",
        "PYTHONPATH": "/x",
    }
    spec = rig.spec(environment_variables={"AZURE_CLIENT_ID": "the user's own"})
    revision = lay_out(spec, rig.state / "revision")
    found = container_variables(spec, revision, Path("/env/bin/python"), caller)
    assert set(found) == {
        *("LANG", "HTTPS_PROXY", "PATH", "HOME", "PYTHONUNBUFFERED", "AML_APP_ROOT", "AZUREML_ENTRY_SCRIPT"),
        *("AZUREML_MODEL_DIR", "AZURE_CLIENT_ID", "GUNICORN_CMD_ARGS"),
    }
    assert found["HOME"] == str(revision.folder / "home")
    assert found["PATH"].startswith("/env/bin:")


async def test_a_log_keeps_two_files_of_limited_size(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    log = tmp_path / "instance-0.log"
    log.write_bytes(b"old\n" + b"x" * MAX_LOG_BYTES)
    os.write(writer, b"new\n")
    os.close(writer)
    copy_output(reader, log)
    os.close(reader)
    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "instance-0.log.1").read_bytes().startswith(b"old\n")
    assert len(list(tmp_path.iterdir())) == 2


async def test_without_the_inference_server_a_strict_local_azure_fails_as_azure_does(rig: Rig) -> None:
    rig.fleet._strict = True
    spec = replace(rig.spec(), image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest")
    with pytest.raises(DeploymentFailed, match="required package azureml-inference-server-http is miss") as failure:
        await rig.fleet.deploy(spec)
    assert failure.value.code == "ResourceNotReady"
    assert "A required package azureml-inference" in rig.fleet.logs("shop", "blue", "inference-server", 10)
    rig.fleet._strict = False
    await rig.fleet.deploy(spec)
    assert "WARNING: neither the image nor" in rig.fleet.logs("shop", "blue", "storage-initializer", 1000)
