"""The report of a shadow test: everything is in it, nothing can break out of it, and it needs nothing else."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from services.comparison.criteria import Criteria
from services.comparison.judge import ERRORS, LATENCY, Arm, Judge, Verdict, slowest
from services.comparison.ranks import LEAST_MINUTES
from services.comparison.taints import EVERYTHING, Taint
from services.comparison.use import Use
from services.journal.entry import APPLIED, CHANGE, DRIFT, Entry, Who
from services.model import Endpoint, Split
from services.shadow import report_html
from services.shadow.judging import View
from services.shadow.model import Minute, Pair, Remark, Run, RunState, Setup
from services.shadow.report import Material, document, file_name
from services.shadow.reporting import versions
from services.shadow.runs import Answers
from services.statuses import StatusSets
from tests.values import endpoint as an_endpoint

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BAD = "<script>alert('1')</script>\"&"


@cache
def minutes(count: int, *, slower: float = 1.0, failing: float = 0.0, rows: bool = True) -> tuple[Minute, ...]:
    rng, found = np.random.default_rng(7), []

    def arm(factor: float, share: float) -> Arm:
        requests = int(rng.poisson(40))
        errors = int(rng.binomial(requests, share))
        ms = 100 * factor * np.exp(rng.normal(0, 0.3, requests - errors))
        return Arm(requests, errors, ms if rows else np.array([]))

    for number in range(count):
        found.append(Minute(AT + timedelta(minutes=number + 1), arm(1.0, 0.0), arm(slower, failing)))
    return tuple(found)


def view_of(criteria: Criteria, kept: tuple[Minute, ...], answers: tuple[Answers, ...], *, is_over: bool) -> View:
    judge = Judge(criteria, with_intervals=False)
    for each in kept:
        judge.add(each.live, each.candidate)
    for one in answers:
        judge.add_answers(one.compared, one.different)
    found = judge.standings()
    return View(
        verdict=judge.verdict,
        standings=found,
        minutes=len(kept),
        since=kept[0].at if kept else None,
        until=kept[-1].at + timedelta(minutes=1) if kept else None,
        per_minute=40.0 if kept else None,
        rows_per_minute=40.0 if kept else None,
        more=slowest(found),
        minutes_to_go=None,
        counts="Metrics of the deployments" if kept else "",
        rows="Traffic log" if kept and len(kept[0].live.latencies_ms) else "",
        notes=("Switch on the traffic log.",),
        taints=(Taint(ERRORS, "blue was restarted at 12:10."), Taint(LATENCY, "blue was restarted at 12:10.")),
        is_frozen=is_over,
    )


def material(
    kept: tuple[Minute, ...] = (),
    *,
    state: RunState = RunState.ENDED,
    criteria: Criteria | None = None,
    answers: tuple[Answers, ...] = (),
    entries: tuple[Entry, ...] = (),
    endpoint: Endpoint | None = None,
) -> Material:
    chosen = criteria or Criteria()
    is_over = state is not RunState.RUNNING
    run = Run(
        id="run-1",
        endpoint_id="/subscriptions/s/e",
        pair=Pair("blue", "green"),
        percent=20,
        criteria=chosen,
        started_at=AT,
        ends_at=AT + timedelta(hours=1),
        person="somebody",
        state=state,
        ended_at=AT + timedelta(hours=1) if is_over else None,
        why="Its time was over." if is_over else "",
        split=Split({"blue": 100}, {"green": 20}),
        setup=(
            Setup("blue", "model:1", "env:3", "Standard_DS3_v2", 2, AT - timedelta(days=1)),
            Setup("green", "model:2", "env:3", "Standard_DS3_v2", 1, None),
        ),
        set_at=AT + timedelta(seconds=20),
        remarks=(Remark(AT + timedelta(minutes=5), "The instances of blue changed."),),
        verdict=None,
    )
    view = view_of(chosen, kept, answers, is_over=is_over)
    return Material(run, endpoint or an_endpoint(), view, kept, answers, entries, (("Python", "3"),), AT)


def entry(entry_id: str, at: datetime, *, kind: str = CHANGE, reason: str = "") -> Entry:
    return Entry(
        id=entry_id,
        kind=kind,
        cloud="c",
        endpoint_id="/e",
        endpoint_name="e",
        before=Split({"blue": 100}),
        after=Split({"blue": 100}, {"green": 20}),
        who=Who("app@tenant", "somebody"),
        reason=reason,
        restores="",
        began_at=at,
        outcome=APPLIED if kind == CHANGE else "",
        request_ids=("rid-1",),
    )


def answers(share: float = 0.5) -> Answers:
    content = {
        "at": AT.isoformat(),
        "source": "Library",
        "undecided": 1,
        "share": [share, 0.4, 0.6],
        "left_out": ["$.version"],
        "marks": ["0123456789abcdef"],
        "fields": [{"field": "$.label", "is_named": True, "candidate_alone": 30}],
        "numbers": [
            {
                "field": "$.score",
                "count": 60,
                "changed": 20,
                "median": {"value": 0.1, "low": 0.05, "high": 0.2},
                "changed_median": 0.3,
                "largest": 0.9,
                "by_itself": 0.0,
            }
        ],
    }
    return Answers(60, 30, content)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(made: Material) -> tuple[str, _Tags]:
    html, reader = report_html.page(document(made)), _Tags()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return html, reader


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_a_colleague_reads_question_numbers_reasons_and_what_happened() -> None:
    made = material(minutes(60, slower=1.6), entries=(entry("entry-1", AT, reason="a try"),))
    html, _ = parsed(made)
    said = words(html)
    assert "Is green no worse than blue on the same live requests?" in said
    assert "at most 0.5 percentage points more errors" in said
    assert "✕ FAIL" in said
    assert "green is shown to be worse than blue by more than the limit" in said
    assert "model:2" in said
    assert "Standard_DS3_v2" in said
    assert "Traffic log" in said
    assert "blue was restarted at 12:10." in said
    assert "Switch on the traffic log." in said
    assert "journal entry entry-1" in said
    assert "Reason: a try" in said
    assert "The instances of blue changed." in said
    assert html.count("<figure>") == 5


def test_every_number_has_its_interval_and_count_in_the_document() -> None:
    found = json.loads(report_html.text(document(material(minutes(60, slower=1.6, failing=0.05)))))
    assert found["verdict"]["verdict"] == "FAIL"
    for each in found["verdict"]["criteria"]:
        assert each["n"] > 1000
        assert each["lower"] is not None
        assert each["source"]
        assert each["why"]
    for who in ("live", "candidate"):
        told = found["described"][who]
        assert told["error_percent"]["n"] == told["requests"]
        assert set(told["quantiles_ms"]) == {"0.5", "0.95", "0.99"}
        assert told["quantiles_ms"]["0.95"]["lower"] < told["quantiles_ms"]["0.95"]["value"]
    counted = sum(each["candidate"]["requests"] for each in found["described"]["minutes"])
    assert counted == found["described"]["candidate"]["requests"] == found["verdict"]["criteria"][0]["n"]
    assert found["taints"] == ["blue was restarted at 12:10."]
    assert {tuple(each["taints"]) for each in found["verdict"]["criteria"]} == {("blue was restarted at 12:10.",)}


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("rows", [True, False])
def test_no_data_or_little_is_said_and_is_neither_pass_nor_fail(count: int, rows: bool) -> None:
    html, _ = parsed(material(minutes(count, rows=rows)))
    assert "NEED MORE" in html
    assert "nan" not in words(html).lower()
    assert " inf" not in words(html).lower()
    found = document(material(minutes(count, rows=rows)))
    json.loads(report_html.text(found))
    if not count:
        assert found["described"]["live"]["error_percent"] is None
        assert "There are no requests to describe." in words(html)


def test_a_run_under_way_says_that_its_verdict_is_not_final_and_what_it_needs() -> None:
    html, _ = parsed(material(minutes(5), state=RunState.RUNNING))
    said = words(html)
    assert "Verdict so far" in said
    assert "It still runs." in said
    assert re.search(r"About [\d,]+ more requests", said)
    over = words(parsed(material(minutes(5)))[0])
    assert "ended before everything was decided" in over
    assert "more requests" not in over


def test_all_requests_failing_on_both_sides_and_wild_latencies_can_be_told() -> None:
    failing = tuple(
        Minute(AT + timedelta(minutes=number), Arm(30, 30, np.array([])), Arm(30, 30, np.array([])))
        for number in range(20)
    )
    assert "no data" in words(parsed(material(failing))[0])
    odd = np.array([math.nan, 0.0, math.inf, 5.0, 5.0, 1e6])
    wild = tuple(Minute(AT + timedelta(minutes=number), Arm(6, 0, odd), Arm(6, 0, odd)) for number in range(20))
    html, _ = parsed(material(wild))
    assert "nan" not in words(html).lower()
    json.loads(report_html.text(document(material(wild))))


def test_no_text_of_anybody_becomes_markup_and_nothing_is_loaded_from_elsewhere() -> None:
    made = material(minutes(20), answers=(answers(),), entries=(entry("entry-1", AT, reason=BAD),))
    run = replace(
        made.run,
        pair=Pair(BAD, f"{BAD}2"),
        person=BAD,
        why=BAD,
        remarks=(Remark(AT, BAD),),
        setup=(Setup(BAD, BAD, BAD, BAD, 1, None),),
        split=Split({BAD: 100}),
        trouble=BAD,
    )
    view = replace(made.view, counts=BAD, rows=BAD, notes=(BAD,), taints=(Taint(EVERYTHING, BAD), Taint(ERRORS, BAD)))
    odd = replace(made, run=run, view=view, endpoint=replace(made.endpoint, name=BAD, location=BAD))
    _, reader = parsed(odd)
    assert "script" not in {tag for tag, _ in reader.seen}
    for tag, attributes in reader.seen:
        assert tag not in ("link", "img", "iframe", "object", "a")
        assert not {"src", "href", "srcset"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
    html = report_html.page(document(odd), {BAD: "red;}</style>"})
    assert "red;}" not in html
    assert "url(" not in html
    assert "@import" not in html


def test_an_estimate_beyond_what_is_told_apart_is_no_number() -> None:
    kept = [
        replace(each, candidate=replace(each.candidate, latencies_ms=9 * each.live.latencies_ms))
        for each in minutes(LEAST_MINUTES)
    ]
    html, _ = parsed(material(tuple(kept)))
    assert "4 times or more" in words(html)
    made = document(material(tuple(kept)))
    [share] = [place for place, each in enumerate(made["verdict"]["criteria"]) if each["name"] == f"{LATENCY} P95"]
    beyond = {**made["verdict"]["criteria"][share], "limit": 6.0, "estimate": 4.1, "estimate_is": "4 times or more"}
    made["verdict"]["criteria"] = [beyond]
    drawn = report_html.page(made)
    assert 'class="interval"' in drawn
    assert 'class="limit"' in drawn
    assert 'class="estimate"' not in drawn, "it might lie on the other side of the limit"
    made["verdict"]["criteria"] = [{**beyond, "estimate_is": ""}]
    assert 'class="estimate"' in report_html.page(made)


def test_which_statuses_are_errors_is_said() -> None:
    made = replace(material(minutes(5)), statuses=StatusSets.of("5xx,424"))
    html, _ = parsed(made)
    assert "Errors are 5xx and 424 (model). Mistakes of the callers, all other 4xx, do not count." in words(html)
    assert document(made)["run"]["statuses"] == {"server": ["5xx", "424"], "client": ["4xx"]}


def test_answers_are_told_with_their_fields_and_without_the_marks_of_payloads() -> None:
    criteria = Criteria(answer_percent=2.0)
    made = material(minutes(20), criteria=criteria, answers=(answers(),))
    html, _ = parsed(made)
    said = words(html)
    assert "$.label differs in 30 payloads" in said
    assert "$.score moves in 20 of 60 payloads" in said
    assert "50.0 % (40.0 to 60.0 %)" in said
    assert "data collectors" in said
    assert "0123456789abcdef" not in report_html.text(document(made))


def test_the_timeline_has_what_lies_in_the_run_and_the_runs_own_changes_in_order() -> None:
    inside = entry("inside", AT + timedelta(minutes=10), kind=DRIFT)
    before = entry("before", AT - timedelta(minutes=30))
    own = entry("own", AT - timedelta(minutes=4))
    after = entry("after", AT + timedelta(hours=2))
    made = material(minutes(3), entries=(before, own, inside, after))
    made = replace(made, run=replace(made.run, change_id="own"))
    events = document(made)["timeline"]
    assert [each["entry"] for each in events if "entry" in each] == ["own", "inside"]
    assert [each["at"] for each in events] == sorted(each["at"] for each in events)
    assert events[1]["what"] == "The shadow test began: 20 % of the live requests are to be copied to green."
    assert events[-1]["what"] == "The shadow test ended. Its time was over."
    told = next(each for each in events if each.get("entry") == "inside")
    assert told["what"] == ("The split was changed elsewhere: from blue 100 % to blue 100 %, 20 % copied to green.")


def test_the_same_run_gives_the_same_report_and_its_name_says_which_it_is() -> None:
    made = material(minutes(20))
    assert document(made) == document(made)
    assert file_name(made.run, made.endpoint, "html").endswith("-blue-green-20260301T1200Z.html")
    assert made.view.verdict in Verdict


def test_versions_name_the_commit_of_a_checkout_and_nothing_where_there_is_none(tmp_path: Path) -> None:
    names = [name for name, _ in versions(tmp_path)]
    assert names == ["Python", "numpy", "scipy"]
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "packed-refs").write_text(f"# pack\n{'a' * 40} refs/heads/main\n")
    assert versions(tmp_path)[0] == ("Sluice", "a" * 12)
    (tmp_path / ".git" / "refs" / "heads" / "main").write_text(f"{'b' * 40}\n")
    assert versions(tmp_path)[0] == ("Sluice", "b" * 12)


def test_what_the_instances_used_is_told_with_its_n_and_judged_in_minutes() -> None:
    rng, kept = np.random.default_rng(8), []
    for each in minutes(90):
        busy = [2000 + 20.0 * arm.requests + rng.normal(0, 5) for arm in (each.live, each.candidate)]
        uses = (Use(busy[0], 40.0, 1), Use(busy[1], 42.0, 1))
        live, candidate = (replace(arm, use=use) for arm, use in zip((each.live, each.candidate), uses, strict=True))
        kept.append(Minute(each.at, live, candidate))
    made = material(tuple(kept), criteria=Criteria(None, None, (), processor_percent=20, memory_percent=20))
    told = document(made)
    assert told["described"]["use"]["candidate"]["memory_percent"] == 42
    assert told["described"]["use"]["live"]["added_ms"] == pytest.approx(20, rel=0.05)
    processor, memory = told["verdict"]["criteria"]
    assert (processor["counts"], processor["n"], processor["source"]) == ("minutes", 80, "Deployment metrics")
    waiting = "10 min of a block of 20 that is not full"
    assert processor["left_out"] == memory["left_out"] == waiting
    assert f"80 minutes left out: {waiting}" in words(report_html.page(told))
    assert memory["verdict"] == "PASS"
    page = report_html.page(told)
    for part in (
        "Processor that each request adds",
        "n = 90 minutes",
        "90 minutes",
        "memory per instance at most 20 %",
    ):
        assert part in page
    assert "Processor that each request adds" not in report_html.page(document(material(minutes(30))))
