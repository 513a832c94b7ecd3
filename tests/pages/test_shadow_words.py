"""What a criterion is told in, and its interval on a bar."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.comparison.criteria import Criteria
from services.comparison.judge import ANSWERS, ERRORS, Standing, Verdict
from services.comparison.judge import LATENCY as LATENCY_OF
from services.comparison.quantiles import Margin
from services.comparison.ranks import LEAST_MINUTES, SameMinute
from services.comparison.taints import EVERYTHING, Taint
from services.comparison.use import MEMORY, PROCESSOR
from services.model import Split
from services.shadow import own_statuses, report_words
from services.shadow.judging import View
from services.shadow.model import Pair, Run, RunState
from services.statuses import DEFAULT_SETS, StatusSets
from ui.shadow import chooser, criteria_form, run_card, standing_cards, verdict_view
from ui.shadow import standing_words as say

PAIR = Pair("blue", "green")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ERROR = Standing(ERRORS, Verdict.NEED_MORE, 0.12, -0.4, 1.3, 0.5, "points", 1200, 12_000, 2345, "Too few requests yet.")
LATENCY = Standing("Latency P95", Verdict.FAIL, 1.31, 1.22, 1.4, 1.1, "factor", 900, 9000, None, "Beyond the limit.")
RUN = Run("one", "/id", PAIR, 10, Criteria(), NOW, NOW + timedelta(hours=2), "somebody")
VIEW = View(Verdict.NEED_MORE, (ERROR, LATENCY), 40, NOW, NOW, 30.0, 30.0, 2345, 79, "metrics", "", (), ())


def test_a_difference_is_told_in_its_unit_with_its_sign() -> None:
    assert (say.value(0.12, "points"), say.value(-0.4, "points")) == ("+0.12 points", "−0.40 points")
    assert (say.value(1.031, "factor"), say.value(0.9, "factor")) == ("+3.1 %", "−10.0 %")
    for told in (say.value, report_words.value):
        assert told(0.001, "points") == told(-0.001, "points") == "0.00 points", "nothing has no sign"
    assert (say.value(100.0, "percent"), say.value(0.42, "percent")) == ("100 %", "0.42 %"), "never a power of ten"
    assert say.value(None, "points") == say.value(math.nan, "factor") == "no data"
    assert (say.limit(ERROR), say.limit(LATENCY)) == ("at most +0.5 points", "at most +10 %")
    assert say.limit(replace(LATENCY, limit=4.45), Margin(0.1, 5)) == "at most +345 %, which is 5 ms"


def test_what_instances_use_is_told_in_minutes() -> None:
    used = Standing(PROCESSOR, Verdict.NEED_MORE, 1.05, 0.9, 1.3, 1.2, "factor", 80, 80, 140, "Too few minutes yet.")
    drawn = standing_cards.card(used, PAIR, margin=None, source="Deployment metrics", minutes=140, is_over=False)
    for part in ("at most +20 %", "<dt>Minutes</dt><dd>80 of both", "about 140 more minutes", "What idling uses"):
        assert part in drawn
    some = replace(used, left_out="40 min of unequal load")
    assert "<dt>Left out</dt><dd>40 min of unequal load</dd>" in run_card.criteria(
        RUN, replace(VIEW, standings=(some,))
    )
    assert "Left out" not in drawn
    begun = replace(VIEW, standings=(replace(used, n=0, live_n=0, left_out="9 min of a block of 20 that is not full"),))
    assert run_card.sentence(RUN, begun).startswith("It is not yet known"), "there are minutes, though none counts"
    held = replace(used, name=MEMORY, verdict=Verdict.FAIL, more=None)
    assert "an instance of green holds" in standing_cards.card(
        held, PAIR, margin=None, source="", minutes=None, is_over=True
    )
    assert criteria_form.in_words(Criteria(None, None, (), None, 20, 15)) == (
        "processor per request at most 20 % more",
        "memory per instance at most 15 % more",
    )
    view = replace(VIEW, standings=(used, held))
    run = replace(RUN, criteria=Criteria(processor_percent=20, memory_percent=20))
    assert "which is" not in run_card.criteria(run, view), "the margin in ms is that of latency alone"


def test_the_card_of_errors_says_which_answers_are_errors_in_this_run() -> None:
    own = replace(RUN, statuses=StatusSets.of("5xx,424"))
    drawn = run_card.criteria(own, VIEW, own_statuses.told(own_statuses.of_run(own, DEFAULT_SETS)))
    errors, latency = drawn.split("</article>")[:2]
    assert "points. Errors are 5xx and 424 (model). Mistakes of the callers, all other 4xx, do not count.</p>" in errors
    assert "Errors are" not in latency


def test_an_interval_says_which_end_is_not_known_and_that_it_changed() -> None:
    assert say.interval(ERROR) == "−0.40 points to +1.30 points"
    assert say.interval(replace(LATENCY, lower=0.0, upper=math.inf)) == "nothing is ruled out yet"
    assert say.interval(replace(LATENCY, upper=math.inf)) == "+22.0 % or more"
    assert say.interval(replace(LATENCY, lower=0.0)) == "+40.0 % or less"
    assert say.interval(replace(LATENCY, lower=1.4, upper=1.2)) == "changed during the run"


def test_what_is_needed_is_a_forecast_in_two_digits_and_minutes() -> None:
    assert say.more(ERROR, 79) == "about 2,300 more requests (≈ 79 min at this rate)"
    assert say.more(replace(ERROR, more=1), None) == "about 1 more request"
    assert say.more(replace(ERROR, name=ANSWERS), None) == "about 2,300 more payloads"
    assert say.more(LATENCY, 5) == "", "a verdict needs nothing"
    assert (say.span(0.2), say.span(130), say.span(3000)) == ("1 min", "2 h 10 min", "2 d 2 h")


def test_a_bar_has_the_limit_between_its_ends_and_fades_where_nothing_is_known() -> None:
    drawn = say.picture(LATENCY)
    assert 0 < drawn.none < drawn.limit < (drawn.lower or 0) < (drawn.estimate or 0) < (drawn.upper or 0) < 100
    open_ended = say.picture(replace(LATENCY, lower=0.0, upper=math.inf))
    assert (open_ended.lower, open_ended.upper) == (None, None)
    assert "open-left open-right" in standing_cards.bar(replace(LATENCY, lower=0.0, upper=math.inf))
    assert 'class="span' not in standing_cards.bar(replace(LATENCY, estimate=None))


def test_an_estimate_beyond_what_is_told_apart_is_no_number() -> None:
    pairs, slow = SameMinute(Margin(0.1)), np.full(60, 900.0)
    for _ in range(LEAST_MINUTES):
        pairs.add(slow / 9, slow)
    found = pairs.shift(0.05)
    standing = replace(LATENCY, estimate=found.estimate, lower=found.lower, upper=found.upper)
    assert say.estimate(standing) == "4 times or more"
    assert say.interval(standing).endswith(" or more")
    assert "4 times or more" in standing_cards.bar(standing)
    assert say.picture(replace(standing, limit=4.4)).estimate is None, "it lies on one side of the limit"
    pairs = SameMinute(Margin(0.1))
    for _ in range(LEAST_MINUTES):
        pairs.add(slow, slow / 9)
    assert say.estimate(replace(standing, estimate=pairs.shift(0.05).estimate)) == "a quarter or less"
    assert say.estimate(LATENCY) == report_words.value(LATENCY.estimate, "factor") == "+31.0 %"


@given(
    st.sampled_from(["points", "factor", "percent"]),
    st.floats(0.001, 50),
    st.one_of(st.none(), st.floats(0.0, 90)),
    st.floats(-200, 200),
    st.one_of(st.just(math.inf), st.floats(-200, 200)),
)
def test_a_bar_can_be_drawn_of_whatever_is_known(
    unit: str, limit: float, estimate: float | None, lower: float, upper: float
) -> None:
    wanted = 1 + limit if unit == "factor" else limit
    standing = Standing(ERRORS, Verdict.NEED_MORE, estimate, lower, upper, wanted, unit, 1, 1, None, "")
    drawn = say.picture(standing)
    known = [
        drawn.none,
        drawn.limit,
        *(each for each in (drawn.estimate, drawn.lower, drawn.upper) if each is not None),
    ]
    assert all(0 <= each <= 100 for each in known)
    assert 15.9 < drawn.none <= drawn.limit < 84.1, "there is room for a word on either side"
    assert standing_cards.card(standing, PAIR, margin=None, source="", minutes=None, is_over=False)


def test_the_run_says_what_its_verdict_means() -> None:
    assert "not yet known whether green is as good as blue: Errors." in run_card.sentence(RUN, VIEW)
    failed = replace(VIEW, verdict=Verdict.FAIL)
    assert run_card.sentence(RUN, failed).endswith("more than the limit: Latency P95.")
    nothing = replace(VIEW, standings=(replace(ERROR, n=0, live_n=0, estimate=None),))
    assert "No data is neither PASS nor FAIL." in run_card.sentence(RUN, nothing)
    changed = replace(VIEW, standings=(replace(ERROR, lower=2.0, upper=1.0),))
    assert "changed during the run" in run_card.sentence(RUN, changed)
    over = replace(RUN, state=RunState.ENDED, ended_at=NOW, why="Its time was over.")
    assert "did not suffice" in run_card.sentence(over, VIEW)


def test_the_run_says_what_it_waits_for() -> None:
    card = run_card.card(replace(RUN, set_at=NOW), VIEW, NOW + timedelta(minutes=40))
    assert "Needs about 2,300 more requests (≈ 79 min at this rate)." in card
    assert "40 min 0 s so far, 1 h 20 min left" in card
    assert "The mirror is being set." in run_card.card(RUN, VIEW, NOW)
    assert "It is being stopped" in run_card.card(replace(RUN, set_at=NOW, is_ending=True), VIEW, NOW)
    assert "&lt;b&gt;" in run_card.card(replace(RUN, trouble="<b>"), VIEW, NOW)


def test_what_distorts_one_criterion_stands_on_its_card_and_on_the_whole() -> None:
    view = replace(VIEW, taints=(Taint(LATENCY_OF, "<green> was cold."), Taint(EVERYTHING, "The mirror moved.")))
    errors, latency = run_card.criteria(RUN, view).split("</article>")[:2]
    assert "▲" not in errors
    assert "cold" not in errors
    assert "<li>&lt;green&gt; was cold.</li>" in latency
    assert "The mirror moved." not in latency
    whole = run_card.card(RUN, view, NOW)
    assert "The mirror moved." in whole
    assert "&lt;green&gt; was cold." in whole


def test_the_running_one_is_looked_at_unless_another_is_asked_for() -> None:
    ended = replace(RUN, id="two", state=RunState.ENDED)
    assert chooser.chosen((ended, RUN), None) is RUN
    assert chooser.chosen((ended, RUN), "two") is ended
    assert chooser.chosen((ended,), "gone") is ended
    assert chooser.chosen((), "gone") is None


def test_a_promotion_gives_the_live_shares_to_the_candidate_and_ends_the_mirror() -> None:
    split = Split({"blue": 90, "red": 10}, {"green": 20})
    assert verdict_view.promoted(split, RUN) == Split({"green": 90, "red": 10})


def test_criteria_are_told_in_words() -> None:
    errors, latency = criteria_form.in_words(Criteria())
    assert errors == "errors at most 0.5 points more"
    assert latency == "latency in the same minute, P95 at most 10 % longer, unless that is 5 ms or less"
    latency, answers = criteria_form.in_words(Criteria(None, Margin(0.2), (), 1.0))
    assert latency == "latency in the same minute at most 20 % longer"
    assert answers == "at most 1 % of the answers different"
