"""What a candidate must not be worse by: fixed when a run begins, the same at every look. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.comparison.quantiles import Margin
from services.errors import RuleBroken

ALPHA = 0.05
"""The chance of a wrong FAIL, and of a wrong PASS, over a whole run with all its looks."""
QUANTILES = (0.5, 0.9, 0.95, 0.99)
"""The quantiles of latency that can be judged."""
LATENCY = Margin(0.10, 5.0)
MOST_USE = 200.0
"""Percent: the largest margin of processor and memory. Ratios above four times are not told apart."""


@dataclass(frozen=True)
class Criteria:
    """``error_points``: percentage points of errors more. ``latency``: how much longer a request may take than one in
    the same minute, and how much longer each of ``quantiles`` may be. ``answer_percent``: the share of payloads whose
    answer may differ. ``processor_percent`` and ``memory_percent``: how much more processor time a request may
    take, and how much more memory an instance may hold. None, and no quantile, is not judged.

    Processor and memory are not judged unless they are asked for: they need an hour at least, and every other verdict
    would wait for them.
    """

    error_points: float | None = 0.5
    latency: Margin | None = LATENCY
    quantiles: tuple[float, ...] = (0.95,)
    answer_percent: float | None = None
    processor_percent: float | None = None
    memory_percent: float | None = None

    def check(self) -> Criteria:
        """The criteria when they can be judged. Raises RuleBroken."""
        what = "These criteria cannot be judged."
        for value, name in ((self.error_points, "percentage points"), (self.answer_percent, "percent of the answers")):
            if value is not None and not (math.isfinite(value) and 0 < value < 100):
                raise RuleBroken(what, f"{value:g} {name} were given.", "Choose a number above 0 and below 100.")
        if self.latency is not None and not (0 < self.latency.ratio <= 10 and 0 <= self.latency.ms <= 60_000):
            raise RuleBroken(
                what,
                f"{100 * self.latency.ratio:g} % and {self.latency.ms:g} ms were given.",
                "Choose more than 0 and at most 1,000 %, and 0 to 60,000 ms.",
            )
        for value, name in ((self.processor_percent, "more processor"), (self.memory_percent, "more memory")):
            if value is not None and not (math.isfinite(value) and 0 < value <= MOST_USE):
                raise RuleBroken(
                    what, f"{value:g} % {name} were given.", f"Choose more than 0 and at most {MOST_USE:g} %."
                )
        if not set(self.quantiles) <= set(QUANTILES):
            raise RuleBroken(what, "A quantile is not one of P50, P90, P95 and P99.", "Choose among these.")
        if self.count == 0:
            raise RuleBroken(what, "None is chosen.", "Choose at least one.")
        return self

    @property
    def count(self) -> int:
        """How many criteria are judged."""
        latency = 0 if self.latency is None else 1 + len(self.quantiles)
        others = (self.error_points, self.answer_percent, self.processor_percent, self.memory_percent)
        return latency + sum(each is not None for each in others)

    @property
    def judges_use(self) -> bool:
        """Whether it is judged what instances use."""
        return self.processor_percent is not None or self.memory_percent is not None

    def document(self) -> dict[str, Any]:
        """The criteria as JSON keeps them."""
        return {
            "error_points": self.error_points,
            "latency_percent": None if self.latency is None else round(100 * self.latency.ratio, 9),
            "latency_ms": None if self.latency is None else self.latency.ms,
            "quantiles": list(self.quantiles),
            "answer_percent": self.answer_percent,
            "processor_percent": self.processor_percent,
            "memory_percent": self.memory_percent,
        }

    @staticmethod
    def read(document: Mapping[str, Any]) -> Criteria:
        """The criteria of a :meth:`document`. Raises RuleBroken, KeyError and TypeError for what is none."""
        percent, ms = document["latency_percent"], document["latency_ms"]
        return Criteria(
            document["error_points"],
            None if percent is None else Margin(percent / 100, ms),
            tuple(document["quantiles"]),
            document["answer_percent"],
            # Documents of before these could be judged have neither.
            document.get("processor_percent"),
            document.get("memory_percent"),
        ).check()
