"""Shadow tests as they are kept: nothing is lost, nothing grows without bound, and nothing is judged twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from services.azure.connection import Connection
from services.comparison.criteria import Criteria
from services.comparison.judge import ERRORS, LATENCY, Arm, Judge, Verdict
from services.comparison.quantiles import Margin
from services.comparison.taints import EVERYTHING, Taint
from services.comparison.use import Use
from services.errors import Conflict, NotFound, RuleBroken
from services.journal.entry import CHANGE, DRIFT, Entry, Who
from services.model import Split
from services.results import Results
from services.shadow import load, own_statuses
from services.shadow.ground import look
from services.shadow.judging import Judging, View, from_view, to_view
from services.shadow.kept import FEWEST_PER_MINUTE, per_minute, to_taints
from services.shadow.model import Asked, Minute, Pair, Remark, Run, RunState
from services.shadow.runs import MOST_KEPT, Runs
from services.shadow.starting import new_run, plan_of
from services.shadow.tainting import Tainting
from services.shadow.using import UNKNOWN, settled
from services.statuses import StatusSets
from services.store import Store
from services.visibility.judging import DEPLOYMENT_METRICS
from tests.values import deployments, endpoint

BEGAN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PAIR = Pair("blue", "green")
ASKED = Asked(PAIR, 20, Criteria(), HOUR, "ann", "app")
PLACE = endpoint({"blue": 100}, name="kept-shadow")
BOTH = deployments("blue", "green", of="kept-shadow")
RUN = new_run("first", plan_of(PLACE, BOTH, ASKED), BOTH, ASKED, BEGAN)
MIRRORED = endpoint({"blue": 100}, {"green": 20}, name="kept-shadow")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "sluice.db")
    yield made
    made.close()


@pytest.fixture
def runs(store: Store) -> Runs:
    return Runs(store, "cloud")


def minute(number: int, *, requests: int = 30, slower: float = 1.0, errors: int = 0) -> Minute:
    rng = np.random.default_rng(number)
    ms = 100 * np.exp(rng.normal(0, 0.4, (2, requests)))
    live = Arm(requests, 0, ms[0])
    return Minute(BEGAN + number * MINUTE, live, Arm(requests, errors, slower * ms[1][errors:]))


def test_a_run_is_read_as_it_was_kept(runs: Runs) -> None:
    full = replace(
        RUN,
        criteria=Criteria(1.5, Margin(0.2, 3.0), (0.5, 0.99), 2.0),
        set_at=BEGAN + MINUTE,
        change_id="change",
        remarks=(Remark(BEGAN, "It rained."),),
        taints=(Taint(LATENCY, "blue has two instances, green one."),),
        notes=("No rows.",),
        prepares_promotion=True,
        statuses=StatusSets.of("5xx,429", "4xx,503"),
    )
    assert runs.begin(full) == full
    assert runs.get("first") == full
    assert runs.all(PLACE.id.upper()) == runs.running() == runs.open() == (full,)
    assert Runs(runs._store, "elsewhere").get("first") is None
    view = Judging(runs).standing(full)
    assert view.told == ("It rained.", "blue has two instances, green one.")
    told = {each.name: view.taints_of(each) for each in view.standings}
    assert told.pop("Errors") == told.pop("Answers") == ()
    assert set(told.values()) == {("blue has two instances, green one.",)}, "what concerns all stands on the whole"
    assert to_view(from_view(view)) == replace(view, is_frozen=True)


def test_a_run_goes_by_the_statuses_that_it_began_with() -> None:
    setting = StatusSets.of("5xx")
    assert own_statuses.of_run(RUN, setting) == setting, "runs of before they were kept go by the setting"
    assert own_statuses.another_setting(RUN, setting) == ""
    begun = replace(RUN, statuses=StatusSets.of("5xx,424,429"))
    assert own_statuses.of_run(begun, setting) == begun.statuses
    assert own_statuses.another_setting(begun, StatusSets.of("424,5xx,429", "4xx,424")) == "", "it says the same"
    told = own_statuses.another_setting(begun, setting)
    assert "Errors are 5xx, 424 (model) and 429 (overload)." in told
    assert told == own_statuses.another_setting(begun, StatusSets.of("503")), "said once, whatever it is set to next"


def test_taints_that_were_kept_as_sentences_alone_concern_everything() -> None:
    assert to_taints(["Cold.", ["Errors", "Restarted."]]) == (Taint(EVERYTHING, "Cold."), Taint(ERRORS, "Restarted."))


def test_what_instances_used_is_kept_and_minutes_of_before_are_read_without_it(runs: Runs, store: Store) -> None:
    runs.begin(RUN)
    used = Use(1234.5, 40.25, 2), Use(None, 50.0, 1)
    arms = [replace(minute(0).live, use=each) for each in used]
    runs.add_minutes(RUN.id, [Minute(BEGAN, *arms), minute(1)])
    first, second = runs.minutes(RUN.id)
    assert (first.live.use, first.candidate.use) == used
    assert second.live.use is None
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE shadow_minutes SET used = NULL")
    assert [each.live.use for each in runs.minutes(RUN.id)] == [None, None]


def test_a_minute_whose_processor_is_late_is_waited_for_and_not_for_ever() -> None:
    kept, use = [minute(n) for n in range(4)], Use(1.0, 40.0, 1)
    told = {each.at: use for each in kept[:3]}
    soon = BEGAN + 4 * MINUTE
    assert [each.live.use for each in settled(kept, told, told, soon)] == [use] * 3
    assert [each.live.use for each in settled(kept, told, told, soon + HOUR)] == [use, use, use, None]
    assert len(list(settled(kept, told, {}, soon))) == 4, "nothing is waited for that was never told"


def test_what_instances_use_is_told_in_minutes_and_only_where_it_is_judged(runs: Runs) -> None:
    told = f"{UNKNOWN}: nothing tells."
    criteria = Criteria(latency=None, quantiles=(), memory_percent=20)
    for run in (replace(RUN, criteria=criteria), replace(RUN, id="second", endpoint_id="/other")):
        runs.begin(run)
        both = [(minute(n), Use(1.0, 40.0 + n % 2, 1)) for n in range(30)]
        kept = [Minute(m.at, replace(m.live, use=use), replace(m.candidate, use=use)) for m, use in both]
        runs.add_minutes(run.id, kept, counts="metrics", notes=(told,))
    first, second = (Judging(runs).standing(each) for each in (runs.get("first") or RUN, runs.get("second") or RUN))
    assert (first.notes, second.notes) == ((told,), ())
    errors, memory = first.standings
    assert memory.more is not None
    assert first.minutes_of(memory) == memory.more
    assert (first.source_of(memory), first.source_of(errors)) == (DEPLOYMENT_METRICS, "metrics")
    assert to_view(from_view(first)) == replace(first, is_frozen=True)


def test_one_run_of_an_endpoint_runs_at_a_time_and_a_double_click_begins_one(runs: Runs) -> None:
    runs.begin(RUN)
    assert runs.begin(replace(RUN, percent=50)) == RUN
    with pytest.raises(Conflict, match="Another one"):
        runs.begin(replace(RUN, id="second"))
    runs.begin(replace(RUN, id="other", endpoint_id=RUN.endpoint_id + "-2"))
    runs.end("first", RunState.ENDED, "Its time was over.", BEGAN + HOUR)
    runs.begin(replace(RUN, id="second"))
    assert [each.id for each in runs.open()] == ["first", "other", "second"]


def test_an_end_stays_and_nothing_changes_after_it(runs: Runs) -> None:
    runs.begin(RUN)
    ended = runs.end("first", RunState.BROKEN, "The mirror was cleared.", BEGAN)
    assert runs.end("first", RunState.ENDED, "Its time was over.", BEGAN + HOUR) == ended
    assert runs.ask_to_stop("first") == ended
    cold = (Taint(LATENCY, "Cold."),)
    told = runs.tell("first", lambda run: replace(run, taints=cold), is_over_too=True)
    assert told == replace(ended, taints=cold)
    with pytest.raises(NotFound):
        runs.ask_to_stop("none")


def test_a_minute_is_kept_once_and_in_order(runs: Runs) -> None:
    runs.begin(RUN)
    first = [minute(number) for number in range(3)]
    assert runs.add_minutes("first", first, counts="metrics", rows="log", notes=["Noted."]) == 3
    assert runs.add_minutes("first", [minute(1, errors=9), minute(2, errors=9), minute(4)]) == 1
    assert runs.add_minutes("first", [minute(3)]) == 0
    kept = runs.minutes("first")
    assert [each.at for each in kept] == [BEGAN + number * MINUTE for number in (0, 1, 2, 4)]
    assert kept[1].candidate.errors == 0
    np.testing.assert_allclose(kept[0].live.latencies_ms, first[0].live.latencies_ms, rtol=1e-6)
    assert [each.at for each in runs.minutes("first", after=BEGAN + 2 * MINUTE)] == [BEGAN + 4 * MINUTE]
    told = runs.get("first")
    assert told is not None
    assert (told.counts, told.rows, told.notes) == ("metrics", "log", ())


def test_latencies_of_another_source_are_told_and_do_not_count(runs: Runs) -> None:
    runs.begin(RUN)
    runs.add_minutes("first", [minute(0)], counts="Metrics", rows="Traffic log")
    runs.add_minutes("first", [minute(1)], counts="Metrics", rows="Console log")
    runs.add_minutes("first", [minute(2)], counts="Traffic log", rows="Console log")
    runs.add_minutes("first", [minute(3)], counts="Traffic log", rows="Traffic log")
    told = runs.get("first")
    assert told is not None
    assert told.rows == "Traffic log"
    assert [each.sentence for each in told.remarks] == [
        (
            "Since 02 Mar 08:01 UTC: Traffic log has no latencies of both. Those of Console log are measured otherwise "
            "and do not count."
        ),
        "Since 02 Mar 08:02 UTC: the requests are counted from another source: Traffic log after Metrics.",
    ]
    assert [len(each.live.latencies_ms) for each in runs.minutes("first")] == [30, 0, 0, 30]
    assert [each.candidate.requests for each in runs.minutes("first")] == [30, 30, 30, 30]


def test_requests_that_named_a_deployment_are_told_until_the_end_of_the_run(runs: Runs) -> None:
    runs.begin(RUN)
    for number in range(0, 10 * 60, 10):
        runs.add_minutes("first", [minute(number)], odd=[f"{number} named it."])
    runs.add_minutes("first", [minute(601)])
    told = runs.get("first")
    assert told is not None
    assert [each.sentence for each in told.remarks] == [
        "In the hour before 02 Mar 08:01 UTC: 0 named it.",
        "In the hour before 02 Mar 14:01 UTC: 360 named it.",
    ]


def test_one_oddity_that_was_told_hides_no_other(runs: Runs) -> None:
    runs.begin(RUN)
    for number in range(3):
        runs.add_minutes("first", [minute(number)], odd=[f"{number} named it.", f"green refused {number} of 30."])
    told = runs.get("first")
    assert told is not None
    assert [each.sentence.split("UTC: ")[1] for each in told.remarks] == ["0 named it.", "green refused 0 of 30."]


def test_own_load_tests_and_replays_that_name_a_deployment_are_told(runs: Runs, store: Store) -> None:
    run, results = runs.begin(replace(RUN, set_at=BEGAN)), Results(store, "cloud")
    load_test = {"deployment": "green", "sent": 1500, "plan": {"seconds": 120}}
    for content, kind, at in (
        (load_test, "load", BEGAN + 9 * MINUTE),
        ({**load_test, "deployment": ""}, "load", BEGAN + 12 * MINUTE),
        (load_test, "load", BEGAN - MINUTE),
        (load_test, "load", BEGAN + 3 * HOUR),
        ({"live": "red", "candidate": "blue", "started_at": BEGAN.isoformat()}, "compare", BEGAN + MINUTE),
    ):
        results.save(run.endpoint_id, kind, content, at=at)
    counted = results.save(run.endpoint_id, "compare", {"live": "blue", "candidate": "green"}, at=BEGAN + 20 * MINUTE)
    runs.add_answers("first", 1, 0, {"result": counted})
    runs.add_minutes("first", [minute(0)])
    none = load.Ground(load.Loads(load.Load("blue", 0, 0), load.Load("green", 0, 0), ""), (), ())
    Tainting(runs, lambda: BEGAN, lambda *_: none, results).look(run, cast("Connection", None), PLACE, BOTH)
    told = runs.get("first")
    assert told is not None
    assert [each.sentence for each in told.taints] == [
        "A replay sent requests that name blue from 02 Mar 08:00 to 08:01 UTC. They are counted too.",
        "A load test sent 1,500 requests that name green from 02 Mar 08:07 to 08:09 UTC. They are counted too.",
    ]


@pytest.mark.parametrize(("is_whole", "taints"), [(False, (Taint(LATENCY, "It started anew."),)), (True, ())])
def test_a_taint_stays_when_azure_does_not_tell_it_again(
    runs: Runs, *, is_whole: bool, taints: tuple[Taint, ...]
) -> None:
    runs.begin(RUN)
    runs.add_minutes("first", [minute(0)])
    runs.tell("first", lambda kept: replace(kept, taints=(Taint(LATENCY, "It started anew."),)))
    none = load.Loads(load.Load("blue", 0, 0), load.Load("green", 0, 0), "", is_whole=is_whole)
    tainting = Tainting(runs, lambda: BEGAN, tell=lambda *_: load.Ground(none, (), ()))
    tainting.look(RUN, cast("Connection", None), PLACE, BOTH)
    told = runs.get("first")
    assert told is not None
    assert told.taints == taints


def test_a_minute_without_any_request_and_one_that_is_no_number_are_kept_for_what_they_are(runs: Runs) -> None:
    runs.begin(RUN)
    odd = Minute(BEGAN, Arm(0, 0, np.array([])), Arm(3, 1, np.array([5.0, np.nan, np.inf])))
    runs.add_minutes("first", [odd])
    (kept,) = runs.minutes("first")
    assert (kept.live.requests, kept.candidate.requests, kept.candidate.errors) == (0, 3, 1)
    assert kept.candidate.latencies_ms.tolist() == [5.0]


def test_of_very_many_requests_an_even_part_is_kept(runs: Runs) -> None:
    lasts = timedelta(days=7)
    assert per_minute(lasts) == FEWEST_PER_MINUTE
    runs.begin(replace(RUN, ends_at=BEGAN + lasts))
    busy = minute(0, requests=20_000)
    runs.add_minutes("first", [busy])
    (kept,) = runs.minutes("first")
    assert (kept.live.requests, len(kept.live.latencies_ms)) == (20_000, FEWEST_PER_MINUTE)
    assert np.isin(kept.live.latencies_ms, busy.live.latencies_ms.astype(np.float32)).all()
    assert np.median(kept.live.latencies_ms) == pytest.approx(np.median(busy.live.latencies_ms), rel=0.15)


def test_the_oldest_runs_go_with_their_minutes(runs: Runs) -> None:
    for number in range(MOST_KEPT + 2):
        name = f"run-{number:02}"
        runs.begin(replace(RUN, id=name, started_at=BEGAN + number * HOUR))
        runs.add_minutes(name, [minute(number)])
        runs.add_answers(name, 10, 1, {})
        runs.end(name, RunState.ENDED, "", BEGAN)
    found = runs.all(PLACE.id)
    assert len(found) == MOST_KEPT
    assert found[0].id == f"run-{MOST_KEPT + 1}"
    assert runs.minutes("run-00") == ()
    assert runs.answers("run-01") == ()


def test_a_run_belongs_to_one_process_until_it_is_let_go_or_dead(runs: Runs) -> None:
    runs.begin(RUN)
    assert runs.take("first", "one", BEGAN)
    assert runs.take("first", "one", BEGAN + timedelta(seconds=25))
    assert not runs.take("first", "two", BEGAN + timedelta(seconds=40))
    assert runs.take("first", "two", BEGAN + timedelta(seconds=70))
    runs.let_go("first", "two", BEGAN + timedelta(seconds=71))
    assert runs.take("first", "one", BEGAN + timedelta(seconds=72))


def test_criteria_are_saved_for_an_endpoint(runs: Runs) -> None:
    assert runs.criteria(PLACE.id) == Criteria()
    wanted = Criteria(None, Margin(0.25, 10.0), (), None)
    runs.save_criteria(PLACE.id, wanted)
    runs.save_criteria(PLACE.id.upper(), wanted)
    assert runs.criteria(PLACE.id) == wanted
    assert runs.criteria(PLACE.id + "-2") == Criteria()
    with pytest.raises(RuleBroken):
        runs.save_criteria(PLACE.id, Criteria(None, None))


def test_where_a_run_stands_is_the_same_after_a_restart(runs: Runs) -> None:
    runs.begin(RUN)
    judging = Judging(runs)
    for number in range(12):
        runs.add_minutes("first", [minute(number)])
        step_by_step = judging.standing(RUN)
    assert step_by_step == Judging(runs).standing(RUN)
    by_hand = Judge(Criteria())
    for each in runs.minutes("first"):
        by_hand.add(each.live, each.candidate)
    assert step_by_step.verdict is by_hand.verdict is Verdict.NEED_MORE
    assert (step_by_step.minutes, step_by_step.per_minute, step_by_step.rows_per_minute) == (12, 30.0, 30.0)
    assert (step_by_step.since, step_by_step.until) == (BEGAN, BEGAN + 12 * MINUTE)
    assert step_by_step.more is not None
    assert step_by_step.minutes_to_go == max(step_by_step.minutes_of(each) or 0 for each in step_by_step.standings)


def test_without_minutes_nothing_is_known(runs: Runs) -> None:
    runs.begin(RUN)
    view = Judging(runs).standing(RUN)
    assert (view.verdict, view.minutes, view.per_minute, view.more, view.minutes_to_go) == (
        Verdict.NEED_MORE,
        0,
        None,
        None,
        None,
    )
    assert to_view(from_view(view)).standings == view.standings


def test_a_frozen_verdict_takes_nothing_in_any_more(runs: Runs) -> None:
    runs.begin(RUN)
    judging = Judging(runs)
    runs.add_minutes("first", [minute(number, slower=3.0) for number in range(10)])
    view = judging.standing(RUN)
    runs.freeze("first", from_view(view))
    assert runs.frozen("first") is None, "it still runs"
    runs.end("first", RunState.ENDED, "Its time was over.", BEGAN + HOUR)
    runs.freeze("first", from_view(view))
    runs.freeze("first", {"verdict": "PASS"})
    assert runs.add_minutes("first", [minute(20)]) == 0
    with pytest.raises(Conflict, match="frozen"):
        runs.add_answers("first", 10, 0, {})
    frozen = Judging(runs).standing(RUN)
    assert frozen == replace(view, is_frozen=True)
    ended = runs.get("first")
    assert ended is not None
    assert ended.verdict is view.verdict is Verdict.FAIL
    assert runs.open() == ()


def test_answers_count_for_their_criterion(runs: Runs) -> None:
    run = replace(RUN, criteria=Criteria(None, None, (), 1.0))
    runs.begin(run)
    judging = Judging(runs)

    def stands() -> View:
        return judging.standing(run)

    assert stands().verdict is Verdict.NEED_MORE
    runs.add_answers("first", 200, 100, {"fields": ["label"]})
    assert stands().verdict is Verdict.FAIL
    assert stands() == Judging(runs).standing(run)
    assert runs.answers("first")[0].content == {"fields": ["label"]}


def entry(kind: str, after: Split, minutes: int, **more: object) -> Entry:
    at = BEGAN + minutes * MINUTE
    ours = Entry(f"e{minutes}", kind, "cloud", PLACE.id, PLACE.name, Split(), after, Who("", "ben"), "", "", at)
    return replace(ours, outcome="applied" if kind == CHANGE else "open", **more)  # type: ignore[arg-type]  # values of fields


SET = replace(RUN, set_at=BEGAN, change_id="mine")


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (Split({"blue": 100}), "The mirror was cleared."),
        (Split({"blue": 100}, {"green": 50}), "The mirror was changed to 50 % to green."),
        (Split({"blue": 50, "green": 50}), "green was given live traffic."),
        (Split({"red": 100}, {"green": 20}), "blue lost its live traffic."),
        (Split({}, {"green": 20}), "blue lost its live traffic."),
    ],
)
def test_a_split_that_is_not_the_runs_any_more_breaks_it(after: Split, why: str) -> None:
    found = look(SET, replace(MIRRORED, split=after, modified_at=BEGAN + HOUR), BOTH, [])
    assert found.broken == f"{why} It was changed without Sluice."
    assert found.until == BEGAN + HOUR


def test_what_was_changed_and_changed_back_breaks_a_run_from_its_beginning_on() -> None:
    entries = [
        entry(CHANGE, MIRRORED.split, 30),
        entry(CHANGE, Split({"blue": 100}), 20),
        replace(entry(CHANGE, MIRRORED.split, 0), id="mine"),
    ]
    found = look(SET, MIRRORED, BOTH, entries)
    assert found.broken == "The mirror was cleared. It was changed with Sluice at 08:20 UTC by ben."
    assert found.until == BEGAN + 20 * MINUTE
    drift = entry(DRIFT, Split({"green": 100}), 40, changed_at=BEGAN + 38 * MINUTE)
    assert look(SET, MIRRORED, BOTH, [drift]).until == BEGAN + 38 * MINUTE


def test_other_changes_are_told_and_leave_the_run_alone() -> None:
    ground = replace(MIRRORED, split=Split({"blue": 90, "red": 10}, {"green": 20}))
    later = [BOTH[0], replace(BOTH[1], instance_count=3)]
    found = look(SET, ground, later, [entry(CHANGE, ground.split, 5)])
    assert not found.broken
    assert found.remarks == (
        "The live traffic is 90 % blue, 10 % red instead of 100 % blue.",
        "green was scaled from 1 to 3 instances.",
    )
    touched = [BOTH[0], replace(BOTH[1], modified_at=BEGAN + 3 * MINUTE)]
    (remark,) = look(SET, MIRRORED, touched, []).remarks
    assert remark.startswith("green was written to at 08:03 UTC")
    assert look(SET, MIRRORED, BOTH, []).remarks == ()


def test_another_model_or_no_deployment_breaks_a_run() -> None:
    other = [BOTH[0], replace(BOTH[1], model="digits:2", modified_at=BEGAN)]
    found = look(SET, MIRRORED, other, [])
    assert found.broken == "green became another one: its model is digits:2 instead of digits:1."
    assert found.is_ours
    gone = look(SET, MIRRORED, BOTH[:1], [])
    assert (gone.broken, gone.is_ours) == ("green was deleted.", False)


@pytest.mark.parametrize(
    ("place", "asked", "why"),
    [
        (replace(PLACE, is_kubernetes=True), ASKED, "Kubernetes"),
        (PLACE, replace(ASKED, pair=Pair("blue", "blue")), "with itself"),
        (PLACE, replace(ASKED, pair=Pair("blue", "red")), "no deployment named red"),
        (PLACE, replace(ASKED, pair=Pair("green", "blue")), "green answers no callers"),
        (replace(PLACE, split=Split({"blue": 90, "green": 10})), ASKED, "green has live traffic"),
        (PLACE, replace(ASKED, percent=51), "51 % was asked for"),
        (PLACE, replace(ASKED, percent=0), "0 % was asked for"),
        (PLACE, replace(ASKED, duration=MINUTE), "It would last 1 minutes"),
        (PLACE, replace(ASKED, criteria=Criteria(None, None)), "None is chosen"),
    ],
)
def test_a_test_that_cannot_be_run_is_refused_with_the_reason(place: object, asked: Asked, why: str) -> None:
    with pytest.raises(RuleBroken, match=why):
        plan_of(place, BOTH, asked)  # type: ignore[arg-type]  # all are endpoints


def test_the_mirror_is_set_or_taken_as_it_is() -> None:
    wanted = plan_of(PLACE, BOTH, ASKED)
    assert wanted.after == Split({"blue": 100}, {"green": 20})
    assert RUN.set_at is None
    taken = plan_of(MIRRORED, BOTH, ASKED)
    assert not taken.changes
    begun: Run = new_run("taken", taken, BOTH, ASKED, BEGAN)
    assert (begun.set_at, begun.split) == (BEGAN, MIRRORED.split)
