"""What a report says in whole sentences. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services import digits
from services.comparison.criteria import Criteria
from services.comparison.judge import Standing, Verdict
from services.shadow.judging import View
from services.shadow.model import Run, RunState

POINTS, FACTOR = "points", "factor"
_RUN = "The verdict belongs to this run alone: its start and its criteria were fixed before the first request counted."
_THREE = (
    "PASS says that every criterion is shown to be within its limit, FAIL that one is shown to be beyond it. Anything "
    "else is NEED MORE: having no data is never a verdict."
)
_LOOKS = (
    "The intervals of the criteria hold at every look at once, so nobody is misled by looking often. Over all looks, "
    "the chance of a wrong FAIL is at most 5 %, and so is that of a wrong PASS."
)
_WHAT = (
    "Errors are judged from counts, latency from single requests that did not fail. Requests are compared with those "
    "of the other deployment in the same minute, too: what slows both down does not count there. Processor and memory "
    "are judged only where they were asked for, in blocks of 20 minutes; of the processor only what each request adds."
)
_DESCRIBED = (
    "What is described below the verdict has ordinary 95 % intervals, which hold for one look. They judge nothing."
)


def method(errors: str) -> list[str]:
    """How it is judged. ``errors`` says which answers are errors, "" where that is not known."""
    return [_RUN, _THREE, _LOOKS, _WHAT, _DESCRIBED, *([errors] if errors else [])]


def question(run: Run) -> str:
    """What was to be found out."""
    pair, parts = run.pair, criteria_words(run.criteria)
    return (
        f"Is {pair.candidate} no worse than {pair.live} on the same live requests? {run.percent} % of them were to be "
        f"copied to {pair.candidate}, whose answers nobody got. No worse means: {'; '.join(parts)}."
    )


def criteria_words(criteria: Criteria) -> list[str]:
    """The criteria, each in a phrase."""
    said = []
    if criteria.error_points is not None:
        said.append(f"at most {digits.rounded(criteria.error_points, 6)} percentage points more errors")
    if criteria.latency is not None:
        margin = f"{digits.rounded(100 * criteria.latency.ratio, 6)} %"
        both = f" and {digits.rounded(criteria.latency.ms, 6)} ms" if criteria.latency.ms else ""
        names = ", ".join(f"P{100 * share:g}" for share in criteria.quantiles)
        what = "requests of the same minute" + (f" and {names} of all" if names else "")
        said.append(f"{what} not longer by more than {margin}{both}")
    if criteria.processor_percent is not None:
        said.append(f"processor per request at most {criteria.processor_percent:g} % more")
    if criteria.memory_percent is not None:
        said.append(f"memory per instance at most {criteria.memory_percent:g} % more")
    if criteria.answer_percent is not None:
        said.append(f"at most {digits.rounded(criteria.answer_percent, 6)} % of payloads answered otherwise")
    return said


def criteria_of(document: Mapping[str, Any]) -> list[str]:
    """The criteria of a report's document, each in a phrase."""
    return criteria_words(Criteria.read(document))


def sentence(run: Run, view: View) -> str:
    """The verdict of the whole, and why."""
    named = {verdict: _names(view.standings, verdict) for verdict in Verdict}
    pair = run.pair
    if view.verdict is Verdict.FAIL:
        return f"{pair.candidate} is shown to be worse than {pair.live} by more than the limit: {named[Verdict.FAIL]}."
    if view.verdict is Verdict.PASS:
        return f"{pair.candidate} is shown to be within every limit: {named[Verdict.PASS]}."
    waiting = named[Verdict.NEED_MORE] or "every criterion"
    if any(each.has_changed for each in view.standings):
        return f"No verdict: the difference changed during the run. {waiting}."
    if run.state is not RunState.RUNNING:
        return f"The shadow test ended before everything was decided. Still open: {waiting}."
    return f"Not decided yet: {waiting}."


def value(number: float | None, unit: str) -> str:
    """A number of a criterion: ``+0.42 points``, ``+12.3 %``, ``1.5 %``."""
    if number is None:
        return "no data"
    if unit == POINTS:
        # What is rounded to nothing has no sign.
        return f"{number:+.2f} points".replace("-", "−") if abs(number) >= 0.005 else "0.00 points"
    return f"{100 * (number - 1):+.1f} %".replace("-", "−") if unit == FACTOR else f"{digits.rounded(number, 3)} %"


def span(lower: float | None, upper: float | None, unit: str, *, has_changed: bool = False) -> str:
    """An interval valid at every look; None is an end that is open."""
    if has_changed:
        return "empty: changed during the run"
    least, most = {POINTS: (-100.0, 100.0), FACTOR: (0.0, None)}.get(unit, (0.0, 100.0))
    low = None if lower is None or (lower <= least and unit != "percent") else lower
    high = None if upper is None or (most is not None and upper >= most) else upper
    if (low is None and high is None) or (unit == "percent" and high is None and low == 0):
        return "nothing is ruled out yet"
    if low is None:
        return f"{value(high, unit)} or less"
    return f"{value(low, unit)} or more" if high is None else f"{value(low, unit)} to {value(high, unit)}"


def _names(standings: tuple[Standing, ...], verdict: Verdict) -> str:
    return ", ".join(each.name for each in standings if each.verdict is verdict)
