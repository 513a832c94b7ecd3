"""A source is used when it has the requests of both deployments, copies included, and of which minutes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from services.shadow.cells import Cells, Collector, pieces
from services.shadow.choosing import Mirror, Survey, choose
from services.shadow.console_rows import MOST_ANSWERED, of_log
from services.shadow.model import Pair
from services.statuses import DEFAULT_SETS, StatusSets
from services.visibility.judging import CONSOLE_LOG, DEPLOYMENT_METRICS, ENDPOINT_METRICS, TRAFFIC_LOG

PAIR = Pair("blue", "green")
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MIRROR = Mirror(20, NOON)


def minutes(per_minute: float, first: int = 0, end: int = 60) -> dict[datetime, float]:
    return {NOON + timedelta(minutes=number): per_minute for number in range(first, end)} if per_minute else {}


def survey(source: str, live: float, candidate: float, first: int = 0, end: int = 60) -> Survey:
    return Survey(source, {"blue": minutes(live, first, end), "green": minutes(candidate, first, end)})


def refused(*surveys: Survey, mirror: Mirror | None = MIRROR) -> set[str]:
    return set(choose(surveys, PAIR, mirror).refused)


def test_a_source_that_lacks_the_copies_is_refused_beside_one_that_has_them() -> None:
    metrics, log = survey(DEPLOYMENT_METRICS, 20, 5), survey(TRAFFIC_LOG, 20, 1)
    assert refused(metrics, log) == {TRAFFIC_LOG}
    assert refused(metrics, log, mirror=None) == {TRAFFIC_LOG}
    assert refused(survey(DEPLOYMENT_METRICS, 20, 1), survey(TRAFFIC_LOG, 20, 5)) == {DEPLOYMENT_METRICS}


def test_a_log_that_begins_late_or_misses_rows_of_both_is_as_good() -> None:
    metrics = survey(DEPLOYMENT_METRICS, 20, 4)
    assert refused(metrics, survey(TRAFFIC_LOG, 20, 4, 45, 58)) == set()
    assert refused(metrics, survey(TRAFFIC_LOG, 10, 2)) == set()


def test_a_log_with_lines_of_one_side_is_refused_and_refuses_no_other() -> None:
    metrics = survey(DEPLOYMENT_METRICS, 20, 4)
    found = choose([metrics, survey(CONSOLE_LOG, 0, 4)], PAIR, MIRROR)
    assert found.refused == {CONSOLE_LOG: "It has requests of green and none of blue."}
    assert refused(metrics, survey(CONSOLE_LOG, 2, 4)) == set()


def test_requests_that_name_the_candidate_are_no_copies_when_all_sources_hide_these() -> None:
    both = survey(DEPLOYMENT_METRICS, 20, 1), survey(TRAFFIC_LOG, 20, 1)
    assert refused(*both) == {DEPLOYMENT_METRICS, TRAFFIC_LOG}
    # What was before the mirror is not held against it, nor what only just began.
    assert refused(*both, mirror=Mirror(20, NOON + timedelta(minutes=59))) == set()


def test_a_load_test_that_names_the_live_deployment_hides_no_copies() -> None:
    busy = {**minutes(20), **minutes(2000, 10, 30)}
    metrics = Survey(DEPLOYMENT_METRICS, {"blue": busy, "green": minutes(4)})
    found = choose([metrics], PAIR, MIRROR)
    assert found.refused == {}
    assert "did not arrive" in found.notes[0]


@pytest.mark.parametrize(
    ("per_minute", "words"), [(12.0, "480 named it"), (25.0, "1,260 named it"), (2.5, "did not arrive"), (4.2, "")]
)
def test_more_or_fewer_than_are_mirrored_is_said(per_minute: float, words: str) -> None:
    notes = choose([survey(DEPLOYMENT_METRICS, 20, per_minute)], PAIR, MIRROR).notes
    assert [words in note for note in notes] == ([True] if words else [])


def test_deployment_metrics_without_a_request_are_believed_unless_another_source_has_some() -> None:
    assert refused(survey(DEPLOYMENT_METRICS, 0, 0), survey(ENDPOINT_METRICS, 0, 0)) == {ENDPOINT_METRICS}
    assert refused(survey(DEPLOYMENT_METRICS, 1, 0, 0, 5)) == set()
    assert refused(survey(DEPLOYMENT_METRICS, 0, 0), survey(ENDPOINT_METRICS, 20, 4)) == {DEPLOYMENT_METRICS}
    assert refused(survey(DEPLOYMENT_METRICS, 20, 0)) == {DEPLOYMENT_METRICS}


def test_two_live_deployments_are_in_every_source() -> None:
    assert refused(survey(DEPLOYMENT_METRICS, 20, 30), survey(TRAFFIC_LOG, 20, 30), mirror=None) == set()


def test_much_is_read_in_pieces_and_too_much_from_the_newest_minutes() -> None:
    counted, end = [minutes(100.0)], NOON + timedelta(hours=1)
    found = pieces(counted, NOON, end, 1000, 10_000)
    assert (len(found), found[0][1], found[-1][0]) == (6, end, NOON)
    assert all(later[0] == earlier[1] for later, earlier in itertools.pairwise(found))
    assert pieces(counted, NOON, end, 1000, 2500)[-1][0] == end - timedelta(minutes=25)
    assert pieces([{}], NOON, end, 1000, 2500) == [(NOON, end)]


def test_a_container_s_log_tells_the_requests_that_it_closed() -> None:
    lines = [
        "2026-03-01 12:00:01,100 I [70] azmlinfsrv - POST /score 200 10.5ms 92",
        "2026-03-01 12:01:01,100 I [71] azmlinfsrv - POST /score?verbose=1 200 20ms 92",
        "Traceback (most recent call last):",
        "2026-03-01 12:01:09,100 I [70] azmlinfsrv - POST /score 500 3.1ms 12",
        "2026-03-01 12:01:10,000 I [70] azmlinfsrv - GET / 200 0.1ms 12",
    ]

    def told(asked: int) -> tuple[datetime | None, Cells]:
        gathered = Collector()
        since = of_log(gathered, "Blue", "\n".join(lines), asked, DEFAULT_SETS)
        return since, gathered.cells(since)

    since, cells = told(1000)
    assert since is None
    assert cells.at("blue", NOON).latencies_ms.tolist() == [10.5]
    second_minute = NOON + timedelta(minutes=1)
    second = cells.at("blue", second_minute)
    assert (second.requests, second.errors, second.latencies_ms.tolist()) == (2, 1, [20.0])
    gathered = Collector()
    of_log(gathered, "blue", "\n".join(lines), 1000, StatusSets.of("5xx"))
    assert gathered.cells().at("blue", second_minute).refused == 1, "callers get a 424 for it"
    # A log that is cut may have a part of its first minute only.
    assert told(len(lines))[0] == NOON + timedelta(minutes=1)
    # Azure answers fewer lines than were asked for and does not say so.
    lines += ["2026-03-01 12:02:00,000 I [70] azmlinfsrv - GET / 200 0.1ms 12"] * MOST_ANSWERED
    assert told(2 * MOST_ANSWERED)[0] == NOON + timedelta(minutes=1)
