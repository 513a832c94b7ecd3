"""The rules of load tests, and the sender against a server of this process that is told how to behave."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import NotFound, RuleBroken
from services.loadtest import report
from services.loadtest.command import as_line, from_line, parser, plan_of
from services.loadtest.engine import DONE, ERRORS, STOPPED, Engine, Shot
from services.loadtest.plan import Plan
from services.loadtest.shots import VARIANTS, shots
from services.loadtest.stopping import FULL_SECONDS, Moment, reason_to_stop
from services.loadtest.tally import NOT_SAID, Tally, spread
from services.loadtest.target import cautions, check_target
from services.scoring.request import ScoringRequest
from tests.local_azure import three_free_ports
from tests.values import deployments, endpoint

RATES = st.floats(0.1, 5000)
SHOT = Shot(b"{}", (("Content-Type", "application/json"),))
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@given(start=RATES, end=RATES, seconds=st.floats(1, 3600))
def test_every_request_of_a_plan_is_due_within_it_and_after_the_one_before(
    start: float, end: float, seconds: float
) -> None:
    plan = Plan(start, end, seconds)
    last = plan.total - 1
    places = sorted({0, min(1, last), plan.total // 3, plan.total // 2, max(0, last - 1), last})
    times = [plan.due(place) for place in places]
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] <= seconds * (1 + 1e-9)
    for place, at in zip(places, times, strict=True):
        assert start * at + (end - start) * at**2 / 2 / seconds == pytest.approx(place, rel=1e-6, abs=1e-6)


def test_a_fixed_rate_is_even() -> None:
    plan = Plan(50, 50, 3)
    assert plan.total == 150
    assert [plan.due(place) for place in (0, 1, 50)] == pytest.approx([0, 0.02, 1])


@pytest.mark.parametrize(
    ("plan", "goes_beyond"),
    [
        (Plan(501, 501, 1), False),
        (Plan(1, 501, 1), False),
        (Plan(1, 1, 601), False),
        (Plan(0, 1, 10), False),
        (Plan(float("nan"), 1, 10), False),
        (Plan(1, 1, float("nan")), False),
        (Plan(5001, 5001, 1), True),
        (Plan(1, 1, 3601), True),
        (Plan(5000, 5000, 600), True),
    ],
)
def test_a_plan_keeps_to_its_limits(plan: Plan, goes_beyond: bool) -> None:
    with pytest.raises(RuleBroken):
        plan.check(goes_beyond=goes_beyond)


def test_more_than_the_usual_is_allowed_on_purpose() -> None:
    wanted = ["--endpoint", "e", "--ramp", "10:2000", "--duration", "700"]
    with pytest.raises(RuleBroken, match="--beyond-limits"):
        plan_of(parser().parse_args(wanted))
    assert plan_of(parser().parse_args([*wanted, "--beyond-limits"])) == Plan(10, 2000, 700)


GOOD, BAD, HALF = Moment(10, 0), Moment(10, 10), Moment(10, 5)
FULL = Moment(1, 0, was_full=True)


@pytest.mark.parametrize(
    ("seconds", "outcomes", "reason"),
    [
        ([], {}, ""),
        ([BAD] * 4, {"500": 40}, ""),
        ([BAD] * 5, {"500": 50}, "50 of 50 requests failed"),
        ([GOOD] * 50 + [HALF] * 5, {"200": 525, "429": 25}, "25 of 50"),
        ([BAD] * 50 + [GOOD] * 3 + [BAD] * 2, {"200": 30, "500": 520}, ""),
        ([Moment(1, 1)] * 9, {"timeout": 9}, ""),
        ([Moment(1, 0)] * 50 + [Moment(1, 1)] * 10, {"200": 50, "500": 10}, "10 of 20 requests failed within 20 s"),
        ([Moment(10, 10)], {"401": 9, "403": 1}, "Every request was refused: 9 × 401, 1 × 403."),
        ([Moment(9, 9)], {"404": 9}, ""),
        ([Moment(11, 10)], {"401": 10, "200": 1}, ""),
        ([FULL] * FULL_SECONDS, {"200": 3}, "as many requests as allowed"),
        ([FULL, GOOD, FULL], {"200": 12}, ""),
    ],
)
def test_a_test_ends_by_itself_when_errors_persist(
    seconds: list[Moment], outcomes: dict[str, int], reason: str
) -> None:
    found = reason_to_stop(seconds, outcomes)
    assert reason in found
    assert bool(found) == bool(reason)


def test_percentiles_are_exact_and_of_good_answers_alone() -> None:
    tally = Tally()
    for number in range(1, 201):
        tally.start(0.5)
        tally.end("200", "blue" if number % 2 else "green", float(number))
    tally.end("500", "blue", 9999.0)
    tally.end("timeout", NOT_SAID, 9999.0)
    found = tally.latency()
    assert found is not None
    assert (found["p50"], found["p99"], found["p99.9"], found["max"]) == (100, 198, 200, 200)
    assert tally.latency("blue") == spread(np.arange(1, 201, 2, dtype=float))
    assert tally.deployments()[NOT_SAID] == {"outcomes": {"timeout": 1}, "latency_ms": None}
    assert tally.doubts() == []


def test_a_late_sender_makes_a_run_doubtful() -> None:
    tally = Tally()
    for number in range(100):
        tally.start(50.0 if number >= 98 else 0.1)
    assert "The sender was late" in tally.doubts()[0]


def test_whom_a_test_disturbs_is_said() -> None:
    shared = endpoint({"blue": 70, "green": 30}, {"red": 10})
    assert "blue 70 %, green 30 %" in cautions(shared, None)[0]
    assert "10 % of them are copied to red" in cautions(shared, None)[1]
    assert "green answers 30 %" in cautions(shared, "green")[0]
    assert "mirrored" in cautions(shared, "red")[0]
    assert cautions(shared, "grey") == ()


def test_a_target_that_cannot_answer_is_refused() -> None:
    with pytest.raises(NotFound, match="purple"):
        check_target(endpoint({"blue": 100}), deployments("blue"), "purple")
    with pytest.raises(RuleBroken, match="No deployment"):
        check_target(endpoint(), deployments("blue"), None)
    check_target(endpoint(), deployments("blue"), "blue")


def made(*requests: ScoringRequest, values: dict[str, str] | None = None) -> tuple[Shot, ...]:
    return shots(requests, values or {}, deployment="blue", run_id="load-1", now=NOW, rng=Random(7))


def test_requests_are_made_ready_before_the_test() -> None:
    fixed = ScoringRequest(b'{"city": "{{city}}"}', headers=(("X-A", "{{city}}"),))
    (shot,) = made(fixed, values={"city": "Bonn"})
    assert shot.body == b'{"city": "Bonn"}'
    assert {("X-A", "Bonn"), ("azureml-model-deployment", "blue"), ("x-ms-client-request-id", "load-1")} <= set(
        shot.headers
    )
    anew = made(ScoringRequest(b'"{{$uuid}}"'), ScoringRequest(b"{}"))
    assert len(anew) == 2 * VARIANTS
    assert len({each.body for each in anew}) == VARIANTS + 1
    with pytest.raises(RuleBroken, match="city"):
        made(fixed)


def test_payloads_survive_the_way_through_stdin() -> None:
    payloads = (("binary", ScoringRequest(bytes(range(256)), "image/png", (("X-A", "ä"),))), ("", ScoringRequest(b"")))
    assert from_line(as_line(payloads)) == payloads
    for line in (b"", b"[]\n", b'{"payloads": [{}]}\n', b'{"payloads": [{"name": 1, "body": "?"}]}\n'):
        with pytest.raises(RuleBroken):
            from_line(line)


def content(**changes: Any) -> dict[str, Any]:
    row = {"second": 0, "sent": 2, "good": 1, "failed": 1, "in_flight": 0, "p50": 5.0, "p99": None, "lag_p99": 0.1}
    plan = {"start_rate": 1.0, "end_rate": 2.0, "seconds": 3.0}
    given = {"rate": 2.0, "sent": 2, "good": 1, "failed": 1, "abandoned": 0, "plan": plan}
    told: dict[str, Any] = {
        "latency_ms": None,
        "lag_ms": None,
        "ended": "done",
        "is_valid": True,
        "payloads": ["a"],
        "split": {},
    }
    asked: dict[str, Any] = {"deployment": None, "payloads": ["a"], "split": {}}
    return {**given, **told, **asked, "series": [{**row, "outcomes": {"200": 1, "timeout": 1}}], **changes}


def test_two_results_are_compared_with_what_speaks_against_it() -> None:
    found = {each.label: each for each in report.lines(content(), content(rate=3.0))}
    assert found["Rate"].change_percent == 50
    assert found["Latency p99"].change_percent is None
    assert report.obstacles(content(), content()) == ()
    assert len(report.obstacles(content(), content(split={"blue": 1}, ended="errors", is_valid=False))) == 3
    assert report.plan_words(content()) == "1 to 2/s for 3 s"


def test_the_seconds_are_a_csv_file_without_invented_numbers() -> None:
    head, row = report.as_csv(content()).splitlines()
    assert head == "second,sent,good,failed,in_flight,p50_ms,p99_ms,send_lag_p99_ms,200,timeout"
    assert row == "0,2,1,1,0,5.0,,0.1,1,1"


Behaviour = Callable[[socket.socket, int], bool]


@contextlib.contextmanager
def server(behave: Behaviour, heard: list[bytes] | None = None) -> Iterator[str]:
    """A server that calls ``behave`` for request 0, 1, 2… of all connections; False closes the connection.

    What comes in is noted in ``heard``.
    """
    count = iter(range(1_000_000))
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    open_now: list[socket.socket] = []

    def converse(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while received := connection.recv(65536):
                if heard is not None:
                    heard.append(received)
                if not behave(connection, next(count)):
                    break
        connection.close()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_now.append(connection)
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/score"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for each in open_now:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def answering(status: str = "200 OK", deployment: str = "blue") -> Behaviour:
    head = f"HTTP/1.1 {status}\r\nAzureML-Model-Deployment: {deployment}\r\ncontent-length: 2\r\n\r\n{{}}"

    def behave(connection: socket.socket, _: int) -> bool:
        connection.sendall(head.encode())
        return True

    return behave


def engine(url: str, plan: Plan, **options: Any) -> Engine:
    return Engine(url, [SHOT], plan, **{"timeout_seconds": 60.0, "bearer": lambda: "key", **options})


def test_everything_is_sent_and_counted_by_deployment() -> None:
    rows: list[dict[str, Any]] = []
    with server(answering()) as url:
        sender = engine(url, Plan(40, 60, 1.2), on_second=rows.append)
        outcome = sender.run()
    assert (outcome.ended, outcome.abandoned) == (DONE, 0)
    assert sender.tally.sent == 60
    assert {name: each["outcomes"] for name, each in sender.tally.deployments().items()} == {"blue": {"200": 60}}
    assert sum(row["good"] for row in rows) == 60


def test_a_header_without_a_value_is_sent_too() -> None:
    heard: list[bytes] = []
    with server(answering(), heard) as url:
        shot = Shot(b"{}", (("Content-Type", "application/json"), ("X-Empty", "")))
        Engine(url, [shot], Plan(1, 1, 1), timeout_seconds=60.0, bearer=lambda: "key").run()
    assert b"\r\nX-Empty:\r\n" in heard[0]
    assert b"Expect" not in heard[0]


def test_latency_counts_from_the_moment_at_which_a_request_was_due() -> None:
    stall = threading.Event()

    def behave(connection: socket.socket, number: int) -> bool:
        if number == 0:
            stall.wait(0.4)
        return answering()(connection, number)

    with server(behave) as url:
        # With one at a time, those due during the stall wait in front of the sender: that wait is theirs too.
        sender = engine(url, Plan(50, 50, 1), most_in_flight=1)
        sender.run()
    found = sender.tally.latency()
    assert found is not None
    assert found["max"] >= 400
    assert found["p90"] >= 200
    assert any("had to wait" in each for each in sender.tally.doubts())


def test_a_late_sender_is_not_said_to_have_kept_the_rate() -> None:
    def slow(connection: socket.socket, number: int) -> bool:
        threading.Event().wait(0.1)
        return answering()(connection, number)

    with server(slow) as url:
        outcome = engine(url, Plan(20, 20, 1), most_in_flight=1).run()
    assert outcome.sending_seconds > 1.5


def test_requests_without_an_answer_are_counted_by_what_went_wrong() -> None:
    def behave(connection: socket.socket, number: int) -> bool:
        if number % 3 == 0:
            return False
        if number % 3 == 1:
            connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
        return True

    with server(behave) as url:
        sender = engine(url, Plan(15, 15, 1), timeout_seconds=1.5)
        sender.run()
    outcomes = sender.tally.outcomes
    assert sum(outcomes.values()) == 15
    # libcurl asks once more when a connection that it had used before is closed under its hands.
    assert {"503", "timeout", "connection broke"} >= set(outcomes) >= {"503", "timeout"}
    assert sender.tally.latency() is None


def test_nobody_listens() -> None:
    sender = engine(f"http://127.0.0.1:{three_free_ports()}/", Plan(10, 10, 1))
    assert sender.run().ended == DONE
    assert sender.tally.outcomes == {"no connection": 10}


def test_a_refused_key_is_fetched_again_and_refusals_end_the_test() -> None:
    renewed = threading.Event()
    with server(answering("401 Unauthorized")) as url:
        sender = engine(url, Plan(40, 40, 60), renew=renewed.set)
        outcome = sender.run()
    assert renewed.is_set()
    assert outcome.ended == ERRORS
    assert outcome.why.startswith("Every request was refused")
    assert outcome.seconds < 30


def test_a_run_stops_at_once_and_says_what_it_left_open() -> None:
    def silent(_: socket.socket, number: int) -> bool:
        if number == 4:
            sender.stop()
        return True

    with server(silent) as url:
        sender = engine(url, Plan(20, 20, 60), timeout_seconds=60)
        outcome = sender.run()
    assert outcome.ended == STOPPED
    assert outcome.seconds < 30
    assert outcome.abandoned == sender.tally.sent >= 5


def test_an_address_elsewhere_gets_nothing() -> None:
    seen: list[int] = []

    def note(connection: socket.socket, number: int) -> bool:
        seen.append(number)
        return answering()(connection, number)

    with server(note) as other:

        def redirect(connection: socket.socket, _: int) -> bool:
            connection.sendall(f"HTTP/1.1 307 Go\r\nlocation: {other}\r\ncontent-length: 0\r\n\r\n".encode())
            return True

        with server(redirect) as url:
            sender = engine(url, Plan(5, 5, 1))
            sender.run()
    assert sender.tally.outcomes == {"307": 5}
    assert not seen
