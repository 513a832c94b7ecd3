"""What counted requests say about a split, and what they cannot say."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.model import Split
from services.traffic.shares import (
    ARRIVES,
    DEPLOYMENT_METRICS,
    DIFFERS,
    ENDPOINT_METRICS,
    LEVEL,
    NOT_YET_KNOWN,
    Counts,
    MirrorArrival,
    judge_mirror,
    judge_shares,
    level_of,
    notes,
    showing,
    wilson,
)

CHANGES = 2000 if os.environ.get("SLUICE_TEST_COUNTS") == "full" else 60
LOOKS = 40
MIRRORED = Split({"blue": 100}, {"green": 20})
BOTH = frozenset({DEPLOYMENT_METRICS, ENDPOINT_METRICS})


def verdicts(split: Split, live: dict[str, float], looks: int = 10) -> dict[str, str]:
    return {share.deployment: share.verdict for share in judge_shares(split, Counts(looks, live))}


def mirrored(own: float | None, seen: float | None, shown_in: frozenset[str] = frozenset()) -> MirrorArrival:
    found = judge_mirror(MIRRORED, Counts(10, {"blue": 2000.0}, own, seen), shown_in)
    assert found is not None
    return found


def test_the_interval_is_wilsons() -> None:
    """The example of Agresti and Coull's paper (1998) for the score interval: 8 of 10."""
    low, high = wilson(8, 10, 1.959964)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)
    assert wilson(0, 0, 2.0) == (0.0, 1.0)


@given(st.integers(0, 500), st.integers(1, 500), st.floats(0.1, 8))
def test_an_interval_holds_what_was_counted(hits: int, more: int, z: float) -> None:
    low, high = wilson(hits, hits + more, z)
    assert 0 <= low <= hits / (hits + more) <= high <= 1
    assert wilson(more, hits + more, z) == pytest.approx((1 - high, 1 - low))


def test_all_looks_and_comparisons_share_one_level() -> None:
    assert sum(3 * level_of(look, 3) for look in range(1, 100_000)) == pytest.approx(LEVEL, rel=1e-4)


def test_a_share_that_arrives_is_hardly_ever_called_different_however_often_it_is_looked_at() -> None:
    """A canary of few requests, looked at with every minute: the worst case for many looks."""
    chance = random.Random(4)
    alarms = 0
    for _ in range(CHANGES):
        green = total = 0
        for look in range(1, LOOKS + 1):
            total += 30
            green += sum(chance.random() < 0.05 for _ in range(30))
            seen = verdicts(Split({"blue": 95, "green": 5}), {"blue": total - green, "green": green}, look)
            if DIFFERS in seen.values():
                alarms += 1
                break
    assert alarms <= 3 * LEVEL * CHANGES + 1


@pytest.mark.parametrize(
    ("configured", "live", "expected"),
    [
        ({"blue": 100}, {"blue": 500.0}, {"blue": ARRIVES}),
        ({"blue": 100}, {"blue": 5.0}, {"blue": NOT_YET_KNOWN}),
        ({"blue": 50, "green": 50}, {"blue": 990.0, "green": 1010.0}, {"blue": ARRIVES, "green": ARRIVES}),
        ({"blue": 50, "green": 50}, {"blue": 2000.0}, {"blue": DIFFERS, "green": DIFFERS}),
        ({"blue": 99, "green": 1}, {"blue": 300.0}, {"blue": NOT_YET_KNOWN, "green": NOT_YET_KNOWN}),
        ({"blue": 99, "green": 1}, {"blue": 97_000.0, "green": 3000.0}, {"blue": DIFFERS, "green": DIFFERS}),
        ({"blue": 99, "green": 1}, {"blue": 19_800.0, "green": 200.0}, {"blue": ARRIVES, "green": ARRIVES}),
        ({"green": 100}, {"blue": 900.0, "green": 900.0}, {"blue": DIFFERS, "green": DIFFERS}),
        ({}, {}, {}),
    ],
)
def test_shares_are_judged(configured: dict[str, int], live: dict[str, float], expected: dict[str, str]) -> None:
    assert verdicts(Split(configured), live) == expected


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 100), max_size=5),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1e6), max_size=6),
    st.integers(0, 10_000),
)
def test_judging_never_fails(configured: dict[str, int], live: dict[str, float], looks: int) -> None:
    shares = judge_shares(Split(configured, {"f": 10}), Counts(looks, live))
    assert sum(share.requests for share in shares) == sum(round(n) for name, n in live.items() if name != "f")
    assert {share.deployment for share in shares} >= set(configured)


@pytest.mark.parametrize(
    ("own", "seen", "copies", "source"),
    [
        (400.0, None, 400, DEPLOYMENT_METRICS),
        (400.0, 0.0, 400, DEPLOYMENT_METRICS),
        (None, 400.0, 400, ENDPOINT_METRICS),
        (400.0, 400.0, 400, f"{DEPLOYMENT_METRICS} and {ENDPOINT_METRICS}"),
        (1400.0, 1000.0, 400, DEPLOYMENT_METRICS),
        (1000.0, 1400.0, 400, ENDPOINT_METRICS),
    ],
)
def test_copies_are_what_one_source_has_more_or_both_have(
    own: float | None, seen: float | None, copies: int, source: str
) -> None:
    found = mirrored(own, seen)
    assert (found.copies, found.source, found.verdict) == (copies, source, ARRIVES)
    assert showing(found) == frozenset(source.split(" and "))


def test_not_visible_is_not_lost_until_a_source_has_shown_copies() -> None:
    unknown = mirrored(None, None)
    assert (unknown.source, unknown.share_percent, unknown.verdict) == ("", None, NOT_YET_KNOWN)
    assert showing(unknown) == frozenset()
    known = mirrored(None, None, frozenset({DEPLOYMENT_METRICS}))
    assert (known.copies, known.share_percent, known.verdict) == (0, 0.0, DIFFERS)


def test_what_may_be_requests_that_name_the_target_is_not_said_to_be_copies() -> None:
    """Both sources count them, and while it is not known which one counts copies, they may be nothing else."""
    found = mirrored(30.0, 30.0)
    assert found.verdict == NOT_YET_KNOWN
    assert showing(found) == frozenset()
    known = mirrored(30.0, 30.0, frozenset({DEPLOYMENT_METRICS}))
    assert (known.copies, known.verdict) == (0, DIFFERS)
    both = mirrored(30.0, 30.0, BOTH)
    assert (both.copies, both.verdict) == (30, DIFFERS)


def test_copies_without_live_requests_say_nothing() -> None:
    found = judge_mirror(MIRRORED, Counts(10, {}, 30.0), frozenset())
    assert found is not None
    assert (found.live_requests, found.share_percent, found.verdict) == (0, None, NOT_YET_KNOWN)


def test_no_mirror_is_no_verdict() -> None:
    assert judge_mirror(Split({"blue": 100}), Counts(10, {"blue": 100.0}), BOTH) is None
    assert showing(None) == frozenset()


def test_notes_are_whole_sentences() -> None:
    shares = judge_shares(MIRRORED, Counts(10, {}))
    for looks, mirror in ((0, None), (10, mirrored(None, None)), (10, mirrored(400.0, None))):
        for sentence in notes(MIRRORED, shares, mirror, looks).split(". "):
            assert sentence[0].isupper()
