"""Which limit ended a call, what a card says, and which lines of a container log belong to one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.answer import Answer, Timing
from services.scoring.cards import card
from services.scoring.case import Case, Explanation, Place
from services.scoring.container_log import MOST_LINES, Wanted, find
from services.scoring.explanation import wanted_lines
from services.scoring.request import ScoringRequest
from services.scoring.timeouts import NoAnswerInTime, no_answer_in_time
from tests.values import deployments, endpoint

AT = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
REQUEST = ScoringRequest(b"{}")


def answered(
    status: int,
    headers: Mapping[str, str] | None = None,
    *,
    total_ms: float = 100,
    body: bytes = b"",
    attempts: int = 1,
) -> Answer:
    """An answer of blue."""
    timing = Timing(None, None, None, total_ms, 0, total_ms)
    said = headers or {}
    return Answer(status, body, said, {}, timing, "blue", "r-1", "c-1", None, attempts=attempts, started_at=AT)


def shown(answer: Answer, *, concurrent: int = 4, instances: int = 1) -> Explanation:
    """The card of ``answer`` from blue, whose request_timeout_ms is 2000."""
    blue = replace(
        deployments("blue")[0], request_timeout_ms=2000, max_concurrent_requests=concurrent, instance_count=instances
    )
    return card(Case(Place(endpoint({"blue": 100}), [blue], REQUEST, "blue"), answer))


def test_a_408_at_the_limit_was_ended_by_azure() -> None:
    found = shown(answered(408, total_ms=2010))

    assert found.cause.startswith("Azure ended the call")
    assert ("request_timeout_ms of blue", "2,000 ms") in found.numbers
    assert ("Measured here until the answer", "2,010 ms") in found.numbers


def test_a_408_long_before_the_limit_was_ended_by_something_else() -> None:
    found = shown(answered(408, total_ms=800))

    assert found.cause.startswith("The call ended after 800 ms, before request_timeout_ms of 2,000 ms")
    assert "Read the deployment again" in found.next_steps[0]


def test_a_408_of_a_deployment_that_takes_one_request_at_a_time_names_the_queue() -> None:
    assert "one request at a time" in shown(answered(408, total_ms=2010), concurrent=1).next_steps[-1]


@pytest.mark.parametrize(
    ("limit", "received", "cause"),
    [
        (1.0, 0, "The limit here ended the call. blue may take 2,000 ms before Azure ends it."),
        (60.0, 0, "The limit here ended the call, though Azure should have answered 408 before."),
        (60.0, 12, "The limit here ended the call: the answer had begun, and its end did not come."),
    ],
)
def test_our_own_limit_is_named_when_it_ended_the_call(limit: float, received: int, cause: str) -> None:
    blue = replace(deployments("blue")[0], request_timeout_ms=2000)
    place = Place(endpoint({"blue": 100}), [blue], replace(REQUEST, timeout_seconds=limit))
    error = NoAnswerInTime("A.", "B.", "C.", waited_ms=limit * 1000, received_bytes=received)

    assert no_answer_in_time(place, error).cause == cause


def test_the_in_flight_limit_is_shown_with_what_it_is_made_of() -> None:
    reason = {"ms-azureml-model-error-reason": "too_many_pending_request"}
    found = dict(shown(answered(429, reason), instances=3).numbers)

    assert found["In-flight limit of blue"] == "24 requests"
    assert found["Made of"] == "2 × 4 concurrent × 3 instances"
    assert found["Limits of the endpoint"].startswith("500 requests/s")


def test_a_429_of_a_deployment_that_is_not_known_says_so() -> None:
    place = Place(endpoint({"blue": 50, "green": 50}), [], REQUEST)
    numbers = dict(card(Case(place, answered(429))).numbers)

    assert numbers["In-flight limit of the deployment"] == "not known"


def test_a_key_that_was_refused_twice_says_so() -> None:
    assert dict(shown(answered(401, attempts=2)).numbers)["Tried"].startswith("twice")


def test_a_location_that_cannot_be_read_or_names_somebody_is_harmless() -> None:
    odd = dict(shown(answered(302, {"location": "https://[::1"})).numbers)
    named = dict(shown(answered(302, {"location": "https://me:secret@x.example/"})).numbers)

    assert (odd["Leads to"], named["Leads to"]) == ("an address that cannot be read", "x.example")


@given(
    st.integers(300, 599),
    st.dictionaries(
        st.sampled_from(["ms-azureml-model-error-statuscode", "retry-after", "location", "date"]), st.text()
    ),
    st.binary(max_size=40),
)
def test_every_answer_that_is_not_good_has_a_card(status: int, headers: Mapping[str, str], body: bytes) -> None:
    answer = answered(status, headers, body=body)
    found = shown(answer)

    assert found.title
    assert found.cause.endswith(".")
    assert found.next_steps
    assert wanted_lines(answer).began_at <= wanted_lines(answer).ended_at


LOG = """Instance status:
SystemSetup: Succeeded

