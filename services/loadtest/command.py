"""The command line of a load test, and what may come through its standard input."""

from __future__ import annotations

import argparse
import base64
import json
from pathlib import Path
from typing import Any

from services.errors import RuleBroken
from services.loadtest.plan import MOST_RATE, MOST_SECONDS, Plan
from services.scoring.request import JSON, ScoringRequest

TIMEOUT_SECONDS = 30.0
_NOT_STARTED = "The load test was not started."
Payloads = tuple[tuple[str, ScoringRequest], ...]


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    made = argparse.ArgumentParser(
        prog="python -m services.loadtest",
        description=(
            "Send requests to an endpoint at a fixed or growing rate, whether it keeps up or not, and measure from the"
            " moment at which each was due. The key is fetched with your own rights."
        ),
        epilog="Exit code: 0 ran to its end and is valid, 1 ended by errors or not valid, 2 not started, 130 stopped.",
    )
    made.add_argument("--endpoint", required=True)
    made.add_argument("--workspace", help="subscription/resource group/name; default: the configured one")
    made.add_argument("--deployment", help="default: through the live split")
    rate = made.add_mutually_exclusive_group(required=True)
    rate.add_argument("--rate", type=float, help=f"requests per second, at most {MOST_RATE:g}")
    rate.add_argument("--ramp", metavar="FROM:TO", type=_ramp, help="a rate that grows or falls evenly")
    made.add_argument("--duration", type=float, required=True, help=f"seconds, at most {MOST_SECONDS:g}")
    made.add_argument("--payload", metavar="FILE", type=Path, action="append", default=[], help="may be repeated")
    made.add_argument("--content-type", default=JSON, help="of the files; default: %(default)s")
    made.add_argument("--library", metavar="NAME", action="append", default=[], help="a saved payload; may be repeated")
    made.add_argument("--timeout", type=float, default=TIMEOUT_SECONDS, help="seconds; default: %(default)g")
    made.add_argument("--beyond-limits", action="store_true", help="allow more than the usual rate and duration")
    made.add_argument("--yes", action="store_true", help="agree to disturb live traffic")
    made.add_argument("--json", action="store_true", help="print events as JSON lines")
    made.add_argument(
        "--stdin", action="store_true", help="read payloads as a JSON line from stdin, and stop as soon as it ends"
    )
    return made


def plan_of(arguments: argparse.Namespace) -> Plan:
    """The plan that was asked for. Raises RuleBroken."""
    start, end = arguments.ramp or (arguments.rate, arguments.rate)
    plan = Plan(start, end, arguments.duration)
    plan.check(goes_beyond=arguments.beyond_limits)
    return plan


def files(arguments: argparse.Namespace) -> Payloads:
    """The payloads that are files. Raises RuleBroken."""
    found = []
    for path in arguments.payload:
        try:
            body = path.read_bytes()
        except OSError as error:
            raise RuleBroken(_NOT_STARTED, f"{path} cannot be read: {error.strerror}.", "Name another file.") from None
        found.append((path.name, ScoringRequest(body, arguments.content_type)))
    return tuple(found)


def as_line(payloads: Payloads) -> bytes:
    """Payloads as one JSON line, for ``--stdin``."""
    content: list[dict[str, Any]] = [
        {
            "name": name,
            "body": base64.b64encode(request.body).decode(),
            "content_type": request.content_type,
            "headers": [list(pair) for pair in request.headers],
        }
        for name, request in payloads
    ]
    return json.dumps({"payloads": content}).encode() + b"\n"


def from_line(line: bytes) -> Payloads:
    """What :func:`as_line` wrote. Raises RuleBroken for anything else."""
    try:
        return tuple(
            (
                str(each["name"]),
                ScoringRequest(
                    base64.b64decode(each["body"]),
                    str(each["content_type"]),
                    tuple((str(name), str(value)) for name, value in each["headers"]),
                ),
            )
            for each in json.loads(line)["payloads"]
        )
    except (ValueError, TypeError, KeyError):
        why = "What came through standard input is not a line of payloads."
        raise RuleBroken(_NOT_STARTED, why, "Leave --stdin away when no program hands payloads over.") from None


def _ramp(text: str) -> tuple[float, float]:
    start, _, end = text.partition(":")
    try:
        return float(start), float(end)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not written as FROM:TO, such as 10:200") from None
