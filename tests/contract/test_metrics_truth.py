"""Every number of the Metrics page against the raw requests that it is about, whatever Azure shows of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.fleet.fleet import Member
from services.fleet.fleet_hour import MINUTES
from services.fleet.fleet_numbers import read_numbers
from services.logs import traffic_log
from services.metrics import (
    MEAN_LATENCY,
    PERCENTILES,
    TRAFFIC,
    EndpointMetrics,
    deployment_summaries,
    endpoint_metrics,
    group_metrics,
    in_flight,
    period_before,
)
from services.model import Window
from services.traffic import capacity, demand
from services.visibility.judging import DEPLOYMENT_METRICS, ENDPOINT_METRICS, TRAFFIC_LOG
from services.visibility.reading import read_all
from tests.contract.history import row
from tests.contract.monitor_clients import TABLES, past, seed, set_switches, switch_logs_on
from tests.contract.truth import Point, Truth, began, irregular, is_client_error, is_server_error, percentile
from tests.local_azure import LocalAzure
from ui import charts
from ui.charts import Look
from ui.metrics import figures

pytestmark = pytest.mark.emulator

NAME, WIDE = "truth", "truth-wide"
NAMES = ("blue", "green", "red")
END = past(3)
LATER = END + timedelta(hours=2)
"""A moment at which all of the history is settled."""
CLOSE = 0.01
"""Latencies are kept in buckets whose bounds are 1 % apart."""
GRAINS = {60: 3, 300: 30, 3600: 30}
"""Grain in seconds → hours that are looked at."""
SWITCHES = {
    "shadow_in_endpoint_metrics": False,
    "shadow_in_deployment_metrics": True,
    "shadow_in_traffic_log": False,
    "metric_delay_seconds": 0,
    "undocumented_aggregations": True,
}


@pytest.fixture(scope="module")
def rows(local_azure: LocalAzure) -> list[dict[str, Any]]:
    """The raw requests of an endpoint with a live split over two deployments and a mirror to a third."""
    made = {"deployments": list(NAMES), "traffic": {"blue": 75, "green": 25}, "mirrorTraffic": {"red": 25}}
    seed(local_azure, endpoints=[{"name": NAME, **made}])
    switch_logs_on(local_azure, f"{local_azure.workspace}/onlineEndpoints/{NAME}", TABLES[0], ago=40 * 3600)
    requests = irregular(NAME, END)
    seed(local_azure, rows=requests)
    return requests


@pytest.fixture
def switches(local_azure: LocalAzure, rows: list[dict[str, Any]]) -> Iterator[Callable[..., None]]:
    """Says what Azure shows; before and afterwards it is as it always is."""
    local_azure.control("DELETE", "faults").raise_for_status()
    set_switches(local_azure, **SWITCHES)
    yield lambda **values: set_switches(local_azure, **values)
    set_switches(local_azure, **SWITCHES)


def window(grain: int, hours: int, end: datetime = END) -> Window:
    start = (end - timedelta(hours=hours)).timestamp()
    return Window(datetime.fromtimestamp(start // grain * grain, UTC), end, grain)


def read(conn: Connection, span: Window, now: datetime = LATER) -> EndpointMetrics:
    return endpoint_metrics(conn, get_endpoint(conn, NAME), list_deployments(conn, NAME), span, now)


def counted(data: EndpointMetrics) -> dict[tuple[datetime, str, str], float]:
    return {
        (each["at"].to_pydatetime(), each["deployment"], each["status"]): each["count"]
        for each in data.requests.to_dict("records")
    }


def drawn(figure: Any, zone: Any = UTC) -> dict[Point, float]:
    """The points of a chart's lines that are there."""
    return {
        Point(x.to_pydatetime().replace(tzinfo=zone), trace.name): float(y)
        for trace in figure.data
        for x, y in zip(times(trace), trace.y, strict=True)
        if not np.isnan(y)
    }


def times(trace: Any) -> pd.DatetimeIndex:
    """The times of a line: written out, or as where it begins and how far apart they are."""
    if trace.x is not None:
        return pd.DatetimeIndex(trace.x)
    return pd.date_range(trace.x0, periods=len(trace.y), freq=pd.Timedelta(trace.dx, "ms"))


