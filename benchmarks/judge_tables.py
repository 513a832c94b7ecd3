"""Write the judge's tables into its documentation, from what ``benchmarks.judge`` has measured.

``python -m benchmarks.judge_tables``: each table stands between ``<!-- name -->`` and ``<!-- /name -->``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from benchmarks.judge import JUDGES
from benchmarks.report import RESULTS

PAGE = RESULTS.parent.parent / "docs" / "verdict.md"
NAMES = ("judge-safety", "judge-broken", "judge-power", "judge-emulated")


def table(name: str, report: Mapping[str, Any]) -> str:
    """The rows of a report as Markdown: a line for each world, a column for each judge."""
    worlds: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in report["rows"]:
        worlds.setdefault(row["world"], {})[row["judge"]] = row
    is_timed = "median" in report["rows"][0]
    cell = _taken if is_timed else _wrong
    columns = " | ".join(("World", *JUDGES))
    lines = [f"| {columns} |", "|---" * (len(JUDGES) + 1) + "|"]
    lines += [f"| {world} | {' | '.join(cell(rows[judge]) for judge in JUDGES)} |" for world, rows in worlds.items()]
    facts = report["facts"]
    runs = f"{facts['runs']:,} runs of each world, {facts['minutes']} looks in a run at most."
    return "\n".join([f"<!-- {name} -->", "", runs, "", *lines, "", f"<!-- /{name} -->"])


def written(page: str, reports: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with the tables of these reports in their places."""
    for name, report in reports.items():
        before, mark, rest = page.partition(f"<!-- {name} -->")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if mark and end:
            page = before + table(name, report) + after
    return page


def _wrong(row: Mapping[str, Any]) -> str:
    return f"{row['wrong %']:.1f} %"


def _taken(row: Mapping[str, Any]) -> str:
    return " / ".join(each if isinstance(each, str) else f"{each:,}" for each in (row["median"], row["P90"]))


def _run() -> int:
    found = {name: RESULTS / f"{name}.json" for name in NAMES}
    reports = {name: json.loads(path.read_text()) for name, path in found.items() if path.exists()}
    PAGE.write_text(written(PAGE.read_text(), reports))
    print(f"{', '.join(reports)}: written to {PAGE.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(_run())
