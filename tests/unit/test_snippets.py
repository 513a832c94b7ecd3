"""Programs that call an endpoint: what they say, without running them."""

from __future__ import annotations

import ast
import shlex
import subprocess

import pytest

from services.resources.snippets import PAYLOAD_FILE, credential_command, needs_file, snippets
from tests import resources

ODD = """{"text": "it's $HOME `x` \\\\ \\u00fc", "many": [1e400, 12345678901234567890]}"""


def texts(payload: str, deployment: str | None = None, mode: str = "Key") -> dict[str, str]:
    found = snippets(resources.endpoint(authMode=mode), payload, deployment)
    return {snippet.title: snippet.text for snippet in found}


@pytest.mark.parametrize("deployment", [None, "blue", "odd; name 'x'"])
def test_shells_and_python_can_read_every_program(deployment: str | None) -> None:
    found = texts(ODD, deployment)
    for title in ("The key", "curl", "Azure CLI"):
        subprocess.run(["bash", "-n"], input=found[title], text=True, check=True)
    ast.parse(found["Python"])


def test_a_payload_keeps_every_digit_and_letter() -> None:
    words = shlex.split(texts(ODD)["curl"].replace("\\\n", " "))
    assert words[words.index("--data") + 1] == ODD
    constants = [node.value for node in ast.walk(ast.parse(texts(ODD)["Python"])) if isinstance(node, ast.Constant)]
    assert ODD in constants


def test_a_pinned_program_names_its_deployment() -> None:
    found = texts("{}", "blue")
    assert "azureml-model-deployment: blue" in found["curl"]
    assert '"azureml-model-deployment": "blue"' in found["Python"]
    assert "--deployment-name blue" in found["Azure CLI"]
    assert "deployment-name" not in texts("{}")["Azure CLI"]


def test_a_long_payload_goes_into_a_file() -> None:
    long = '{"data": [' + "1, " * 500 + "1]}"
    assert needs_file(long)
    found = texts(long)
    assert f"@{PAYLOAD_FILE}" in found["curl"]
    assert PAYLOAD_FILE in found["Python"]
    assert "printf" not in found["Azure CLI"]
    assert not needs_file('{"data": []}')


def test_what_is_no_json_goes_into_a_file() -> None:
    assert needs_file("{")


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("Key", "--query primaryKey"),
        ("AMLToken", "--query accessToken"),
        ("AADToken", "az account get-access-token --resource https://ml.azure.com"),
    ],
)
def test_the_key_is_filled_as_the_auth_mode_wants_it(mode: str, said: str) -> None:
    assert said in credential_command(resources.endpoint(authMode=mode))
