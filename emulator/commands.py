"""The commands that speak to a running local Azure: faults, settings, reset."""

from __future__ import annotations

import argparse
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emulator import environment
from emulator.errors import StartError
from emulator.faults import FaultError, parse_fault
from emulator.state import StateFolder

_ANSWER_SECONDS = 60.0

_FAULT_HELP = """\
A fault is for requests, by the name of their operation or by method and path, or for long-running operations.
Patterns compare without case; * stands for any text. A path that begins with /endpoints is of the scoring gateway.
Of several faults that match, the oldest that is not spent counts. Faults end with the server.

  python -m emulator fault add --operation '*/onlineEndpoints/write' --status 409 --code Conflict --times 2
  python -m emulator fault add --path '/subscriptions/*' --method GET --status 429 --retry-after 3 --probability 0.2
  python -m emulator fault add --path '/endpoints/shop/score' --delay-seconds 2
  python -m emulator fault add --operation '*/onlineEndpoints/write' --connection lost --times 1
  python -m emulator fault add --operation '*/deployments/write' --target shop/blue \\
      --outcome OutOfQuota 'Not enough quota available.'
"""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the command line."""
    fault = commands.add_parser("fault", help="let things go wrong: add, list, clear").add_subparsers(
        dest="action", required=True, metavar="add|list|clear"
    )
    add = fault.add_parser(
        "add",
        help="add a fault and print it",
        epilog=_FAULT_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_fault_options(add)
    listing = fault.add_parser("list", help="print the faults, how often they hit and how often they still will")
    clear = fault.add_parser("clear", help="remove one fault, or all")
    clear.add_argument("id", nargs="?", help="the id of a fault; without it all are removed")
    change = commands.add_parser("set", help="change settings of a running local Azure")
    change.add_argument(
        "values", nargs="+", metavar="NAME=VALUE", help="a setting and its value, such as cores_quota=8"
    )
    show = commands.add_parser("settings", help="print the settings of a running local Azure")
    reset = commands.add_parser(
        "reset", help="forget everything that clients have made: resources, telemetry, settings"
    )
    for parser, function in (
        (add, _fault_add),
        (listing, _fault_list),
        (clear, _fault_clear),
        (change, _set),
        (show, _settings),
        (reset, _reset),
    ):
        add_state(parser)
        parser.set_defaults(run=function)


def add_state(parser: argparse.ArgumentParser) -> None:
    """Add --state."""
    parser.add_argument(
        "--state", type=Path, default=Path(".local-azure"), help="folder that keeps everything (default %(default)s)"
    )


def _add_fault_options(add: argparse.ArgumentParser) -> None:
    which = add.add_argument_group("which requests or operations")
    which.add_argument(
        "--operation", help="name of the operation as role definitions write it, such as */deployments/write"
    )
    which.add_argument("--method", help="method (default any)")
    which.add_argument("--path", help="path, such as /endpoints/shop/score")
    which.add_argument("--target", help="with --outcome: an endpoint, or endpoint/deployment (default any)")
    what = add.add_argument_group("what happens")
    what.add_argument("--status", type=int, help="answer with this status")
    what.add_argument("--code", help="error code of that answer")
    what.add_argument("--message", help="error message of that answer")
    what.add_argument("--body", help="body of that answer, as it is")
    what.add_argument("--header", action="append", metavar="NAME:VALUE", help="header of that answer; may be repeated")
    what.add_argument("--retry-after", type=int, metavar="SECONDS", help="Retry-After of that answer (default none)")
    what.add_argument(
        "--delay-seconds", type=float, metavar="SECONDS", help="hold the answer back; the work is done at once"
    )
    what.add_argument(
        "--connection",
        choices=("reset", "lost", "half"),
        help="reset before anything is done; do the work and lose the answer; send half of the answer",
    )
    what.add_argument("--outcome", nargs=2, metavar=("CODE", "MESSAGE"), help="let the long-running operation fail so")
    often = add.add_argument_group("how often")
    often.add_argument("--times", type=int, help="how many it hits (default any number)")
    often.add_argument("--probability", type=float, help="how likely each one is hit, 0 to 1 (default 1)")


_PLAIN = (
    *("operation", "method", "path", "target", "status", "code", "message", "body", "retry_after"),
    *("delay_seconds", "connection", "times", "probability"),
)


def _fault_add(options: argparse.Namespace) -> str:
    values = {name: value for name in _PLAIN if (value := getattr(options, name)) is not None}
    if options.header:
        pairs = [header.partition(":") for header in options.header]
        values["headers"] = {name.strip(): value.strip() for name, _, value in pairs}
    if options.outcome:
        values["outcome"] = dict(zip(("code", "message"), options.outcome, strict=True))
    try:
        parse_fault(values)
    except FaultError as error:
        raise StartError(str(error)) from error
    return _one_fault(_ask(options.state, "POST", "faults", values))


def _fault_list(options: argparse.Namespace) -> str:
    found = _ask(options.state, "GET", "faults")["value"]
    return "\n".join(_one_fault(each) for each in found) or "There are no faults."


def _fault_clear(options: argparse.Namespace) -> str:
    path = "faults" if options.id is None else f"faults/{options.id}"
    return f"removed {_ask(options.state, 'DELETE', path)['removed']}"


def _set(options: argparse.Namespace) -> str:
    wanted: dict[str, Any] = {}
    for each in options.values:
        name, equals, text = each.partition("=")
        if not equals:
            raise StartError(f"{each!r} is not NAME=VALUE.")
        try:
            wanted[name] = json.loads(text)
        except ValueError as error:
            raise StartError(f"The value of {name} is a number, true or false, not {text!r}.") from error
    return _lines(_ask(options.state, "POST", "settings", wanted), only=wanted)


def _settings(options: argparse.Namespace) -> str:
    return _lines(_ask(options.state, "GET", "settings"))


def _reset(options: argparse.Namespace) -> str:
    _ask(options.state, "POST", "reset", {})
    return "reset"


def _lines(values: Mapping[str, Any], only: Mapping[str, Any] | None = None) -> str:
    return "\n".join(f"{name}={json.dumps(value)}" for name, value in values.items() if only is None or name in only)


def _one_fault(fault: Mapping[str, Any]) -> str:
    """The id, and what was asked for; what is left at its default goes without saying."""
    unsaid: Sequence[object] = (None, "", "*", {}, 0.0, 1.0)
    told = {name: value for name, value in fault.items() if name in ("hits", "remaining") or value not in unsaid}
    told = {name: value for name, value in told.items() if name != "id" and value is not None}
    return f"{fault['id']}  {json.dumps(told)}"


def _ask(state: Path, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    values = environment.read(StateFolder(state), "owner")
    request = urllib.request.Request(  # noqa: S310 - the address is the local Azure's own
        f"{values['EMULATOR_CONTROL_URL']}/{path}",
        None if body is None else json.dumps(body).encode(),
        {"x-emulator-secret": values["EMULATOR_CONTROL_SECRET"], "Content-Type": "application/json"},
        method=method,
    )
    trust = ssl.create_default_context(cafile=values["SSL_CERT_FILE"])
    # No proxy: the address is this machine's.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    try:
        with opener.open(request, timeout=_ANSWER_SECONDS) as answer:
            return dict(json.loads(answer.read()))
    except urllib.error.HTTPError as error:
        raise StartError(_sentence(error)) from error
    except OSError as error:
        raise StartError(
            f"No local Azure answers at {values['EMULATOR_CONTROL_URL']}; start one with"
            f" `python -m emulator serve --state {state}`."
        ) from error


def _sentence(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"The local Azure answered {error.code}."