@pytest.mark.parametrize("with_copies", [True, False])
def test_every_number_of_the_page_is_that_of_the_rows_at_every_grain(
    conn: Connection, rows: list[dict[str, Any]], switches: Callable[..., None], with_copies: bool
) -> None:
    switches(shadow_in_deployment_metrics=with_copies, shadow_in_endpoint_metrics=with_copies)
    endpoint, deployments = get_endpoint(conn, NAME), list_deployments(conn, NAME)
    for grain, hours in GRAINS.items() if with_copies else ((60, 3), (3600, 30)):
        span = window(grain, hours)
        truth = Truth(rows, span)
        data = endpoint_metrics(conn, endpoint, deployments, span, LATER)
        panels = group_metrics(conn, endpoint, deployments, TRAFFIC, span, LATER).panels
        [mean] = [each.rows for each in panels if each.panel.metric == MEAN_LATENCY]

        requests_and_errors_are_those_of(truth, data, with_copies=with_copies)
        latencies_are_those_of(truth, data, with_copies=with_copies)
        requests_in_flight_are_those_of(truth, data, mean, with_copies=with_copies)
        outcomes_are_those_of(truth, data, with_copies=with_copies)


def requests_and_errors_are_those_of(truth: Truth, data: EndpointMetrics, *, with_copies: bool) -> None:
    requests = truth.requests(with_copies=with_copies)
    assert data.is_counted
    assert counted(data) == requests
    for each in data.requests.to_dict("records"):
        assert each["per_minute"] == pytest.approx(each["count"] / truth.minutes_of(each["at"].to_pydatetime()))
    sums: Counter[Point] = Counter()
    failed: Counter[tuple[Point, str]] = Counter()
    for (at, name, status), count in requests.items():
        sums[Point(at, name)] += count
        failed[Point(at, name), "server"] += count * is_server_error(status)
        failed[Point(at, name), "client"] += count * is_client_error(status)
    rates = {point: count / truth.minutes_of(point.at) for point, count in sums.items()}
    assert drawn(charts.requests(data, NAMES, Look())) == pytest.approx(rates)
    shares = {
        (Point(each["at"].to_pydatetime(), each["deployment"]), each["kind"]): each["percent"]
        for each in figures.error_rates(data).to_dict("records")
    }
    assert shares == pytest.approx({key: 100 * count / sums[key[0]] for key, count in failed.items()})
    errors = {status for _, _, status in requests if is_server_error(status) or is_client_error(status)}
    assert figures.failing_statuses(data) == sorted(errors)
    bars = drawn(charts.errors(data, NAMES, sorted(errors), Look()))
    assert bars == pytest.approx(
        {
            Point(at, f"{name} {status}"): count / truth.minutes_of(at)
            for (at, name, status), count in requests.items()
            if status in errors
        }
    )
    for name in NAMES:
        mine = {key: count for key, count in requests.items() if key[1] == name}
        total = sum(mine.values())
        found = figures.key_figures(data, name)
        assert found.is_exact
        if not total:
            assert (found.requests, found.per_minute, found.server_error_percent) == (None, None, None)
            continue
        first, last = min(at for at, _, _ in mine), max(at for at, _, _ in mine)
        minutes = (last - first) / timedelta(minutes=1) + truth.minutes_of(last)
        assert found.requests == total
        assert found.per_minute == pytest.approx(total / minutes)
        for percent, is_meant in (
            (found.server_error_percent, is_server_error),
            (found.client_error_percent, is_client_error),
        ):
            failures = sum(count for (_, _, status), count in mine.items() if is_meant(status))
            assert percent == pytest.approx(100 * failures / total)


