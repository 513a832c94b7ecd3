"""python -m emulator serve | env | fault | set | settings | reset"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import sys
from collections.abc import Sequence

from emulator import environment
from emulator.commands import add_commands, add_state
from emulator.errors import StartError
from emulator.resources import Place
from emulator.state import StateFolder

_NAME = re.compile(r"[A-Za-z0-9._-]{1,90}")
DEFAULT_SUBSCRIPTION = "00000000-0000-0000-0000-00000000510c"


def main(arguments: Sequence[str]) -> int:
    """Run the command line. Returns the exit code: 2 when there is a sentence on stderr that says why."""
    options = command_line().parse_args(arguments)
    try:
        if options.command == "env":
            print(environment.format_lines(environment.read(StateFolder(options.state), options.role)), end="")
        elif options.command == "serve":
            _serve(options)
        else:
            print(options.run(options))
    except StartError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _serve(options: argparse.Namespace) -> None:
    # Loaded only here: `env` answers at once.
    from emulator.server import Options, serve

    os.umask(0o077)  # nothing in the state folder is for others to read
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    place = Place(options.subscription, options.resource_group, options.workspace, options.region)
    wanted = Options(options.port, options.state, place, options.max_instances, options.strict_environments)
    asyncio.run(serve(wanted, lambda line: print(line, flush=True)))


def command_line() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(prog="python -m emulator", description="A local Azure.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run a local Azure until it is stopped")
    serve.add_argument(
        "--port",
        type=_port,
        default=8443,
        help="first of three ports: control plane, scoring gateway, identity; 0 picks free ones (default %(default)s)",
    )
    serve.add_argument("--subscription", type=_name, default=DEFAULT_SUBSCRIPTION, help="default %(default)s")
    serve.add_argument("--resource-group", type=_name, default="sluice-local", help="default %(default)s")
    serve.add_argument("--workspace", type=_name, default="local", help="default %(default)s")
    serve.add_argument("--region", type=_name, default="westeurope", help="default %(default)s")
    serve.add_argument(
        "--max-instances",
        type=_count,
        default=24,
        help="instances that may run at once; one more is out of capacity (default %(default)s)",
    )
    serve.add_argument(
        "--strict-environments",
        action="store_true",
        help="fail a build whose pins cannot be had here, instead of taking the nearest",
    )
    serve.add_argument(
        "--log-level",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        default="WARNING",
        help="how much is said on stderr; no level tells secrets (default %(default)s)",
    )
    env = commands.add_parser("env", help="print the environment of its clients as KEY=VALUE lines")
    env.add_argument(
        "--as", dest="role", choices=("owner", "reader"), default="owner", help="who signs in (default %(default)s)"
    )
    for command in (serve, env):
        add_state(command)
    add_commands(commands)
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65533:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65533; the two ports above it are used as well")
    return port


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 10_000:
        raise argparse.ArgumentTypeError("a number of instances is 1 to 10000")
    return count


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a name: letters a to z, digits, dashes, dots, underscores only"
        )
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
