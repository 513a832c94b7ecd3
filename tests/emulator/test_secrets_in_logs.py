"""No secret is in any log, however much is logged."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator


def test_a_whole_life_at_debug_level_leaves_no_secret_in_any_log(tmp_path: Path) -> None:
    with LocalAzure(tmp_path / "state", 0, "--log-level", "DEBUG") as azure:
        create_endpoint(azure, "secretive")
        status = azure.finish(upload_and_put(azure, "secretive", "blue", 2))
        assert status["status"] == "Succeeded", status
        document = azure.arm("GET", "onlineEndpoints/secretive").json()
        document["properties"]["traffic"] = {"blue": 100}
        azure.finish(azure.arm("PUT", "onlineEndpoints/secretive", document))
        keys = azure.arm("POST", "onlineEndpoints/secretive/listKeys").json()
        assert azure.score("secretive", {"data": [21]}).json() == [42]
        assert azure.score("secretive", {"data": [21]}, "wrong" * 10).status_code == 401
        logs = azure.arm("POST", "onlineEndpoints/secretive/deployments/blue/getLogs", {}).text
        store = azure.arm("POST", "datastores/workspaceblobstore/listSecrets", {}).json()
        regenerated = azure.arm("POST", "onlineEndpoints/secretive/regenerateKeys", {"keyType": "Primary"})
        azure.finish(regenerated)
        new = azure.arm("POST", "onlineEndpoints/secretive/listKeys").json()
        token = azure.token()
        azure.finish(azure.arm("DELETE", "onlineEndpoints/secretive"))
        azure.stop()
        written = azure.output()
    assert "DEBUG" in written, "nothing was logged at this level"
    found = json.loads((tmp_path / "state" / "secrets.json").read_text())
    secrets = {name: value for name, value in found.items() if re.fullmatch("[0-9a-f]{64}", str(value))}
    assert {"signing_key", "control_secret", "owner_header"} <= secrets.keys()
    secrets |= {f"old {name}": value for name, value in keys.items()} | {f"new {name}": v for name, v in new.items()}
    secrets |= {"token": token.rpartition(".")[2]}
    secrets |= {f"datastore {name}": value for name, value in store.items() if name in ("key", "sasToken")}
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file() and ".log" in path.name]
    assert files
    for name, secret in secrets.items():
        for text in (written, logs, *(path.read_text(errors="replace") for path in files)):
            assert str(secret) not in text, name
    # Shared access signatures are secrets as well.
    assert "sig=" not in written
