"""``python -m benchmarks [name ...]``: run all benchmarks, or those named, and print what they say."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from benchmarks import console, control, fleet, gateway, loadtest, metrics, mirror, pages, shift
from benchmarks.report import RESULTS, Report

ALL: dict[str, Callable[[], Report]] = {
    "gateway": gateway.main,
    "mirror": mirror.main,
    "shift": shift.main,
    "control": control.main,
    "pages": pages.main,
    "fleet": fleet.main,
    "console": console.main,
    "loadtest": loadtest.main,
    "metrics": metrics.main,
}


def main(arguments: list[str]) -> int:
    """Run them one after the other: they would disturb each other otherwise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the house beside a peer.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of {', '.join(ALL)}; default all")
    names = parser.parse_args(arguments).names or list(ALL)
    unknown = [name for name in names if name not in ALL]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(ALL)}")
    reports = []
    for name in names:
        print(f"--- {name}", flush=True)
        reports.append(ALL[name]())
        print(flush=True)
    print("--- summary")
    for report in reports:
        print(f"{report.name:8s} {report.seconds:5.0f} s  {report.verdict}")
    print(f"JSON is in {RESULTS.relative_to(RESULTS.parents[1])}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
