"""Ready programs that call an endpoint: curl, Python and ``az``. None of them holds a key.

They read the key from the environment variable ``ENDPOINT_KEY``; the first command fills it.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from services.json_text import on_one_line
from services.model import Endpoint, WorkspaceRef
from services.scoring.json_check import check_json

KEY_VARIABLE = "ENDPOINT_KEY"
LONGEST_PAYLOAD = 400
"""Characters of a payload that stand in a program; a longer one goes into a file beside it."""
PAYLOAD_FILE = "sample-request.json"
_SCORE_AUDIENCE = "https://ml.azure.com"


@dataclass(frozen=True)
class Snippet:
    """One program. ``language`` is the word of syntax highlighters."""

    title: str
    language: str
    text: str


def snippets(endpoint: Endpoint, payload: str, deployment: str | None = None) -> tuple[Snippet, ...]:
    """The command that fills the key, and the programs that send a JSON ``payload`` to ``endpoint``.

    They go through the split, or are pinned to ``deployment``.
    """
    compact = _compact(payload)
    return (
        Snippet("The key", "bash", f'export {KEY_VARIABLE}="$({credential_command(endpoint)})"\n'),
        Snippet("curl", "bash", _curl(endpoint, compact, deployment)),
        Snippet("Python", "python", _python(endpoint, compact, deployment)),
        Snippet("Azure CLI", "bash", _az(endpoint, compact, deployment)),
    )


def needs_file(payload: str) -> bool:
    """Whether the programs read ``payload`` from PAYLOAD_FILE, because it is too long to stand in them."""
    return _compact(payload) is None


def credential_command(endpoint: Endpoint) -> str:
    """The command that prints what a caller of ``endpoint`` sends as bearer."""
    if endpoint.auth_mode == "aad_token":
        return f"az account get-access-token --resource {_SCORE_AUDIENCE} --query accessToken --output tsv"
    field = "primaryKey" if endpoint.auth_mode == "key" else "accessToken"
    where = _where(endpoint.workspace_ref)
    name = shlex.quote(endpoint.name)
    return f"az ml online-endpoint get-credentials --name {name} {where} --query {field} --output tsv"


def _curl(endpoint: Endpoint, payload: str | None, deployment: str | None) -> str:
    lines = [
        f"curl --silent --show-error --request POST {shlex.quote(endpoint.scoring_uri)}",
        f'--header "Authorization: Bearer ${KEY_VARIABLE}"',
        '--header "Content-Type: application/json"',
        *([f"--header {shlex.quote(f'azureml-model-deployment: {deployment}')}"] if deployment else []),
        f"--data {shlex.quote(payload)}" if payload is not None else f"--data-binary @{PAYLOAD_FILE}",
    ]
    return " \\\n  ".join(lines) + "\n"


def _python(endpoint: Endpoint, payload: str | None, deployment: str | None) -> str:
    headers = {"Content-Type": "application/json"}
    if deployment:
        headers["azureml-model-deployment"] = deployment
    body = f"{payload!r}.encode()" if payload is not None else f'pathlib.Path("{PAYLOAD_FILE}").read_bytes()'
    modules = ["json", "os", *([] if payload is not None else ["pathlib"]), "urllib.request"]
    imports = "\n".join(f"import {module}" for module in modules)
    return f"""{imports}

request = urllib.request.Request(
    {json.dumps(endpoint.scoring_uri)},
    data={body},
    headers={{
        "Authorization": "Bearer " + os.environ["{KEY_VARIABLE}"],
{"".join(f"        {json.dumps(name)}: {json.dumps(value)},{chr(10)}" for name, value in headers.items())}    }},
)
with urllib.request.urlopen(request, timeout=60) as answer:
    print("answered by", answer.headers["azureml-model-deployment"])
    print(json.load(answer))
"""


def _az(endpoint: Endpoint, payload: str | None, deployment: str | None) -> str:
    where = _where(endpoint.workspace_ref)
    pinned = f" --deployment-name {shlex.quote(deployment)}" if deployment else ""
    made = f"printf '%s' {shlex.quote(payload)} > {PAYLOAD_FILE}\n" if payload is not None else ""
    name = shlex.quote(endpoint.name)
    return (
        f"{made}az ml online-endpoint invoke --name {name} {where}{pinned} --request-file {PAYLOAD_FILE}\n"
        f"az ml online-endpoint show --name {name} {where}\n"
        f"az ml online-deployment list --endpoint-name {name} {where} --output table\n"
    )


def _where(workspace: WorkspaceRef) -> str:
    return " ".join(
        f"--{option} {shlex.quote(value)}"
        for option, value in (
            ("resource-group", workspace.resource_group),
            ("workspace-name", workspace.name),
            ("subscription", workspace.subscription_id),
        )
    )


def _compact(payload: str) -> str | None:
    """The payload on one line, None when it is too long for a program or no JSON."""
    if check_json(payload) is not None:
        return None
    text = on_one_line(payload)
    return text if len(text) <= LONGEST_PAYLOAD else None
