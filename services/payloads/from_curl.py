"""A payload out of a curl command, as browsers, Studio and people write it for a POSIX shell."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from services.payloads.curl_words import NotACommand, options
from services.payloads.imported import Imported, refused
from services.payloads.payload import Payload
from services.payloads.redaction import without_secrets
from services.scoring.json_check import check_json, says_json
from services.scoring.request import (
    DEFAULT_TIMEOUT_SECONDS,
    DEPLOYMENT_HEADER,
    JSON,
    LONGEST_TIMEOUT_SECONDS,
    OWN_HEADERS,
    SHORTEST_TIMEOUT_SECONDS,
)

_FORM = "application/x-www-form-urlencoded"
"""What curl calls a body when nobody says what it is."""
_BODY = frozenset(["-d", "--data", "--data-ascii", "--data-binary", "--data-raw", "--json"])
_SIGN_IN = frozenset(
    ["-u", "--user", "-U", "--proxy-user", "--oauth2-bearer", "-E", "--cert", "--key", "--aws-sigv4", "-b", "--cookie"]
)
_NO_FILE = "Choose the file itself, with its content type."
_REFUSED = {
    **dict.fromkeys(("-F", "--form", "--form-string"), f"a form of several parts cannot be imported. {_NO_FILE}"),
    **dict.fromkeys(("-T", "--upload-file"), f"the file is not here. {_NO_FILE}"),
    **dict.fromkeys(("-K", "--config"), "the file with options is not here. Paste the whole command."),
    **dict.fromkeys(("-G", "--get", "-I", "--head"), "only POST can be sent to a scoring address."),
    "--data-urlencode": "this makes a form, and a model reads JSON or a file. Paste its body as JSON.",
}
_NO_KEY = "{} was left out. Sluice adds the endpoint's key by itself."
_NOT_DECODED = frozenset({"accept-encoding"})


@dataclass
class _Command:
    """What the command says, gathered option by option."""

    urls: list[str] = field(default_factory=list)
    method: str = "POST"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str | None = None
    is_json: bool = False
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    notes: list[str] = field(default_factory=list)


def from_curl(text: str, scoring_uri: str = "", name: str = "Imported") -> Imported:
    """The request of a curl command, taken apart like a POSIX shell does it; nothing is run and no file is read.

    Keys and other secrets are dropped, so is an address that is not ``scoring_uri``; the notes say so. A file behind
    ``@``, a form, another method, or the quoting of PowerShell and cmd refuses the command with the reason.
    """
    command = _Command()
    try:
        for option, value in options(text):
            _take(command, option, value)
        return _imported(command, scoring_uri, name)
    except NotACommand as reason:
        return refused(str(reason))


def _take(command: _Command, option: str, value: str) -> None:
    if option in _REFUSED:
        raise NotACommand(f"{option}: {_REFUSED[option]}")
    if option in _BODY:
        _take_body(command, option, value)
    elif option in ("-H", "--header"):
        _take_header(command, value)
    elif option in ("-X", "--request"):
        command.method = value.upper()
    elif option == "--url":
        command.urls.append(value)
    elif option in ("-A", "--user-agent"):
        command.headers.append(("User-Agent", value))
    elif option in ("-e", "--referer"):
        command.headers.append(("Referer", value))
    elif option in ("-m", "--max-time"):
        command.timeout_seconds = _seconds(value)
    elif option in _SIGN_IN:
        command.notes.append(_NO_KEY.format(f"The value of {option}"))


def _take_body(command: _Command, option: str, value: str) -> None:
    if value.startswith("@") and option != "--data-raw":
        raise NotACommand(f"{option} {value}: the file is not here. {_NO_FILE}")
    if command.body is None:
        command.body = value
    else:
        # curl joins pieces of data as the fields of a form, and pieces of JSON as they are.
        command.body += value if option == "--json" else f"&{value}"
    command.is_json = command.is_json or option == "--json"


def _take_header(command: _Command, line: str) -> None:
    if line.startswith("@"):
        raise NotACommand(f"-H {line}: the file with headers is not here. Paste the headers themselves.")
    name, colon, value = line.partition(":")
    if colon and value.strip():
        command.headers.append((name.strip(), value.strip()))
    elif line.endswith(";"):
        command.headers.append((line[:-1].strip(), ""))


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise NotACommand(f"{value} is no time limit.")
    return min(max(seconds, SHORTEST_TIMEOUT_SECONDS), LONGEST_TIMEOUT_SECONDS)


def _imported(command: _Command, scoring_uri: str, name: str) -> Imported:
    if command.method != "POST":
        raise NotACommand(f"-X {command.method}: only POST can be sent to a scoring address.")
    if len(command.urls) > 1:
        raise NotACommand(f"It names {len(command.urls)} addresses. Paste one command at a time.")
    if not command.body:
        raise NotACommand("It sends no body (-d).")
    notes = [*command.notes, *_address_notes(command.urls, scoring_uri)]
    content_type = _content_type(command, notes)
    headers = without_secrets(_plain_headers(command.headers, notes))
    given = dict(command.headers)
    dropped = [name for name, value in headers if not value and given.get(name)]
    notes += [f"The value of {each} looks like a secret and was left out." for each in dropped]
    payload = Payload(
        "", name, command.body.encode(errors="replace"), content_type, headers, timeout_seconds=command.timeout_seconds
    )
    return Imported((payload,), notes=tuple(notes))


def _content_type(command: _Command, notes: list[str]) -> str:
    body = command.body or ""
    named = [value for name, value in command.headers if name.lower() == "content-type"]
    problem = check_json(body)
    found = named[-1] if named else JSON if command.is_json or problem is None else _FORM
    if not named and not command.is_json and problem is None:
        notes.append("The command names no content type, and curl would call it a form. It is sent as JSON.")
    if says_json(found) and problem is not None:
        where = f"line {problem.line}, column {problem.column}"
        notes.append(f"The body is not JSON ({where}: {problem.message.rstrip('.')}). Check how it was quoted.")
    return found


def _plain_headers(headers: list[tuple[str, str]], notes: list[str]) -> list[tuple[str, str]]:
    kept = []
    for name, value in headers:
        lower = name.lower()
        if lower in ("authorization", "proxy-authorization"):
            notes.append(_NO_KEY.format(f"The header {name}"))
        elif lower == DEPLOYMENT_HEADER:
            notes.append(f"The deployment {value} was left out. Choose it when you send.")
        elif lower in _NOT_DECODED:
            notes.append(f"The header {name} was left out: answers are read as they are.")
        elif lower not in OWN_HEADERS:
            kept.append((name, value))
    return kept


def _address_notes(urls: list[str], scoring_uri: str) -> list[str]:
    if not urls or not scoring_uri or _place(urls[0]) == _place(scoring_uri):
        return []
    # A query or a user name may hold a key.
    host, path = _place(urls[0])
    return [f"The address {host}{path} is not this endpoint's and was left out."]


def _place(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "that is given", ""
    return host.lower() + (f":{port}" if port not in (None, 443) else ""), parts.path.rstrip("/")
