"""Deployments that cannot be served: Azure's error code, the reason in the container's log, and the event."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.scoring.telemetry.events import Events
from tests.deployable import CONDA, create_endpoint, upload_and_put
from tests.local_azure import ROOT, LocalAzure

pytestmark = pytest.mark.emulator

ENDPOINT = "failing"
QUICK = {"initialDelay": "PT0S", "period": "PT1S", "timeout": "PT1S", "failureThreshold": 2, "successThreshold": 1}
SLOW = "import time\ndef init(): time.sleep(600)\ndef run(raw): return 1\n"
CRASHED = "User container has crashed or terminated: "


BUILDS = {
    "package": ("dependencies: [{pip: [sluice-no-such-package]}]", "sluice-no-such-package was not found in the"),
    "version": ("dependencies: [{pip: [six==1.16.0, six==1.17.0]}]", "six==1.16.0 and six==1.17.0"),
    "unreadable": ("dependencies: [six", "The conda file is not YAML"),
}
SCRIPTS = {
    "raises": ("def init(): raise RuntimeError('no weights')\ndef run(raw): pass", "RuntimeError: no weights"),
    "syntax": ("def init(:\n", "SyntaxError: invalid syntax"),
    # The local Azure's own environment has numpy; this one's conda file does not name it, so Azure's would not.
    "import": ("import numpy\ndef init(): pass\ndef run(raw): pass", "ModuleNotFoundError: No module named 'numpy'"),
}


@pytest.fixture(scope="module")
def azure(local_azure: LocalAzure) -> Iterator[LocalAzure]:
    create_endpoint(local_azure, ENDPOINT)
    yield local_azure
    local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{ENDPOINT}"))


@pytest.fixture(scope="module")
def errors(azure: LocalAzure) -> dict[str, tuple[str, str]]:
    """Code and message of each deployment's failure, by name. They are all brought up at once."""
    lost = f"azureml:/{azure.workspace}/datastores/workspaceblobstore/paths/LocalUpload/nothing/model"
    model = azure.arm("PUT", "models/lost/versions/1", {"properties": {"modelUri": lost, "modelType": "custom_model"}})
    cases: dict[str, dict[str, Any]] = {
        "model": {"model": model.json()["id"]},
        "liveness": {"score": SLOW, "livenessProbe": QUICK},
        "readiness": {"score": SLOW, "readinessProbe": QUICK},
        "many": {"sku": {"name": "Default", "capacity": 30}, "instanceType": "Standard_F2s_v2"},
        **{name: {"environmentId": environment(azure, name, conda)} for name, (conda, _) in BUILDS.items()},
        **{name: {"score": score} for name, (score, _) in SCRIPTS.items()},
    }
    begun = {name: upload_and_put(azure, ENDPOINT, name, 2, **changes) for name, changes in cases.items()}
    where = {**begun["raises"].json()["properties"]["codeConfiguration"], "scoringScript": "nothing.py"}
    begun["no-script"] = upload_and_put(azure, ENDPOINT, "no-script", 2, codeConfiguration=where)
    ends = {name: azure.finish(answer, 240) for name, answer in begun.items()}
    assert {status["status"] for status in ends.values()} == {"Failed"}, ends
    return {name: (status["error"]["code"], status["error"]["message"]) for name, status in ends.items()}


