"""Warnings before a split is applied: what is said when, and with which numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.model import Split
from services.test_log import TestResult
from services.traffic.evidence import DeploymentEvidence, Evidence, FailingProbe, Gap, Rate, ServiceTime
from services.traffic.overload import room
from services.traffic.plan import Plan, expected, for_callers, plan
from services.traffic.preflight import Finding, assess
from services.traffic.queueing import rejected_share
from tests.values import deployments, endpoint

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KNOWN = DeploymentEvidence(ServiceTime(0.5, "200 requests in its log"), ready_instances=1, has_answered=True)
REQUESTS, BYTES = Rate(60, 120), Rate(1000, 2000)
BOTH = deployments("blue", "green")


def shift(live: Mapping[str, int] | None = None, mirror: int = 0, *, start: Mapping[str, int] | None = None) -> Plan:
    """A plan for blue and green, from all to blue unless said otherwise; ``mirror`` is green's."""
    before = {"blue": 100} if start is None else start
    return plan(endpoint(before), BOTH, live or {"blue": 100}, "green" if mirror else None, mirror)


def evidence(
    green: DeploymentEvidence = KNOWN,
    rate: Rate | None = REQUESTS,
    network: Rate | None = BYTES,
    gaps: tuple[Gap, ...] = (),
) -> Evidence:
    """Of blue and green."""
    return Evidence(rate, network, {"blue": KNOWN, "green": green}, gaps, NOW)


def only(found: tuple[Finding, ...], kind: str) -> Finding:
    """The one finding, of that kind."""
    assert [finding.kind for finding in found] == [kind], found
    return found[0]


def test_a_target_that_will_drown_is_named_with_its_share_and_where_it_comes_from() -> None:
    found = only(assess(shift({"green": 100}), BOTH, evidence()), "overload")

    # Two requests per second on a server that does two: M/M/1/2 at full load refuses a third.
    assert found.deployment == "green"
    assert found.title == "green would refuse 33 % of its requests in a busy minute (429)"
    assert "33 % at 120 requests/min" in found.detail
    assert "14 % at 60 requests/min" in found.detail
    assert "1 ready instance" in found.detail
    assert "500 ms (200 requests in its log)" in found.detail
    assert "M/M/1/2" in found.detail


def test_a_target_that_keeps_up_is_no_finding() -> None:
    assert assess(shift({"blue": 99, "green": 1}), BOTH, evidence()) == ()


def test_a_deployment_that_loses_traffic_is_not_judged() -> None:
    assert assess(shift({"blue": 10, "green": 90}, start={"green": 100}), BOTH[1:], evidence()) == ()


def test_one_that_was_overloaded_before_says_how_much() -> None:
    found = only(assess(shift({"green": 100}, start={"blue": 50, "green": 50}), BOTH, evidence()), "overload")

    assert "(now 14 %)" in found.detail


def test_copies_are_load_too_and_callers_do_not_notice() -> None:
    found = only(assess(shift(mirror=50), BOTH, evidence(rate=Rate(None, 600))), "overload")

    assert found.title == "green would refuse 64 % of its copies in a busy minute (429)"
    assert "Callers do not notice" in found.detail
    assert "last 15 minutes" not in found.detail


def test_a_timeout_that_comes_before_a_full_queue_is_said() -> None:
    slow = [replace(each, max_concurrent_requests=50) for each in BOTH]

    found = only(assess(shift({"green": 100}), slow, evidence(rate=Rate(60, 240))), "overload")

    # Four per second on a server that does two: half cannot be done, and 10 of 100 places are done in 5 s.
    assert found.title == "green would refuse or time out 50 % of its requests in a busy minute (429 or 408)"
    assert "timeout of 5 s" in found.detail


def test_the_queue_is_made_of_ready_instances_or_else_of_configured_ones() -> None:
    green = replace(BOTH[1], instance_count=3, max_concurrent_requests=4, worker_count=2)

    configured = room(green, replace(KNOWN, ready_instances=None))
    ready = room(green, replace(KNOWN, ready_instances=2))

    assert configured is not None
    assert (configured.servers, configured.places) == (6, 24)
    assert ready is not None
    assert (ready.servers, ready.places) == (4, 16)
    assert ready.lost_share(600) == rejected_share(10, 0.5, 4, 16)
    assert room(green, replace(KNOWN, ready_instances=0)) is None
    assert room(green, replace(KNOWN, service=None)) is None


def test_more_requests_per_second_than_an_endpoint_takes() -> None:
    found = assess(shift({"blue": 99, "green": 1}), BOTH, evidence(rate=Rate(100, 60_000)))

    assert "would refuse 50 % of all requests" in found[1].title
    assert "1,000 requests per second" in found[1].detail
    close = assess(shift({"blue": 99, "green": 1}), BOTH, evidence(rate=Rate(100, 27_000)))
    assert "450 requests per second, close to its limit" in close[1].title


def test_copies_count_against_the_bandwidth() -> None:
    found = only(assess(shift(mirror=50), BOTH, evidence(rate=Rate(1, 1), network=Rate(1e6, 4e6))), "bandwidth")

    assert "not be enough: 6.0 of 5 MB per second" in found.title
    assert "4.0 MB per second" in found.detail
    assert "50 % copies" in found.detail
    assert assess(shift({"blue": 99, "green": 1}), BOTH, evidence(network=Rate(1e6, 3.9e6))) == ()


