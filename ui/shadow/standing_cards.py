"""The criteria of a run as cards: the numbers of each, and its interval drawn against the limit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from services.comparison.judge import Standing, Verdict
from services.comparison.quantiles import Margin
from services.shadow.model import Pair
from ui.shadow import standing_words as say

MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.NEED_MORE: "…"}

_VALID = ' <span class="beside">valid at every look</span>'


def badge(verdict: Verdict) -> str:
    """The verdict as a mark with its word."""
    tone = say.TONES[verdict]
    return f'<b class="verdict {tone}"><i aria-hidden="true">{MARKS[verdict]}</i>{verdict.value}</b>'


def card(
    standing: Standing,
    pair: Pair,
    *,
    margin: Margin | None,
    source: str,
    minutes: int | None,
    is_over: bool,
    taints: Sequence[str] = (),
    errors: str = "",
) -> str:
    """One criterion. ``margin`` is that of the latency, ``minutes`` about how long it still needs.

    ``is_over`` says that no more requests will come, ``taints`` what may distort this one, ``errors`` in whole
    sentences which answers are errors.
    """
    said = [
        ("Limit", say.limit(standing, margin)),
        ("Estimate", say.estimate(standing)),
        ("Interval", say.interval(standing)),
        (say.counted(standing), say.seen(standing, pair)),
        *([("Left out", standing.left_out)] if standing.left_out else []),
        ("Source", source or ("none" if is_over else "none yet")),
    ]
    more = "" if is_over else say.more(standing, minutes)
    said += [("Needs", more)] if more else []
    valid = _VALID if standing.estimate is not None and not standing.has_changed else ""
    rows = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(text)}{valid if label == 'Interval' else ''}</dd></div>"
        for label, text in said
    )
    return (
        f'<article class="criterion" aria-label="{escape(standing.name)}">'
        f"<h3>{escape(standing.name)} {badge(standing.verdict)}</h3>"
        f'<p class="asked">{escape(say.question(standing, pair, errors))}</p>{bar(standing)}'
        f'<dl>{rows}</dl><p class="why">{escape(standing.why)}</p>{listed(taints)}</article>'
    )


def listed(sentences: Iterable[str]) -> str:
    """What may distort a number, as marked lines; nothing without any."""
    items = "".join(f"<li>{escape(each)}</li>" for each in dict.fromkeys(sentences) if each)
    return f'<ul class="taints" aria-label="What may distort it">{items}</ul>' if items else ""


def bar(standing: Standing) -> str:
    """The interval against the limit. What lies beyond the limit is shaded; an end that is not known yet is open."""
    drawn = say.picture(standing)
    told = (
        f"{standing.name}: estimate {say.estimate(standing)}, interval {say.interval(standing)}, "
        f"limit {say.limit(standing)}"
    )
    inside = ""
    if standing.estimate is not None and not standing.has_changed:
        left, right = drawn.lower or 0.0, 100.0 if drawn.upper is None else drawn.upper
        ends = ("open-left " if drawn.lower is None else "") + ("open-right" if drawn.upper is None else "")
        inside = f'<i class="span {ends.strip()}" style="left:{left}%;width:{max(right - left, 0.5):.2f}%"></i>'
    dot = "" if drawn.estimate is None else f'<i class="estimate" style="left:{drawn.estimate}%"></i>'
    return (
        f'<div class="against {say.TONES[standing.verdict]}" role="img" aria-label="{escape(told)}">'
        f'<i class="beyond" style="left:{drawn.limit}%"></i><i class="none" style="left:{drawn.none}%"></i>'
        f'{inside}{dot}<i class="limit" style="left:{drawn.limit}%"></i>'
        f'<span class="before" style="left:{drawn.none}%">same</span>'
        f'<span style="left:{drawn.limit}%">limit</span></div>'
    )
