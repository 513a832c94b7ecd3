"""The starter kit: the files of a first endpoint with one deployment, ready to be applied as they are."""

from __future__ import annotations

import io
import json
import shlex
import zipfile

_SCHEMA = "https://azuremlschemas.azureedge.net/latest/{}.schema.json"
IMAGE = "mcr.microsoft.com/azureml/minimal-py311-inference:latest"
INSTANCE_TYPE = "Standard_DS3_v2"
"""Four cores and 14 GB; Microsoft advises against less for a deployment of one's own."""
REQUEST = {"data": [1, 2, 3]}
_MADE_AT = (2024, 1, 1, 0, 0, 0)
"""The time of every file in the zip, so that the same kit is the same bytes."""
_SCORE_WITH_MODEL = '''\
"""Answers requests. Azure calls init() once, when the container starts, and run() for each."""

import json
import logging
import os
from pathlib import Path


def init():
    """Load the model. AZUREML_MODEL_DIR is the folder that holds what the deployment names as its model."""
    global factor
    folder = Path(os.environ["AZUREML_MODEL_DIR"])
    # The model's own folder lies in it, so search below. With a model of scikit-learn: "*.pkl", and joblib.load(found).
    found = next(folder.rglob("model.json"), None)
    if found is None:
        raise FileNotFoundError(f"model.json was not found below {folder}")
    factor = json.loads(found.read_text())["factor"]
    logging.info("The model is loaded: it multiplies by %s.", factor)


def run(raw_data):
    """Answer one request. raw_data is its text; what is returned becomes JSON."""
    numbers = json.loads(raw_data)["data"]
    return [number * factor for number in numbers]
'''
_SCORE_WITHOUT_MODEL = '''\
"""Answers requests. Azure calls init() once, when the container starts, and run() for each."""

import json
import logging


def init():
    """Prepare what every request needs. There is no model yet, so there is nothing to load."""
    logging.info("Started without a model.")


def run(raw_data):
    """Answer one request. raw_data is its text; what is returned becomes JSON."""
    numbers = json.loads(raw_data)["data"]
    return {"count": len(numbers), "sum": sum(numbers)}
'''
_CONDA = """name: scoring
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
      # The server that calls init() and run(). Add what your script imports.
      - azureml-inference-server-http
"""
_ANY_FILE = """Any file will do while there is no model: a deployment takes one, and the scoring script ignores it.
"""


def kit(name: str, with_model: bool) -> bytes:
    """A zip with endpoint.yml, blue-deployment.yml, a scoring script, conda.yml and a sample request.

    ``name`` is the endpoint's. With a model, the script loads one (a tiny one is there, to be replaced); without, it
    answers alone, and any file stands in for the model.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files(name, with_model).items():
            archive.writestr(zipfile.ZipInfo(path, _MADE_AT), text)
    return packed.getvalue()


def files(name: str, with_model: bool) -> dict[str, str]:
    """The files of the kit, by path."""
    model = {"model/model.json": '{"factor": 2}\n'} if with_model else {"model/any-file.txt": _ANY_FILE}
    return {
        "endpoint.yml": endpoint_yaml(name),
        "blue-deployment.yml": deployment_yaml(name, "blue"),
        "code/score.py": _SCORE_WITH_MODEL if with_model else _SCORE_WITHOUT_MODEL,
        "environment/conda.yml": _CONDA,
        **model,
        "sample-request.json": json.dumps(REQUEST) + "\n",
        "README.md": _readme(name),
    }


def endpoint_yaml(name: str, auth_mode: str = "key") -> str:
    """The file of an endpoint."""
    return f"$schema: {_SCHEMA.format('managedOnlineEndpoint')}\nname: {_word(name)}\nauth_mode: {auth_mode}\n"


def deployment_yaml(
    endpoint: str,
    name: str,
    *,
    model: str = "",
    environment: str = "",
    code: str = "./code",
    script: str = "score.py",
    instance_type: str = INSTANCE_TYPE,
    instance_count: int = 1,
) -> str:
    """The file of a deployment. ``model`` and ``environment`` are references to registered assets
    (``azureml:name:version``); without them it takes ./model and ./environment/conda.yml from beside it. Without
    ``code`` there is no scoring script, as for an MLflow model.
    """
    lines = [
        f"$schema: {_SCHEMA.format('managedOnlineDeployment')}",
        f"name: {_word(name)}",
        f"endpoint_name: {_word(endpoint)}",
        *([f"model: {_word(model)}"] if model else ["model:", "  path: ./model"]),
        *(["code_configuration:", f"  code: {_word(code)}", f"  scoring_script: {_word(script)}"] if code else []),
        *_environment(environment, code),
        f"instance_type: {_word(instance_type)}",
        f"instance_count: {instance_count}",
    ]
    return "\n".join(lines) + "\n"


def _environment(environment: str, code: str) -> list[str]:
    if environment:
        return [f"environment: {_word(environment)}"]
    return ["environment:", "  conda_file: ./environment/conda.yml", f"  image: {IMAGE}"] if code else []


def _word(text: str) -> str:
    """A text as YAML: plain when it is surely one, else in quotes; JSON's are YAML's too."""
    is_plain = text[:1].isalpha() and all(each.isalnum() or each in "-_./:@" for each in text) and text[-1:] != ":"
    is_plain = (is_plain or text.startswith("./")) and text.isascii()
    reads_as_other = text.lower() in ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
    return text if is_plain and not reads_as_other and " " not in text else json.dumps(text)


def _readme(name: str) -> str:
    quoted = shlex.quote(name)
    return f"""# {name}

* `endpoint.yml` describes the endpoint, `blue-deployment.yml` its first deployment.
* `code/score.py` has `init()`, which runs once at the start, and `run()`, which answers each request.
* `environment/conda.yml` names the packages that the script needs.
* `model/` is what the script finds in `AZUREML_MODEL_DIR`.
* `sample-request.json` is a request to try it with.

Sluice applies these files as they are, and so does a terminal:

    az ml online-endpoint create -f endpoint.yml
    az ml online-deployment create -f blue-deployment.yml
    az ml online-endpoint update --name {quoted} --traffic "blue=100"
    az ml online-endpoint invoke --name {quoted} --request-file sample-request.json
"""
