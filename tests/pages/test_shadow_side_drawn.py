"""Tables, charts and windows of two deployments side by side, from numbers whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest

from services.comparison.criteria import Criteria
from services.comparison.describe import Description, describe
from services.comparison.judge import ERRORS, LATENCY, Arm
from services.comparison.taints import EVERYTHING, REQUESTS, Restart, Taint
from services.journal.entry import APPLIED, CHANGE, FIRST_SEEN, Entry, Who
from services.model import Split, Window
from services.shadow.load import Ground, Load, Loads
from services.shadow.model import Minute, Pair, Reading, Run
from tests.values import endpoint
from ui.charts import Look
from ui.shadow import distributions, over_time, side_table, side_window
from ui.shadow.side_window import Asked

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTES = 20
WINDOW = Window(START, START + timedelta(minutes=MINUTES), 60)
PAIR = Pair("blue", "green")


def minutes(live: int = 20, candidate: int = 8, *, errors: int = 1) -> tuple[Minute, ...]:
    rng = np.random.default_rng(1)
    return tuple(
        Minute(
            START + timedelta(minutes=number),
            Arm(live, 0, 10 * rng.lognormal(0, 0.3, live)),
            Arm(candidate + errors, errors, 13 * rng.lognormal(0, 0.3, candidate)),
        )
        for number in range(MINUTES)
    )


def found(said: tuple[Minute, ...]) -> Description:
    return describe(said, np.random.default_rng(2))


@cache
def usual() -> Description:
    return found(minutes())


def ground(*taints: Taint, restarts: tuple[Restart, ...] = ()) -> Ground:
    blue = Load("blue", MINUTES, 400, 2.0, 40.0, 30.0, 31.0, 12.0, 1.5)
    green = Load("green", MINUTES, 180, 1.0, 30.0, 30.0, 31.0, 18.0, None, restarts)
    return Ground(Loads(blue, green, "Deployment metrics"), taints, ())


def drawn(
    under: Ground, said: tuple[Minute, ...] | None = None, *, rows: str = "Console log"
) -> dict[str, dict[str, Any]]:
    """Column → cell, by the name of the number."""
    reading = Reading(said or minutes(), "Deployment metrics", rows)
    told = found(said) if said else usual()
    columns = [each.label for each in side_table.columns(PAIR)]
    made = [each.to_json()["cells"] for each in side_table.rows(told, reading, under)]
    return {cells[0]["text"]: dict(zip(columns, cells, strict=True)) for cells in made}


def test_every_number_has_its_interval_its_n_and_its_source() -> None:
    table = drawn(ground())
    for name in ("Latency P50", "Latency P95"):
        for column in ("blue", "green", "Difference"):
            assert " to " in table[name][column]["note"]
        assert (table[name]["Source"]["text"], table[name]["Source"]["note"]) == ("Console log", "400 and 160 requests")
    assert table["Server errors"]["green"]["title"] == "20 of 180 requests failed."
    assert table["Server errors"]["Source"]["note"] == "400 and 180 requests"
    assert table["Processor per request"]["Difference"]["text"] == "+50 %"
    assert table["Memory per request"]["green"]["text"] == "no data"
    assert table["Memory per request"]["Difference"]["text"] == "no data"
    assert table["Instances"]["blue"]["text"] == "2"


def test_too_few_requests_are_said_where_an_interval_would_be() -> None:
    table = drawn(ground())
    assert " to " in table["Latency P99"]["blue"]["note"]
    assert table["Latency P99"]["green"]["note"] == side_table.TOO_FEW
    assert table["Latency P99"]["Difference"]["text"] == side_table.TOO_FEW


def test_what_taints_a_number_is_named_beside_it_once() -> None:
    cold = "An instance of green started."
    table = drawn(
        ground(
            Taint(EVERYTHING, "The mirror was changed."),
            Taint(LATENCY, cold),
            Taint(ERRORS, cold),
            Taint(REQUESTS, "Some are named."),
        ),
    )
    assert side_table.sentences(ground(Taint(LATENCY, cold), Taint(ERRORS, cold)).taints) == [cold]
    told = {name: cells["Remarks"]["text"] for name, cells in table.items()}
    assert (told["Latency P95"], told["Server errors"], told["Requests"]) == ("1, 2", "1, 2", "1, 3")
    assert told["Processor"] == "1"
    assert cold in table["Latency P95"]["Remarks"]["title"]


def test_cold_minutes_are_counted_for_the_deployment_that_started() -> None:
    table = drawn(ground(restarts=(Restart(START + timedelta(minutes=3, seconds=20), "a"),)))
    assert table["Cold minutes"]["blue"]["text"] == "0"
    assert int(table["Cold minutes"]["green"]["text"]) in (5, 6)


def test_without_latencies_nothing_is_invented() -> None:
    quiet = tuple(replace(each, live=Arm(5, 5, np.empty(0)), candidate=Arm(5, 5, np.empty(0))) for each in minutes())
    table = drawn(ground(), quiet, rows="")
    assert table["Server errors"]["blue"]["text"] == "100 %"
    assert {table["Latency P95"][each]["text"] for each in ("blue", "green", "Difference")} == {"no data"}
    assert table["Latency P95"]["Source"]["text"] == "none"
    told = found(quiet)
    assert not distributions.curves(told, PAIR, Look()).data
    assert not distributions.differences(told, PAIR, Look()).data
    assert not over_time.paired(told, PAIR, WINDOW, Look()).data


def test_the_distributions_are_drawn_with_their_n_and_taken_along_whole() -> None:
    told = usual()
    figure = distributions.curves(told, PAIR, Look())
    assert [trace.name for trace in figure.data] == ["blue, n = 400", "green, n = 160"]
    assert [trace.line.dash for trace in figure.data] == ["solid", "dash"], "colour never stands alone"
    rows = distributions.curve_rows(told, PAIR)
    assert list(rows.columns) == ["deployment", "latency_ms", "percent"]
    assert len(rows) == sum(len(trace.x) for trace in figure.data)


def test_latencies_of_very_different_size_have_a_logarithmic_axis() -> None:
    slow = minutes()
    slow[0].live.latencies_ms[0] = 5000.0
    kinds = [distributions.curves(found(each), PAIR, Look()).layout.xaxis.type for each in (minutes(), slow)]
    assert kinds == ["linear", "log"]


def test_the_band_holds_the_difference_and_stands_in_the_file() -> None:
    told = usual()
    rows = distributions.difference_rows(told)
    assert ((rows["lower_ms"] <= rows["ms"]) & (rows["ms"] <= rows["upper_ms"])).all()
    assert {"quantile", "live_ms", "candidate_ms", "percent"} <= set(rows.columns)
    line = distributions.differences(told, PAIR, Look(is_dark=True)).data[-1]
    assert list(line.y) == list(rows["ms"])


def test_error_rates_have_intervals_that_reach_neither_below_0_nor_above_100() -> None:
    told = usual()
    blue, green = over_time.errors(told, PAIR, WINDOW, Look()).data
    assert (blue.name, green.name) == ("blue", "green")
    assert min(np.asarray(blue.y) - np.asarray(blue.error_y.arrayminus)) >= -1e-9
    assert max(np.asarray(green.y) + np.asarray(green.error_y.array)) <= 100
    rows = over_time.error_rows(told, PAIR)
    assert rows.groupby("deployment")["requests"].sum().to_dict() == {"blue": 400, "green": 180}


def test_cold_minutes_are_shaded_together_and_marked_in_the_file() -> None:
    told = usual()
    cold = [START + timedelta(minutes=number) for number in (3, 4, 5, 9)]
    figure = over_time.paired(told, PAIR, WINDOW, Look(), cold)
    shaded = [each for each in figure.layout.shapes if each.type == "rect" and each.yref == "y domain"]
    assert [(each.x1 - each.x0) for each in shaded] == [timedelta(minutes=3), timedelta(minutes=1)]
    assert over_time.paired_rows(told, cold)["is_cold"].sum() == 4


def test_a_window_is_whole_minutes_and_never_longer_than_a_day() -> None:
    now = START + timedelta(seconds=50)
    assert Asked(PAIR, hours=3).span(now) == (START - timedelta(hours=3), START)
    since = START - timedelta(minutes=10, seconds=20)
    assert Asked(PAIR, since=since).span(now)[0] == START - timedelta(minutes=10), "the first whole minute after it"
    long_ago = Asked(PAIR, since=START - timedelta(days=9)).span(now)
    assert long_ago[1] - long_ago[0] == side_window.LONGEST


def change(at: datetime, mirror: dict[str, int], *, kind: str = CHANGE) -> Entry:
    return Entry(
        "id", kind, "cloud", "/e", "e", Split(), Split({"blue": 100}, mirror), Who(), "", "", at,
        outcome=APPLIED if kind == CHANGE else "", ended_at=at,
    )  # fmt: skip


def test_the_mirror_was_set_by_the_first_change_since_which_it_is_as_it_is() -> None:
    held = replace(endpoint({"blue": 100}, {"green": 20}), modified_at=START)
    hours = [START - timedelta(hours=each) for each in range(5)]
    entries = [
        change(hours[1], {"green": 20}),
        change(hours[2], {"green": 20}),
        change(hours[3], {"green": 10}),
        change(hours[4], {"green": 20}),
    ]
    assert side_window.mirror_set_at(held, entries) == hours[2]
    assert side_window.mirror_set_at(held, [change(hours[1], {"green": 20}, kind=FIRST_SEEN)]) == START
    assert side_window.mirror_set_at(replace(held, split=Split({"blue": 100})), entries) is None


def test_the_pair_is_the_runs_or_that_of_the_mirror_or_the_two_with_most_traffic() -> None:
    mirrored = endpoint({"blue": 100}, {"red": 20})
    shared = replace(mirrored, split=Split({"blue": 30, "green": 70}))
    names = ["blue", "green", "red"]
    assert side_window.default_pair(mirrored, names, None) == Pair("blue", "red")
    assert side_window.default_pair(shared, names, None) == Pair("green", "blue")
    assert side_window.default_pair(shared, ["blue"], None) is None
    run = Run("r", "/e", Pair("old", "gone"), 10, Criteria(), START, START, "somebody")
    assert side_window.default_pair(shared, names, run) == run.pair
    assert side_window.windows(run, START)[:2] == (side_window.THE_RUN, side_window.THE_MIRROR)
    assert side_window.default_window(None, None) == side_window.DEFAULT_HOURS


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_same_minutes_always_give_the_same_pictures(*, is_dark: bool) -> None:
    look = Look(is_dark=is_dark)
    one, other = usual(), found(minutes())
    assert (
        distributions.differences(one, PAIR, look).to_json() == distributions.differences(other, PAIR, look).to_json()
    )
    assert math.isfinite(one.quantile_differences[0].ms)
