"""Where a criterion stands, in the words and on the scale of a person. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from services import digits
from services.comparison.ends import told_end
from services.comparison.judge import ANSWERS, ERRORS, Standing, Verdict
from services.comparison.quantiles import Margin
from services.comparison.use import MEMORY, PROCESSOR, USES
from services.shadow.model import Pair

POINTS, FACTOR, PERCENT = "points", "factor", "percent"
TONES = {Verdict.PASS: "good", Verdict.FAIL: "bad", Verdict.NEED_MORE: "busy"}
_WIDEST = 6.0
"""An interval is drawn to this many times the larger of limit and estimate; beyond that its end is open."""
_ROOM = 1.15
_WORD = 0.16
"""The part of a bar that a word beside it takes where cards are narrowest."""
_LEAST_FACTOR = 1e-3
_ROUNDING = 1e-6
_LATENCY_IN_THE_MINUTE = "Latency in the same minute"


_COUNTED = {ANSWERS: "Payloads", **dict.fromkeys(USES, "Minutes")}


def counted(standing: Standing) -> str:
    """What a criterion counts, as a label."""
    return _COUNTED.get(standing.name, "Requests")


def question(standing: Standing, pair: Pair, errors: str = "") -> str:
    """What the numbers of this criterion are. ``errors`` says in whole sentences which answers are errors."""
    if standing.name == ERRORS:
        return f"Error rate of {pair.candidate} minus that of {pair.live}, in percentage points. {errors}".rstrip()
    if standing.name == ANSWERS:
        return "Share of payloads that both answer differently."
    if standing.name == PROCESSOR:
        return f"How much more processor time each request to {pair.candidate} takes. What idling uses does not count."
    if standing.name == MEMORY:
        return f"How much more memory an instance of {pair.candidate} holds than one of {pair.live}."
    if standing.name == _LATENCY_IN_THE_MINUTE:
        said = f"How much longer a request to {pair.candidate} takes than one to {pair.live} in the same minute."
    else:
        quantile = standing.name.rsplit(" ", 1)[-1]
        said = f"How much longer the {quantile} of {pair.candidate} is than that of {pair.live}, over the whole run."
    return f"{said} Failed requests do not count."


def value(number: float | None, unit: str) -> str:
    """An estimate or an end of an interval: ``+0.12 points``, ``+3.1 %``, ``0.4 %``; "no data" for None."""
    if number is None or math.isnan(number):
        return "no data"
    if unit == POINTS:
        return f"{_signed(number, 2)} points"
    return f"{_signed(100 * (number - 1), 1)} %" if unit == FACTOR else f"{digits.rounded(number, 2)} %"


def estimate(standing: Standing) -> str:
    """The estimate; what is only known to lie beyond all that is told apart is said so."""
    end = told_end(standing.estimate) if standing.unit == FACTOR else ""
    return end or value(standing.estimate, standing.unit)


def limit(standing: Standing, margin: Margin | None = None) -> str:
    """What the candidate must not be worse by. ``margin`` is that of the latency, which may come to more than its
    percentage where answers are fast."""
    if standing.unit == POINTS:
        return f"at most +{digits.rounded(standing.limit, 3)} points"
    if standing.unit == FACTOR:
        is_by_ms = margin is not None and standing.limit > 1 + margin.ratio + _ROUNDING
        more = f", which is {digits.rounded(margin.ms, 6)} ms" if margin is not None and is_by_ms else ""
        return f"at most +{digits.rounded(100 * (standing.limit - 1), 3)} %{more}"
    return f"at most {digits.rounded(standing.limit, 3)} %"


def interval(standing: Standing) -> str:
    """The interval, or why there is none."""
    if standing.has_changed:
        return "changed during the run"
    low, high = _ends(standing)
    if low is None and high is None:
        return "nothing is ruled out yet"
    if low is None:
        return f"{value(high, standing.unit)} or less"
    if high is None:
        return f"{value(low, standing.unit)} or more"
    return f"{value(low, standing.unit)} to {value(high, standing.unit)}"


def seen(standing: Standing, pair: Pair) -> str:
    """How many requests, or payloads, count."""
    if standing.name == ANSWERS:
        return f"{standing.n:,} payloads, answered by both"
    if standing.name in USES:
        return f"{standing.n:,} of both"
    return f"{standing.n:,} of {pair.candidate}, {standing.live_n:,} of {pair.live}"


def more(standing: Standing, minutes: int | None) -> str:
    """How many more requests it is about to need, "" when that is not known or none are needed.

    ``minutes`` is about how long that takes at the rate of now, None when that cannot be told.
    """
    if standing.verdict is not Verdict.NEED_MORE or standing.more is None:
        return ""
    if standing.name in USES:
        return f"about {rounded(standing.more):,} more minute{'' if standing.more == 1 else 's'}"
    return to_go(standing.more, minutes, is_payloads=standing.name == ANSWERS)


def to_go(requests: int, minutes: int | None, *, is_payloads: bool = False) -> str:
    """``about 1,200 more requests (≈ 40 min at this rate)``; without a rate, without the minutes."""
    said = f"about {rounded(requests):,} more {'payload' if is_payloads else 'request'}{'' if requests == 1 else 's'}"
    return said if minutes is None else f"{said} (≈ {span(minutes)} at this rate)"


def span(minutes: float) -> str:
    """So many minutes: ``3 min``, ``2 h 10 min``, ``4 d 6 h``."""
    whole = max(1, math.ceil(minutes))
    if whole < 120:
        return f"{whole} min"
    if whole < 48 * 60:
        return f"{whole // 60} h" + (f" {whole % 60} min" if whole % 60 else "")
    return f"{whole // 1440} d" + (f" {whole % 1440 // 60} h" if whole % 1440 // 60 else "")


@dataclass(frozen=True)
class Picture:
    """An interval against its limit, as percentages of a bar's width from 0 to 100.

    ``lower`` and ``upper`` are None when the interval goes on beyond the bar; ``estimate`` is None without data, and
    where it is only known to lie beyond what is told apart: it might lie on the other side of the limit.
    ``none`` is where there is no difference.
    """

    none: float
    limit: float
    estimate: float | None
    lower: float | None
    upper: float | None


def picture(standing: Standing) -> Picture:
    """Where everything lies on a bar. Latency is drawn on the logarithm of the factor: twice and half are alike."""

    def at(number: float) -> float:
        return math.log(max(number, _LEAST_FACTOR)) if standing.unit == FACTOR else number

    wanted = at(standing.limit)
    is_beyond = standing.unit == FACTOR and bool(told_end(standing.estimate))
    middle = None if standing.estimate is None else at(standing.estimate)
    low, high = (None if end is None else at(end) for end in _ends(standing))
    reach = max(wanted, abs(middle or 0.0)) * _WIDEST
    known = [each for each in (middle, low, high) if each is not None]
    left = 0.0 if standing.unit == PERCENT else max(-reach, min(-wanted, *known) if known else -wanted)
    right = min(reach, max(2 * wanted, *known) if known else 2 * wanted)
    left, right = left * _ROOM, right * _ROOM
    # Both lines have their word beside them: "same" on the left, "limit" on the right.
    left = min(left, -right * _WORD / (1 - _WORD))
    right = max(right, wanted + (wanted - left) * _WORD / (1 - _WORD))

    def place(number: float) -> float:
        return round(100 * (min(max(number, left), right) - left) / (right - left), 2)

    return Picture(
        none=place(0.0),
        limit=place(wanted),
        estimate=None if middle is None or is_beyond else place(middle),
        lower=None if low is None or low < left else place(low),
        upper=None if high is None or high > right else place(high),
    )


def _ends(standing: Standing) -> tuple[float | None, float | None]:
    """The ends of the interval; None where everything is still possible."""
    least, most = {POINTS: (-100.0, 100.0), FACTOR: (0.0, math.inf), PERCENT: (0.0, 100.0)}[standing.unit]
    low = None if standing.lower <= least and standing.unit != PERCENT else max(standing.lower, least)
    high = None if standing.upper >= most else standing.upper
    if standing.unit == PERCENT and high is None and low == least:
        low = None
    return low, high


def _signed(number: float, digits: int) -> str:
    shown = f"{abs(number):,.{digits}f}"
    if not float(shown.replace(",", "")):
        return shown
    return f"{'−' if number < 0 else '+'}{shown}"


def rounded(number: int) -> int:
    """A forecast with two digits: it is no count."""
    return number if number < 100 else int(round(number, -(len(str(number)) - 2)))
