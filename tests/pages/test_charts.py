"""Figures and key figures, from frames whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from services.metrics import DeploymentMetrics
from services.model import Window
from ui import charts
from ui.charts import Look
from ui.metrics import before_lines, controls, figures, key_table, outcome_chart, panel_charts

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTES = 10
NEVER = (START, START)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def metrics(latency: dict[str, dict[int, float]], requests: list[tuple[int, str, str, float]]) -> DeploymentMetrics:
    """``latency``: deployment → minute → P95 in ms. ``requests``: minute, deployment, status, per minute."""
    rows = [(at(minute), name, "P95", ms) for name, line in latency.items() for minute, ms in line.items()]
    counted = [(at(minute), name, status, rate, rate) for minute, name, status, rate in requests]
    return DeploymentMetrics(
        latency=_frame(rows, ["at", "deployment", "percentile", "ms"]),
        requests=_frame(counted, ["at", "deployment", "status", "count", "per_minute"]),
        window=Window(START, at(MINUTES), 60),
        settled_until=at(8),
    )


def _frame(rows: Sequence[tuple[object, ...]], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=columns)
    frame["at"] = pd.to_datetime(frame["at"], utc=True)
    return frame


FULL = {minute: 10.0 + minute for minute in range(MINUTES)}


def test_a_missing_minute_is_a_gap_and_never_a_zero() -> None:
    line = {minute: ms for minute, ms in FULL.items() if minute != 4}
    trace = charts.latency(metrics({"blue": line}, []), ["blue"], "P95", Look()).data[0]
    assert len(trace.y) == MINUTES
    assert np.isnan(trace.y[4])
    assert not (np.asarray(trace.y) == 0).any()
    assert trace.connectgaps is False


def test_a_minute_without_neighbours_gets_a_dot() -> None:
    trace = charts.latency(metrics({"blue": {0: 1.0, 3: 2.0, 4: 2.0}}, []), ["blue"], "P95", Look()).data[0]
    assert [index for index, size in enumerate(trace.marker.size) if size] == [0]


def test_unsettled_minutes_are_dotted_and_say_so() -> None:
    solid, gaps = charts.latency(metrics({"blue": FULL}, []), ["blue"], "P95", Look()).data
    assert [text == ", not settled" for text in solid.text] == [False] * 8 + [True] * 2
    assert solid.hovertemplate.endswith("%{text}")
    assert len(gaps.y) == 3, "the two unsettled minutes and the line that leads to them"
    assert gaps.x0.startswith("2026-03-01T12:07")
    assert (gaps.line.dash, gaps.hoverinfo, gaps.showlegend) == ("dot", "skip", False)


def test_the_axis_follows_the_chosen_time_zone() -> None:
    look = Look(ZoneInfo("Europe/Vienna"))
    figure = charts.requests(metrics({}, [(0, "blue", "200", 3.0)]), ["blue"], look)
    assert figure.data[0].x0.startswith("2026-03-01T13:00")
    assert figure.layout.xaxis.range[0] == datetime(2026, 3, 1, 13, 0)  # noqa: DTZ001 - plotly draws wall time
    assert charts.zone_name(look.zone, START) == "CET"


def test_requests_add_up_all_statuses_of_a_minute() -> None:
    data = metrics({}, [(1, "blue", "200", 30.0), (1, "blue", "424", 2.0), (2, "blue", "200", 10.0)])
    trace = charts.requests(data, ["blue"], Look()).data[0]
    assert list(trace.y[1:3]) == [32.0, 10.0]


def test_errors_show_only_what_failed() -> None:
    data = metrics({}, [(1, "blue", "200", 30.0), (1, "blue", "424", 2.0), (2, "green", "401", 1.0)])
    assert figures.failing_statuses(data) == ["401", "424"]
    figure = charts.errors(data, ["blue", "green"], ["401", "424"], Look())
    assert {trace.name: list(trace.y) for trace in figure.data} == {"green 401": [1.0], "blue 424": [2.0]}


def test_the_same_data_gives_the_same_figure() -> None:
    data = metrics({"blue": FULL, "green": {2: 5.0}}, [])
    first, second = (charts.latency(data, ["blue", "green"], "P95", Look()).to_json() for _ in range(2))
    assert first == second


def test_no_data_gives_an_empty_figure() -> None:
    data = metrics({}, [])
    assert not charts.latency(data, ["blue"], "P95", Look()).data
    assert not charts.requests(data, ["blue"], Look()).data


def test_key_figures_count_settled_minutes_only() -> None:
    data = metrics(
        {"blue": FULL},
        [(0, "blue", "200", 9.0), (0, "blue", "424", 1.0), (5, "blue", "200", 20.0), (9, "blue", "500", 99.0)],
    )
    blue = figures.key_figures(data, "blue")
    assert (blue.requests, blue.per_minute) == (30.0, 30 / 6), "quiet minutes count, those before the first do not"
    assert blue.server_error_percent == pytest.approx(100 / 30)
    assert blue.client_error_percent == 0
    assert (blue.newest, blue.newest_at) == ({"P95": 17.0}, at(7))


def test_the_rate_of_a_coarse_point_is_that_of_its_minutes_in_the_window() -> None:
    coarse = replace(metrics({}, [(0, "blue", "200", 9.0), (5, "blue", "200", 6.0)]), window=Window(START, at(8), 300))
    blue = figures.key_figures(coarse, "blue")
    assert (blue.requests, blue.per_minute) == (15.0, 15 / 8)


def test_a_deployment_without_requests_has_no_data_rather_than_zeros() -> None:
    green = figures.key_figures(metrics({"blue": FULL}, []), "green")
    assert (green.requests, green.per_minute, green.server_error_percent, green.newest) == (None, None, None, {})


def test_changes_compare_equally_long_settled_parts() -> None:
    now = metrics({"blue": FULL}, [(minute, "blue", "200", 10.0) for minute in range(MINUTES)])
    back = timedelta(minutes=MINUTES)
    before = replace(
        metrics(
            {"blue": {minute: 2 * ms for minute, ms in FULL.items()}},
            [(minute, "blue", "500" if minute == 0 else "200", 5.0) for minute in range(MINUTES)],
        ),
        window=Window(START - back, START, 60),
        settled_until=START,
    )
    before = replace(
        before,
        latency=before.latency.assign(at=before.latency["at"] - back),
        requests=before.requests.assign(at=before.requests["at"] - back),
    )
    found = figures.changes(now, before, "blue")
    assert found.requests == pytest.approx(100), "eight settled minutes are compared with eight"
    assert found.server_error_points == pytest.approx(-12.5)
    assert found.mean["P95"] == pytest.approx(-50)
    assert figures.changes(now, before, "green") == figures.Changes(None, None, None, {})


def test_error_rates_are_shares_of_the_minute_and_absent_without_requests() -> None:
    data = metrics(
        {}, [(1, "blue", "200", 6.0), (1, "blue", "424", 3.0), (1, "blue", "404", 1.0), (2, "blue", "200", 0)]
    )
    rows = figures.error_rates(data).set_index("kind")["percent"].to_dict()
    assert rows == {"server": pytest.approx(30), "client": pytest.approx(10)}
    assert len(figures.error_rates(metrics({}, []))) == 0


def test_a_drag_becomes_whole_minutes_in_utc_and_is_never_shorter_than_five() -> None:
    zone = ZoneInfo("Europe/Vienna")
    start, end = controls.whole_minutes(["2026-03-01 13:20:31.1234", "2026-03-01 13:02:10"], zone) or NEVER
    assert (start, end) == (at(2), at(21))
    start, end = controls.whole_minutes(["2026-03-01 13:10:00", "2026-03-01 13:10:01"], zone) or NEVER
    assert end - start >= controls.SHORTEST
    assert start < at(10) < end
    for odd in (["", "soon"], ["2026-03-01 13:10", "NaT"]):
        assert controls.whole_minutes(odd, zone) is None


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0.01, "±0 %"), (12.3, "+12 %"), (-0.44, "−0.4 %"), (1234.0, "+1,234 %")]
)
def test_a_change_has_its_sign_and_few_digits(value: float | None, text: str) -> None:
    assert key_table.change(value) == text


def test_a_limit_far_above_the_requests_in_flight_is_not_drawn() -> None:
    window = Window(START, at(MINUTES), 60)
    rows = _frame([(at(1), "blue", "mean", 3.0)], ["at", "deployment", "part", "value"])
    names = [trace.name for trace in panel_charts.in_flight(rows, window, at(8), {"blue": 10}, Look()).data]
    assert names == ["blue", "blue takes 10"]
    assert len(panel_charts.in_flight(rows, window, at(8), {"blue": 100}, Look()).data) == 1


def test_the_errors_of_the_period_before_are_one_line_over_the_bars() -> None:
    before = replace(
        metrics(
            {},
            [(1, "blue", "200", 9.0), (3, "blue", "200", 9.0), (3, "blue", "424", 1.0), (3, "green", "401", 2.0)],
        ),
        window=Window(START - timedelta(minutes=MINUTES), START, 60),
    )
    before = replace(before, requests=before.requests.assign(at=before.requests["at"] - timedelta(minutes=MINUTES)))
    data = metrics({}, [(2, "blue", "424", 4.0)])
    figure = charts.errors(data, ["blue"], ["424"], Look())
    outcome_chart.add_errors_before(figure, before.requests, before, data.window, Look())
    _, line = figure.data

    assert (line.type, line.name, line.line.dash) == ("scatter", "all deployments, before", "dot")
    assert line.line.color == charts.DARK_PAGE, "it is seen on a bar of any colour"
    assert list(line.y[[1, 3]]) == [0.0, 3.0], "requests without errors are no errors, all errors are added up"
    assert np.isnan(line.y[[0, 2, 4]]).all(), "minutes without requests are gaps"
    quiet = charts.errors(metrics({}, []), ["blue"], [], Look())
    outcome_chart.add_errors_before(quiet, before.requests[:1], before, data.window, Look())
    assert not quiet.data, "no errors in either period are nothing to draw"


def test_each_part_of_the_period_before_has_its_own_line() -> None:
    rows = [(at(minute), "blue", part, value) for minute in (1, 2) for part, value in (("/", 40.0), ("/mnt", 70.0))]
    past = _frame(rows, ["at", "deployment", "part", "value"])
    now = Window(at(MINUTES), at(2 * MINUTES), 60)
    figure = charts.figure_of(now, Look(), "%")
    figure.add_scatter(x=[at(MINUTES)], y=[41.0], name="blue /")
    before_lines.lay(figure, past, now, Window(START, at(MINUTES), 60), ["blue"], Look())

    assert {line.name: list(line.y[1:3]) for line in figure.data[1:]} == {
        "blue /, before": [40.0, 40.0],
        "blue /mnt, before": [70.0, 70.0],
    }


def test_what_was_read_in_part_is_marked_and_not_compared() -> None:
    data = metrics({"blue": FULL}, [(minute, "blue", "200", 30.0) for minute in range(MINUTES)])
    before = replace(
        metrics({"blue": FULL}, [(minute, "blue", "200", 10.0) for minute in range(MINUTES)]),
        window=Window(START - timedelta(minutes=MINUTES), START, 60),
    )
    moved = {
        name: getattr(before, name).assign(at=getattr(before, name)["at"] - timedelta(minutes=MINUTES))
        for name in ("latency", "requests")
    }
    before = replace(before, **moved)
    whole = figures.changes(data, before, "blue")
    assert whole.requests == pytest.approx(200)
    assert (whole.server_error_points, whole.mean) == (0, {"P95": 0})

    for now, then in (
        (replace(data, requests_notes=("blue is missing",)), before),
        (data, replace(before, requests_notes=("blue is missing",))),
    ):
        part = figures.changes(now, then, "blue")
        assert (part.requests, part.server_error_points, part.client_error_points) == (None, None, None)
        assert part.mean == {"P95": 0}
    assert figures.changes(data, replace(before, latency_notes=("P95 is missing",)), "blue").mean == {}

    [row] = key_table.rows(replace(data, requests_notes=("green is missing",)), before, ["blue"])
    assert [cell.text for cell in row.cells[1:4]] == ["≥ 240", "≈ 30.0 /min", "≈ 0 %"]
