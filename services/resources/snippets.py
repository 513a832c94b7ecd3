"""Ready programs that send a request to an endpoint: curl, Python, JavaScript and ``az``. None of them holds a key.

They read the key from the environment variable ``ENDPOINT_KEY``; the first command fills it. A header that looks as if
it held a secret is read from a variable of its own.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from services.json_text import on_one_line
from services.model import Endpoint
from services.payloads.redaction import is_secret
from services.resources import programs
from services.resources.programs import Call, Header, where
from services.scoring.json_check import check_json
from services.scoring.request import DEPLOYMENT_HEADER, JSON, ScoringRequest

KEY_VARIABLE = "ENDPOINT_KEY"
LONGEST_INLINE = 400
"""Characters of a body that stand in a program; a longer one goes into a file beside it."""
_SCORE_AUDIENCE = "https://ml.azure.com"
_SUFFIXES = {
    JSON: "json",
    "text/csv": "csv",
    "text/plain": "txt",
    "application/xml": "xml",
    "text/xml": "xml",
    "image/jpeg": "jpg",
    "image/png": "png",
    "application/x-ndjson": "jsonl",
    "application/jsonlines": "jsonl",
}


@dataclass(frozen=True)
class Snippet:
    """One program. ``language`` is the word of syntax highlighters; ``note`` says what else to know.

    ``text`` is "" when the tool cannot send this request; ``note`` says why. ``reads_key`` says whether the variables
    of :func:`key_command` must be there.
    """

    title: str
    language: str
    text: str
    note: str = ""
    reads_key: bool = False


def snippets(endpoint: Endpoint, request: ScoringRequest) -> tuple[Snippet, ...]:
    """The programs that send ``request`` to ``endpoint``."""
    call = _call(endpoint, request)
    return (
        Snippet("curl", "bash", programs.curl(call), reads_key=True),
        Snippet("Python", "python", programs.python(call), _REQUESTS_NOTE, reads_key=True),
        Snippet("JavaScript", "javascript", programs.javascript(call), _node_note(request), reads_key=True),
        _by_invoke("azure-ai-ml", "python", programs.azure_ai_ml(call), request),
        _by_invoke("Azure CLI", "bash", programs.azure_cli(call), request),
    )


def key_command(endpoint: Endpoint, request: ScoringRequest) -> Snippet:
    """The command that fills the variables that curl, Python and JavaScript read."""
    lines = [f'export {KEY_VARIABLE}="$({credential_command(endpoint)})"']
    secret = [header for header in _headers(request) if header.variable and header.variable != KEY_VARIABLE]
    lines += [f"read -rs {header.variable} && export {header.variable}  # {header.name}" for header in secret]
    return Snippet("The key", "bash", "\n".join(lines) + "\n")


def inspection(endpoint: Endpoint) -> Snippet:
    """The commands of ``az`` that show the endpoint and its deployments."""
    name, place = shlex.quote(endpoint.name), where(endpoint.workspace_ref)
    show = f"az ml online-endpoint show --name {name} {place}\n"
    return Snippet(
        "Look at it", "bash", f"{show}az ml online-deployment list --endpoint-name {name} {place} --output table\n"
    )


def body_file(request: ScoringRequest) -> str | None:
    """The name of the file that the programs read the body from; None when it stands in them."""
    return None if _inline(request) is not None else _file_name(request)


def credential_command(endpoint: Endpoint) -> str:
    """The command that prints what a caller of ``endpoint`` sends as bearer."""
    if endpoint.auth_mode == "aad_token":
        return f"az account get-access-token --resource {_SCORE_AUDIENCE} --query accessToken --output tsv"
    field = "primaryKey" if endpoint.auth_mode == "key" else "accessToken"
    place = where(endpoint.workspace_ref)
    name = shlex.quote(endpoint.name)
    return f"az ml online-endpoint get-credentials --name {name} {place} --query {field} --output tsv"


_REQUESTS_NOTE = "requests counts its time limit between two packets, not over the whole request."
_NODE_SECONDS = 300
"""How long fetch of Node waits for the first byte of an answer, whatever its signal says (undici's headersTimeout)."""


def _node_note(request: ScoringRequest) -> str:
    note = "For Node 18 or newer; save it as a .mjs file. A browser cannot call the endpoint: it allows no CORS."
    if request.timeout_seconds > _NODE_SECONDS:
        note += f" Node itself gives up after {_NODE_SECONDS} s without an answer."
    return note


def _by_invoke(title: str, language: str, text: str, request: ScoringRequest) -> Snippet:
    """``az`` calls azure-ai-ml's invoke, which reads JSON from a file and sends it as application/json."""
    if not _is_json(request) or request.content_type.partition(";")[0].strip().lower() != JSON:
        return Snippet(title, language, "", f"{title} sends JSON alone, so it cannot send this request.")
    notes = ["It signs in and fetches the key by itself."]
    if request.headers:
        left_out = ", ".join(name for name, _ in request.headers)
        notes.append(f"It can send no headers of yours, so this leaves out {left_out}.")
    if title == "azure-ai-ml" and request.deployment:
        notes.append("After a pinned call, its later calls in the same process stay pinned.")
    return Snippet(title, language, text, " ".join(notes))


def _call(endpoint: Endpoint, request: ScoringRequest) -> Call:
    return Call(
        name=endpoint.name,
        workspace=endpoint.workspace_ref,
        uri=endpoint.scoring_uri,
        headers=_headers(request),
        deployment=request.deployment,
        timeout_seconds=request.timeout_seconds,
        inline=_inline(request),
        file=_file_name(request),
    )


def _headers(request: ScoringRequest) -> tuple[Header, ...]:
    given: dict[str, Header] = {}
    for name, value in request.headers:
        before = given.get(name.lower())
        # One header that is there twice means the same as one with both values (RFC 9110, 5.3); a dict holds one.
        joined = f"{before.text}, {value}" if before else value
        given[name.lower()] = Header(before.name if before else name, joined)
    return (
        Header("Authorization", "Bearer ", KEY_VARIABLE),
        Header("Content-Type", request.content_type),
        *([Header(DEPLOYMENT_HEADER, request.deployment)] if request.deployment else []),
        *(_without_secret(header) for header in given.values()),
    )


def _without_secret(header: Header) -> Header:
    if not is_secret(header.name, header.text):
        return header
    return Header(header.name, "", "HEADER_" + re.sub(r"\W", "_", header.name, flags=re.ASCII).upper())


def _file_name(request: ScoringRequest) -> str:
    media_type = request.content_type.partition(";")[0].strip().lower()
    return f"request.{_SUFFIXES.get(media_type, 'bin')}"


def _inline(request: ScoringRequest) -> str | None:
    """The body on one line, None when it is too long for a program or no JSON."""
    if not request.body:
        return ""
    if len(request.body) > 8 * LONGEST_INLINE or not _is_json(request):
        return None
    text = on_one_line(request.body.decode())
    return text if len(text) <= LONGEST_INLINE else None


def _is_json(request: ScoringRequest) -> bool:
    try:
        return check_json(request.body.decode()) is None
    except UnicodeDecodeError:
        return False
