"""What every benchmark leaves behind: a table for a person and a JSON file for a program."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
Cell = str | int | float


@dataclass(frozen=True)
class Report:
    """The outcome of one benchmark: rows of measurements, the peer's row first, and what they say in a sentence."""

    name: str
    question: str
    rows: Sequence[Mapping[str, Cell]]
    verdict: str
    notes: Sequence[str] = ()
    seconds: float = 0.0
    facts: Mapping[str, Cell] = field(default_factory=dict)

    def table(self) -> str:
        """The rows as aligned text, numbers to the right."""
        columns = list(self.rows[0])
        cells = [[_text(row[column]) for column in columns] for row in self.rows]
        widths = [max(len(line[place]) for line in [columns, *cells]) for place in range(len(columns))]

        def aligned(line: Sequence[str]) -> str:
            first, rest = (
                line[0].ljust(widths[0]),
                [text.rjust(w) for text, w in zip(line[1:], widths[1:], strict=True)],
            )
            return "  ".join([first, *rest])

        return "\n".join([self.question, aligned(columns), *map(aligned, cells), self.verdict, *self.notes])

    def write(self) -> Path:
        """Write ``results/<name>.json`` and return its path."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        content = {
            "name": self.name,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "question": self.question,
            "rows": list(self.rows),
            "facts": dict(self.facts),
            "verdict": self.verdict,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 1),
        }
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        return path


def machine() -> dict[str, Cell]:
    """What the numbers were measured on."""
    return {"system": platform.system(), "python": platform.python_version(), "cores": os.cpu_count() or 0}


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def _text(cell: Cell) -> str:
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)