def latencies_are_those_of(truth: Truth, data: EndpointMetrics, *, with_copies: bool) -> None:
    percentiles = truth.percentiles(with_copies=with_copies)
    found = {
        (each["at"].to_pydatetime(), each["deployment"], each["percentile"]): each["ms"]
        for each in data.latency.to_dict("records")
    }
    assert found == pytest.approx(percentiles, rel=CLOSE)
    for percent in PERCENTILES:
        line = {Point(at, name): ms for (at, name, each), ms in percentiles.items() if each == percent}
        assert drawn(charts.latency(data, NAMES, percent, Look())) == pytest.approx(line, rel=CLOSE)
    for name in NAMES:
        figure = figures.key_figures(data, name)
        for percent in PERCENTILES:
            mine = {at: ms for (at, who, each), ms in percentiles.items() if (who, each) == (name, percent)}
            if not mine:
                assert percent not in figure.mean
                continue
            assert figure.mean[percent] == pytest.approx(sum(mine.values()) / len(mine), rel=CLOSE)
            assert figure.newest[percent] == pytest.approx(mine[max(mine)], rel=CLOSE)


def requests_in_flight_are_those_of(
    truth: Truth, data: EndpointMetrics, mean: pd.DataFrame, *, with_copies: bool
) -> None:
    means = truth.means(with_copies=with_copies)
    assert _points(mean) == pytest.approx(means)
    rates: Counter[Point] = Counter()
    for (at, name, _), count in truth.requests(with_copies=with_copies).items():
        rates[Point(at, name)] += count
    assert _points(in_flight(data, mean)) == pytest.approx(
        {point: count / truth.minutes_of(point.at) / 60 * means[point] / 1000 for point, count in rates.items()}
    )


def outcomes_are_those_of(truth: Truth, data: EndpointMetrics, *, with_copies: bool) -> None:
    found = data.outcomes
    assert (found.problem, found.notes, found.is_counted) == (None, (), True)
    ended = {
        (each["at"].to_pydatetime(), each["deployment"], each["status"], each["model_status"]): each["count"]
        for each in found.rows.to_dict("records")
    }
    assert ended == truth.outcomes(with_copies=with_copies)


def _points(frame: pd.DataFrame) -> dict[Point, float]:
    return {Point(each["at"].to_pydatetime(), each["deployment"]): each["value"] for each in frame.to_dict("records")}


def test_the_change_is_that_of_the_counts_of_both_periods(
    conn: Connection, rows: list[dict[str, Any]], switches: Callable[..., None]
) -> None:
    span = window(300, 15)
    before = period_before(span)

    found = figures.changes(read(conn, span), read(conn, before), "blue")

    now, then = (
        Counter(
            is_server_error(status)
            for (_, name, status), count in Truth(rows, each).requests(with_copies=True).items()
            for _ in range(count)
            if name == "blue"
        )
        for each in (span, before)
    )
    assert found.requests == pytest.approx(100 * (now.total() - then.total()) / then.total())
    assert found.server_error_points == pytest.approx(100 * now[True] / now.total() - 100 * then[True] / then.total())


def test_a_day_without_requests_is_a_gap_and_no_zero(
    conn: Connection, rows: list[dict[str, Any]], switches: Callable[..., None]
) -> None:
    quiet = Window(END - timedelta(hours=27), END - timedelta(hours=4), 300)

    data = read(conn, quiet)

    assert not Truth(rows, quiet).rows
    assert (len(data.latency), len(data.requests), len(data.outcomes.rows), len(figures.error_rates(data))) == (0,) * 4
    assert (figures.key_figures(data, "blue").requests, in_flight(data).empty) == (None, True)
    whole = charts.requests(read(conn, window(900, 30)), NAMES, Look()).data[0]
    assert not (np.asarray(whole.y) == 0).any()
    assert np.isnan(whole.y).sum() >= 23 * 4


