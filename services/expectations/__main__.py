"""``python -m services.expectations``: run a saved set of payloads, and end with an exit code for CI."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from services.azure.connection import Connection, connect
from services.azure.endpoints import get_endpoint, list_deployments
from services.errors import RuleBroken, SluiceError
from services.expectations.checking import problem
from services.expectations.report import junit, lines
from services.expectations.running import (
    KIND,
    MOST_PARALLEL,
    Run,
    Target,
    cases_of,
    check_deployment,
    content_of,
)
from services.payloads.importing import from_file
from services.payloads.library import Library
from services.payloads.payload import Payload
from services.results import Results
from services.scoring.address import check_address
from services.scoring.bearer import bearer
from services.settings import Settings, export_env_file, settings_for
from services.store import Store

ROOT = Path(__file__).resolve().parents[2]
PASSED, FAILED, NOT_RUN, STOPPED = 0, 1, 2, 130
_WHAT = "The set was not run."


@dataclass(frozen=True)
class _Set:
    """What is to be run."""

    payloads: tuple[Payload, ...]
    variables: dict[str, str]


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    made = argparse.ArgumentParser(
        prog="python -m services.expectations",
        description=(
            "Send saved payloads to an endpoint and judge the answers by what is expected of them. The key is fetched "
            "with your own rights, and never shown."
        ),
        epilog="Exit code: 0 everything passed, 1 something did not, 2 the set could not be run, 130 stopped.",
    )
    made.add_argument("file", nargs="?", type=Path, metavar="FILE.json", help="payloads that Sluice has exported")
    made.add_argument("--library", action="store_true", help="the payloads saved on this machine, in place of a file")
    made.add_argument("--tag", help="only the payloads with this tag")
    made.add_argument("--endpoint", required=True)
    made.add_argument("--deployment", help="default: through the live split")
    made.add_argument("--workspace", help="subscription/resource group/name; default: the configured one")
    made.add_argument("--parallel", type=int, default=4, metavar="N", help=f"1 to {MOST_PARALLEL}; default: 4")
    made.add_argument("--variable", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    made.add_argument("--json", action="store_true", help="print the result as JSON")
    made.add_argument("--junit", type=Path, metavar="FILE", help="write the result as JUnit XML, too")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it. Returns the exit code that the help explains."""
    options = parser().parse_args(arguments)
    try:
        return _main(options)
    except SluiceError as error:
        request = f" Request id {error.request_id}." if error.request_id else ""
        _say(f"{error.what} {error.why} {error.next_step}{request}", sys.stderr)
        return NOT_RUN
    except KeyboardInterrupt:
        _say("Stopped.", sys.stderr)
        return STOPPED


def _main(options: argparse.Namespace) -> int:
    if bool(options.file) == options.library:
        raise RuleBroken(_WHAT, "It needs either a file or --library.", "Name one of them.")
    if not 1 <= options.parallel <= MOST_PARALLEL:
        raise RuleBroken(_WHAT, f"--parallel {options.parallel} is not between 1 and {MOST_PARALLEL}.", "Choose again.")
    from_options = _variables(options.variable)
    # A file is read first: what is wrong with it needs no network to be found.
    found = _from_file(options.file) if options.file else None
    export_env_file(ROOT)
    settings = settings_for(options.workspace, os.environ, ROOT, _WHAT)
    conn = connect(settings)
    endpoint = get_endpoint(conn, options.endpoint)
    check_deployment(options.deployment, [each.name for each in list_deployments(conn, endpoint.name)])
    found = found or _from_library(settings, conn, endpoint.id)
    chosen = [each for each in found.payloads if options.tag is None or options.tag in each.tags]
    cases = cases_of(chosen)
    _check(chosen, len(cases), options.tag)
    # A key that cannot be fetched is one problem, and not one of each payload.
    check_address(endpoint, is_local=conn.is_local)
    bearer(conn, endpoint, datetime.now(UTC))
    run = Run(Target(conn, endpoint, options.deployment), cases, found.variables | from_options, options.parallel)
    run.perform()
    if options.library:
        with _store(settings) as store:
            content = content_of(run, keeps_bodies=False)
            Results(store, conn.arm_host).save(endpoint.id, KIND, content, at=datetime.now(UTC))
    return _report(run, options, len(chosen) - len(cases))


def _report(run: Run, options: argparse.Namespace, left_out: int) -> int:
    content = content_of(run, keeps_bodies=True)
    if options.json:
        _say(json.dumps(content, indent=2))
    else:
        for line in lines(content, left_out):
            _say(line)
    if options.junit:
        _write(options.junit, junit(content))
    if all(each.status is None for each in run.results):
        return NOT_RUN
    return PASSED if run.passed else FAILED


def _check(payloads: Sequence[Payload], judged: int, tag: str | None) -> None:
    """Raise RuleBroken when there is nothing to judge, or an expectation that means nothing."""
    if not judged:
        none = "It has no payloads." if tag is None else f"None of its payloads has the tag {tag}."
        why = "None of its payloads expects anything." if payloads else none
        raise RuleBroken(_WHAT, why, "Say what is expected in Sluice, under Payloads, or choose other payloads.")
    for payload in payloads:
        for expectation in payload.expectations:
            wrong = problem(expectation)
            if wrong:
                raise RuleBroken(_WHAT, f"{payload.name} has an expectation that cannot be judged. {wrong}", "Mend it.")


def _from_file(path: Path) -> _Set:
    try:
        found = from_file(path.name, path.read_bytes())
    except OSError as error:
        raise RuleBroken(_WHAT, f"{path} cannot be read: {error.strerror}.", "Check its name.") from None
    if found.problems:
        why = f"{path}: {found.problems[0]}"
        raise RuleBroken(_WHAT, why, "Export the payloads again, or mend the file.")
    return _Set(found.payloads, dict(found.variables))


def _from_library(settings: Settings, conn: Connection, endpoint_id: str) -> _Set:
    with _store(settings) as store:
        library = Library(store, conn.arm_host)
        return _Set(library.all(endpoint_id), library.variables(endpoint_id))


def _store(settings: Settings) -> closing[Store]:
    folder = settings.data_dir if settings.data_dir.is_absolute() else ROOT / settings.data_dir
    return closing(Store(folder / "sluice.db"))


def _variables(given: Sequence[str]) -> dict[str, str]:
    wrong = next((each for each in given if "=" not in each), None)
    if wrong is not None:
        raise RuleBroken(_WHAT, "A --variable has no = between its name and its value.", "Write NAME=VALUE.")
    return dict(each.split("=", 1) for each in given)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RuleBroken(
            "The set was run, but its JUnit file was not written.", f"{path}: {error.strerror}.", "Check its folder."
        ) from None


def _say(text: str, stream: TextIO | None = None) -> None:
    out = stream or sys.stdout
    encoding = out.encoding or "utf-8"
    # A log that is not UTF-8 must not end the run.
    print(text.encode(encoding, errors="backslashreplace").decode(encoding), file=out, flush=True)


if __name__ == "__main__":
    sys.exit(main())