def environment(azure: LocalAzure, name: str, conda: str) -> str:
    properties = {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04", "condaFile": conda}
    return str(azure.arm("PUT", f"environments/{name}/versions/1", {"properties": properties}).json()["id"])


def log(azure: LocalAzure, name: str, container: str = "InferenceServer") -> str:
    path = f"onlineEndpoints/{ENDPOINT}/deployments/{name}/getLogs"
    return str(azure.arm("POST", path, {"containerType": container, "tail": 500}).json()["content"])


def events(azure: LocalAzure, name: str) -> list[str]:
    """The names of what happened to a deployment, in order."""
    store = Events(azure.state / "telemetry.db")
    found: list[str] = [event.name for _, event in store.since(0, ENDPOINT) if event.deployment == name]
    store.close()
    return found


def test_each_deployment_shows_that_it_failed(azure: LocalAzure, errors: dict[str, tuple[str, str]]) -> None:
    found = azure.arm("GET", f"onlineEndpoints/{ENDPOINT}/deployments").json()["value"]
    states = {each["name"]: each["properties"]["provisioningState"] for each in found}
    assert states == dict.fromkeys(errors, "Failed")


@pytest.mark.parametrize("name", BUILDS)
def test_an_environment_that_cannot_be_built(azure: LocalAzure, errors: dict[str, tuple[str, str]], name: str) -> None:
    code, message = errors[name]
    said = BUILDS[name][1]
    assert (code, said in message) == ("ImageBuildFailure", True), message
    assert said in log(azure, name, "StorageInitializer")
    assert events(azure, name) == []


def test_a_model_that_is_not_there(azure: LocalAzure, errors: dict[str, tuple[str, str]]) -> None:
    code, message = errors["model"]
    assert code == "BadArgument"
    assert message.startswith("Unable to download user model")
    assert message.endswith("https://aka.ms/oe-tsg#error-badargument")
    said = log(azure, "model", "StorageInitializer")
    assert "Unable to download user model" in said
    assert "ModelDownload: Failed" in said
    assert "Name: DownloadFailed, Type: Warning" in said


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_scoring_script_that_does_not_start(azure: LocalAzure, errors: dict[str, tuple[str, str]], name: str) -> None:
    code, message = errors[name]
    said = SCRIPTS[name][1]
    assert (code, message) == ("ResourceNotReady", CRASHED + said)
    lines = log(azure, name)
    assert f"\n{said}\n" in lines
    assert "Traceback (most recent call last):" in lines
    assert "UserContainerStart: Failed" in lines
    # On a slow machine a probe may have failed before the script did.
    told = [each for each in events(azure, name) if not each.endswith("ProbeFailed")]
    assert told == ["Pulled", "Created", "Started", "BackOff"]


def test_a_scoring_script_that_is_not_there(azure: LocalAzure, errors: dict[str, tuple[str, str]]) -> None:
    code, message = errors["no-script"]
    assert code == "ResourceNotReady"
    assert message.startswith(f"{CRASHED}FileNotFoundError: [Errno 2] No such file or directory")
    assert "FileNotFoundError" in log(azure, "no-script")


@pytest.mark.parametrize("kind", ["liveness", "readiness"])
def test_a_probe_that_never_passes(azure: LocalAzure, errors: dict[str, tuple[str, str]], kind: str) -> None:
    said = f"{kind.capitalize()} probe failed: HTTP probe failed with statuscode: 502"
    assert errors[kind] == ("ResourceNotReady", CRASHED + said)
    assert f"Message: {said}" in log(azure, kind)
    failed = f"{kind.capitalize()}ProbeFailed"
    assert events(azure, kind) == ["Pulled", "Created", "Started", failed, failed, "Killing"]


def test_more_instances_than_the_machine_has_room_for(errors: dict[str, tuple[str, str]]) -> None:
    code, message = errors["many"]
    assert code == "OutOfCapacity"
    assert message.startswith("The specified VM Size failed to provision due to a lack of Azure Machine Learning cap")


SDK = """
import json, os, sys
from azure.ai.ml import MLClient
from azure.ai.ml.entities import CodeConfiguration, Environment, ManagedOnlineDeployment, Model
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential

folder = sys.argv[1]
names = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME")
client = MLClient(DefaultAzureCredential(), *(os.environ[name] for name in names))
deployment = ManagedOnlineDeployment(
    name="sdk", endpoint_name="failing", instance_type="Standard_DS3_v2", instance_count=1,
    model=Model(path=f"{folder}/model"),
    code_configuration=CodeConfiguration(code=f"{folder}/code", scoring_script="score.py"),
    environment=Environment(image="mcr.microsoft.com/azureml/minimal", conda_file=f"{folder}/conda.yml"),
)
try:
    client.online_deployments.begin_create_or_update(deployment).result()
except HttpResponseError as error:
    print("\\n" + json.dumps({"code": error.error.code, "message": error.error.message,
                      "log": client.online_deployments.get_logs("sdk", "failing", lines=50)}))
"""


def test_azure_ai_ml_meets_the_failure_as_an_exception_with_code_and_log(azure: LocalAzure, tmp_path: Any) -> None:
    for name in ("model", "code"):
        (tmp_path / name).mkdir()
    (tmp_path / "model" / "weights.txt").write_text("1")
    (tmp_path / "code" / "score.py").write_text("def init():\n    open('missing.bin')\n\ndef run(raw):\n    pass\n")
    (tmp_path / "conda.yml").write_text(textwrap.dedent(CONDA))
    done = subprocess.run(
        [sys.executable, "-c", SDK, str(tmp_path)],
        cwd=ROOT,
        env=azure.client_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["code"] == "ResourceNotReady"
    assert found["message"].startswith(
        f"{CRASHED}FileNotFoundError: [Errno 2] No such file or directory: 'missing.bin'"
    )
    assert "FileNotFoundError" in found["log"]
    assert "Name: BackOff, Type: Warning" in found["log"]
