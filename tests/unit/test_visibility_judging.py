"""Which sources count mirrored requests: the rules, without a cloud."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from services.store import Store
from services.visibility.judging import (
    CONTAINER_LOG,
    DEPLOYMENT_METRICS,
    ENDPOINT_METRICS,
    NOT_VISIBLE,
    NOT_YET_KNOWN,
    TRAFFIC_LOG,
    VISIBLE,
    Seen,
    Source,
    judge,
)
from services.visibility.memory import Memory
from services.visibility.reading import Read
from services.visibility.reconciling import reconcile

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTES = 30
END = NOON + timedelta(minutes=MINUTES)


def minutes(count: float, first: int = 0, last: int = MINUTES) -> Mapping[datetime, float]:
    return {NOON + timedelta(minutes=each): count for each in range(first, last)} if count else {}


def source(name: str, target: float, live: float | None = 50, first: int = 0, last: int = MINUTES) -> Source:
    known = None if live is None else minutes(live, first, last)
    return Source(name, minutes(target, first, last), known)


def verdicts(*sources: Source, percent: int = 20, until: datetime = END) -> list[str]:
    return [seen.verdict for seen in judge(percent, sources, NOON, until)]


@given(named=st.integers(0, 500), shown=st.lists(st.booleans(), min_size=2, max_size=4))
def test_sources_that_differ_are_told_apart_however_many_requests_name_the_target(
    named: int, shown: list[bool]
) -> None:
    sources = [source(f"source {each}", named + 10 * is_shown) for each, is_shown in enumerate(shown)]
    found = verdicts(*sources)
    if len(set(shown)) == 2:
        told = [VISIBLE if is_shown else NOT_VISIBLE for is_shown in shown]
        # Beside very many named requests the copies are within what two counts of the same may differ by.
        assert found == told or (named > 300 and set(found) == {NOT_YET_KNOWN})
    else:
        assert NOT_VISIBLE not in found


def test_only_the_minutes_that_all_have_are_compared() -> None:
    sources = (source(DEPLOYMENT_METRICS, 10), source(TRAFFIC_LOG, 10, first=8, last=20))
    found = judge(20, sources, NOON, END)
    assert {(seen.since, seen.until) for seen in found} == {(NOON + timedelta(minutes=8), NOON + timedelta(minutes=19))}
    assert [(seen.verdict, seen.target, seen.live) for seen in found] == [(VISIBLE, 110, 550)] * 2


def test_a_source_that_lacks_live_requests_is_not_judged() -> None:
    found = judge(
        20, (source(DEPLOYMENT_METRICS, 10), source(ENDPOINT_METRICS, 0), source(TRAFFIC_LOG, 0, 20)), NOON, END
    )
    assert [seen.verdict for seen in found] == [VISIBLE, NOT_VISIBLE, NOT_YET_KNOWN]
    assert found[2].why == "It has 600 of 1,500 live requests of these minutes: it is not complete."


def test_a_container_that_writes_nothing_says_nothing() -> None:
    both = source(DEPLOYMENT_METRICS, 10), source(ENDPOINT_METRICS, 0)
    assert verdicts(*both, source(CONTAINER_LOG, 0, None)) == [VISIBLE, NOT_VISIBLE, NOT_YET_KNOWN]
    assert verdicts(*both, source(CONTAINER_LOG, 3, None)) == [VISIBLE, NOT_VISIBLE, VISIBLE]


def test_before_a_minute_has_settled_nothing_is_counted() -> None:
    [seen] = judge(20, [source(DEPLOYMENT_METRICS, 10)], NOON, NOON)
    assert (seen.verdict, seen.target, seen.live) == (NOT_YET_KNOWN, None, None)
    assert seen.why == "No minute since the split was changed has settled."


def test_rows_that_are_missing_between_others_are_not_called_late() -> None:
    rows = {at: count for number, (at, count) in enumerate(minutes(50).items()) if number % 3}
    found = reconcile(Read({"blue": minutes(50)}), Read({"blue": rows}), ["Blue"], None, {}, NOON, END)
    [blue] = found.agreements
    assert (blue.deployment, blue.metrics, blue.rows, blue.agrees) == ("Blue", 1500, 1000, False)
    assert blue.reason.startswith("Rows are missing between others")


def test_metrics_that_count_fewer_in_every_minute_are_averages() -> None:
    found = reconcile(Read({"blue": minutes(25)}), Read({"blue": minutes(50)}), ["blue"], None, {}, NOON, END)
    assert found.agreements[0].reason.startswith("The metrics count fewer")
    close = reconcile(Read({"blue": minutes(50)}), Read({"blue": minutes(50.5)}), ["blue"], None, {}, NOON, END)
    assert close.agreements[0].agrees


def test_the_last_known_verdict_of_each_source_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "sluice.db")
    memory = Memory(store, "management.example")

    def seen(name: str, verdict: str) -> Seen:
        return Seen(name, verdict, 5, None, NOON, END, "Why.")

    memory.remember("/Shop", "green", [seen(TRAFFIC_LOG, NOT_VISIBLE), seen(ENDPOINT_METRICS, VISIBLE)], NOON)
    memory.remember("/shop", "red", [seen(TRAFFIC_LOG, VISIBLE), seen(ENDPOINT_METRICS, NOT_YET_KNOWN)], END)
    found = memory.recall("/SHOP")
    assert (found[TRAFFIC_LOG].seen, found[TRAFFIC_LOG].deployment, found[TRAFFIC_LOG].at) == (
        seen(TRAFFIC_LOG, VISIBLE),
        "red",
        END,
    )
    assert (found[ENDPOINT_METRICS].seen.verdict, found[ENDPOINT_METRICS].at) == (VISIBLE, NOON)
    assert not memory.recall("/other")
    assert not Memory(store, "elsewhere.example").recall("/shop")
    store.close()
