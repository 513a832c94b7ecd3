"""Runs pytest, and looks a second time at the few tests with real processes that have failed: `make test` does.

Thousands of tests start servers, browsers and containers on machines that are busy with other work, and share them
within a worker. A test that fails there may say something of the machine, or of the tests before it. So it is run once
more by itself, on servers of its own. What fails twice is red. What passes then is named as unsteady, for somebody to
mend.

Nothing is looked at twice that depends on the code alone, nor anything when more than a few have failed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

MOST = 2
"""With more failures something is wrong with the code, or with the machine."""
WITH_PROCESSES = ("tests/contract/", "tests/crash/", "tests/e2e/", "tests/emulator/", "tests/pages/", "tests/samples/")
_FAILED = 1
"""pytest's exit code when tests have failed, and nothing else has gone wrong."""


def main(arguments: list[str], report: Path = Path(".pytest_cache/first-look.xml")) -> int:
    """Run pytest with ``arguments``, and once more what :func:`doubtful` names. Returns the exit code."""
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    pytest = [sys.executable, "-m", "pytest"]
    code = subprocess.run(
        [*pytest, *arguments, f"--junitxml={report}", "-o", "junit_family=xunit1"], check=False
    ).returncode
    again = doubtful(failed(report)) if code == _FAILED else ()
    if not again:
        return code
    _say(f"Run once more by {'itself' if len(again) == 1 else 'themselves'}: {', '.join(again)}")
    code = subprocess.run([*pytest, *again], check=False).returncode
    if code == 0:
        _say(f"Unsteady, failed once and passed by itself: {', '.join(again)}")
    return code


def failed(report: Path) -> tuple[str, ...]:
    """The ids of the tests that have failed, by pytest's report in JUnit's format. Each once."""
    cases = ElementTree.parse(report).getroot().iter("testcase")
    bad = (case for case in cases if case.find("failure") is not None or case.find("error") is not None)
    return tuple(dict.fromkeys(f"{case.get('file')}::{case.get('name')}" for case in bad))


def doubtful(failures: tuple[str, ...]) -> tuple[str, ...]:
    """What of the failures may be chance: all of them or none. Pure."""
    if len(failures) > MOST or not all(each.startswith(WITH_PROCESSES) for each in failures):
        return ()
    return failures


def _say(line: str) -> None:
    sys.stdout.write(f"\n{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