@pytest.mark.parametrize(("in_deployment", "in_endpoint"), [(True, False), (False, True)])
def test_summaries_and_the_hour_of_the_fleet_are_those_of_the_rows(
    conn: Connection,
    rows: list[dict[str, Any]],
    switches: Callable[..., None],
    in_deployment: bool,
    in_endpoint: bool,
) -> None:
    switches(shadow_in_endpoint_metrics=in_endpoint, shadow_in_deployment_metrics=in_deployment)
    endpoint, deployments = get_endpoint(conn, NAME), list_deployments(conn, NAME)
    now = END + timedelta(minutes=2, seconds=1)
    newest = Truth(rows, Window(END - timedelta(minutes=15), END, 60))

    for name, summary in deployment_summaries(conn, endpoint, deployments, now).items():
        requests = newest.requests(with_copies=in_deployment)
        mine = {key: count for key, count in requests.items() if key[1] == name}
        felt = [ms for (_, who, percent), ms in _percentiles(newest, in_deployment) if (who, percent) == (name, "P95")]
        _same(summary, sum(mine.values()), _failed(mine), felt)

    [numbers] = read_numbers(conn, [Member(endpoint, None, None)], now).numbers.values()
    hour = Truth(rows, Window(END - timedelta(minutes=MINUTES), END, 60))
    live = [each for each in hour.rows if in_endpoint or each["kind"] == "live"]
    live = [each for each in live if each["deployment"]]
    axis = [END - timedelta(minutes=MINUTES - minute) for minute in range(MINUTES)]
    for shown, is_meant in (
        (numbers.hour.requests, lambda _: True),
        (numbers.hour.server_errors, is_server_error),
        (numbers.hour.client_errors, is_client_error),
    ):
        any_at = {hour.point(each) for each in live}
        truth = Counter(hour.point(each) for each in live if is_meant(str(each["status"])))
        assert shown == tuple(truth[at] if at in any_at else None for at in axis)
    shown_p95 = {
        (at, name, "P95"): ms
        for name, minutes in numbers.hour.p95_ms.items()
        for at, ms in zip(axis, minutes, strict=True)
        if ms is not None
    }
    p95 = {key: ms for key, ms in _percentiles(hour, in_endpoint) if key[2] == "P95"}
    assert shown_p95 == pytest.approx(p95, rel=CLOSE)
    mine = newest.requests(with_copies=in_endpoint)
    means = [
        [ms for (_, who, percent), ms in _percentiles(newest, in_endpoint) if (who, percent) == (name, "P95")]
        for name in ("blue", "green")
    ]
    slowest = max(means, key=lambda values: sum(values) / len(values) if values else 0.0)
    _same(numbers.summary, sum(mine.values()), _failed(mine), slowest)
    assert numbers.is_idle is False


def _percentiles(truth: Truth, with_copies: bool) -> list[tuple[tuple[datetime, str, str], float]]:
    return list(truth.percentiles(with_copies=with_copies).items())


def _failed(requests: dict[tuple[datetime, str, str], int]) -> int:
    return sum(count for (_, _, status), count in requests.items() if is_server_error(status))


def _same(summary: Any, total: int, failed: int, p95: list[float]) -> None:
    found = (summary.requests_per_minute, summary.error_percent, summary.p95_ms)
    if not total:
        assert found == (None, None, None)
        return
    assert found == pytest.approx((total / 15, 100 * failed / total, sum(p95) / len(p95)), rel=CLOSE)
    assert found[:2] == pytest.approx((total / 15, 100 * failed / total))


def test_every_source_of_the_visibility_panel_and_the_traffic_log_counts_its_own_rows(
    conn: Connection, rows: list[dict[str, Any]], switches: Callable[..., None]
) -> None:
    endpoint, deployments = get_endpoint(conn, NAME), list_deployments(conn, NAME)
    span = Window(END - timedelta(hours=6), END, 60)
    sources = (ENDPOINT_METRICS, DEPLOYMENT_METRICS, TRAFFIC_LOG)
    truth = Truth(rows, span)
    for shown in ((True, False, True), (False, True, False)):
        with_copies = dict(zip(sources, shown, strict=True))
        switches(
            shadow_in_endpoint_metrics=with_copies[ENDPOINT_METRICS],
            shadow_in_deployment_metrics=with_copies[DEPLOYMENT_METRICS],
            shadow_in_traffic_log=with_copies[TRAFFIC_LOG],
        )
        found = read_all(conn, endpoint, deployments, span)
        for source in sources:
            chosen = [each for each in truth.rows if with_copies[source] or each["kind"] == "live"]
            is_log = source == TRAFFIC_LOG
            counts = Counter((each["deployment"], truth.point(each)) for each in chosen if is_log or each["deployment"])
            read_counts = {
                (name, at): count
                for name, minutes in found[source].by_deployment.items()
                for at, count in minutes.items()
            }
            assert (source, read_counts) == (source, dict(counts))
        wanted = traffic_log.Wanted(since=span.start_at, until=span.end_at)
        logged = [each for each in truth.rows if with_copies[TRAFFIC_LOG] or each["kind"] == "live"]
        assert traffic_log.read(conn, endpoint, wanted).total == len(logged)