@pytest.mark.parametrize(
    ("change", "known", "words"),
    [
        ({"state": "Updating"}, KNOWN, "green is not ready: its state is Updating"),
        ({"instance_count": 0}, KNOWN, "green has no instance"),
        ({"instance_count": 3}, KNOWN, "1 of 3 instances of green is ready"),
        ({}, replace(KNOWN, ready_instances=0), "No instance of green is ready"),
    ],
)
def test_a_target_that_is_not_ready(change: dict[str, object], known: DeploymentEvidence, words: str) -> None:
    green = [BOTH[0], replace(BOTH[1], **change)]  # type: ignore[arg-type]  # one field of several types

    found = only(assess(shift({"blue": 99, "green": 1}), green, evidence(known)), "not_ready")

    assert found.title == words


def test_a_target_that_never_answered_matters_to_callers_only() -> None:
    fresh = evidence(replace(KNOWN, has_answered=False))

    assert (
        "not answered any request" in only(assess(shift({"blue": 99, "green": 1}), BOTH, fresh), "never_answered").title
    )
    assert assess(shift(mirror=1), BOTH, fresh) == ()


def test_failing_probes_and_a_failed_last_test() -> None:
    probe = FailingProbe("ReadinessProbeFailed", 3, NOW, "HTTP probe failed with statuscode: 503")
    test = TestResult(NOW - timedelta(hours=1), 424, 10.0, None)
    changed = [BOTH[0], replace(BOTH[1], modified_at=NOW)]
    green = replace(KNOWN, failing_probes=(probe,), last_test=test)

    probes, last = assess(shift({"blue": 99, "green": 1}), changed, evidence(green))

    assert (probes.kind, last.kind) == ("probes", "last_test")
    assert "ReadinessProbeFailed, 3 times" in probes.title
    assert "12:00 UTC: HTTP probe failed" in probes.detail
    assert last.title == "The last test request to green failed: status 424"
    assert "changed since" in last.detail
    good = replace(KNOWN, last_test=replace(test, status=200))
    assert assess(shift({"blue": 99, "green": 1}), BOTH, evidence(good)) == ()


def test_what_is_not_known_is_said_with_its_reason() -> None:
    gaps = (Gap(None, "failing probes", "No workspace is set."), Gap("blue", "its log", "Not of interest."))
    green = DeploymentEvidence()

    found = assess(shift({"blue": 50, "green": 50}), BOTH, evidence(green, rate=None, gaps=gaps))

    assert [(finding.kind, finding.deployment) for finding in found] == [
        ("unknown", "green"),
        ("unknown", None),
        ("unknown", None),
    ]
    assert "How long green takes for a request is not known" in found[0].title
    assert "How many requests come in is not known" in found[1].title
    assert (found[2].title, found[2].detail) == ("Not known: failing probes", "No workspace is set.")


def test_a_plan_of_no_change_has_nothing_to_warn_of() -> None:
    assert assess(shift(), BOTH, evidence(DeploymentEvidence(), gaps=(Gap(None, "x", "y"),))) == ()


def test_expected_requests_of_every_deployment() -> None:
    start = endpoint({"blue": 100}, {"green": 20})
    three = deployments("blue", "green", "red")
    made = plan(start, three, {"blue": 90, "green": 10}, None, 0)
    known = Evidence(Rate(200, 400), None, dict.fromkeys(("blue", "green", "red"), KNOWN))

    found = expected(made, known)

    assert list(found) == ["blue", "green", "red"]
    assert (found["blue"].before_per_minute, found["blue"].after_per_minute) == (200, 180)
    assert (found["green"].mirrored_before, found["green"].mirrored_after) == (40, 0)
    assert (found["red"].before_per_minute, found["red"].after_per_minute) == (0, 0)


def test_expected_requests_are_unknown_when_nobody_counts_them() -> None:
    made = shift({"blue": 50, "green": 50})

    for rate in (None, Rate(None, 10)):
        assert expected(made, evidence(rate=rate))["green"].after_per_minute is None


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (Split({"blue": 100}), Split({"blue": 100}), "Nothing changes."),
        (Split({"blue": 100}), Split({"green": 10, "blue": 90}), "Begins to answer callers: 10 of 100 requests."),
        (
            Split({"green": 10, "blue": 90}),
            Split({"green": 30, "blue": 70}),
            "Answers 30 instead of 10 of 100 requests.",
        ),
        (Split({"green": 100}), Split({"blue": 100}), "Answers only requests that name it."),
        (
            Split({"blue": 100}),
            Split({"blue": 100}, {"green": 5}),
            "Gets copies of 5 of 100 requests; callers never see its answers.",
        ),
        (Split({"blue": 100}, {"green": 5}), Split({"blue": 100}), "Gets no more copies; callers do not notice."),
    ],
)
def test_what_changes_for_callers(before: Split, after: Split, words: str) -> None:
    assert for_callers(before, after, "green") == words


def test_deployments_that_the_evidence_does_not_know_are_judged_as_unknown() -> None:
    found = assess(shift({"green": 100}), BOTH, Evidence(Rate(1, 1), None, {}))

    assert only(found, "unknown").deployment == "green"
