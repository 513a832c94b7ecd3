"""Wrong but plausible files, as real people have sent them: the first thing that is told is what is really wrong, where
it is, and how it is put right. Many of them are from public issues of azure-ai-ml, az ml and Microsoft's documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from services.azure.asset_versions import AssetVersion
from services.azure.usages import Usage, VmSize
from services.deploying import bundles
from services.deploying.capacity import Offer
from services.deploying.checking import judge
from services.deploying.facts import AssetFacts, Facts
from services.deploying.model import Finding, Level
from services.deploying.references import assets

ENDPOINT, BLUE, SCRIPT, CONDA = "endpoint.yml", "blue.yml", "code/score.py", "conda.yml"
IMAGE = "mcr.microsoft.com/azureml/minimal-py311-inference:latest"
RIGHT = {
    ENDPOINT: """$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: my-endpoint
auth_mode: key
""",
    BLUE: f"""$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: my-endpoint
model:
  path: ./model
code_configuration:
  code: ./code
  scoring_script: score.py
environment:
  conda_file: ./conda.yml
  image: {IMAGE}
instance_type: Standard_DS3_v2
instance_count: 1
""",
    SCRIPT: """import json
import os
from pathlib import Path


def init():
    global factor
    found = next(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.json"))
    factor = json.loads(found.read_text())


def run(raw_data):
    return [number * factor for number in json.loads(raw_data)["data"]]
""",
    CONDA: "dependencies:\n  - python=3.11\n  - pip\n  - pip:\n      - azureml-inference-server-http\n",
    "model/factor.json": "2\n",
}
SIZES = (
    VmSize("Standard_DS3_v2", "standardDSv2Family", 4, 0, 14.0),
    VmSize("Standard_DS2_v2", "standardDSv2Family", 2, 0, 7.0),
)
Edit = Callable[[dict[str, str]], None]


def change(file: str, before: str, after: str) -> Edit:
    """One text in a file replaced by another."""

    def edit(files: dict[str, str]) -> None:
        assert before in files[file]
        files[file] = files[file].replace(before, after)

    return edit


def write(file: str, text: str) -> Edit:
    """Another file in its place."""
    return lambda files: files.update({file: text})


def move(before: str, after: str) -> Edit:
    """The file under another name."""
    return lambda files: files.update({after: files.pop(before)})


def more(file: str, text: str) -> Edit:
    """Something at its end."""
    return lambda files: files.update({file: files[file] + text})


MODEL = "model:\n  path: ./model\n"
CODE = "code_configuration:\n  code: ./code\n  scoring_script: score.py\n"
ENVIRONMENT = f"environment:\n  conda_file: ./conda.yml\n  image: {IMAGE}\n"
CORPUS: dict[str, tuple[list[Edit], str, str, str]] = {
    # What was done, and of the first finding: code, file and line, and a part of what to do.
    "the schema of the endpoint above a deployment": (
        [change(BLUE, "managedOnlineDeployment", "managedOnlineEndpoint")],
        *("schema-other", "blue.yml:1", "managedOnlineDeployment"),
    ),
    "a registered model as a path": (
        [change(BLUE, "path: ./model", "path: azureml:digits:1")],
        *("reference-as-path", "blue.yml:5", "Write model: azureml:digits:1"),
    ),
    "a registered environment by name and version": (
        [change(BLUE, ENVIRONMENT, "environment:\n  name: shared\n  version: 2\n")],
        *("environment-image", "blue.yml:9", "environment: azureml:shared:2"),
    ),
    "an image in place of the environment": (
        [change(BLUE, ENVIRONMENT, f"environment: {IMAGE}\n")],
        *("reference-form", "blue.yml:9", f"image: {IMAGE}"),
    ),
    "a model of the preview's schema": (
        [change(BLUE, MODEL, "model:\n  name: m\n  version: 1\n  local_path: ./model\n")],
        *("field-unknown", "blue.yml:7", "Write path."),
    ),
    "code of the preview's schema": (
        [change(BLUE, "  code: ./code\n", "  code:\n    local_path: ./code\n")],
        *("field-type", "blue.yml:7", "Write code: ./code"),
    ),
    "deployments within the endpoint": (
        [more(ENDPOINT, "deployments:\n  - name: blue\n")],
        *("field-unknown", "endpoint.yml:4", "a file of its own"),
    ),
    "endpoint_name in the endpoint's file": (
        [write(ENDPOINT, "endpoint_name: my-endpoint\nauth_mode: key\n")],
        *("field-unknown", "endpoint.yml:1", "it is called name"),
    ),
    "the names of the REST API": (
        [change(BLUE, "endpoint_name", "endpointName"), change(BLUE, "instance_type", "instanceType")],
        *("field-unknown", "blue.yml:3", "Write endpoint_name."),
    ),
    "a resource of an ARM template": (
        [write(BLUE, "name: blue\nproperties:\n  endpointComputeType: Managed\n  instanceType: Standard_DS3_v2\n")],
        *("arm-form", "blue.yml:1", "endpoint_name, instance_type"),
    ),
    "a model without a script": (
        [change(BLUE, MODEL, "model: azureml:digits:3\n"), change(BLUE, CODE, "")],
        *("nothing-answers", "blue.yml:4", "Add code_configuration"),
    ),
    "the SDK of before in the script": (
        [change(SCRIPT, "import os\n", "import os\nfrom azureml.core import Model\n")],
        *("import-unknown", "code/score.py:3", "Add azureml-core"),
    ),
    "the script with its folder": (
        [change(BLUE, "scoring_script: score.py", "scoring_script: code/score.py")],
        *("script-missing", "blue.yml:8", "Write scoring_script: score.py"),
    ),
    "the script in place of its folder": (
        [change(BLUE, "code: ./code", "code: ./code/score.py")],
        *("path-kind", "blue.yml:7", "code: ./code"),
    ),
    "a script that lies elsewhere": (
        [move(SCRIPT, "src/score.py")],
        *("path-missing", "blue.yml:7", "write code: src"),
    ),
    "a model path that forgets the folder": (
        [
            change(SCRIPT, 'Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.json")', "[]"),
            more(SCRIPT, 'open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "factor.json"))\n'),
        ],
        *("model-path-missing", "code/score.py:14", "It has model/factor.json."),
    ),
    "a conda file of MLflow without the server": (
        [
            change(CONDA, "azureml-inference-server-http", "mlflow"),
            change(BLUE, "minimal-py311-inference", "openmpi4.1.0"),
        ],
        *("conda-no-server", "conda.yml:1", "Add azureml-inference-server-http"),
    ),
    "a list of pip beside the dependencies": (
        [write(CONDA, "dependencies:\n  - python=3.11\n  - pip\npip:\n  - numpy\n")],
        *("conda-key", "conda.yml:4", "- pip:"),
    ),
    "packages of pip that are not indented": (
        [write(CONDA, "dependencies:\n  - python=3.11\n  - pip\n  - pip:\n  - numpy\n")],
        *("conda-pip-empty", "conda.yml:4", "two more spaces"),
    ),
    "requirements.txt in place of a conda file": (
        [change(BLUE, "./conda.yml", "./requirements.txt"), write("requirements.txt", "numpy==1.26\npandas\n")],
        *("conda-shape", "requirements.txt:0", "- pip:"),
    ),
    "sklearn asked of pip": (
        [more(CONDA, "      - sklearn\n")],
        *("conda-module", "conda.yml:6", "scikit-learn"),
    ),
    "Python of long ago": (
        [change(CONDA, "python=3.11", "python=3.6.0")],
        *("conda-python", "conda.yml:2", "python=3.11"),
    ),
    "paths of Windows": (
        [change(BLUE, "./conda.yml", ".\\env\\conda.yml")],
        *("path-backslash", "blue.yml:10", "./env/conda.yml"),
    ),
    "a tab": ([change(BLUE, "  path:", "\tpath:")], "yaml-broken", "blue.yml:5", "not with tabs"),
    "spaces of a web page": (
        [change(BLUE, "  path:", "\u00a0\u00a0path:")],
        *("yaml-spaces", "blue.yml:5", "Type the spaces anew"),
    ),
    "typographic quotes": (
        [change(BLUE, "name: blue", "name: “blue”")],
        *("yaml-quotes", "blue.yml:2", "straight ones"),
    ),
    "marks of Markdown": (
        [lambda files: files.update({BLUE: f"```yaml\n{files[BLUE]}```\n"})],
        *("yaml-fence", "blue.yml:1", "```"),
    ),
    "a merge that was not finished": (
        [change(ENDPOINT, "auth_mode: key", "<<<<<<< HEAD\nauth_mode: key\n=======\nauth_mode: aml_token\n>>>>>>> b")],
        *("yaml-conflict", "endpoint.yml:3", "Finish the merge"),
    ),
    "a placeholder of the documentation": (
        [change(ENDPOINT, "my-endpoint", "<ENDPOINT_NAME>"), change(BLUE, "my-endpoint", "<ENDPOINT_NAME>")],
        *("name-placeholder", "blue.yml:3", "Write the name itself"),
    ),
    "a variable of the shell": (
        [change(BLUE, "my-endpoint", "${ENDPOINT}")],
        *("name-placeholder", "blue.yml:3", "Write the name itself"),
    ),
    "a template that nobody filled in": (
        [change(BLUE, "my-endpoint", "{{ endpoint }}")],
        *("yaml-template", "blue.yml:3", "Write the value itself"),
    ),
    "an endpoint with a typing mistake": (
        [change(BLUE, "my-endpoint", "my-endpiont")],
        *("endpoint-missing", "blue.yml:3", "Did you mean my-endpoint?"),
    ),
    "a size without its prefix": (
        [change(BLUE, "Standard_DS3_v2", "DS3 v2")],
        *("size-not-offered", "blue.yml:12", "Did you mean Standard_DS3_v2?"),
    ),
    "more cores than are free": (
        [change(BLUE, "instance_count: 1", "instance_count: 9")],
        *("quota", "blue.yml:13", "would fit"),
    ),
    "no instances, to stop it": (
        [change(BLUE, "instance_count: 1", "instance_count: 0")],
        *("value-too-small", "blue.yml:13", "1 or more"),
    ),
    "traffic as on the command line": (
        [more(ENDPOINT, "traffic: blue=100\n")],
        *("field-type", "endpoint.yml:4", "blue: 100"),
    ),
    "traffic without a space": (
        [more(ENDPOINT, "traffic:\n  blue:100\n")],
        *("field-type", "endpoint.yml:4", "blue: 100"),
    ),
    "traffic with the sign": (
        [more(ENDPOINT, "traffic:\n  blue: 90%\n  green: 10%\n")],
        *("field-type", "endpoint.yml:5", "Write 90."),
    ),
    "traffic of the first deployment": (
        [more(ENDPOINT, "traffic:\n  blue: 100\n")],
        *("split-too-early", "endpoint.yml:5", "without traffic first"),
    ),
    "a time of the REST API": (
        [more(BLUE, "request_settings:\n  request_timeout: PT90S\n")],
        *("field-unknown", "blue.yml:15", "Write request_timeout_ms."),
    ),
    "a time of five minutes": (
        [more(BLUE, "request_settings:\n  request_timeout_ms: 300000\n")],
        *("value-too-large", "blue.yml:15", "180000"),
    ),
    "egress with a switch": (
        [more(BLUE, "egress_public_network_access: false\n")],
        *("value-not-allowed", "blue.yml:14", "Write disabled."),
    ),
    "a field that slipped out of its group": (
        [change(BLUE, "  scoring_script", "scoring_script")],
        *("code-half", "blue.yml:6", "Indent scoring_script in line 8"),
    ),
    "init with a typing mistake": (
        [change(SCRIPT, "def init():", "def int():")],
        *("script-no-init", "code/score.py:6", "Did you mean int() in line 6?"),
    ),
    "run without data": (
        [change(SCRIPT, "def run(raw_data):", "def run():")],
        *("script-run-arguments", "code/score.py:12", "def run(data)"),
    ),
    "a name that Windows completes": (
        [move(ENDPOINT, "endpoint.yml.txt"), move(BLUE, "blue.yml.txt")],
        *("misnamed", "blue.yml.txt:0", "Name it blue.yml."),
    ),
    "the file of a batch endpoint": (
        [change(ENDPOINT, "managedOnlineEndpoint", "batchEndpoint")],
        *("other-kind", "endpoint.yml:1", "Use az ml"),
    ),
}


def _found(folder: Path, edits: list[Edit]) -> list[Finding]:
    files = dict(RIGHT)
    for edit in edits:
        edit(files)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    bundle = bundles.from_folder(folder, folder.parent)
    registered = {
        asset: AssetFacts(AssetVersion("", asset.name, asset.version, False, {"modelType": "custom_model"}))
        for document in bundle.documents
        for asset in assets(document)
    }
    # A new workspace with a small quota.
    facts = Facts(
        endpoints={each.endpoint.lower(): None for each in bundle.documents},
        assets=registered,
        offer=Offer("westeurope", SIZES, (Usage("standardDSv2Family", 0, 24),)),
    )
    return [each for each in (*bundle.findings, *judge(bundle, facts)) if each.level is not Level.NOTE]


def test_nothing_is_wrong_with_the_files_that_the_mistakes_are_put_into(tmp_path: Path) -> None:
    assert _found(tmp_path / "files", []) == []


@pytest.mark.parametrize("mistake", CORPUS)
def test_the_first_finding_is_the_mistake_at_its_place_with_its_mending(mistake: str, tmp_path: Path) -> None:
    edits, code, place, fix = CORPUS[mistake]
    first = _found(tmp_path / "files", edits)[0]
    assert (first.code, f"{first.place.file}:{first.place.line}") == (code, place)
    assert fix in first.fix