def test_demand_and_quiet_times_are_counted_from_the_rows(
    conn: Connection, rows: list[dict[str, Any]], switches: Callable[..., None]
) -> None:
    endpoint, deployments = get_endpoint(conn, NAME), list_deployments(conn, NAME)
    span = Window(END - timedelta(hours=1), END, 60)
    truth = Truth(rows, span)

    counts = Counter(truth.point(each) for each in truth.rows if each["deployment"] in ("blue", "green"))
    assert demand.requests(conn, endpoint, span) == dict(counts)
    answered = {name: any(each["deployment"] == name and each["status"] == 200 for each in rows) for name in NAMES}
    assert capacity.have_answered(conn, deployments, LATER) == answered


def test_minutes_that_are_not_there_yet_are_missing_and_not_zero(
    conn: Connection, rows: list[dict[str, Any]], switches: Callable[..., None]
) -> None:
    now = datetime.now(UTC)
    shown_until = END - timedelta(minutes=30)
    # Just after the begin of a minute, so that a slow test does not see one more.
    switches(metric_delay_seconds=(now - shown_until).total_seconds() - 5)
    span = window(60, 3)

    data = read(conn, span, now)

    visible = [each for each in rows if began(each) < shown_until]
    assert counted(data) == Truth(visible, span).requests(with_copies=True)
    assert data.latency["at"].max() < shown_until
    assert data.settled_until == now.replace(second=0, microsecond=0) - timedelta(minutes=2)
    line = charts.requests(data, ["blue"], Look()).data[0]
    assert np.isnan(line.y[-29:]).all()


def test_means_alone_are_exact_by_the_minute_and_an_upper_bound_above(
    conn: Connection, rows: list[dict[str, Any]], switches: Callable[..., None]
) -> None:
    switches(undocumented_aggregations=False)
    fine, coarse = window(60, 6), window(3600, 30)

    by_minute, by_hour = read(conn, fine), read(conn, coarse)

    assert by_minute.is_counted
    assert counted(by_minute) == Truth(rows, fine).requests(with_copies=True)
    assert not by_hour.is_counted
    truth = Truth(rows, coarse).requests(with_copies=True)
    found = counted(by_hour)
    assert found.keys() == truth.keys()
    assert all(found[key] >= truth[key] for key in truth)
    assert sum(found.values()) > sum(truth.values()), "what is called at most must not be told as if it were exact"


def test_twenty_deployments_have_each_their_own_numbers(
    conn: Connection, local_azure: LocalAzure, switches: Callable[..., None]
) -> None:
    names = [f"d{number:02}" for number in range(20)]
    seed(local_azure, endpoints=[{"name": WIDE, "deployments": names, "traffic": {names[0]: 100}}])
    start = END - timedelta(minutes=20)
    made = [
        row(
            start + timedelta(minutes=number, seconds=second),
            WIDE,
            name,
            200 if second else 424,
            10.0 + number + second,
        )
        for number, name in enumerate(names)
        for second in range(number + 1)
    ]
    seed(local_azure, rows=made)
    span = Window(start, END, 60)

    found = endpoint_metrics(conn, get_endpoint(conn, WIDE), list_deployments(conn, WIDE), span, LATER)

    assert counted(found) == Truth(made, span).requests(with_copies=True)
    for number, name in enumerate(names):
        figure = figures.key_figures(found, name)
        assert figure.requests == number + 1
        assert figure.server_error_percent == pytest.approx(100 / (number + 1))
        latencies = [each["total_ms"] for each in made if each["deployment"] == name]
        assert figure.newest["P95"] == pytest.approx(percentile(latencies, 95), rel=CLOSE)