Container events:
Kind: Pod, Name: Pulled, Type: Normal, Time: 2026-03-01T10:00:00.1Z, Message: Container image is pulled

Container logs:
2026-03-01 09:00:00,000 I [7] azmlinfsrv - Starting up
2026-03-01 10:00:00,010 E [7] azmlinfsrv - Encountered Exception: Traceback (most recent call last):
ValueError: first
2026-03-01 10:00:00,011 I [7] azmlinfsrv - POST /score 500 1.5ms 92
2026-03-01 10:00:00,020 I [8] azmlinfsrv.print - of another worker
2026-03-01 10:00:00,050 E [7] azmlinfsrv - Encountered Exception: Traceback (most recent call last):
ValueError: second
2026-03-01 10:00:00,060 I [7] azmlinfsrv - POST /score 500 2.5ms 92
2026-03-01 10:00:00,070 I [7] azmlinfsrv - POST /score 200 0.5ms 3
2026-03-01 10:30:00,000 I [7] azmlinfsrv - POST /score 500 9.9ms 92
"""
WANTED = Wanted(AT, AT + timedelta(milliseconds=61), (), 500, 92)


def test_the_lines_of_one_request_end_with_its_own_status_and_size() -> None:
    found = find(LOG, WANTED)

    assert found.lines.splitlines()[1:] == [
        "ValueError: second",
        "2026-03-01 10:00:00,060 I [7] azmlinfsrv - POST /score 500 2.5ms 92",
    ]
    assert (found.is_own, found.model_ms) == (True, 2.5)
    assert found.newest_ms == (9.9, 0.5, 2.5)


def test_what_a_process_wrote_long_before_its_first_request_is_left_out() -> None:
    found = find(LOG, replace(WANTED, ended_at=AT - timedelta(milliseconds=39)))

    assert "first" in found.lines
    assert "Starting up" not in found.lines


def test_lines_that_name_the_request_win() -> None:
    found = find(LOG + "2026-03-01 10:00:00,080 I [9] azmlinfsrv.print - r-1 is odd\n", replace(WANTED, ids=("r-1",)))

    assert found.lines.endswith("r-1 is odd")
    assert len(found.lines.splitlines()) == 1


def test_without_a_line_of_its_own_the_time_decides_and_the_note_says_so() -> None:
    found = find(LOG, replace(WANTED, status=None))

    assert "of another worker" in found.lines
    assert "10:30" not in found.lines
    assert not found.is_own
    assert "Other requests of that time are among them" in found.note


def test_a_log_of_another_time_shows_its_newest_lines() -> None:
    found = find(LOG, Wanted(AT + timedelta(days=1), AT + timedelta(days=1)))

    assert "10:30:00" in found.lines
    assert "Instance status" not in found.lines
    assert found.note.startswith("No line is from the time of this request")


@pytest.mark.parametrize("log", ["", "\n\n", "Instance status:\n\nContainer logs:\n"])
def test_an_empty_log_says_so(log: str) -> None:
    assert (find(log, WANTED).lines, find(log, WANTED).note) == ("", "The container log is empty.")


@given(st.text(max_size=300) | st.lists(st.sampled_from(LOG.splitlines()), max_size=200).map("\n".join))
def test_any_log_gives_a_bounded_excerpt_of_itself(log: str) -> None:
    found = find(log, WANTED)

    assert len(found.lines.splitlines()) <= MOST_LINES
    assert all(line in log for line in found.lines.splitlines())


def test_the_servers_clock_counts_where_the_clocks_differ_much() -> None:
    late = wanted_lines(answered(424, {"date": "Sun, 01 Mar 2026 10:10:00 GMT"}))
    near = wanted_lines(answered(424, {"date": "Sun, 01 Mar 2026 10:00:01 GMT"}))
    bad = wanted_lines(answered(424, {"date": "yesterday"}))

    assert late.ended_at == AT + timedelta(minutes=10)
    assert near.began_at == bad.began_at == AT
