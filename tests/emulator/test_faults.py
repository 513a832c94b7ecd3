"""The rules of faults: what can be asked for, what it hits, and how often."""

from __future__ import annotations

import random
from typing import Any

import pytest

from emulator.faults import Fault, FaultBook, FaultError, Outcome, parse_fault

WRITE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "which requests"),
        ({"path": "/x"}, "does something"),
        ({"path": "x", "status": 500}, "begins with /"),
        ({"pth": "/x"}, "no field pth"),
        ({"path": "/x", "status": 99}, "200 to 599"),
        ({"path": "/x", "status": True}, "200 to 599"),
        ({"path": "/x", "status": "500"}, "200 to 599"),
        ({"path": "/x", "code": "Busy", "delay_seconds": 1}, "give its status"),
        ({"path": "/x", "retry_after": 1, "delay_seconds": 1}, "give its status"),
        ({"path": "/x", "connection": "drop"}, "reset, lost or half"),
        ({"path": "/x", "connection": "reset", "status": 500}, "leave out status"),
        ({"path": "/x", "delay_seconds": -1}, "seconds"),
        ({"path": "/x", "status": 500, "times": 0}, "whole number from 1"),
        ({"path": "/x", "status": 500, "probability": 2}, "0 to 1"),
        ({"path": "/x", "status": 500, "headers": {"Content-Length": "1"}}, "frame the body"),
        ({"path": "/x", "status": 500, "headers": {"X": "a\r\nb"}}, "headers"),
        ({"path": "/endpoints/x/score", "operation": WRITE, "status": 500}, "no operation"),
        ({"path": "/x", "status": 500, "target": "shop"}, "outcome"),
        ({"outcome": {"code": "a", "message": "b"}}, "needs operation"),
        ({"operation": WRITE, "outcome": {"code": "a"}}, "code and message"),
        ({"operation": WRITE, "outcome": {"code": "a", "message": "b"}, "status": 500}, "besides"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FaultError, match=sentence):
        parse_fault(values)


def test_patterns_compare_without_case_and_stars_stand_for_any_text() -> None:
    fault = parse_fault({"operation": "microsoft.*/DEPLOYMENTS/write", "method": "put", "status": 500})
    assert fault.matches("PUT", "/subscriptions/s", WRITE)
    assert not fault.matches("PATCH", "/subscriptions/s", WRITE)
    assert not fault.matches("PUT", "/subscriptions/s", WRITE.replace("write", "read"))
    by_path = parse_fault({"path": "/*/onlineEndpoints/shop.1", "status": 500})
    assert by_path.matches("GET", "/a/b/onlineendpoints/SHOP.1", "")
    assert not by_path.matches("GET", "/a/b/onlineEndpoints/shopx1", "")


def test_a_fault_hits_as_often_as_it_was_asked_to_and_then_the_next_one_does() -> None:
    book = FaultBook(random.Random(1))
    first = book.add(Fault(path="/x", status=503, times=2))
    second = book.add(Fault(path="/*", status=500))
    answers = [book.take("GET", "/x") for _ in range(3)]
    assert [each.status for each in answers if each] == [503, 503, 500]
    kept = {each.id: (each.remaining, each.hits) for each in book.listing()}
    assert kept == {first.id: (0, 2), second.id: (None, 1)}


def test_a_probability_is_kept_in_the_long_run() -> None:
    book = FaultBook(random.Random(2))
    book.add(Fault(path="/x", status=500, probability=0.25))
    hits = sum(book.take("GET", "/x") is not None for _ in range(4000))
    assert 850 < hits < 1150


def test_an_outcome_meets_operations_and_never_requests() -> None:
    book = FaultBook(random.Random(3))
    failure = Outcome("OutOfQuota", "No more.")
    book.add(Fault(operation=WRITE, target="shop/*", outcome=failure, times=1))
    assert book.take("PUT", "/subscriptions/s", WRITE) is None
    assert book.outcome(WRITE, "other/blue") is None
    assert book.outcome(WRITE, "Shop/blue") == failure
    assert book.outcome(WRITE, "Shop/blue") is None


def test_a_book_that_is_told_its_faults_goes_on_counting_those_it_knows() -> None:
    teller, told = FaultBook(random.Random(4)), FaultBook(random.Random(5))
    teller.add(Fault(path="/endpoints/shop/score", status=429, times=2, retry_after=1))
    teller.add(Fault(path="/subscriptions/*", status=500))
    told.replace(teller.for_scoring())
    assert told.take("POST", "/subscriptions/s") is None
    assert told.take("POST", "/endpoints/shop/score") is not None
    told.replace(teller.for_scoring())
    assert [each.remaining for each in told.listing()] == [1]
    told.replace([])
    assert not told
