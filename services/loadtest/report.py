"""A finished load test as a person reads it: rows of numbers, two tests side by side, and a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KIND = "load"
"""The kind under which results are kept."""
_LATENCIES = ("p50", "p90", "p95", "p99", "p99.9", "max")
_NUMBERS = (("Requests sent", "sent"), ("Good answers", "good"), ("Failed", "failed"), ("Given up", "abandoned"))


@dataclass(frozen=True)
class Line:
    """One number of one test or of two. ``unit`` is "ms", "requests", "/s" or "%"; None is not known."""

    label: str
    unit: str
    before: float | None
    after: float | None

    @property
    def change_percent(self) -> float | None:
        """By how much the second one is more than the first, None when that cannot be said."""
        if self.before is None or self.after is None or not self.before:
            return None
        return 100 * (self.after - self.before) / self.before


def lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Line, ...]:
    """The numbers of two tests side by side."""
    found = [Line("Rate", "/s", before.get("rate"), after.get("rate"))]
    found += [Line(label, "requests", before.get(key), after.get(key)) for label, key in _NUMBERS]
    found.append(Line("Failed, share", "%", failed_percent(before), failed_percent(after)))
    for name in _LATENCIES:
        pair = [(each.get("latency_ms") or {}).get(name) for each in (before, after)]
        found.append(Line(f"Latency {name}" if name != "max" else "Longest latency", "ms", *pair))
    pair = [(each.get("lag_ms") or {}).get("p99") for each in (before, after)]
    found.append(Line("Send lag p99", "ms", *pair))
    return tuple(found)


def failed_percent(content: Mapping[str, Any]) -> float | None:
    """The share of the ended requests that failed."""
    ended = content.get("good", 0) + content.get("failed", 0)
    return 100 * content["failed"] / ended if ended else None


def obstacles(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Why the two tests cannot be read side by side as they are, a sentence each."""
    found = []
    for label, key in (("plan", "plan"), ("target", "deployment"), ("payloads", "payloads"), ("split", "split")):
        is_split = key == "split" and (before.get("deployment") or after.get("deployment"))
        if not is_split and before.get(key) != after.get(key):
            found.append(f"They differ in their {label}.")
    for word, content in (("first", before), ("second", after)):
        if not content.get("is_valid", True):
            found.append(f"The {word} is not valid: the sender was the bottleneck.")
        if content.get("ended") != "done":
            found.append(f"The {word} ended early.")
    return tuple(found)


def plan_words(content: Mapping[str, Any]) -> str:
    """Rate and time in a few words: ``50/s for 30 s``."""
    plan = content["plan"]
    rates = dict.fromkeys((plan["start_rate"], plan["end_rate"]))
    return f"{' to '.join(f'{rate:g}' for rate in rates)}/s for {plan['seconds']:g} s"


def as_csv(content: Mapping[str, Any]) -> str:
    """The seconds of a test, one row each; a column for every status and kind of failure."""
    series = content["series"]
    outcomes = sorted({name for row in series for name in row["outcomes"]})
    names = {"p50": "p50_ms", "p99": "p99_ms", "lag_p99": "send_lag_p99_ms"}
    columns = ("second", "sent", "good", "failed", "in_flight", "p50", "p99", "lag_p99")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(names.get(name, name) for name in columns), *outcomes])
    for row in series:
        cells = ["" if row[name] is None else row[name] for name in columns]
        writer.writerow([*cells, *(row["outcomes"].get(name, 0) for name in outcomes)])
    return text.getvalue()


def summary(content: Mapping[str, Any]) -> str:
    """The result in a few lines for a terminal."""
    latency, lag = content["latency_ms"], content["lag_ms"]
    counts = f"{content['good']:,} good, {content['failed']:,} failed, {content['abandoned']:,} given up"
    said = [f"{content['sent']:,} of {content['planned']:,} requests sent in {content['seconds']:.1f} s: {counts}."]
    if latency:
        said.append("Latency from the intended start, good answers, ms:")
        said.append("  " + "  ".join(f"{name} {value:g}" for name, value in latency.items()))
    outcomes = ", ".join(f"{count} × {name}" for name, count in content["outcomes"].items())
    said.append(f"Outcomes: {outcomes or 'none'}.")
    for name, each in content["deployments"].items():
        times = each["latency_ms"]
        numbers = f"p50 {times['p50']:g} ms, p99 {times['p99']:g} ms" if times else "no good answer"
        said.append(f"  {name}: {sum(each['outcomes'].values()):,} requests, {numbers}")
    if lag:
        said.append(f"Send lag p99 {lag['p99']:g} ms.")
    if content["ended"] != "done":
        said.append(f"Ended early. {content['why']}")
    said += [f"Not valid. {doubt}" for doubt in content["doubts"]]
    return "\n".join(said)
