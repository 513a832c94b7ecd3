"""The YAML of a resource makes the same resource again: azure-ai-ml applies it, the documents are compared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.azure import endpoints
from services.azure.connection import Connection
from services.resources.resource_yaml import deployment_file, endpoint_file
from tests.deployable import upload_and_put
from tests.local_azure import ROOT, LocalAzure

pytestmark = pytest.mark.emulator
NAME = "made-again"
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/scorer"
TAGS = {"team": "a: b # c", "yes": "no", "number": "007", "html": "<b>x</b> & [y](z)", "long": "ü" * 150, "empty": ""}
DESCRIPTION = "First line.\nSecond: 'quoted' \"twice\" \\ <script>alert(1)</script>\ttab # no comment"
ENDPOINT = {
    "location": "westeurope",
    "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}},
    "tags": TAGS,
    "properties": {
        "authMode": "AMLToken",
        "description": DESCRIPTION,
        "publicNetworkAccess": "Enabled",
        "properties": {"owner": "nobody"},
    },
}
PROBE = {"initialDelay": "PT2S", "period": "PT1S", "timeout": "PT3S", "successThreshold": 2, "failureThreshold": 5}
DEPLOYMENT: dict[str, Any] = {
    "description": DESCRIPTION,
    "environmentVariables": {"WORKER_COUNT": "1", "MODE": "on", "API_KEY": "not for every eye", "EMPTY": ""},
    "requestSettings": {
        "requestTimeout": "PT2.5S",
        "maxConcurrentRequestsPerInstance": 7,
        "maxQueueWait": "PT0.25S",
    },
    "livenessProbe": PROBE,
    "readinessProbe": PROBE,
    "egressPublicNetworkAccess": "Disabled",
    "modelMountPath": "/models/mine",
    "properties": {"built": "by hand"},
}


@pytest.fixture(scope="module")
def before(local_azure: LocalAzure) -> dict[str, dict[str, Any]]:
    """Endpoint and deployment with a value in every field that YAML knows."""
    local_azure.finish(local_azure.arm("PUT", f"onlineEndpoints/{NAME}", ENDPOINT))
    answer = upload_and_put(local_azure, NAME, "blue", 2, **DEPLOYMENT)
    assert local_azure.finish(answer, 240)["status"] == "Succeeded", local_azure.output()
    document = local_azure.arm("GET", f"onlineEndpoints/{NAME}").json()
    document["properties"]["traffic"] = {"blue": 100}
    local_azure.finish(local_azure.arm("PUT", f"onlineEndpoints/{NAME}", document))
    return documents(local_azure)


def documents(azure: LocalAzure) -> dict[str, dict[str, Any]]:
    """Both documents as Azure holds them."""
    paths = (f"onlineEndpoints/{NAME}", f"onlineEndpoints/{NAME}/deployments/blue")
    return {path: azure.arm("GET", path).json() for path in paths}


def comparable(value: Any) -> Any:
    """A document without what each operation changes."""
    if not isinstance(value, dict):
        return value
    ours = {"systemData", "principalId", "clientId", "AzureAsyncOperationUri"}
    return {name: comparable(each) for name, each in value.items() if name not in ours}


def test_a_deleted_endpoint_is_made_again_from_its_files_field_by_field(
    local_azure: LocalAzure, conn: Connection, before: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    [blue] = endpoints.list_deployments(conn, NAME)
    files = [endpoint_file(endpoints.get_endpoint(conn, NAME)), deployment_file(blue, show_hidden=True)]
    assert [(file.left_out, file.hidden) for file in files] == [((), ()), ((), ())]
    for file in files:
        (tmp_path / file.name).write_text(file.text, encoding="utf-8")
    local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{NAME}"))
    script = [
        sys.executable,
        str(ROOT / "tests/contract/apply_yaml.py"),
        *(str(tmp_path / each.name) for each in files),
    ]
    made = subprocess.run(
        script, env=local_azure.client_environment(), capture_output=True, text=True, timeout=240, check=False
    )
    assert made.returncode == 0, made.stderr
    assert comparable(documents(local_azure)) == comparable(before)
    # Models are kept once by their content: other tests ask who uses theirs.
    local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{NAME}"))
