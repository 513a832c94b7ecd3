"""Deployments that really fail on the local Azure, each for one reason, and what Azure then tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.deploying.model import Evidence
from tests.deployable import upload_and_put
from tests.local_azure import LocalAzure

QUICK = {"initialDelay": "PT0S", "period": "PT1S", "timeout": "PT1S", "failureThreshold": 2, "successThreshold": 1}
SLOW = "import time\ndef init(): time.sleep(600)\ndef run(raw): return 1\n"
RUN = "\ndef run(raw): return 1\n"
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"


@dataclass(frozen=True)
class Planted:
    """A failure. ``cause`` is the code of the right diagnosis and ``proof`` is in the line that proves it.

    ``changes`` are made to a deployment that would work; ``conda`` replaces its conda file.
    """

    cause: str
    proof: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    conda: str = ""
    model: str = ""


PLANTED = {
    "import": Planted("import-package", "No module named 'numpy'", {"score": f"import numpy\ndef init(): pass{RUN}"}),
    "path": Planted(
        "model-path",
        "No such file or directory",
        {
            "score": "import os\ndef init():\n"
            f"    open(os.path.join(os.environ['AZUREML_MODEL_DIR'], 'model', 'weights.pkl')){RUN}"
        },
    ),
    "glob": Planted(
        "model-path",
        "StopIteration",
        {
            "score": "import os, pathlib\ndef init():\n"
            f"    next(pathlib.Path(os.environ['AZUREML_MODEL_DIR']).glob('factor.txt')).read_text(){RUN}"
        },
    ),
    "package": Planted(
        "conda-package", "sluice-no-such-package", conda="dependencies: [{pip: [sluice-no-such-package]}]"
    ),
    "file": Planted(
        "missing-file",
        "No such file or directory: 'labels.json'",
        {"score": f"def init():\n    open('labels.json'){RUN}"},
    ),
    "init": Planted(
        "init-raised", "RuntimeError: no weights", {"score": f"def init(): raise RuntimeError('no weights'){RUN}"}
    ),
    "syntax": Planted("syntax-error", "SyntaxError", {"score": f"def init(:\n    pass{RUN}"}),
    "no-run": Planted(
        "no-run", "does not have a run() function", {"score": "def init(): pass\ndef predict(raw): return 1\n"}
    ),
    "no-init": Planted("no-init", "does not have a init() function", {"score": RUN}),
    "no-argument": Planted(
        "run-signature", "run() needs to accept an argument", {"score": "def init(): pass\ndef run(): return 1\n"}
    ),
    "no-script": Planted("no-script", "nothing.py", {"script": "nothing.py"}),
    "memory": Planted(
        "out-of-memory", "MemoryError", {"score": f"def init():\n    global rows\n    rows = bytearray(1 << 60){RUN}"}
    ),
    "killed": Planted(
        "out-of-memory",
        "SIGKILL",
        {
            "score": f"import os, signal\ndef init(): os.kill(os.getpid(), signal.SIGKILL){RUN}",
            "livenessProbe": {**QUICK, "failureThreshold": 8},
        },
    ),
    "disk": Planted(
        "disk-full",
        "No space left on device",
        {"score": f"def init():\n    with open('/dev/full', 'w') as cache: cache.write('rows'){RUN}"},
    ),
    "port": Planted(
        "port-taken",
        "Address already in use",
        {
            "score": "import socket\ndef init():\n    one, two = socket.socket(), socket.socket()\n"
            f"    one.bind(('127.0.0.1', 0))\n    two.bind(one.getsockname()){RUN}"
        },
    ),
    "liveness": Planted("probe", "Liveness probe failed", {"score": SLOW, "livenessProbe": QUICK}),
    "readiness": Planted("probe", "Readiness probe failed", {"score": SLOW, "readinessProbe": QUICK}),
    "conflict": Planted(
        "conda-conflict", "six==1.16.0 and six==1.17.0", conda="dependencies: [{pip: [six==1.16.0, six==1.17.0]}]"
    ),
    "conda-yaml": Planted("conda-unreadable", "not YAML", conda="dependencies: [six"),
    "model": Planted("model-download", "Unable to download user model", model="nothing/model"),
    "quota": Planted(
        "quota-cores",
        "Not enough quota available",
        {"instanceType": "Standard_NC96ads_A100_v4", "sku": {"name": "Default", "capacity": 50}},
    ),
    "size": Planted("instance-type", "Standard_Nothing", {"instanceType": "Standard_Nothing"}),
    "capacity": Planted(
        "capacity",
        "lack of Azure Machine Learning capacity",
        {"sku": {"name": "Default", "capacity": 30}, "instanceType": "Standard_E2s_v3"},
    ),
}


def plant(azure: LocalAzure, endpoint: str, names: tuple[str, ...]) -> dict[str, Evidence]:
    """Deploy failures into an endpoint, all at once, and gather what Azure tells of each."""
    begun = {name: _put(azure, endpoint, name) for name in names}
    found = {}
    for name, answer in begun.items():
        if not answer.ok:
            error = answer.json()["error"]
            said = [str(error["message"]), *(str(each["message"]) for each in error.get("details", []))]
            found[name] = Evidence(str(error["code"]), "\n".join(said))
            continue
        ended = azure.finish(answer, 240)
        assert ended["status"] == "Failed", (name, ended)
        error = ended["error"]
        served, stored = (log(azure, endpoint, name, each) for each in ("InferenceServer", "StorageInitializer"))
        found[name] = Evidence(error["code"], error["message"], served, stored)
    return found


def remove(azure: LocalAzure, endpoint: str, names: tuple[str, ...]) -> None:
    """Give back the cores that failed deployments hold."""
    for answer in [azure.arm("DELETE", f"onlineEndpoints/{endpoint}/deployments/{name}") for name in names]:
        if answer.status_code == 202:
            azure.finish(answer)


def log(azure: LocalAzure, endpoint: str, name: str, container: str) -> str:
    """The log of one of a deployment's containers."""
    path = f"onlineEndpoints/{endpoint}/deployments/{name}/getLogs"
    return str(azure.arm("POST", path, {"containerType": container, "tail": 500}).json().get("content", ""))


def _put(azure: LocalAzure, endpoint: str, name: str) -> Any:
    planted = PLANTED[name]
    changes = dict(planted.changes)
    if planted.conda:
        properties = {"image": IMAGE, "condaFile": planted.conda}
        made = azure.arm("PUT", f"environments/{endpoint}-{name}/versions/1", {"properties": properties})
        changes["environmentId"] = made.json()["id"]
    if planted.model:
        uri = f"azureml:/{azure.workspace}/datastores/workspaceblobstore/paths/LocalUpload/{planted.model}"
        properties = {"modelUri": uri, "modelType": "custom_model"}
        changes["model"] = azure.arm("PUT", f"models/{endpoint}-{name}/versions/1", {"properties": properties}).json()[
            "id"
        ]
    script = changes.pop("script", "")
    if script:
        # Of a deployment that was asked for before, whose files are in the storage.
        shown = azure.arm("GET", f"onlineEndpoints/{endpoint}/deployments/import").json()
        changes["codeConfiguration"] = {**shown["properties"]["codeConfiguration"], "scoringScript": script}
    # Of a family of sizes whose quota nobody else's tests need.
    return upload_and_put(azure, endpoint, name, 2, **{"instanceType": "Standard_F2s_v2", **changes})
