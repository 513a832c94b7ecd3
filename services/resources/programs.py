"""The texts of programs that send one request. Pure."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass

from services.model import WorkspaceRef


@dataclass(frozen=True)
class Header:
    """One header: ``text``, and after it what the environment variable ``variable`` holds, when there is one."""

    name: str
    text: str
    variable: str = ""


@dataclass(frozen=True)
class Call:
    """One request as every program needs it. ``inline`` is a body that stands in the program; None: it is ``file``."""

    name: str
    workspace: WorkspaceRef
    uri: str
    headers: tuple[Header, ...]
    deployment: str | None
    timeout_seconds: float
    inline: str | None
    file: str


def curl(call: Call) -> str:
    """For bash and zsh."""
    lines = [
        f"curl --silent --show-error --max-time {call.timeout_seconds:g} --request POST {shlex.quote(call.uri)}",
        *(f"--header {_shell_header(header)}" for header in call.headers),
        f"--data {shlex.quote(call.inline)}" if call.inline is not None else f"--data-binary @{call.file}",
    ]
    return " \\\n  ".join(lines) + "\n"


def python(call: Call) -> str:
    """For the package requests."""
    body = f"{call.inline!r}.encode()" if call.inline is not None else f'pathlib.Path("{call.file}").read_bytes()'
    modules = "import os\n" if call.inline is not None else "import os\nimport pathlib\n"
    return f"""{modules}
import requests

answer = requests.post(
    {json.dumps(call.uri)},
    headers={{
{_entries(call, 'os.environ["{}"]', 8)}
    }},
    data={body},
    timeout={call.timeout_seconds:g},
    allow_redirects=False,
)
print(answer.status_code, "answered by", answer.headers.get("azureml-model-deployment"))
print(answer.text)
"""


def javascript(call: Call) -> str:
    """For Node 18 and newer, as an ES module."""
    body = json.dumps(call.inline) if call.inline is not None else f'await readFile("{call.file}")'
    modules = "" if call.inline is not None else 'import { readFile } from "node:fs/promises";\n\n'
    return f"""{modules}const answer = await fetch({json.dumps(call.uri)}, {{
  method: "POST",
  headers: {{
{_entries(call, "process.env.{}", 4)}
  }},
  body: {body},
  redirect: "error",
  signal: AbortSignal.timeout({round(call.timeout_seconds * 1000)}),
}});
console.log(answer.status, "answered by", answer.headers.get("azureml-model-deployment"));
console.log(await answer.text());
"""


def azure_ai_ml(call: Call) -> str:
    """For the package azure-ai-ml, which signs in by itself."""
    workspace = call.workspace
    made = f'pathlib.Path("{call.file}").write_text({call.inline!r}, encoding="utf-8")\n' if call.inline else ""
    pinned = f"    deployment_name={json.dumps(call.deployment)},\n" if call.deployment else ""
    return f"""{"import pathlib" + chr(10) * 2 if made else ""}from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential

client = MLClient(
    DefaultAzureCredential(),
    subscription_id={json.dumps(workspace.subscription_id)},
    resource_group_name={json.dumps(workspace.resource_group)},
    workspace_name={json.dumps(workspace.name)},
)
{made}answer = client.online_endpoints.invoke(
    endpoint_name={json.dumps(call.name)},
{pinned}    request_file="{call.file}",
)
print(answer)
"""


def azure_cli(call: Call) -> str:
    """For ``az`` with its extension ml, which signs in by itself."""
    made = f"printf '%s' {shlex.quote(call.inline)} > {call.file}\n" if call.inline else ""
    lines = [
        f"az ml online-endpoint invoke --name {shlex.quote(call.name)}",
        where(call.workspace),
        *([f"--deployment-name {shlex.quote(call.deployment)}"] if call.deployment else []),
        f"--request-file {call.file}",
    ]
    return made + " \\\n  ".join(lines) + "\n"


def where(workspace: WorkspaceRef) -> str:
    """The options of ``az ml`` that name a workspace."""
    return " ".join(
        f"--{option} {shlex.quote(value)}"
        for option, value in (
            ("resource-group", workspace.resource_group),
            ("workspace-name", workspace.name),
            ("subscription", workspace.subscription_id),
        )
    )


def _shell_header(header: Header) -> str:
    # curl takes "Name:" as the wish to send no such header, and "Name;" as one with an empty value.
    plain = f"{header.name}: {header.text}" if header.text.strip() or header.variable else f"{header.name};"
    if not header.variable:
        return _shell_word(plain)
    if re.fullmatch(r"[\w-]+: [\w ]*", plain):
        return f'"{plain}${header.variable}"'
    return f'{shlex.quote(plain)}"${header.variable}"'


def _shell_word(text: str) -> str:
    if text.isascii():
        return shlex.quote(text)
    # HTTP carries such letters as single bytes; the shell would write them as UTF-8.
    escaped = "".join(_shell_byte(byte) for byte in text.encode("latin-1"))
    return f"$'{escaped}'"


def _shell_byte(byte: int) -> str:
    letter = chr(byte)
    if letter in "'\\":
        return f"\\{letter}"
    return letter if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"


def _entries(call: Call, variable: str, indent: int) -> str:
    lines = []
    for header in call.headers:
        parts = [json.dumps(header.text)] if header.text or not header.variable else []
        if header.variable:
            parts.append(variable.format(header.variable))
        lines.append(f"{' ' * indent}{json.dumps(header.name)}: {' + '.join(parts)},")
    return "\n".join(lines)
