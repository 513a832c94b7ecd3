"""A run as a card: its verdict in a sentence, what it still needs, its set-up, and what may distort it. Pure."""

from __future__ import annotations

from datetime import datetime
from html import escape

from services.comparison.judge import Verdict
from services.comparison.use import USES
from services.shadow.judging import View
from services.shadow.model import Run, RunState
from ui import words
from ui.shadow import standing_cards, standing_words
from ui.shadow.criteria_form import in_words

_NO_DATA = "No data is neither PASS nor FAIL."


def card(run: Run, view: View, now: datetime) -> str:
    """The run at ``now``, Azure's time."""
    tone = standing_words.TONES[view.verdict]
    paragraphs = [escape(sentence(run, view)), *progress(run, view, now), setup(run)]
    taints = standing_cards.listed([run.trouble, *view.told, *view.notes])
    return (
        f'<section class="run {tone}" aria-label="Verdict"><h2>{escape(run.pair.candidate)} against '
        f"{escape(run.pair.live)} {standing_cards.badge(view.verdict)}</h2>"
        f"{''.join(f'<p>{each}</p>' for each in paragraphs)}{taints}</section>"
    )


def criteria(run: Run, view: View, errors: str = "") -> str:
    """A card for each criterion. ``errors`` says in whole sentences which answers are errors."""
    is_over = run.state is not RunState.RUNNING
    cards = (
        standing_cards.card(
            each,
            run.pair,
            margin=None if each.name in USES else run.criteria.latency,
            source=view.source_of(each),
            minutes=view.minutes_of(each),
            is_over=is_over,
            taints=view.taints_of(each),
            errors=errors,
        )
        for each in view.standings
    )
    return f'<div class="criteria">{"".join(cards)}</div>'


def sentence(run: Run, view: View) -> str:
    """What the verdict means for the two deployments."""
    live, candidate = run.pair.live, run.pair.candidate
    if view.verdict is Verdict.PASS:
        return f"{candidate} is shown to be no worse than {live} by more than the limits, in every criterion."
    if view.verdict is Verdict.FAIL:
        failed = [each.name for each in view.standings if each.verdict is Verdict.FAIL]
        return f"{candidate} is shown to be worse than {live} by more than the limit: {', '.join(failed)}."
    if any(each.has_changed for each in view.standings):
        return "The difference between the two changed during the run, so no single verdict holds. Begin a new one."
    if not any(each.has_data for each in view.standings):
        yet = "There is nothing to judge yet" if run.state is RunState.RUNNING else "There was nothing to judge"
        return f"{yet}: no requests of both. {_NO_DATA}"
    open_ones = ", ".join(each.name for each in view.standings if each.verdict is Verdict.NEED_MORE)
    if run.state is not RunState.RUNNING:
        return f"The requests did not suffice to tell whether {candidate} is as good as {live}: {open_ones}."
    return f"It is not yet known whether {candidate} is as good as {live}: {open_ones}."


def progress(run: Run, view: View, now: datetime) -> list[str]:
    """What it still needs and how long it still runs, or how it ended; as HTML."""
    if run.state is not RunState.RUNNING:
        when = words.moment(run.ended_at)
        frozen = "The verdict is frozen." if view.is_frozen else "The last minutes are still being read."
        return [f"<b>{_how(run)} at {escape(when)}.</b> {escape(run.why)} {frozen}".replace("  ", " ")]
    said = []
    if view.verdict is Verdict.NEED_MORE and view.more is not None:
        said.append(f'<b class="more">Needs {escape(standing_words.to_go(view.more, view.minutes_to_go))}.</b>')
    if run.is_ending:
        said += [escape(run.why)] if run.why else []
        return [*said, "It is being stopped: the mirror is cleared, then the verdict is frozen."]
    if run.set_at is None:
        return [*said, "The mirror is being set. Minutes count from the first whole one after that."]
    left = (run.ends_at - now).total_seconds()
    until = (
        f"{words.elapsed((now - run.started_at).total_seconds())} so far, {words.elapsed(left)} left: the mirror is "
        f"cleared at {words.moment(run.ends_at)}."
        if left > 0
        else "Its time is over: the mirror is being cleared."
    )
    rate = "" if view.per_minute is None else f" {run.pair.candidate} gets {words.rate(view.per_minute)} lately."
    if view.until is not None:
        read = f" {words.count(view.minutes, 'minute')} judged, up to {view.until:%H:%M} UTC."
    else:
        read = " No minute has settled yet: metrics come about two minutes late."
    return [*said, escape(until + read + rate)]


def setup(run: Run) -> str:
    """With what the run began; as HTML."""
    by = f" by {run.person}" if run.person else ""
    judged = "; ".join(in_words(run.criteria))
    promotes = " When it passes, the promotion is prepared." if run.prepares_promotion else ""
    return (
        f'<span class="beside">Started {escape(words.moment(run.started_at))}{escape(by)}: {run.percent} % of the live '
        f"requests are copied. Judged: {escape(judged)}.{promotes}</span>"
    )


def _how(run: Run) -> str:
    return {RunState.STOPPED: "Stopped", RunState.BROKEN: "Broken off"}.get(run.state, "Ended")
